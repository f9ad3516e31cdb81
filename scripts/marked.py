"""The part of a page between two marks, which a program writes; what surrounds it is written by hand."""

import sys
from pathlib import Path


def write_or_check(page: Path, marks: tuple[str, str], part: str, source: str) -> None:
    """Write the part into the page, or with `--check` on the command line compare it; `source` is what it is made of.

    Raises:
        SystemExit: the page lacks a mark, or it has drifted.
    """
    text = page.read_text(encoding="utf-8")
    renewed = _renewed(page, text, marks, part)
    if "--check" not in sys.argv:
        page.write_text(renewed, encoding="utf-8")
    elif renewed != text:
        raise SystemExit(f"{page.name} is not what {source} says: run `make generate`")


def _renewed(page: Path, text: str, marks: tuple[str, str], part: str) -> str:
    start, end = marks
    before, _, rest = text.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page.name} lacks the lines {start.strip()} and {end.strip()}")
    return f"{before}{start}\n{part}\n{end}{after}"
