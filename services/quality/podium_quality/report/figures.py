"""The geometry of the report's drawings, in the units of their view boxes, and how numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from podium_quality.report.trends import Day

WIDTH = 960.0
FLOW_HEIGHT = 190.0
NODE = 12.0
COLUMNS = (0.0, 215.0, 430.0, 745.0)
"""Where the nodes stand: what was read, Bronze, what became of it, Gold."""
LABEL_STEP = 46.0
THINNEST, THIN = 2.5, 20.0
SPARK_WIDTH, SPARK_HEIGHT, SPARK_MARGIN = 220.0, 48.0, 5.0


@dataclass(frozen=True)
class Part:
    """One of the places that rows went to; `kind` is its colour's name, `onward` whether Gold gets these rows."""

    label: str
    rows: int
    kind: str
    onward: bool = False


@dataclass(frozen=True)
class Onward:
    """The last bar: what it says, and how many of the rows have come that far."""

    label: str
    value: str
    rows: int


@dataclass(frozen=True)
class Node:
    """A bar of the flow with two lines of text to its right."""

    x: float
    y: float
    height: float
    label: str
    value: str
    kind: str

    @property
    def baseline(self) -> float:
        """Where the first line of text stands: inside the bar, or level with one that is too thin for it."""
        return self.y + (16 if self.height > THIN else 5)


@dataclass(frozen=True)
class Link:
    """A band from one bar to another, as the data of an SVG path."""

    path: str
    kind: str


@dataclass(frozen=True)
class Flowchart:
    """The way of the rows from the source to Gold, to scale."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def flowchart(read: int, parts: Sequence[Part], gold: Onward | None) -> Flowchart:
    """Draw `read` rows and the parts they went to; `gold` is the last bar, if there is one."""
    scale = FLOW_HEIGHT / max(read, 1)
    bars = [part for part in parts if part.rows]
    nodes = [
        Node(COLUMNS[0], 0, FLOW_HEIGHT, "Read from the source", counted(read), "source"),
        Node(COLUMNS[1], 0, FLOW_HEIGHT, "Bronze, kept as it came", counted(read), "bronze"),
    ]
    links = [Link(_band(COLUMNS[0], 0, FLOW_HEIGHT, COLUMNS[1], 0, FLOW_HEIGHT), "bronze")]
    left = right = onward = 0.0
    for part in bars:
        height = max(part.rows * scale, THINNEST)
        bar = Node(COLUMNS[2], right, height, part.label, counted(part.rows), part.kind)
        nodes.append(bar)
        links.append(Link(_band(COLUMNS[1], left, part.rows * scale, COLUMNS[2], right, height), part.kind))
        if part.onward and gold:
            come = min(height, gold.rows * scale - onward)
            links.append(Link(_band(COLUMNS[2], right, come, COLUMNS[3], onward, come), "gold"))
            onward += come
        left += part.rows * scale
        right = max(right + height + 10, bar.baseline + LABEL_STEP - 5)
    if gold and onward:
        nodes.append(Node(COLUMNS[3], 0, onward, gold.label, gold.value, "gold"))
    return Flowchart(WIDTH, max(FLOW_HEIGHT, right) + 2, tuple(nodes), tuple(links))


def _band(x1: float, y1: float, height1: float, x2: float, y2: float, height2: float) -> str:
    start, end = x1 + NODE, x2
    middle = (start + end) / 2
    return (
        f"M{start:g},{y1:.2f} C{middle:g},{y1:.2f} {middle:g},{y2:.2f} {end:g},{y2:.2f} "
        f"V{y2 + height2:.2f} C{middle:g},{y2 + height2:.2f} {middle:g},{y1 + height1:.2f} "
        f"{start:g},{y1 + height1:.2f} Z"
    )


@dataclass(frozen=True)
class Segment:
    """A piece of a bar: where it starts and how long it is, in percent of the bar."""

    start: float
    length: float


def segments(rows: Sequence[int]) -> tuple[Segment, ...]:
    """Return the pieces of a bar of 100, one for each number of rows."""
    total = max(sum(rows), 1)
    start, found = 0.0, []
    for count in rows:
        length = 100 * count / total
        found.append(Segment(round(start, 3), round(length, 3)))
        start += length
    return tuple(found)


@dataclass(frozen=True)
class Sparkline:
    """A line through values, oldest first; `x` and `y` are the last point's."""

    points: str
    x: float
    y: float


