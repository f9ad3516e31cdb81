"""Where every row of a dataset went, in its latest batch and since the beginning."""

from collections.abc import Iterable, Mapping, Sequence

from podium_contracts.events.v1 import Flow, LayerCompleted
from podium_contracts.ledger import accounted

from podium_quality.report.facts import Outcome, RowFlow
from podium_quality.report.figures import Onward, Part, flowchart, percent, segments
from podium_quality.report.past import Past, decided, fact_tables, flow_of, moment

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


def row_flows(past: Past, standing: Mapping[str, Sequence[LayerCompleted]]) -> Iterable[RowFlow]:
    """Yield the account of every dataset; the latest batch by itself where there was an earlier one.

    `standing` are the completions of each dataset's cleansing that count, oldest first.
    """
    for dataset, ingested in past.bronze.items():
        completed = standing.get(dataset, ())
        cleansed = [done for done in completed if not decided(done)[1]]
        read = sum(flow_of(done).rows_in for done in ingested)
        gold = _gold_bar(past) if len(past.bronze) == 1 else None
        if len(cleansed) > 1:
            latest, run = flow_of(cleansed[-1]), cleansed[-1].run
            assert run is not None
            title = f"Latest batch (run {run.id}, {moment(run.requested_at)})"
            yield _row_flow(
                dataset, title, latest, latest.rows_in, gold if _carried(past, cleansed[-1]) else None, 0
            )
        title = (
            f"All batches since the beginning ({len(cleansed)})" if len(cleansed) > 1 else "The first batch"
        )
        yield _row_flow(dataset, title, _sum(completed), read, gold, _rejected(completed))


def _carried(past: Past, cleansed: LayerCompleted) -> bool:
    """Return whether Gold was completed by the run of a batch."""
    return bool(past.gold) and past.gold[-1].run == cleansed.run


def _gold_bar(past: Past) -> Onward | None:
    facts = [table for table in past.gold[-1].tables if table.name in fact_tables(past)] if past.gold else []
    if not facts:
        return None
    rows = sum(table.rows for table in facts)
    return Onward("Gold, ready to analyse", f"now {rows:,} facts", rows)


def _sum(completed: Sequence[LayerCompleted]) -> Flow:
    """Add up where rows have gone: one that is replayed came once, and went where it went last."""
    flows = [flow_of(done) for done in completed]
    replayed = sum(decided(done)[0] for done in completed)
    rules = dict.fromkeys(rule for flow in flows for rule in flow.dropped)
    counts = {name: sum(getattr(flow, name) for flow in flows) for name in ("rows_in", *_WORDS)}
    counts["rows_in"] -= replayed
    counts["quarantined"] -= replayed
    return Flow(**counts, dropped={rule: sum(flow.dropped.get(rule, 0) for flow in flows) for rule in rules})


def _rejected(completed: Sequence[LayerCompleted]) -> int:
    return sum(decided(done)[1] for done in completed)


def _row_flow(dataset: str, title: str, flow: Flow, read: int, gold: Onward | None, rejected: int) -> RowFlow:
    """Account for `read` rows: those that no cleansing has seen yet wait in Bronze, and `rejected` ones were in quarantine."""
    waiting = read - flow.rows_in
    balanced = read == accounted(flow) + waiting and waiting >= 0
    flow = flow.model_copy(update={"quarantined": flow.quarantined - rejected})
    found = [(label, meaning, kind, getattr(flow, name)) for name, label, meaning, kind in _OUTCOMES]
    found += [
        (f"Dropped by {rule}", "The pipeline file says to leave out such rows.", "drop", rows)
        for rule, rows in flow.dropped.items()
    ]
    if rejected:
        found.append(
            ("Rejected", "Refused by a rule, and given up by a person with a reason.", "drop", rejected)
        )
    if waiting:
        found.append(("Waiting in Bronze", "Read, and not cleansed yet.", "wait", waiting))
    terms = [f"{getattr(flow, name):,} {word}" for name, word in _WORDS.items() if getattr(flow, name)]
    terms += [f"{rows:,} dropped by {rule}" for rule, rows in flow.dropped.items() if rows]
    terms += [f"{rejected:,} rejected"] if rejected else []
    terms += [f"{waiting:,} waiting in Bronze"] if waiting else []
    pieces = segments([rows for *_, rows in found])
    return RowFlow(
        dataset=dataset,
        title=title,
        rows_in=read,
        equation=f"{read:,} rows read = {' + '.join(terms) or '0'}",
        balanced=balanced,
        outcomes=tuple(
            Outcome(label, meaning, kind, rows, percent(rows, read), piece)
            for (label, meaning, kind, rows), piece in zip(found, pieces, strict=True)
        ),
        chart=flowchart(
            read, [Part(label, rows, kind, kind in {"ok", "ok2"}) for label, _, kind, rows in found], gold
        ),
    )
