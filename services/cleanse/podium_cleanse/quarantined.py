"""Rows in quarantine that somebody has decided on: read from Bronze once more, or given up; either way they leave quarantine."""

import logging
from collections import Counter

from podium_contracts.errors import LedgerImbalance
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome
from podium_lakehouse.cleansing.counts import CORRUPT
from podium_lakehouse.cleansing.dispatch import Dispatch
from podium_lakehouse.cleansing.staging import BRONZE
from podium_lakehouse.delta.appends import overwrite_once
from podium_lakehouse.delta.commits import Committed
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.expressions.dialects import Dialect
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Decision, Intent
from podium_lakehouse.records.table import table_name

QUARANTINED = "quarantined"
CHOSEN = "chosen"
AGAIN = "refused_again"
HELD = "bronze_held"

log = logging.getLogger("podium.cleanse")


def tell_withdrawn(name: str, given_up: Intent | None) -> None:
    """Log that a decision on a dataset's quarantine will not be carried out, where an intent that was given up had one."""
    if given_up is None or given_up.decision is None:
        return
    decision = given_up.decision
    rows = f"refused by {decision.rule}" if decision.rule else f"{len(decision.ids) or 'all'} of them"
    log.warning(
        "%s of rows of quarantine.%s (%s), which failed or was interrupted, is withdrawn: what it was planned on has changed since. "
        "They are still there: repeat `podium quarantine %s`",
        decision.action, name, rows, decision.action,
    )  # fmt: skip


def condition(decision: Decision, dialect: Dialect) -> str:
    """Return the condition that a decision is on a row of quarantine."""
    parts = [f"array_contains(rules, {dialect.text(decision.rule)})"] if decision.rule else []
    if decision.ids:
        parts.append(f"quarantine_id IN ({', '.join(map(dialect.text, decision.ids))})")
    return " AND ".join(parts) or "TRUE"


def offer(engine: Engine, intent: Intent, decision: Decision, uri: str) -> int:
    """Offer a quarantine as it was pinned, and where the chosen rows came from; return how many these are."""
    engine.offer_table(QUARANTINED, Snapshot(uri, intent.bases[uri]))
    corrupt = f"array_contains(rules, {engine.dialect.text(CORRUPT)})"
    reason = f"CASE WHEN {corrupt} THEN coalesce(reason, '') ELSE '' END AS reason"
    origin = f"source_file, ingestion_batch_id, source_row, {reason}"
    engine.materialise(
        CHOSEN, f"SELECT {origin} FROM {QUARANTINED} WHERE {condition(decision, engine.dialect)}"
    )
    ((rows,),) = engine.execute(f"SELECT count(*) FROM {CHOSEN}")
    return int(str(rows))


def rules(engine: Engine, decision: Decision) -> Counter[str]:
    """Return how many of the chosen rows each rule has refused, by its id."""
    found = Counter[str]()
    chosen = condition(decision, engine.dialect)
    counted = f"SELECT rules, count(*) FROM {QUARANTINED} WHERE {chosen} GROUP BY rules"
    for broken, rows in engine.execute(counted):
        assert isinstance(broken, list)
        found.update(dict.fromkeys(broken, int(str(rows))))
    return found


def offer_again(engine: Engine, intent: Intent, chosen: int) -> None:
    """Offer the chosen rows as Bronze has them: what they said has never changed.

    Raises:
        LedgerImbalance: Bronze no longer has each of them.
    """
    bronze = intent.inputs[BRONZE]
    batches = engine.execute(f"SELECT DISTINCT ingestion_batch_id FROM {CHOSEN}")
    numbers = sorted(int(str(batch).rsplit(".", 1)[1]) for (batch,) in batches)
    wanted = f"{names.BATCH} >= {numbers[0]} AND {names.BATCH} <= {numbers[-1]}"
    engine.offer_table(HELD, Snapshot(bronze.uri, bronze.to_version), prune=wanted, where=wanted)
    same = [
        f"{HELD}.source_file = {CHOSEN}.source_file",
        f"{HELD}.ingestion_batch_id = {CHOSEN}.ingestion_batch_id",
        f"{HELD}.{names.ROW} = {CHOSEN}.source_row",
        f"coalesce({HELD}.{names.CORRUPT_REASON}, '') = {CHOSEN}.reason",
    ]
    engine.materialise(BRONZE, f"SELECT {HELD}.* FROM {HELD} JOIN {CHOSEN} ON {' AND '.join(same)}")
    ((found,),) = engine.execute(f"SELECT count(*) FROM {BRONZE}")
    if found != chosen:
        raise LedgerImbalance(
            f"{chosen} rows of quarantine were chosen, and Bronze holds {found} of them",
            hint="rows that were erased from Bronze cannot be replayed: reject them",
        )


def commit(
    engine: Engine,
    intent: Intent,
    decision: Decision,
    lakehouse: Lakehouse,
    uri: str,
    dispatch: Dispatch | None = None,
) -> Committed:
    """Take the chosen rows out of a quarantine, and put those in that were refused again, in one commit."""
    columns = ", ".join(Dispatch.QUARANTINE.names)
    stay = f"SELECT {columns} FROM {QUARANTINED} WHERE NOT ({condition(decision, engine.dialect)})"
    if dispatch is not None:
        engine.materialise_rows(AGAIN, dispatch.refused(), outcome.STAGED)
        stay += f" UNION ALL SELECT {columns} FROM {AGAIN}"
    folder = engine.write(uri, stay)
    with lakehouse.commit(intent, "quarantine"):
        return overwrite_once(
            uri,
            folder,
            Dispatch.QUARANTINE,
            intent.transaction(table_name(uri)),
            base=max(intent.bases[uri], 0),
            metadata={**intent.commit_metadata, "podium.decision": decision.model_dump_json()},
        )
