"""Write what comes from the contracts of the custom resources: their definitions, and the page on them.

python charts/crds.py           writes them
python charts/crds.py --check   exits 1 if one of them is out of date
"""

import sys
from pathlib import Path

from generation.definitions import definitions
from generation.reference import page

CHARTS = Path(__file__).parent
TEMPLATES = CHARTS / "podium-crds" / "templates"
PAGE = CHARTS.parent / "docs" / "reference" / "resources.md"


def main() -> None:
    """Write the files, or with `--check` compare them."""
    made = definitions()
    stale = []
    for path, text in {**{TEMPLATES / name: text for name, text in made.items()}, PAGE: page(made)}.items():
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"{path.relative_to(CHARTS.parent)} is out of date: run `make generate`")
    if stale:
        raise SystemExit("\n".join(stale))


if __name__ == "__main__":
    main()
