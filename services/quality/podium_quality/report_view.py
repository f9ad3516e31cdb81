"""What the report says, as plain data: gathered from a pipeline's completions, its metrics and its quarantines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Check, Flow, LayerCompleted, QualityEvaluated, TableVersion
from podium_contracts.ledger import accounted
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import TIERS, Pipeline
from podium_lakehouse.delta.tables import Snapshot, find
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope

from podium_quality.measures import ROWS, SCORE, Measures, add
from podium_quality.report_figures import (
    Flowchart,
    Part,
    Segment,
    Sparkline,
    flowchart,
    number,
    percent,
    segments,
    sparkline,
)
from podium_quality.report_quarantine import Quarantined, quarantined

PENDING = "pending"
_WORST_FIRST = (Verdict.FAILED, Verdict.WARNED, Verdict.PASSED)
_SENTENCES = {
    Verdict.PASSED: "Every threshold of this pipeline is met.",
    Verdict.WARNED: "The data can be used. At least one threshold that warns is not met; see the checks below.",
    Verdict.FAILED: "A critical threshold is not met. These rows are held back; readers keep the last certified data.",
    PENDING: "There is no verdict on the newest rows yet.",
}
_OUTCOMES = (
    ("inserted", "New in Silver", "Accepted, and not seen before.", "ok"),
    ("updated", "Updated in Silver", "Accepted, and replaced an older version of the same row.", "ok2"),
    ("unchanged", "Already in Silver", "The same row had arrived before; nothing to do.", "same"),
    ("deduplicated", "Duplicates", "Another row of the batch stands for the same thing and was kept.", "dup"),
    ("late", "Too late", "Silver already has a newer version of the row.", "late"),
    (
        "quarantined",
        "Quarantined",
        "Refused by a rule and set aside, with the reason; nothing is lost.",
        "bad",
    ),
    ("deletes", "Deletes", "The source asked to delete a row.", "drop"),
)
_WORDS = {
    "inserted": "inserted",
    "updated": "updated",
    "unchanged": "unchanged",
    "deduplicated": "duplicates",
    "late": "late",
    "quarantined": "quarantined",
    "deletes": "deletes",
}
_TIER_MEANINGS = ("90 points or more", "70 to below 90", "50 to below 70", "below 50")


@dataclass(frozen=True)
class Run:
    """A run, and when it was asked for, as text in UTC."""

    id: str
    time: str


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
    """One way that rows went, with its share of what was read."""

    label: str
    meaning: str
    kind: str
    rows: int
    share: str
    length: float


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
class Report:
    """Everything on the page, from top to bottom."""

    pipeline: str
    headline: Headline
    figures: tuple[Figure, ...]
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


@dataclass(frozen=True)
class _Past:
    """A pipeline's completions, oldest first, by what they say."""

    bronze: dict[str, list[LayerCompleted]]
    silver: dict[str, list[LayerCompleted]]
    gold: list[LayerCompleted]
    verdicts: dict[str, list[QualityEvaluated]]
    """By the subject of the event: `silver.sales`, `gold`."""
    events: list[CloudEvent]

    @classmethod
    def of(cls, events: list[CloudEvent]) -> "_Past":
        ordered = sorted(events, key=lambda event: (event.time, event.sequence))
        layers: dict[str, dict[str, list[LayerCompleted]]] = {layer: {} for layer in Layer}
        verdicts: dict[str, list[QualityEvaluated]] = {}
        for event in sorted(ordered, key=lambda event: event.sequence):
            if isinstance(event.data, LayerCompleted):
                layers[event.data.layer].setdefault(event.data.subject, []).append(event.data)
            elif isinstance(event.data, QualityEvaluated):
                verdicts.setdefault(event.subject, []).append(event.data)
        gold = [done for completed in layers[Layer.GOLD].values() for done in completed]
        return cls(layers[Layer.BRONZE], layers[Layer.SILVER], gold, dict(sorted(verdicts.items())), ordered)

    def current(self) -> list[QualityEvaluated]:
        """Return the last verdict on every Silver dataset, then on Gold."""
        last = [verdicts[-1] for verdicts in self.verdicts.values()]
        return sorted(last, key=lambda verdict: (verdict.layer == Layer.GOLD, verdict.subject))

    def certified(self, subject: str) -> tuple[TableVersion, ...]:
        """Return the tables of the last verdict on a subject that is not `failed`."""
        kept = [one for one in self.verdicts.get(subject, []) if one.verdict != Verdict.FAILED]
        return kept[-1].tables if kept else ()

    def unjudged(self) -> bool:
        """Return whether a table has a version that no verdict speaks of."""
        judged = {(table.name, table.to_version) for verdict in self.current() for table in verdict.tables}
        completed = [done[-1] for done in self.silver.values()] + self.gold[-1:]
        made = {(table.name, table.to_version) for done in completed for table in done.tables}
        return any(pair not in judged for pair in made if not pair[0].startswith("quarantine."))


