"""Suites of expectations as Great Expectations writes them, 1.x and 0.18: read and checked without it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from podium_contracts.errors import Problem, TerminalError
from podium_contracts.pipeline import Spec

Severity = Literal["CRITICAL", "WARNING", "INFO"]
SEVERITIES: dict[str, Severity] = {"critical": "CRITICAL", "warning": "WARNING", "info": "INFO"}
COLUMNS = ("column", "column_A", "column_B", "column_list")
"""Arguments that name the columns which an expectation looks at."""
OF_ROW_ORDER = ("expect_column_values_to_be_increasing", "expect_column_values_to_be_decreasing")
OF_EXISTENCE = "expect_column_to_exist"
OF_COLUMNS = "expect_table_column"
"""How the types of expectations begin that are about the columns which a table has."""
_NO_ARGUMENTS = frozenset({"batch_id", "catch_exceptions", "include_config", "result_format"})
"""Which suites of 0.18 may have among the arguments, and which are not about the data."""
_PARAMETER = "$PARAMETER"
_WRITTEN = "write it with Great Expectations 0.18 or 1.x: suite.to_json_dict(), or the file in its folder `expectations`"


@dataclass(frozen=True)
class Expectation:
    """One expectation: its type in snake case, its arguments, and how grave a breach is."""

    type: str
    arguments: Mapping[str, Any]
    severity: Severity

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it names; none where it is about those which a table has."""
        if self.type.startswith(OF_COLUMNS):
            return ()
        named = [self.arguments[name] for name in COLUMNS if name in self.arguments]
        return tuple(dict.fromkeys(column for item in named for column in _texts(item)))

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The columns that it looks at; None where it may be any of the table."""
        if self.type.startswith(OF_COLUMNS) or "row_condition" in self.arguments:
            return None
        return self.named

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that it cannot do without."""
        return () if self.type == OF_EXISTENCE else self.named


def problems(spec: Spec, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield what a pipeline file gets wrong of its suites; `files` has the content of those that are there, by table."""
    for table, path in spec.quality.expectations.items():
        if table in files:
            try:
                read(path, files[table])
            except TerminalError as error:
                yield Problem(("spec", "quality", "expectations", table), str(error), error.hint)


def read(path: str, content: bytes) -> list[Expectation]:
    """Return the expectations of a suite, in its order.

    Raises:
        TerminalError: it is no suite, or has an expectation that is none or that no table can meet.
    """
    try:
        suite = json.loads(content)
    except ValueError as error:
        raise TerminalError(f"{path} is not JSON: {error}", hint=_WRITTEN) from error
    listed = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(listed, list):
        raise TerminalError(f"{path} is no suite: it has no list `expectations`", hint=_WRITTEN)
    return [_expectation(f"{path}: expectations[{place}]", item) for place, item in enumerate(listed)]


def _expectation(where: str, item: object) -> Expectation:
    written = item if isinstance(item, dict) else {}
    kind = written.get("type", written.get("expectation_type"))
    arguments = written.get("kwargs", {})
    meta = written.get("meta") or {}
    if not isinstance(kind, str) or not isinstance(arguments, dict) or not isinstance(meta, dict):
        raise TerminalError(
            f"{where} is no expectation: it needs a `type` and the mappings `kwargs` and `meta`",
            hint=_WRITTEN,
        )
    if kind in OF_ROW_ORDER:
        raise TerminalError(
            f"{where}: {kind} is about the order of rows, which a table does not have",
            hint="take it out of the suite",
        )
    odd = next((name for name, value in arguments.items() if _parametrised(value)), None)
    if odd is not None:
        raise TerminalError(
            f"{where}: {odd} is a parameter, whose value nobody gives", hint="write the value into the suite"
        )
    severity = meta.get("severity", written.get("severity", "warning"))
    if not isinstance(severity, str) or severity.lower() not in SEVERITIES:
        raise TerminalError(
            f"{where}: no severity {severity!r}", hint=f"severities are: {', '.join(SEVERITIES)}"
        )
    kept = {name: value for name, value in arguments.items() if name not in _NO_ARGUMENTS}
    return Expectation(kind, kept, SEVERITIES[severity.lower()])


def _parametrised(value: object) -> bool:
    return isinstance(value, dict) and _PARAMETER in value


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
