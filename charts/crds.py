"""Write what the charts have from the contracts: the custom resource definitions.

python charts/crds.py           writes them
python charts/crds.py --check   exits 1 if one of them is out of date
"""

import sys
from pathlib import Path

from generation.definitions import definitions

CHARTS = Path(__file__).parent
TEMPLATES = CHARTS / "podium-crds" / "templates"


def main() -> None:
    """Write the files, or with `--check` compare them."""
    stale = []
    for name, text in definitions().items():
        path = TEMPLATES / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(f"{path.relative_to(CHARTS.parent)} is out of date: run `make generate`")
    if stale:
        raise SystemExit("\n".join(stale))


if __name__ == "__main__":
    main()