def view(pipeline: Pipeline, lakehouse: Lakehouse) -> Report:
    """Gather what the report says; no table is read as a whole."""
    past = _Past.of(lakehouse.completions.all(pipeline.name))
    measures = _measures(past, pipeline, lakehouse)
    checks = _sorted_checks(check for verdict in past.current() for check in verdict.checks)
    refused = _quarantines(past, pipeline, lakehouse)
    return Report(
        pipeline=pipeline.name,
        headline=_headline(past, checks),
        figures=_figures(past, measures),
        flows=tuple(_flows(past)),
        tiers=tuple(_tiers(name, found) for name, found in measures.items() if SCORE in found),
        decisive=tuple(_check_row(check) for check in checks if check.threshold is not None),
        checks=_by_table(checks),
        completeness=_completeness(measures),
        quarantines=refused,
        modelled=pipeline.spec.model is not None,
        gold=_gold(past),
        history=_history(past),
        trends=tuple(_trends(past)),
        tables=_tables(past),
        traceparent=past.events[-1].traceparent if past.events else "",
    )


def _measures(past: _Past, pipeline: Pipeline, lakehouse: Lakehouse) -> dict[str, Measures]:
    """Return the measures of the last verdicts by table, Silver first."""
    found: dict[str, Measures] = {}
    subjects = sorted(past.verdicts, key=lambda subject: (subject == Layer.GOLD, subject))
    for subject in subjects:
        scope = Scope(pipeline=pipeline.name, stage=Stage.QUALITY, subject=subject)
        stored = lakehouse.metrics.read(scope, past.verdicts[subject][-1].sequence)
        order = [table.name for table in past.verdicts[subject][-1].tables]
        found |= {name: add(stored[name], {}) for name in order if name in stored}
    return found


def _headline(past: _Past, checks: list[Check]) -> Headline:
    given = {verdict.verdict for verdict in past.current()}
    state: str = next((verdict for verdict in _WORST_FIRST if verdict in given), PENDING)
    if state != Verdict.FAILED and past.unjudged():
        state = PENDING
    run = _run(past.events[-1]) if past.events else None
    return Headline(state, _SENTENCES[state], run, _steps(checks) if state == Verdict.FAILED else ())


def _steps(checks: list[Check]) -> tuple[str, ...]:
    """Return what to do about a failed verdict, in the order in which to do it."""
    critical = [check for check in checks if not check.passed and check.severity == "CRITICAL"]
    reasons = [
        f"{_label(check)} in {check.table} is {_value(check)}, {_asked(check)} is asked" for check in critical
    ]
    return (
        f"Look at what broke: {'; '.join(reasons)}.",
        "If the data are wrong, correct them at the source; the quarantine below shows refused rows with their reasons.",
        "If the threshold is wrong, change it under `quality.thresholds` in the pipeline file.",
        "Run the pipeline again: with a changed pipeline file the same rows are judged anew. Until then, newer rows wait in Bronze.",
    )