def sparkline(values: Sequence[float]) -> Sparkline:
    """Draw a line through at least two values, from the lowest to the highest of them."""
    low, high = min(values), max(values)
    room = SPARK_HEIGHT - 2 * SPARK_MARGIN
    step = (SPARK_WIDTH - 2 * SPARK_MARGIN) / (len(values) - 1)
    dots = [
        (
            SPARK_MARGIN + position * step,
            SPARK_MARGIN + room * (1 - (value - low) / (high - low) if high > low else 0.5),
        )
        for position, value in enumerate(values)
    ]
    x, y = dots[-1]
    return Sparkline(" ".join(f"{across:.1f},{down:.1f}" for across, down in dots), round(x, 1), round(y, 1))


@dataclass(frozen=True)
class Line:
    """A line through the scores of a layer, and its dots, as data of SVG paths in a square of 100."""

    layer: str
    path: str
    dots: str


@dataclass(frozen=True)
class Bar:
    """The rows of a day, in a square of 100."""

    x: float
    width: float
    height: float


@dataclass(frozen=True)
class DayChart:
    """Scores by day, from `low` at the bottom to 100 at the top, and the rows of each day, up to `most`."""

    first: str
    last: str
    low: float
    most: int
    lines: tuple[Line, ...]
    bars: tuple[Bar, ...]


def daychart(days: Sequence[Day]) -> DayChart | None:
    """Draw the days of a period: each at its distance from the first; None where fewer than two have a score."""
    scored = [day for day in days if day.quality_score is not None]
    dates = sorted({day.date for day in scored})
    if len(dates) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    begin = date.fromisoformat(dates[0])
    span = (date.fromisoformat(dates[-1]) - begin).days
    across = {day: 2 + 96 * (date.fromisoformat(day) - begin).days / span for day in dates}
    low = max(0.0, min(day.quality_score or 0.0 for day in scored) // 10 * 10 - 10)
    lines = []
    for layer in dict.fromkeys(day.layer for day in scored):
        points = [
            (across[day.date], 97 - 94 * ((day.quality_score or 0.0) - low) / (100 - low))
            for day in scored
            if day.layer == layer
        ]
        path = " L".join(f"{x:.2f},{y:.2f}" for x, y in points)
        lines.append(Line(layer, f"M{path}", " ".join(f"M{x:.2f},{y:.2f}h0" for x, y in points)))
    rows = {day.date: day.record_count for day in days if day.layer == "silver" and day.date in across}
    most = max(rows.values(), default=0)
    width = min(3.0, 90 / (span + 1))
    bars = tuple(
        Bar(round(across[day] - width / 2, 2), round(width, 2), round(100 * count / max(most, 1), 2))
        for day, count in rows.items()
    )
    return DayChart(dates[0], dates[-1], low, most, tuple(lines), bars)


def counted(rows: int) -> str:
    """Return a number of rows in words."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def percent(part: int, whole: int) -> str:
    """Return a share with two places; one that is neither nothing nor all is never rounded to either."""
    if whole == 0:
        return "0%"
    share = (Decimal(100) * part / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)
    if part and not share:
        return "< 0.01%"
    if part < whole and share == 100:  # noqa: PLR2004 - the whole, in percent
        return "> 99.99%"
    return f"{share.normalize():f}%"


def number(value: Decimal | float | str) -> str:
    """Return a number with thousands separators, and as many places as it has."""
    exact = Decimal(str(value))
    return f"{int(exact):,}" if exact == exact.to_integral_value() else f"{exact:,f}"
