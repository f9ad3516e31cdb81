"""What the ledgers of cleansing say of the rows that rules were held against."""

from collections.abc import Mapping

from podium_contracts.events.v1 import Flow, LayerCompleted, Ledger, RuleCount
from podium_contracts.names import Layer, Stage
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Scope

from podium_quality.measures import BATCH, EVALUATED, REFUSED, Measures, add
from podium_quality.standing import is_return, standing

_DECLARED = "rule"
"""How the ids of the rules begin that the pipeline file declares."""
_REFUSES = "quarantine"
_KINDS = (EVALUATED, REFUSED, "broken.")


def accounted(
    table: str, intent: Intent, known: Mapping[str, Mapping[str, object]], lakehouse: Lakehouse
) -> Measures:
    """Return the rows of a Silver table that rules were held against and those that broke them: in all, and since the verdict before."""
    if not table.startswith(Layer.SILVER):
        return {}
    before = {name: value for name, value in known.get(table, {}).items() if name.startswith(_KINDS)}
    judged = intent.inputs[table]
    scope = Scope(pipeline=intent.scope.pipeline, stage=Stage.CLEANSE, subject=table)
    completed = lakehouse.completions.after(scope, judged.from_batch if before else 0)
    new = Measures()
    for event in completed:
        done = event.data
        if isinstance(done, LayerCompleted) and done.sequence <= judged.to_batch:
            new = add(new, _counts(done))
    if not before and not new:
        return {}
    restored = any(isinstance(event.data, LayerCompleted) and is_return(event.data) for event in completed)
    total = _in_all(scope, judged.to_batch, lakehouse) if restored else add(before, new)
    return total | {f"{BATCH}{name}": value for name, value in new.items()}


def _in_all(scope: Scope, sequence: int, lakehouse: Lakehouse) -> Measures:
    """Return the counts of all completions up to a number that still stand."""
    all_done = [
        event.data
        for event in lakehouse.completions.after(scope, 0)
        if isinstance(event.data, LayerCompleted) and event.data.sequence <= sequence
    ]
    now = Measures()
    for done in standing(scope, all_done, lakehouse):
        now = add(now, _counts(done))
    return now


def _counts(done: LayerCompleted) -> Mapping[str, object]:
    """Return what the rules found in a batch, in all and rule by rule; of a completion that does not tell, what went to quarantine.

    A row that is replayed has been evaluated before, and was refused then: it counts once, as it was found last.
    """
    ledger = done.ledger or Ledger()
    replayed = ledger.quarantine.replayed if ledger.quarantine else 0
    found = done.validation
    if found is None:
        flow = ledger.flow or Flow()
        evaluated = flow.rows_in - replayed - sum(flow.dropped.values()) - flow.deletes
        return {EVALUATED: evaluated, REFUSED: flow.quarantined - replayed}
    refused = found.evaluated - found.passed
    counts: dict[str, object] = {EVALUATED: found.evaluated - replayed, REFUSED: refused - replayed}
    for rule in found.rules:
        kind, _, name = rule.rule.partition(".")
        if kind == _DECLARED:
            evaluated, broken = max(rule.evaluated - replayed, 0), rule.broken
            broken -= _found_before(rule) if replayed else 0
            counts |= {f"{EVALUATED}.{name}": evaluated, f"broken.{name}": broken}
    return counts


def _found_before(rule: RuleCount) -> int:
    """Return how many rows of a replay had broken a rule when they came; one that does not refuse is taken to have found the same then."""
    return rule.replayed if rule.replayed or rule.on_failure == _REFUSES else rule.broken