def _run(event: CloudEvent) -> Run:
    return Run(event.run.id, _moment(event.time))


def _moment(time: datetime | None) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time else ""


def _figures(past: _Past, measures: dict[str, Measures]) -> tuple[Figure, ...]:
    read = sum(_flow(done).rows_in for completed in past.bronze.values() for done in completed)
    certified = sum(
        table.rows for subject in past.verdicts if subject != Layer.GOLD for table in past.certified(subject)
    )
    refused = sum(
        done[-1].ledger.quarantine.closing
        for done in past.silver.values()
        if done[-1].ledger and done[-1].ledger.quarantine
    )
    facts = [table for table in past.certified(Layer.GOLD) if table.name in _facts(past)]
    score, rows = _score(measures)
    return (
        Figure("Rows read", f"{read:,}", "from the sources, since the first run"),
        Figure("Certified rows", f"{certified:,}", "cleaned, judged and ready to use (Silver)"),
        Figure("In quarantine", f"{refused:,}", f"{percent(refused, read)} of the rows read, set aside"),
        Figure(
            "Facts", f"{sum(table.rows for table in facts):,}" if facts else "–", "rows to analyse (Gold)"
        ),
        Figure("Quality score", f"{score / rows:.2f}" if rows else "–", "of 100, on average over all rows"),
    )


def _score(measures: dict[str, Measures]) -> tuple[Decimal, Decimal]:
    silver = [found for name, found in measures.items() if name.startswith("silver.") and SCORE in found]
    return sum((one[SCORE] for one in silver), Decimal(0)), sum((one[ROWS] for one in silver), Decimal(0))


def _facts(past: _Past) -> set[str]:
    """Return the names of Gold's fact tables: the model stage keeps control totals of their rows."""
    if not past.gold or past.gold[-1].ledger is None:
        return set()
    totals = past.gold[-1].ledger.control_totals
    return {f"gold.{total.name.removesuffix('.rows')}" for total in totals if total.name.endswith(".rows")}


def _flow(done: LayerCompleted) -> Flow:
    return done.ledger.flow if done.ledger and done.ledger.flow else Flow()


def _flows(past: _Past) -> Iterable[RowFlow]:
    for dataset, ingested in past.bronze.items():
        cleansed = [_flow(done) for done in past.silver.get(dataset, [])]
        read = sum(_flow(done).rows_in for done in ingested)
        gold = _gold_bar(past) if len(past.bronze) == 1 else None
        if len(cleansed) > 1:
            latest = cleansed[-1]
            run = past.silver[dataset][-1].run
            assert run is not None
            title = f"Latest batch (run {run.id}, {_moment(run.requested_at)})"
            yield _row_flow(dataset, title, latest, latest.rows_in, gold if _carried(past, dataset) else None)
        title = f"All {len(cleansed)} batches since the beginning" if len(cleansed) > 1 else "The first batch"
        yield _row_flow(dataset, title, _sum(cleansed), read, gold)


def _carried(past: _Past, dataset: str) -> bool:
    """Return whether Gold was completed by the run that cleansed the dataset last."""
    return bool(past.gold) and past.gold[-1].run == past.silver[dataset][-1].run


def _gold_bar(past: _Past) -> tuple[str, str] | None:
    facts = [table for table in past.gold[-1].tables if table.name in _facts(past)] if past.gold else []
    if not facts:
        return None
    return "Gold, ready to analyse", f"now {sum(table.rows for table in facts):,} facts"


def _sum(flows: list[Flow]) -> Flow:
    rules = dict.fromkeys(rule for flow in flows for rule in flow.dropped)
    counts = {name: sum(getattr(flow, name) for flow in flows) for name in ("rows_in", *_WORDS)}
    return Flow(**counts, dropped={rule: sum(flow.dropped.get(rule, 0) for flow in flows) for rule in rules})


