"""What a stage does about the rules of a dataset as a whole: leave out those that cannot be evaluated, fail for those that say so, tell of each."""

import logging
from collections.abc import Sequence

from podium_contracts.errors import BadSource, TerminalError
from podium_contracts.events.v1 import Validation
from podium_contracts.pipeline import CustomLogic, Dataset, Pipeline, ReferenceDataCheck
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.counts import Counts
from podium_lakehouse.cleansing.dispatch import Dispatch
from podium_lakehouse.cleansing.dispositions import LATE
from podium_lakehouse.cleansing.fuzzy import LargeBlock
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent

EXAMPLES = 3
"""Rows that an error shows."""
SHOWN_CHARACTERS = 200
"""Of each of them; all of it is in Bronze."""
FAILING = "with `on_failure: quarantine` such rows are set apart, with `warn` they stay"
REQUIRED = "with `required: false` it may say nothing of a row"

log = logging.getLogger("podium.cleanse")


def pin_lookups(name: str, pipeline: Pipeline, lakehouse: Lakehouse) -> dict[str, int]:
    """Bring the lookups that a dataset needs up to their files; return their versions, without those that can be done without.

    Raises:
        BadSource: a lookup cannot be read that standardises a column, or that a required rule needs.
    """
    dataset = pipeline.spec.datasets[name]
    needed = {rule.lookup for rule in dataset.standardise.values() if rule.lookup}
    checking = {
        identifier: rule for identifier, rule in dataset.rules.items() if isinstance(rule, ReferenceDataCheck)
    }
    needed |= {rule.lookup for rule in checking.values() if rule.required}
    found = {lookup: lakehouse.load_lookup(lookup, pipeline) for lookup in sorted(needed)}
    for identifier, rule in checking.items():
        if rule.lookup in found:
            continue
        try:
            found[rule.lookup] = lakehouse.load_lookup(rule.lookup, pipeline)
        except BadSource as error:
            log.warning("%s of %s is left out: %s", names.rule_id(identifier), name, error)
    return found


def left_out(dataset: Dataset, intent: Intent) -> tuple[str, ...]:
    """Return the rules whose lookup could not be read when the intent was planned."""
    return tuple(
        name
        for name, rule in dataset.rules.items()
        if isinstance(rule, ReferenceDataCheck) and rule.lookup not in intent.lookups
    )


def without(dataset: Dataset, skipped: tuple[str, ...]) -> Dataset:
    """Return the dataset with rules in the place of the skipped ones that every row keeps: Silver has the same columns."""
    kept = {
        name: CustomLogic(
            type="custom_logic",
            expression="true",
            column=dataset.rules[name].column,
            on_failure=dataset.rules[name].on_failure,
            correction=dataset.rules[name].correction,
        )
        for name in skipped
    }
    return dataset.model_copy(update={"rules": {**dataset.rules, **kept}}) if kept else dataset


def notes(dataset: Dataset, skipped: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the completion says of the rules that were left out."""
    return tuple(
        f"{names.rule_id(name)} was left out: its lookup {rule.lookup} could not be read"
        for name in skipped
        if isinstance(rule := dataset.rules[name], ReferenceDataCheck)
    )


def unordered(dataset: Dataset, counts: Counts) -> tuple[str, ...]:
    """Return what the completion says where rows came and did not take the place of others, and no column says which are later."""
    late = counts[LATE]
    if not late or dataset.duplicates.order:
        return ()
    return (
        f"{late:,} row(s) did not take the place of those with the same keys: without duplicates.order, what rows say is all that tells which is later",
    )


def uncompared(name: str, blocks: Sequence[LargeBlock]) -> tuple[str, ...]:
    """Return what the completion says of blocks in which rows that are nearly the same were not looked for; it is logged, too."""
    if not blocks:
        return ()
    rows = sum(block.rows for block in blocks)
    more = f"; and {len(blocks) - EXAMPLES:,} more" if len(blocks) > EXAMPLES else ""
    note = (
        f"{rows:,} row(s) were not compared and all stay: {len(blocks):,} block(s) are larger than max_block_rows of duplicates.fuzzy, "
        f"{'; '.join(map(str, blocks[:EXAMPLES]))}{more}"
    )
    log.warning("%s: %s", name, note)
    return (note,)


def refuse_failing(name: str, dataset: Dataset, counts: Counts, engine: Engine, dispatch: Dispatch) -> None:
    """Check that no row broke a rule for which the stage fails, and that every required rule could be evaluated.

    Raises:
        TerminalError: naming each such rule, its rows and some of them.
    """
    failing = {
        names.rule_id(rule): "is broken by"
        for rule, said in dataset.rules.items()
        if said.on_failure == "fail"
    }
    failing |= {f"{names.UNEVALUATED}{rule}": "is required, and says nothing of" for rule in dataset.rules}
    found = {rule: words for rule, words in failing.items() if counts.refused[rule]}
    if not found:
        return
    told = [
        f"{names.rule_id(rule.split('.', 1)[1])} {words} {counts.refused[rule]:,} row(s), as "
        + "; ".join(_shown(row) for row in engine.records(dispatch.examples(rule, EXAMPLES)))
        for rule, words in found.items()
    ]
    ways = dict.fromkeys(REQUIRED if rule.startswith(names.UNEVALUATED) else FAILING for rule in found)
    raise TerminalError(
        f"{name}: {'. '.join(told)}",
        hint=f"Silver is as it was. Bronze has the rows and keeps them, so change the rule: {'; '.join(ways)}",
    )


def _shown(row: dict[str, object]) -> str:
    raw = str(row["raw"])
    cut = f"{raw[:SHOWN_CHARACTERS]}…" if len(raw) > SHOWN_CHARACTERS else raw
    return f"{row['source_file']} row {row['source_row']}: {cut}"


def tell(name: str, found: Validation) -> None:
    """Log each application of a rule."""
    for count in found.rules:
        log.info(
            "%s of %s: %d rows, %d broke it, %d corrected, %d with a warning",
            count.rule, name, count.evaluated, count.broken, count.corrected, count.warned,
        )  # fmt: skip
