"""Intents that others are at work on while somebody looks at them."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from podium_contracts.events.v1 import Run
from podium_contracts.names import Stage
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records import intents
from podium_lakehouse.records.intents import Intent, Scope
from podium_lakehouse.records.table import table_name

SCOPE = Scope(pipeline="shop", stage=Stage.CLEANSE, subject="silver.sales")
RUN = Run(pipeline="shop", id="run-1", requested_at=datetime(2026, 1, 2, 12, tzinfo=UTC))


@pytest.mark.parametrize("look", ["_moved", "_begun"])
def test_an_intent_that_commits_while_it_is_looked_at_still_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """Whichever of its two looks at a table a commit of the intent follows, nobody takes it for overtaken and plans its work again."""
    lakehouse, uri = Lakehouse(str(tmp_path)), str(tmp_path / "silver" / "sales")
    write_deltalake(uri, pa.table({"id": ["0"]}))
    intent = Intent(
        scope=SCOPE,
        sequence=1,
        completion=1,
        run=RUN,
        traceparent="t",
        fingerprint="f",
        bases={uri: 0},
    )
    lakehouse.intents.put(intent)
    looked = getattr(intents, look)

    def followed_by_a_commit(*about: object) -> bool:
        found = bool(looked(*about))
        if DeltaTable(uri).version() == 0:
            commit = Transaction(intent.transaction(table_name(uri)).app_id, intent.sequence)
            write_deltalake(
                uri,
                pa.table({"id": ["1"]}),
                mode="append",
                commit_properties=CommitProperties(app_transactions=[commit]),
            )
        return found

    monkeypatch.setattr(intents, look, followed_by_a_commit)
    assert lakehouse.intents.pending(SCOPE, 0, "f", {}) == intent
    assert DeltaTable(uri).version() == 1
