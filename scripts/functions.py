"""Write the table of functions into docs/reference/expressions.md, or check that it has not drifted.

python scripts/functions.py           writes the table between the two marks
python scripts/functions.py --check   exits 1 if it is not what the closed list says

The list is `FUNCTIONS`; what surrounds the table is written by hand.
"""

import sys
from pathlib import Path

from podium_lakehouse.expressions.functions import FUNCTIONS

TARGET = Path(__file__).parents[1] / "docs/reference/expressions.md"
START, END = "<!-- functions: `make generate` writes this table -->\n", "<!-- end of functions -->\n"


def table() -> str:
    """Return the functions as a table, in the order of the list."""
    rows = [f"| `{function.signature}` | {function.meaning} |" for function in FUNCTIONS.values()]
    return "\n".join(["| function | what it gives |", "|---|---|", *rows]) + "\n"


def renewed(text: str) -> str:
    """Return the page with the table as it should be."""
    before, _, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{TARGET.name} lacks the lines {START.strip()} and {END.strip()}")
    return f"{before}{START}\n{table()}\n{END}{after}"


def main() -> None:
    """Write the page, or with `--check` compare it."""
    text = TARGET.read_text(encoding="utf-8")
    if "--check" not in sys.argv:
        TARGET.write_text(renewed(text), encoding="utf-8")
    elif renewed(text) != text:
        raise SystemExit(f"{TARGET.name} is not what the list of functions says: run `make generate`")


if __name__ == "__main__":
    main()
