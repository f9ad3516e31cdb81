"""What the ledgers of cleansing say of the rows that rules were held against."""

from collections.abc import Mapping

from podium_contracts.events.v1 import Flow, LayerCompleted, Ledger
from podium_contracts.names import Layer, Stage
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Scope

from podium_quality.measures import BATCH, EVALUATED, REFUSED, Measures, add


def accounted(
    table: str, intent: Intent, known: Mapping[str, Mapping[str, object]], lakehouse: Lakehouse
) -> Measures:
    """Return the rows of a Silver table that rules were held against and those they refused: in all, and since the verdict before."""
    if not table.startswith(Layer.SILVER):
        return {}
    before = {name: value for name, value in known.get(table, {}).items() if name in {EVALUATED, REFUSED}}
    judged = intent.inputs[table]
    scope = Scope(pipeline=intent.scope.pipeline, stage=Stage.CLEANSE, subject=table)
    completed = lakehouse.completions.after(scope, judged.from_batch if before else 0)
    new = Measures()
    for event in completed:
        done = event.data
        if isinstance(done, LayerCompleted) and done.sequence <= judged.to_batch and done.ledger:
            new = add(new, _counts(done.ledger))
    if not before and not new:
        return {}
    return add(before, new) | {f"{BATCH}{name}": value for name, value in new.items()}


def _counts(ledger: Ledger) -> Mapping[str, object]:
    """A row is evaluated unless it was left out before the rules, or only says that a key is gone; one that is replayed has been before, and was refused."""
    flow = ledger.flow or Flow()
    replayed = ledger.quarantine.replayed if ledger.quarantine else 0
    evaluated = flow.rows_in - replayed - sum(flow.dropped.values()) - flow.deletes
    return {EVALUATED: evaluated, REFUSED: flow.quarantined - replayed}
