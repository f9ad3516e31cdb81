"""Write the table of values into the chart's README.

python charts/readme.py           writes it
python charts/readme.py --check   exits 1 if it is out of date
"""

import sys
from pathlib import Path

from generation.values import with_table

CHART = Path(__file__).parent / "podium"


def main() -> None:
    """Write the table, or with `--check` compare it."""
    readme = CHART / "README.md"
    text = readme.read_text(encoding="utf-8")
    fresh = with_table(text, CHART / "values.yaml")
    if "--check" not in sys.argv:
        readme.write_text(fresh, encoding="utf-8")
    elif fresh != text:
        raise SystemExit("charts/podium/README.md is out of date: run `make generate`")


if __name__ == "__main__":
    main()
