"""Gold tables of one build: what is certified, what is staged, what changes, and the sums that must agree."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_contracts.events.v1 import ControlTotal as CheckedTotal
from podium_contracts.names import Layer
from podium_lakehouse.delta.commits import Committed, commit_once
from podium_lakehouse.delta.tables import Snapshot, ensure
from podium_lakehouse.engines.duckdb import DuckDbEngine
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Intent, table_name

from podium_model.project import GoldModel

WRITTEN_ONCE = ("created_at",)
NOT_COMPARED = ("created_at", "updated_at")
DELETED = "_deleted"


@dataclass(frozen=True)
class Change:
    """Rows of a Gold table that a commit adds and takes away, in rows."""

    committed: Committed
    inserted: int
    removed: int


class GoldTable:
    """One model's table within one build."""

    def __init__(
        self,
        model: GoldModel,
        engine: DuckDbEngine,
        intent: Intent,
        lakehouse: Lakehouse,
        *,
        incremental: bool,
    ) -> None:
        self.model = model
        self.engine = engine
        self.intent = intent
        self.lakehouse = lakehouse
        self.uri = lakehouse.table_uri(Layer.GOLD, model.name)
        self.base = intent.bases[self.uri]
        self.incremental = incremental
        home = engine.scratch / "stage" / model.name if incremental else Path(self.uri) / "data"
        self.folder = home / uuid.uuid4().hex[:12]
        home.mkdir(parents=True, exist_ok=True)

    def offer(self) -> None:
        """Offer the certified rows to dbt where the model runs incrementally."""
        if self.incremental:
            self.engine.offer_table(f"cert__{self.model.name}", Snapshot(self.uri, self.base))

    def context(self) -> str:
        """Return the model's row of `podium_context` as SQL."""
        moment = DUCKDB.text(self.intent.time.isoformat())
        return (
            f"SELECT {DUCKDB.text(self.model.name)} AS model, CAST({moment} AS TIMESTAMPTZ) AS run_time, "
            f"{self.incremental} AS incremental, {DUCKDB.text(str(self.folder))} AS folder"
        )

    def commit(self) -> Change:
        """Bring the staged rows into the table, in one commit."""
        with self.lakehouse.commit(self.intent, self.model.name):
            if self.incremental:
                return self._merge()
            return self._append() if self.base == ABSENT else self._overwrite()

    def totals(self) -> list[CheckedTotal]:
        """Return the model's control totals, over the affected keys only where it ran incrementally."""
        return [
            CheckedTotal(
                name=total.name,
                expected=self._sum(total.equals, total.source),
                actual=self._sum(total.this, self.model.name),
            )
            for total in self.model.control_totals
        ]

    def _sum(self, aggregate: str, relation: str) -> str:
        key = self.model.affect_key
        where = f" WHERE {key} IN (SELECT {key} FROM keys__{self.model.name})" if self.incremental else ""
        value = self.engine.execute(f"SELECT {aggregate} FROM {relation}{where}")[0][0]
        return str(value if value is not None else 0)

    def _staged_schema(self) -> pa.Schema:
        reader = self.engine.connection.sql(f"FROM stage__{self.model.name} LIMIT 0").to_arrow_table()
        return pa.schema([field.with_nullable(nullable=True) for field in reader.schema])

    def _append(self) -> Change:
        ensure(self.uri, self._staged_schema(), {"delta.enableChangeDataFeed": "true"})
        rows = self._rows(f"stage__{self.model.name}")
        committed = self.engine.append(
            self.uri,
            [self.folder],
            self.intent.transaction(table_name(self.uri)),
            base=0,
            metadata=self.intent.commit_metadata,
        )
        return Change(committed, rows, 0)

    def _overwrite(self) -> Change:
        """Replace every row: the project changed, and with it perhaps the columns."""
        relation = f"stage__{self.model.name}"

        def replace(table: DeltaTable, properties: CommitProperties) -> None:
            reader = self.engine.connection.sql(f"FROM {relation}").to_arrow_reader()
            write_deltalake(
                table, reader, mode="overwrite", schema_mode="overwrite", commit_properties=properties
            )

        committed = commit_once(
            self.uri,
            self.intent.transaction(table_name(self.uri)),
            replace,
            base=self.base,
            metadata=self.intent.commit_metadata,
        )
        return Change(committed, self._rows(relation), Snapshot(self.uri, self.base).rows())

    def _merge(self) -> Change:
        """Merge only rows that differ, and delete those of affected keys that are no longer made."""
        name, keys = self.model.name, self.model.keys
        on = " AND ".join(f"s.{key} = c.{key}" for key in keys)
        columns = [field.name for field in self._staged_schema()]
        differs = " OR ".join(
            f"s.{col} IS DISTINCT FROM c.{col}" for col in columns if col not in NOT_COMPARED
        )
        affected = f"c.{self.model.affect_key} IN (SELECT {self.model.affect_key} FROM keys__{name})"
        self.engine.execute(
            f"CREATE OR REPLACE TABLE diff__{name} AS "
            f"SELECT s.*, FALSE AS {DELETED}, c.{keys[0]} IS NULL AS _new FROM stage__{name} s "
            f"LEFT JOIN cert__{name} c ON {on} WHERE c.{keys[0]} IS NULL OR {differs} UNION ALL "
            f"SELECT c.*, TRUE, FALSE FROM cert__{name} c ANTI JOIN stage__{name} s ON {on} WHERE {affected}"
        )
        counted = f"SELECT count(*) FILTER (_new), count(*) FILTER ({DELETED}) FROM diff__{name}"
        inserted, removed = (int(str(value)) for value in self.engine.execute(counted)[0])
        committed = self.engine.merge(
            self.uri,
            f"SELECT * EXCLUDE (_new) FROM diff__{name}",
            keys,
            self.intent.transaction(table_name(self.uri)),
            base=self.base,
            metadata=self.intent.commit_metadata,
            keep=WRITTEN_ONCE,
            delete_where=f"s.{DELETED}",
        )
        return Change(committed, inserted, removed)

    def _rows(self, relation: str) -> int:
        return int(str(self.engine.execute(f"SELECT count(*) FROM {relation}")[0][0]))
