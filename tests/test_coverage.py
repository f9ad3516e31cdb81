"""The table of coverage in docs/reference/coverage.md names only tests that exist."""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COVERAGE = ROOT / "docs/reference/coverage.md"
HEADER = ("item", "figure or detail", "where in Podium", "shown by")
RULER = re.compile(r":?-+:?")
NOT_YET = "not yet"
ITEM = re.compile(r"`([a-z0-9_]+(?:\.[a-z0-9_]+)*)`")
NODE_ID = re.compile(r"`(?P<file>[\w./-]+\.py)::(?P<function>test_\w+)`")


@dataclass(frozen=True)
class Row:
    """One line of the table, its cells as they are written, and its line number."""

    line: int
    cells: tuple[str, ...]

    @property
    def id(self) -> str:
        """The row's id without its backticks."""
        return self.cells[0].strip("`")


def table_rows() -> list[Row]:
    """Return every row of every table, without headers and rulers."""
    rows: list[Row] = []
    for number, line in enumerate(COVERAGE.read_text(encoding="utf-8").splitlines(), start=1):
        if "|" in line:
            cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
            if cells != HEADER and not all(RULER.fullmatch(cell) for cell in cells):
                rows.append(Row(number, cells))
    return rows


@cache
def functions_in(file: str) -> frozenset[str]:
    """Return the names of the functions at the top of a test file, none if there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def is_shown(cell: str) -> bool:
    """Return whether a cell says `not yet` or names a test that exists."""
    node = NODE_ID.fullmatch(cell)
    return cell == NOT_YET or (node is not None and node["function"] in functions_in(node["file"]))


def test_rows_have_an_id_and_four_cells() -> None:
    """A row that could not be read would not be checked: each has four filled cells and an id in backticks."""
    malformed = [
        f"line {row.line}: {row.cells}"
        for row in table_rows()
        if len(row.cells) != len(HEADER) or not all(row.cells) or not ITEM.fullmatch(row.cells[0])
    ]
    assert table_rows(), f"{COVERAGE} has no rows"
    assert not malformed, "rows that cannot be read:\n" + "\n".join(malformed)


def test_ids_are_unique() -> None:
    """An id names one row."""
    repeated = [row_id for row_id, count in Counter(row.id for row in table_rows()).items() if count > 1]
    assert not repeated, f"ids that stand there more than once: {', '.join(repeated)}"


def test_named_tests_exist() -> None:
    """A row is `not yet` shown, or names a test function that is there."""
    missing = [f"{row.id}: no test {row.cells[-1]}" for row in table_rows() if not is_shown(row.cells[-1])]
    assert not missing, "coverage.md names tests that do not exist:\n" + "\n".join(missing)
