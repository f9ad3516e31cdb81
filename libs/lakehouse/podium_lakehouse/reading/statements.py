"""What a statement that a person typed may be: one SELECT over tables of the lakehouse, told by DuckDB's own parser, which is what runs it."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
from podium_contracts.errors import TerminalError

TABLE_FUNCTIONS = frozenset({"generate_series", "range", "unnest"})
"""The functions that may stand where a table stands; others read files, settings or other databases."""
ONLY = "write one SELECT over tables such as gold.fact_sale; `podium tables` lists them"


def tables_of(statement: str) -> list[str]:
    """Return the tables that a SELECT names, as `gold.fact_sale`, in order.

    Raises:
        TerminalError: it is no SELECT, more than one, or it reads something that is no table.
    """
    nodes = list(_walk(_parsed(statement)))
    ctes = {entry["key"].lower() for node in nodes for entry in _ctes(node)}
    found: dict[str, None] = {}
    for node in nodes:
        kind = node.get("type")
        if kind == "TABLE_FUNCTION":
            _check_function(node)
        elif kind == "SHOW_REF":
            raise TerminalError(
                "a statement may not show or describe",
                hint="`podium tables` lists tables, `podium show` has their columns",
            )
        elif kind == "BASE_TABLE":
            path = [part.lower() for part in node["qualified_name"]["path"]]
            if len(path) == 1 and path[0] in ctes:
                continue
            if node.get("at_clause"):
                raise TerminalError(
                    "AT is not understood", hint="`--at` reads all tables as they were at a time"
                )
            found[".".join(path)] = None
    return list(found)


def _parsed(statement: str) -> dict[str, Any]:
    with duckdb.connect() as connection:
        ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()
    parsed: dict[str, Any] = json.loads(text)
    if parsed["error"]:
        syntax = parsed["error_type"] == "parser"
        raise TerminalError(
            f"this is no SQL: {parsed['error_message']}" if syntax else "only SELECT may be asked", hint=ONLY
        )
    if len(parsed["statements"]) != 1:
        raise TerminalError(f"these are {len(parsed['statements'])} statements", hint=ONLY)
    return parsed


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _walk(part)
    elif isinstance(value, list):
        for part in value:
            yield from _walk(part)


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    ctes = node.get("cte_map")
    found: list[dict[str, Any]] = ctes["map"] if ctes else []
    return found


def _check_function(node: dict[str, Any]) -> None:
    name = str(node["function"].get("function_name", "")).lower()
    if name not in TABLE_FUNCTIONS:
        raise TerminalError(f"{name} may not stand where a table stands", hint=ONLY)