def _row_flow(dataset: str, title: str, flow: Flow, read: int, gold: tuple[str, str] | None) -> RowFlow:
    """Account for `read` rows: those that no cleansing has seen yet wait in Bronze."""
    waiting = read - flow.rows_in
    found = [(label, meaning, kind, getattr(flow, name)) for name, label, meaning, kind in _OUTCOMES]
    found += [
        (f"Dropped by {rule}", "The pipeline file says to leave out such rows.", "drop", rows)
        for rule, rows in flow.dropped.items()
    ]
    if waiting:
        found.append(("Waiting in Bronze", "Read, and not cleansed yet.", "wait", waiting))
    terms = [f"{getattr(flow, name):,} {word}" for name, word in _WORDS.items() if getattr(flow, name)]
    terms += [f"{rows:,} dropped by {rule}" for rule, rows in flow.dropped.items() if rows]
    terms += [f"{waiting:,} waiting in Bronze"] if waiting else []
    pieces = segments([rows for *_, rows in found])
    return RowFlow(
        dataset=dataset,
        title=title,
        rows_in=read,
        equation=f"{read:,} rows read = {' + '.join(terms) or '0'}",
        balanced=read == accounted(flow) + waiting and waiting >= 0,
        outcomes=tuple(
            Outcome(label, meaning, kind, rows, percent(rows, read), piece.length)
            for (label, meaning, kind, rows), piece in zip(found, pieces, strict=True)
        ),
        chart=flowchart(
            read, [Part(label, rows, kind, kind in {"ok", "ok2"}) for label, _, kind, rows in found], gold
        ),
    )


def _tiers(table: str, measures: Measures) -> Tiers:
    counts = [int(measures.get(f"tier.{tier}", Decimal(0))) for tier, _ in TIERS]
    rows = int(measures[ROWS])
    tiers = zip((tier for tier, _ in TIERS), _TIER_MEANINGS, counts, segments(counts), strict=True)
    return Tiers(
        table,
        f"{measures[SCORE] / rows:.2f}" if rows else "–",
        tuple(
            Tier(name, meaning, count, percent(count, rows), piece) for name, meaning, count, piece in tiers
        ),
    )


def _sorted_checks(checks: Iterable[Check]) -> list[Check]:
    """Return the checks with breaches first, the critical ones before the others, then those with a threshold."""
    return sorted(
        checks, key=lambda check: (check.passed, check.severity != "CRITICAL", check.threshold is None)
    )


def _by_table(checks: list[Check]) -> tuple[TableChecks, ...]:
    names = sorted({check.table for check in checks}, key=lambda name: (name.startswith("gold."), name))
    return tuple(
        TableChecks(name, tuple(_check_row(check) for check in checks if check.table == name))
        for name in names
    )


def _check_row(check: Check) -> CheckRow:
    result = "measured" if check.threshold is None else "met" if check.passed else "breached"
    return CheckRow(
        check.table, _label(check), check.metric, _value(check), _asked(check), check.severity.lower(), result
    )


def _label(check: Check) -> str:
    metric = check.metric
    for tier, _ in TIERS:
        if metric == f"quality_{tier.lower()}_percentage":
            return f"Rows in tier {tier}"
    plain = {"total_records": "Rows", "average_quality_score": "Average quality score"}
    endings = {
        "_completeness": "{} is filled in",
        "_uniqueness": "{} is unique",
        "_known_percentage": "{} points to a known entry",
    }
    for ending, words in endings.items():
        if metric.endswith(ending):
            return words.format(metric.removesuffix(ending))
    return plain.get(metric, metric)


def _value(check: Check) -> str:
    return f"{number(check.actual)}{_unit(check)}"


def _unit(check: Check) -> str:
    return "%" if check.metric.endswith(("_completeness", "_uniqueness", "_percentage")) else ""


def _asked(check: Check) -> str:
    if check.threshold is None:
        return ""
    side = "at least" if check.type == "minimum" else "at most"
    return f"{side} {number(check.threshold)}{_unit(check)}"


