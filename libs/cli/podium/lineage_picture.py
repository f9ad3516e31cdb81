"""The lineage of columns as a picture: one SVG that refers to nothing else. Tables are boxes, what they are made of stands on their left."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from podium_lakehouse.lineage import Lineage

ROW, HEAD, GAP, MARGIN = 20, 28, 24, 20
"""Pixels: the height of a column's row and of a table's head, between two tables above each other, around all."""
CHARACTER, PADDING, ALLEY = 7.3, 12, 90
"""Pixels: the width of a character, beside a text, between two tables beside each other."""
COLOURS = {
    "source": "#5f6b7a",
    "lookup": "#6b5b95",
    "bronze": "#9c5a1b",
    "step": "#2f6f6f",
    "silver": "#566573",
    "gold": "#8a6d00",
}
"""Of a table's head, by what stands before the dot; white text on each has a contrast of 4.5 or more."""
LEAST = {"bronze": 1, "lookup": 1, "step": 2, "silver": 3, "gold": 4}
"""How many tables stand to the left of one at least: layers stand beside each other."""
STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1b1f24}.head{fill:#fff;font-weight:600}"
    ".box{fill:#fff;stroke:#c3cad3}.edge{fill:none;stroke:#7d8793;stroke-opacity:.55}"
)


@dataclass(frozen=True)
class Box:
    """A table, its columns that are shown, and where it stands."""

    table: str
    columns: Sequence[str]
    left: float
    top: float
    width: float

    @property
    def height(self) -> float:
        """Of head and rows."""
        return HEAD + ROW * len(self.columns)

    def middle(self, column: str) -> float:
        """Return the height at which the middle of a column's row is."""
        return self.top + HEAD + ROW * (self.columns.index(column) + 0.5)


def picture(lineage: Lineage, title: str) -> str:
    """Return an SVG of columns and of what each is made of."""
    boxes = {box.table: box for box in _placed(_columns(lineage), _depths(lineage))}
    width = max((box.left + box.width for box in boxes.values()), default=0) + MARGIN
    height = max((box.top + box.height for box in boxes.values()), default=0) + MARGIN
    edges = [
        _edge(boxes[origin.table], origin.name, boxes[column.table], column.name)
        for column, origins in lineage.items()
        for origin in origins
    ]
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
                f'width="{width:.0f}" height="{height:.0f}" role="img" aria-labelledby="title">'
            ),
            f'<title id="title">{escape(title)}</title>',
            f"<style>{STYLE}</style>",
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
            *edges,
            *(_drawn(box) for box in boxes.values()),
            "</svg>\n",
        ]
    )


def _columns(lineage: Lineage) -> Mapping[str, list[str]]:
    """Return every column that is shown, by its table."""
    shown = dict.fromkeys([*lineage, *(origin for origins in lineage.values() for origin in origins)])
    tables: dict[str, list[str]] = {}
    for column in shown:
        tables.setdefault(column.table, []).append(column.name)
    return tables


def _depths(lineage: Lineage) -> Mapping[str, int]:
    """Return how many tables stand to the left of each: one more than of any that it is made of."""
    upstream: dict[str, set[str]] = {}
    for column, origins in lineage.items():
        upstream.setdefault(column.table, set()).update(
            origin.table for origin in origins if origin.table != column.table
        )
    depths: dict[str, int] = {}

    def depth(table: str) -> int:
        if table not in depths:
            least = LEAST.get(table.partition(".")[0], 0)
            depths[table] = max(least, 1 + max(map(depth, sorted(upstream.get(table, ()))), default=-1))
        return depths[table]

    for column, origins in lineage.items():
        for item in (column, *origins):
            depth(item.table)
    return depths


def _placed(tables: Mapping[str, list[str]], depths: Mapping[str, int]) -> Iterator[Box]:
    left: float = MARGIN
    for level in range(max(depths.values(), default=-1) + 1):
        found = [table for table in tables if depths[table] == level]
        if not found:
            continue
        longest = max(len(text) for table in found for text in (table, *tables[table]))
        width, top = longest * CHARACTER + 2 * PADDING, MARGIN
        for table in found:
            box = Box(table, tables[table], left, top, width)
            yield box
            top += round(box.height) + GAP
        left += width + ALLEY


def _edge(origin: Box, source: str, target: Box, column: str) -> str:
    """Return a curve from a column to one that is made of it; within a table it leaves and comes back on the right."""
    x1, y1, y2 = origin.left + origin.width, origin.middle(source), target.middle(column)
    if origin.table == target.table:
        ends = f"{x1 + ALLEY / 2:.0f} {y1:.0f} {x1 + ALLEY / 2:.0f} {y2:.0f} {x1:.0f} {y2:.0f}"
    else:
        middle = (x1 + target.left) / 2
        ends = f"{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {target.left:.0f} {y2:.0f}"
    said = escape(f"{origin.table}.{source} → {target.table}.{column}")
    return f'<path class="edge" d="M{x1:.0f} {y1:.0f} C{ends}"><title>{said}</title></path>'


def _drawn(box: Box) -> str:
    colour = COLOURS.get(box.table.partition(".")[0], COLOURS["source"])
    rows = "".join(
        f'<text x="{box.left + PADDING:.0f}" y="{box.middle(name) + 4:.0f}">{escape(name)}</text>'
        for name in box.columns
    )
    place = f'x="{box.left:.0f}" y="{box.top:.0f}" width="{box.width:.0f}" rx="4"'
    return (
        f'<rect class="box" {place} height="{box.height:.0f}"/>'
        f'<rect {place} height="{HEAD}" fill="{colour}"/>'
        f'<text class="head" x="{box.left + PADDING:.0f}" y="{box.top + 19:.0f}">{escape(box.table)}</text>{rows}'
    )
