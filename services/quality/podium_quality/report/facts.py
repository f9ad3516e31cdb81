"""What the report says, as plain data, from the top of the page to its bottom."""

from dataclasses import dataclass

from podium_contracts.events.v1 import TableVersion

from podium_quality.report.figures import DayChart, Flowchart, Segment, Sparkline
from podium_quality.report.past import Run
from podium_quality.report.quality import QualityReport
from podium_quality.report.quarantine import Quarantined


@dataclass(frozen=True)
class Headline:
    """The verdict in words: `state` is one of the verdicts or `pending`."""

    state: str
    sentence: str
    run: Run | None
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """A number that stands out, what it counts, and a line of explanation."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Outcome:
    """One way that rows went, with its share of what was read and its piece of the bar."""

    label: str
    meaning: str
    kind: str
    rows: int
    share: str
    piece: Segment


@dataclass(frozen=True)
class RowFlow:
    """Where every row of a dataset went, in one batch or since the beginning."""

    dataset: str
    title: str
    rows_in: int
    equation: str
    balanced: bool
    outcomes: tuple[Outcome, ...]
    chart: Flowchart


@dataclass(frozen=True)
class Tier:
    """The rows of a quality tier, and its piece of the bar."""

    name: str
    meaning: str
    rows: int
    share: str
    piece: Segment


@dataclass(frozen=True)
class Tiers:
    """A table's rows by quality tier, and their average score out of 100."""

    table: str
    average: str
    tiers: tuple[Tier, ...]


@dataclass(frozen=True)
class CheckRow:
    """A metric, what it is held against, and `met`, `breached` or `measured` (no threshold)."""

    table: str
    label: str
    metric: str
    actual: str
    asked: str
    severity: str
    result: str


@dataclass(frozen=True)
class TableChecks:
    """Every check of a table, breaches first."""

    table: str
    checks: tuple[CheckRow, ...]


@dataclass(frozen=True)
class Filled:
    """How much of a column has a value, in percent."""

    column: str
    share: float
    text: str


@dataclass(frozen=True)
class Completeness:
    """A table's columns, the emptiest first; Silver's are shown at once, Gold's on demand."""

    table: str
    columns: tuple[Filled, ...]
    shown: bool


@dataclass(frozen=True)
class GoldTable:
    """A Gold table as the model stage left it."""

    name: str
    kind: str
    rows: int
    version: int


@dataclass(frozen=True)
class Control:
    """A sum over the rows that went into Gold, and the same sum over Gold."""

    name: str
    expected: str
    actual: str
    equal: bool


@dataclass(frozen=True)
class Gold:
    """Gold's tables, its control totals, and whether rows have reached Silver since."""

    run: Run
    tables: tuple[GoldTable, ...]
    controls: tuple[Control, ...]
    behind: bool


@dataclass(frozen=True)
class Judged:
    """One verdict of the past; `rows` and `score` are empty where nothing of the kind was measured."""

    run: Run
    subject: str
    verdict: str
    rows: str
    score: str
    breaches: int


@dataclass(frozen=True)
class Trend:
    """A number over the verdicts on a dataset."""

    title: str
    first: str
    last: str
    line: Sparkline


@dataclass(frozen=True)
class Part:
    """A layer's quality over the period, as text; a dash where nothing of the kind was measured."""

    layer: str
    processed: str
    rows: str
    score: str
    high: str
    poor: str
    valid: str
    verdicts: str
    seconds: str


@dataclass(frozen=True)
class Over:
    """The quality over a period: its figures, its layers, its days, what became worse, what was wrong, and what to do."""

    days: str
    figures: tuple[Figure, ...]
    parts: tuple[Part, ...]
    chart: DayChart | None
    trend: str
    empty: bool
    """Whether no row came on these days, and no verdict was given."""
    quality: QualityReport


@dataclass(frozen=True)
class Report:
    """Everything on the page, from top to bottom."""

    pipeline: str
    headline: Headline
    figures: tuple[Figure, ...]
    over: Over | None
    flows: tuple[RowFlow, ...]
    tiers: tuple[Tiers, ...]
    decisive: tuple[CheckRow, ...]
    checks: tuple[TableChecks, ...]
    completeness: tuple[Completeness, ...]
    quarantines: tuple[Quarantined, ...]
    modelled: bool
    gold: Gold | None
    history: tuple[Judged, ...]
    trends: tuple[Trend, ...]
    tables: tuple[TableVersion, ...]
    traceparent: str
