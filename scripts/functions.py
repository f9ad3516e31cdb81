"""Write the table of functions into docs/reference/expressions.md, or check that it has not drifted.

python scripts/functions.py           writes the table between the two marks
python scripts/functions.py --check   exits 1 if it is not what the closed list says

The list is `FUNCTIONS`; what surrounds the table is written by hand.
"""

from pathlib import Path

from marked import write_or_check
from podium_lakehouse.expressions.functions import FUNCTIONS

TARGET = Path(__file__).parents[1] / "docs/reference/expressions.md"
MARKS = ("<!-- functions: `make generate` writes this table -->\n", "<!-- end of functions -->\n")


def table() -> str:
    """Return the functions as a table, in the order of the list."""
    rows = [f"| `{function.signature}` | {function.meaning} |" for function in FUNCTIONS.values()]
    return "\n".join(["| function | what it gives |", "|---|---|", *rows]) + "\n"


def main() -> None:
    """Write the page, or with `--check` compare it."""
    write_or_check(TARGET, MARKS, table(), "the list of functions")


if __name__ == "__main__":
    main()
