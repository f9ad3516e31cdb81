"""The report's facts, gathered from a pipeline's completions, the metrics of its verdicts and its quarantines."""

from collections.abc import Iterable, Sequence
from datetime import UTC
from decimal import Decimal

from podium_contracts.events.v1 import Check, LayerCompleted, QualityEvaluated, TableVersion
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import TIERS, Pipeline
from podium_lakehouse.cleansing.columns import OPTIONAL_METADATA
from podium_lakehouse.delta.tables import Snapshot, find
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope

from podium_quality.measures import ROWS, SCORE, Measures, add
from podium_quality.report.checks import breaches_first, by_table, check_row, next_steps
from podium_quality.report.facts import (
    Completeness,
    Control,
    Figure,
    Filled,
    Gold,
    GoldTable,
    Headline,
    Judged,
    Over,
    Report,
    Tier,
    Tiers,
    Trend,
)
from podium_quality.report.figures import number, percent, segments, sparkline
from podium_quality.report.flows import row_flows
from podium_quality.report.over import over
from podium_quality.report.past import Past, Run, fact_tables, flow_of, moment, run_of
from podium_quality.report.period import Choice, Period
from podium_quality.report.quality import report_of
from podium_quality.report.quarantine import Quarantined, quarantined
from podium_quality.standing import standing

PENDING = "pending"
DEFAULT = Choice()
_WORST_FIRST = (Verdict.FAILED, Verdict.WARNED, Verdict.PASSED)
_SENTENCES = {
    Verdict.PASSED: "Every threshold of this pipeline is met.",
    Verdict.WARNED: "The data can be used. At least one threshold that warns is not met; see the checks below.",
    Verdict.FAILED: "A critical threshold is not met. These rows are held back; readers keep the last certified data.",
    PENDING: "There is no verdict on the newest rows yet.",
}

_TIER_MEANINGS = ("90 points or more", "70 to below 90", "50 to below 70", "below 50")


def view(pipeline: Pipeline, lakehouse: Lakehouse, choice: Choice = DEFAULT) -> Report:
    """Gather what the report says, of the days that are chosen what is said of a period; no table is read as a whole.

    Raises:
        TerminalError: the choice holds no days.
    """
    past = Past.of(lakehouse.completions.all(pipeline.name))
    period = choice.period(past.events[-1].time.astimezone(UTC).date()) if past.events else None
    measures = _measures(past, pipeline, lakehouse)
    checks = breaches_first(check for verdict in past.current() for check in verdict.checks)
    refused = _quarantines(past, pipeline, lakehouse)
    return Report(
        pipeline=pipeline.name,
        headline=_headline(past, checks),
        figures=_figures(past, measures),
        over=_over(past, period, pipeline, lakehouse),
        flows=tuple(row_flows(past, _standing(past, pipeline, lakehouse))),
        tiers=tuple(_tiers(name, found) for name, found in _scored(measures).items()),
        decisive=tuple(check_row(check) for check in checks if check.threshold is not None),
        checks=by_table(checks),
        completeness=_completeness(measures),
        quarantines=refused,
        modelled=pipeline.spec.model is not None,
        gold=_gold(past),
        history=_history(past),
        trends=tuple(_trends(past)),
        tables=_tables(past),
        traceparent=past.events[-1].traceparent if past.events else "",
    )


def _standing(past: Past, pipeline: Pipeline, lakehouse: Lakehouse) -> dict[str, list[LayerCompleted]]:
    """Return the completions of cleansing that count, by dataset."""
    found = {}
    for dataset, completed in past.silver.items():
        scope = Scope(pipeline=pipeline.name, stage=Stage.CLEANSE, subject=f"{Layer.SILVER}.{dataset}")
        found[dataset] = standing(scope, completed, lakehouse)
    return found


def _over(past: Past, period: Period | None, pipeline: Pipeline, lakehouse: Lakehouse) -> Over | None:
    """Return the quality of the period as of the last thing that was done; None before the first."""
    if period is None:
        return None
    return over(report_of(past, period, pipeline, lakehouse, past.events[-1].time))


def _measures(past: Past, pipeline: Pipeline, lakehouse: Lakehouse) -> dict[str, Measures]:
    """Return the measures of the last verdicts by table, Silver first."""
    found: dict[str, Measures] = {}
    subjects = sorted(past.verdicts, key=lambda subject: (subject == Layer.GOLD, subject))
    for subject in subjects:
        scope = Scope(pipeline=pipeline.name, stage=Stage.QUALITY, subject=subject)
        stored = lakehouse.metrics.read(scope, past.verdicts[subject][-1].sequence)
        order = [table.name for table in past.verdicts[subject][-1].tables]
        found |= {name: add(stored[name], {}) for name in order if name in stored}
    return found


def _headline(past: Past, checks: list[Check]) -> Headline:
    given = {verdict.verdict for verdict in past.current()}
    state: str = next((verdict for verdict in _WORST_FIRST if verdict in given), PENDING)
    if state != Verdict.FAILED and past.unjudged():
        state = PENDING
    run = run_of(past.events[-1]) if past.events else None
    sentence = _SENTENCES[state]
    if past.behind():
        sentence += " Gold does not have the newest rows yet."
    return Headline(state, sentence, run, next_steps(checks) if state == Verdict.FAILED else ())


