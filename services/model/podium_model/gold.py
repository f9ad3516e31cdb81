"""Gold tables of one build: what is certified, what is staged, what changes, and the sums that must agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import pyarrow as pa
from podium_contracts.errors import ModelFailed
from podium_contracts.events.v1 import ControlTotal as CheckedTotal
from podium_contracts.names import Layer
from podium_contracts.pipeline.types import TIMESTAMP
from podium_lakehouse.delta.appends import append_once, overwrite_once
from podium_lakehouse.delta.commits import Committed
from podium_lakehouse.delta.folders import discard, parquet_files
from podium_lakehouse.delta.tables import CHANGE_FEED, Snapshot, current, ensure
from podium_lakehouse.engines.bounds import bounds, within
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.engines.refusals import refusals_as
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Intent
from podium_lakehouse.records.table import table_name

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
        engine: Engine,
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
        self.partitioned = self._is_partitioned()
        self.notes: list[str] = []
        self.staged = engine.draft(f"{engine.workspace}/stage/{model.name}" if incremental else self.uri)

    def offer(self) -> None:
        """Offer the certified rows to dbt where the model runs incrementally."""
        if self.incremental:
            self.engine.offer_table(self._certified, Snapshot(self.uri, self.base))

    def context(self) -> str:
        """Return the model's row of `podium_context` as SQL."""
        dialect = self.engine.dialect
        moment = f"CAST({dialect.text(self.intent.time.isoformat())} AS {dialect.type_name(TIMESTAMP)})"
        return (
            f"SELECT {dialect.text(self.model.name)} AS model, {moment} AS run_time, "
            f"{self.incremental} AS incremental, {dialect.text(self.staged)} AS folder, "
            f"{dialect.text(self._partition() if self.partitioned else '')} AS partition_column"
        )

    def check_keys(self) -> None:
        """Check that the staged rows can be told apart: a surrogate key is a hash, and hashes may collide.

        Raises:
            ModelFailed: a setting names no column, or a key is null or stands for several rows, or a row belongs to no affected key.
        """
        self._check_columns()
        keys, affect = ", ".join(map(self._quoted, self.model.keys)), self._quoted(self.model.affect_key)
        identifying = dict.fromkeys([*self.model.keys, self.model.affect_key])
        null = " OR ".join(f"{self._quoted(name)} IS NULL" for name in identifying)
        nameless = self._rows(f"{self._staged} WHERE {null}")
        if nameless:
            raise ModelFailed(
                f"model {self.model.name}: {nameless} row(s) where {' or '.join(identifying)} is null",
                hint="give such rows a value of their own in the model, such as -1",
            )
        repeated = f"SELECT {keys} FROM {self._staged} GROUP BY ALL HAVING count(*) > 1"
        if self.incremental:
            kept = f"WHERE {affect} NOT IN (SELECT {affect} FROM {self._keys} WHERE {affect} IS NOT NULL)"
            # Where it is part of the key, what is staged tells what could meet: mostly nothing, and then nothing certified is read.
            within_key = self.model.affect_key in self.model.keys
            met = f"(SELECT {keys} FROM {self._staged} {kept})" if within_key else self._staged
            rows = f"{self._certified} SEMI JOIN {met} USING ({keys}) {'' if within_key else kept}"
            repeated += f" UNION ALL SELECT {keys} FROM {rows}"
        found = self.engine.execute(f"{repeated} LIMIT 3")
        if found:
            listed = "; ".join(", ".join(str(value) for value in row) for row in found)
            raise ModelFailed(
                f"model {self.model.name}: {', '.join(self.model.keys)} stands for several rows: {listed}",
                hint="make the model's unique_key unique: two things must not share a key",
            )

    def _check_columns(self) -> None:
        layout = self.model.layout
        named = {"unique_key": self.model.keys, "affect_key": (self.model.affect_key,)}
        named |= {"zorder_by": layout.zorder_by}
        named |= {"partition_by": (layout.partition_by.field,)} if layout.partition_by else {}
        columns = self.engine.schema(self._staged).names
        have = {name.lower() for name in columns}
        for setting, names in named.items():
            if missing := [name for name in names if name.lower() not in have]:
                raise ModelFailed(
                    f"model {self.model.name}: {setting} names {', '.join(missing)}, which the model does not make",
                    hint=f"correct {setting} in the model's config(); its columns are: {', '.join(columns)}",
                )

    def discard(self) -> None:
        """Remove the staged rows, which no commit will list."""
        discard([self.staged])

    def commit(self) -> Change:
        """Bring the staged rows into the table, in one commit."""
        with self.lakehouse.commit(self.intent, self.model.name):
            if self.incremental:
                return self._merge()
            return self._append() if self.base == ABSENT else self._overwrite()

    def order(self, committed: Committed) -> int:
        """Z-order the table if the model declares it and enough is out of order; return the version that is left."""
        zorder_by = self.model.layout.zorder_by
        ordered = self.engine.order(self.uri, zorder_by) if zorder_by else None
        return committed.version if ordered is None else ordered

    def totals(self) -> list[CheckedTotal]:
        """Return the model's control totals, over the affected keys only where it ran incrementally: those have staged rows alone.

        Raises:
            ModelFailed: the engine refuses what the model declares of one, or it is no number.
        """
        totals = self.model.control_totals
        actual = self._sums({total.name: total.this for total in totals}, self._staged)
        expected: dict[str, str] = {}
        for source in dict.fromkeys(total.source for total in totals):
            equals = {total.name: total.equals for total in totals if total.source == source}
            expected |= self._sums(equals, source, dict(self.model.key_of).get(source))
        return [
            CheckedTotal(name=total.name, expected=expected[total.name], actual=actual[total.name])
            for total in totals
        ]

    def _sums(self, aggregates: Mapping[str, str], relation: str, key: str | None = None) -> dict[str, str]:
        """Return aggregates over a relation, from one query; `key` says how the relation's rows have the affected key, if not by its name."""
        if not aggregates:
            return {}
        where = f" WHERE {self._affected(key or self.model.affect_key)}" if self.incremental else ""
        said = f"{', '.join(aggregates.values())} over {relation}"
        with refusals_as(lambda reason: self._no_total(f"{said}: {reason}")):
            (values,) = self.engine.execute(f"SELECT {', '.join(aggregates.values())} FROM {relation}{where}")
        try:
            texts = [f"{Decimal(str(value or 0)).normalize():f}" for value in values]
        except InvalidOperation:
            raise self._no_total(f"{said} gives {', '.join(map(str, values))}: no number") from None
        return dict(zip(aggregates, texts, strict=True))

    def _no_total(self, why: str) -> ModelFailed:
        return ModelFailed(
            f"model {self.model.name}: no control total: {why}",
            hint="correct control_totals in the model's config(): `this` is an aggregate over the model's rows, `equals` over those of `from`",
        )

    def _affected(self, key: str) -> str:
        """Return the condition that a row's key is affected; bounds come first, to leave out files."""
        ends = within(self.engine, key, *self._ends())
        return " AND ".join([*ends, f"{key} IN (SELECT {self.model.affect_key} FROM {self._keys})"])

    def _ends(self) -> tuple[object, object]:
        """Return the first and the last affected key."""
        return bounds(self.engine, self.model.affect_key, self._keys)

    @property
    def _staged(self) -> str:
        return f"stage__{self.model.name}"

    @property
    def _certified(self) -> str:
        return f"cert__{self.model.name}"

    @property
    def _was(self) -> str:
        return f"was__{self.model.name}"

    @property
    def _keys(self) -> str:
        return f"keys__{self.model.name}"

    def _is_partitioned(self) -> bool:
        declared, table = self.model.layout.partition_by, current(self.uri)
        return bool(declared and table and declared.column in table.metadata().partition_columns)

    def _partition(self) -> str:
        """Return the partition column as SQL."""
        assert self.model.layout.partition_by
        declared = self.model.layout.partition_by
        return (
            f"{declared.expression(self.engine.dialect)} AS {self.engine.dialect.identifier(declared.column)}"
        )

    def _decide(self) -> bool:
        """Decide whether a new table is partitioned: once and for all, and never into small files."""
        declared = self.model.layout.partition_by
        if declared is None or self.partitioned:
            return self.partitioned
        values = f"SELECT count(DISTINCT {declared.expression(self.engine.dialect)}) FROM {self._staged}"
        partitions = int(str(self.engine.execute(values)[0][0]))
        size = sum(file.size for file in parquet_files(self.staged))
        refusal = declared.refusal(f"gold.{self.model.name}", size, partitions)
        self.notes += [refusal] if refusal else []
        return refusal is None and current(self.uri) is None

    def _append(self) -> Change:
        schema, rows = self.engine.schema(self._staged), self._rows(self._staged)
        partitions: tuple[str, ...] = ()
        declared = self.model.layout.partition_by
        if declared and self._decide():
            partitions = (declared.column,)
            schema = schema if self.partitioned else schema.append(pa.field(declared.column, pa.date32()))
            folder = self._write_partitioned(declared.column)
        else:
            folder = self.engine.place(self.uri, self.staged)
        ensure(self.uri, schema, CHANGE_FEED, partitions)
        committed = append_once(
            self.uri,
            [folder],
            self.intent.transaction(table_name(self.uri)),
            base=0,
            metadata=self.intent.commit_metadata,
        )
        return Change(committed, rows, 0)

    def _write_partitioned(self, column: str) -> str:
        """Write the staged rows anew, a folder per partition; return the folder of all."""
        added = "" if self.partitioned else f", {self._partition()}"
        folder = self.engine.write(self.uri, f"SELECT *{added} FROM {self._staged}", partition_by=column)
        discard([self.staged])
        return folder

    def _overwrite(self) -> Change:
        """Replace every row: the project changed, and with it perhaps the columns."""
        rows = self._rows(self._staged)
        declared = self.model.layout.partition_by
        if declared and self.partitioned:
            folder = self._write_partitioned(declared.column)
        else:
            folder = self.engine.place(self.uri, self.staged)
        committed = overwrite_once(
            self.uri,
            folder,
            self.engine.schema(self._staged),
            self.intent.transaction(table_name(self.uri)),
            base=self.base,
            metadata=self.intent.commit_metadata,
        )
        return Change(committed, rows, Snapshot(self.uri, self.base).rows())

    def _merge(self) -> Change:
        """Merge only rows that differ, and delete those of affected keys that are no longer made; append where all are new.

        A certified row with a staged one's key is among those of the affected keys, or `check_keys` would have refused it.
        """
        name, keys = self.model.name, [self._quoted(key) for key in self.model.keys]
        on = " AND ".join(f"s.{key} = c.{key}" for key in keys)
        made = self.engine.schema(self._staged).names
        compared = [self._quoted(col) for col in made if col not in (*NOT_COMPARED, *self._written_once())]
        differs = " OR ".join(f"s.{col} IS DISTINCT FROM c.{col}" for col in compared)
        columns = [self._quoted(col) for col in made]
        self.engine.materialise(
            f"diff__{name}",
            f"SELECT s.*, FALSE AS {DELETED}, c.{keys[0]} IS NULL AS _new FROM {self._staged} s "
            f"LEFT JOIN {self._was} c ON {on} WHERE c.{keys[0]} IS NULL OR {differs} UNION ALL "
            f"SELECT c.*, TRUE, FALSE FROM {self._was} c ANTI JOIN {self._staged} s ON {on}",
        )
        counted = f"SELECT count(*), count(*) FILTER (WHERE _new), count(*) FILTER (WHERE {DELETED}) FROM diff__{name}"
        rows, inserted, removed = (int(str(value)) for value in self.engine.execute(counted)[0])
        declared = self.model.layout.partition_by
        transaction = self.intent.transaction(table_name(self.uri))
        if inserted == rows:
            partition_by = declared.column if declared and self.partitioned else None
            new = f"SELECT {', '.join(columns)} FROM diff__{name}"
            committed = append_once(
                self.uri,
                [self.engine.write(self.uri, new, partition_by)],
                transaction,
                base=self.base,
                metadata=self.intent.commit_metadata,
            )
            return Change(committed, inserted, removed)
        committed = self.engine.merge(
            self.uri,
            f"SELECT {', '.join([*columns, DELETED])} FROM diff__{name}",
            self.model.keys,
            transaction,
            base=self.base,
            metadata=self.intent.commit_metadata,
            keep=self._written_once(),
            delete_where=f"s.{DELETED}",
            touched=within(self.engine, f"t.{self._quoted(self.model.affect_key)}", *self._ends()),
        )
        return Change(committed, inserted, removed)

    def _quoted(self, column: str) -> str:
        return self.engine.dialect.identifier(column)

    def _written_once(self) -> tuple[str, ...]:
        """Return the columns that an update leaves as they are."""
        declared = self.model.layout.partition_by
        partition = (
            (declared.column,) if declared and self.partitioned and declared.field in WRITTEN_ONCE else ()
        )
        return (*WRITTEN_ONCE, *partition)

    def _rows(self, relation: str) -> int:
        return int(str(self.engine.execute(f"SELECT count(*) FROM {relation}")[0][0]))
