"""Where every row of a dataset went, in its latest batch and since the beginning."""

from collections.abc import Iterable

from podium_contracts.events.v1 import Flow
from podium_contracts.ledger import accounted

from podium_quality.report.facts import Outcome, RowFlow
from podium_quality.report.figures import Onward, Part, flowchart, percent, segments
from podium_quality.report.past import Past, fact_tables, flow_of, moment

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


def row_flows(past: Past) -> Iterable[RowFlow]:
    """Yield the account of every dataset; the latest batch by itself where there was an earlier one."""
    for dataset, ingested in past.bronze.items():
        cleansed = [flow_of(done) for done in past.silver.get(dataset, [])]
        read = sum(flow_of(done).rows_in for done in ingested)
        gold = _gold_bar(past) if len(past.bronze) == 1 else None
        if len(cleansed) > 1:
            latest = cleansed[-1]
            run = past.silver[dataset][-1].run
            assert run is not None
            title = f"Latest batch (run {run.id}, {moment(run.requested_at)})"
            yield _row_flow(dataset, title, latest, latest.rows_in, gold if _carried(past, dataset) else None)
        title = (
            f"All batches since the beginning ({len(cleansed)})" if len(cleansed) > 1 else "The first batch"
        )
        yield _row_flow(dataset, title, _sum(cleansed), read, gold)


def _carried(past: Past, dataset: str) -> bool:
    """Return whether Gold was completed by the run that cleansed the dataset last."""
    return bool(past.gold) and past.gold[-1].run == past.silver[dataset][-1].run


def _gold_bar(past: Past) -> Onward | None:
    facts = [table for table in past.gold[-1].tables if table.name in fact_tables(past)] if past.gold else []
    if not facts:
        return None
    rows = sum(table.rows for table in facts)
    return Onward("Gold, ready to analyse", f"now {rows:,} facts", rows)


def _sum(flows: list[Flow]) -> Flow:
    rules = dict.fromkeys(rule for flow in flows for rule in flow.dropped)
    counts = {name: sum(getattr(flow, name) for flow in flows) for name in ("rows_in", *_WORDS)}
    return Flow(**counts, dropped={rule: sum(flow.dropped.get(rule, 0) for flow in flows) for rule in rules})


def _row_flow(dataset: str, title: str, flow: Flow, read: int, gold: Onward | None) -> RowFlow:
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
            Outcome(label, meaning, kind, rows, percent(rows, read), piece)
            for (label, meaning, kind, rows), piece in zip(found, pieces, strict=True)
        ),
        chart=flowchart(
            read, [Part(label, rows, kind, kind in {"ok", "ok2"}) for label, _, kind, rows in found], gold
        ),
    )