def _figures(past: Past, measures: dict[str, Measures]) -> tuple[Figure, ...]:
    read = sum(flow_of(done).rows_in for completed in past.bronze.values() for done in completed)
    certified = sum(
        table.rows for subject in past.verdicts if subject != Layer.GOLD for table in past.certified(subject)
    )
    refused = sum(
        done[-1].ledger.quarantine.closing
        for done in past.silver.values()
        if done[-1].ledger and done[-1].ledger.quarantine
    )
    facts = [table for table in past.certified(Layer.GOLD) if table.name in fact_tables(past)]
    score, rows = _score(measures)
    return (
        Figure("Rows read", f"{read:,}", "from the sources, since the first run"),
        Figure("Certified rows", f"{certified:,}", "cleaned, judged and ready to use (Silver)"),
        Figure("In quarantine", f"{refused:,}", f"{percent(refused, read)} of the rows read, set aside"),
        Figure(
            "Facts",
            f"{sum(table.rows for table in facts):,}" if facts else "none yet",
            "rows to analyse (Gold)",
        ),
        Figure(
            "Quality score", f"{score / rows:.2f}" if rows else "none yet", "of 100, on average over all rows"
        ),
    )


def _scored(measures: dict[str, Measures]) -> dict[str, Measures]:
    """Return the measures of Silver tables with rows that have a score."""
    return {
        name: found
        for name, found in measures.items()
        if name.startswith("silver.") and SCORE in found and found[ROWS]
    }


def _score(measures: dict[str, Measures]) -> tuple[Decimal, Decimal]:
    silver = _scored(measures).values()
    return sum((one[SCORE] for one in silver), Decimal(0)), sum((one[ROWS] for one in silver), Decimal(0))


def _tiers(table: str, measures: Measures) -> Tiers:
    counts = [int(measures.get(f"tier.{tier}", Decimal(0))) for tier, _ in TIERS]
    rows = int(measures[ROWS])
    tiers = zip((tier for tier, _ in TIERS), _TIER_MEANINGS, counts, segments(counts), strict=True)
    return Tiers(
        table,
        f"{measures[SCORE] / rows:.2f}",
        tuple(
            Tier(name, meaning, count, percent(count, rows), piece) for name, meaning, count, piece in tiers
        ),
    )


def _completeness(measures: dict[str, Measures]) -> tuple[Completeness, ...]:
    """Return how complete the columns are, without those in which cleansing remarks on a row: it is well where they are empty."""
    found = []
    for table, values in measures.items():
        rows = int(values.get(ROWS, 0))
        nulls = {
            name.removeprefix("null."): int(value)
            for name, value in values.items()
            if name.startswith("null.") and name.removeprefix("null.") not in OPTIONAL_METADATA
        }
        if not rows or not nulls:
            continue
        columns = [
            Filled(name, round(100 * (rows - empty) / rows, 3), percent(rows - empty, rows))
            for name, empty in sorted(nulls.items(), key=lambda item: -item[1])
        ]
        found.append(Completeness(table, tuple(columns), table.startswith("silver.")))
    return tuple(found)


def _quarantines(past: Past, pipeline: Pipeline, lakehouse: Lakehouse) -> tuple[Quarantined, ...]:
    found = []
    for name, dataset in pipeline.spec.datasets.items():
        done = past.silver.get(name)
        uri = lakehouse.quarantine_uri(name)
        tables = [table for table in done[-1].tables if table.name.startswith("quarantine.")] if done else []
        if tables and find(uri):
            found.append(quarantined(name, dataset, Snapshot(uri, tables[0].to_version)))
    return tuple(found)


def _gold(past: Past) -> Gold | None:
    if not past.gold:
        return None
    last = past.gold[-1]
    assert last.run is not None
    asked = last.run.requested_at
    facts = fact_tables(past)
    totals = last.ledger.control_totals if last.ledger else ()
    return Gold(
        run=Run(last.run.id, moment(asked)),
        tables=tuple(
            GoldTable(table.name, _kind(table.name, facts), table.rows, table.to_version)
            for table in last.tables
        ),
        controls=tuple(
            Control(total.name, number(total.expected), number(total.actual), total.expected == total.actual)
            for total in totals
        ),
        behind=past.behind(),
    )


def _kind(name: str, facts: set[str]) -> str:
    if name in facts:
        return "fact: one row for each event"
    kinds = {"gold.dim_": "dimension: what facts refer to", "gold.agg_": "summary of facts"}
    return next((kind for prefix, kind in kinds.items() if name.startswith(prefix)), "table")


def _history(past: Past) -> tuple[Judged, ...]:
    """Return every verdict, the newest first."""
    found = [
        Judged(
            run=run_of(event),
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


def _trends(past: Past) -> Iterable[Trend]:
    titles = {"average_quality_score": "Average quality score", "total_records": "Rows in Silver"}
    silver = {subject: verdicts for subject, verdicts in past.verdicts.items() if subject != Layer.GOLD}
    for subject, verdicts in silver.items():
        for metric, title in titles.items():
            values = [check.actual for one in verdicts for check in one.checks if check.metric == metric]
            if len(values) > 1:
                yield Trend(f"{title}, {subject}", number(values[0]), number(values[-1]), sparkline(values))


def _tables(past: Past) -> tuple[TableVersion, ...]:
    """Return every table as its last completion left it, layer by layer."""
    layers = [*past.bronze.values(), *past.silver.values()]
    completed = [done[-1] for done in layers] + past.gold[-1:]
    last = {table.name: table for done in completed for table in done.tables}
    order = {"bronze": 0, "silver": 1, "quarantine": 2, "gold": 3}
    return tuple(
        last[name] for name in sorted(last, key=lambda name: order.get(name.split(".")[0], len(order)))
    )