def _completeness(measures: dict[str, Measures]) -> tuple[Completeness, ...]:
    found = []
    for table, values in measures.items():
        rows = int(values.get(ROWS, 0))
        nulls = {
            name.removeprefix("null."): int(value)
            for name, value in values.items()
            if name.startswith("null.")
        }
        if not rows or not nulls:
            continue
        columns = [
            Filled(name, round(100 * (rows - empty) / rows, 3), percent(rows - empty, rows))
            for name, empty in sorted(nulls.items(), key=lambda item: -item[1])
        ]
        found.append(Completeness(table, tuple(columns), table.startswith("silver.")))
    return tuple(found)


def _quarantines(past: _Past, pipeline: Pipeline, lakehouse: Lakehouse) -> tuple[Quarantined, ...]:
    found = []
    for name, dataset in pipeline.spec.datasets.items():
        done = past.silver.get(name)
        uri = lakehouse.quarantine_uri(name)
        tables = [table for table in done[-1].tables if table.name.startswith("quarantine.")] if done else []
        if tables and find(uri):
            found.append(quarantined(name, dataset, Snapshot(uri, tables[0].to_version)))
    return tuple(found)


def _gold(past: _Past) -> Gold | None:
    if not past.gold:
        return None
    last = past.gold[-1]
    assert last.run is not None
    asked = last.run.requested_at
    newer = [done[-1].run for done in past.silver.values()]
    facts = _facts(past)
    totals = last.ledger.control_totals if last.ledger else ()
    return Gold(
        run=Run(last.run.id, _moment(asked)),
        tables=tuple(
            GoldTable(table.name, _kind(table.name, facts), table.rows, table.to_version)
            for table in last.tables
        ),
        controls=tuple(
            Control(total.name, number(total.expected), number(total.actual), total.expected == total.actual)
            for total in totals
        ),
        behind=any(run and run.requested_at and asked and run.requested_at > asked for run in newer),
    )


def _kind(name: str, facts: set[str]) -> str:
    if name in facts:
        return "fact: one row for each event"
    kinds = {"gold.dim_": "dimension: what facts refer to", "gold.agg_": "summary of facts"}
    return next((kind for prefix, kind in kinds.items() if name.startswith(prefix)), "table")


def _history(past: _Past) -> tuple[Judged, ...]:
    """Return every verdict, the newest first."""
    found = [
        Judged(
            run=_run(event),
            subject=event.subject,
            verdict=event.data.verdict,
            rows=_metric(event.data.checks, "total_records") if event.data.layer == Layer.SILVER else "",
            score=_metric(event.data.checks, "average_quality_score"),
            breaches=sum(not check.passed for check in event.data.checks),
        )
        for event in past.events
        if isinstance(event.data, QualityEvaluated)
    ]
    return tuple(reversed(found))


def _metric(checks: Sequence[Check], metric: str) -> str:
    return next((number(check.actual) for check in checks if check.metric == metric), "")


def _trends(past: _Past) -> Iterable[Trend]:
    titles = {"average_quality_score": "Average quality score", "total_records": "Rows in Silver"}
    silver = {subject: verdicts for subject, verdicts in past.verdicts.items() if subject != Layer.GOLD}
    for subject, verdicts in silver.items():
        for metric, title in titles.items():
            values = [check.actual for one in verdicts for check in one.checks if check.metric == metric]
            if len(values) > 1:
                yield Trend(f"{title}, {subject}", number(values[0]), number(values[-1]), sparkline(values))


def _tables(past: _Past) -> tuple[TableVersion, ...]:
    """Return every table as its last completion left it, layer by layer."""
    layers = [*past.bronze.values(), *past.silver.values()]
    completed = [done[-1] for done in layers] + past.gold[-1:]
    last = {table.name: table for done in completed for table in done.tables}
    order = {"bronze": 0, "silver": 1, "quarantine": 2, "gold": 3}
    return tuple(
        last[name] for name in sorted(last, key=lambda name: order.get(name.split(".")[0], len(order)))
    )
