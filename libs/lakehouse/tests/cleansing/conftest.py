"""A dataset's cleansing run on the duckdb engine over a few rows of Bronze."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from podium_contracts.events.v1 import RuleCount
from podium_contracts.names import storable_name
from podium_contracts.pipeline import Dataset, Lookup
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome
from podium_lakehouse.cleansing.counts import Counts
from podium_lakehouse.cleansing.dispatch import Dispatch
from podium_lakehouse.cleansing.judging import lookup_relation
from podium_lakehouse.cleansing.preparing import offer_fillings, offer_near_equal
from podium_lakehouse.cleansing.staging import BRONZE, staging_statement
from podium_lakehouse.delta.tables import arrow_schema
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.expressions.dialects import DUCKDB

TIME = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
TOWNS = {"Bath": "Bath", "BTH": "Bath", "O'Town": "O'Town", "Ys": ""}
Row = dict[str, Any]


@dataclass(frozen=True)
class Cleansed:
    """Where the rows of a batch went."""

    counts: dict[str, int]
    dropped: dict[str, int]
    silver: list[Row]
    quarantine: list[Row]
    found: dict[str, RuleCount]
    """What each rule found, by its id."""

    @property
    def rules(self) -> list[list[str]]:
        """The rules that refused each row of quarantine, in the order of the rows."""
        return [row["rules"] for row in self.quarantine]


@dataclass(frozen=True)
class Cleanser:
    """Runs datasets that have the columns `id` (the key), `at` (the order) and whatever a test adds."""

    engine: DuckDbEngine
    header: Sequence[str] = ("id", "at")

    def dataset(self, **parts: Any) -> Dataset:
        """Return a dataset; `columns` are added to those that each has."""
        plain = {"id": {"type": "string"}, "at": {"type": "integer"}}
        return Dataset.model_validate(
            {
                "sources": [{"files": {"path": "*.csv"}}],
                "duplicates": {"keys": ["id"], "order": ["at"]},
                **parts,
                "columns": {**plain, **parts.get("columns", {})},
            }
        )

    def run(
        self, dataset: Dataset, rows: Sequence[Mapping[str, str | None]], base: Sequence[Row] = ()
    ) -> Cleansed:
        """Cleanse rows, given by source name; those with `_corrupt_record` are lines that did not parse. `base` is Silver."""
        given = [name for row in rows for name in row if name[0] != "_" and name not in names.KAFKA_METADATA]
        header = list(dict.fromkeys([*self.header, *given]))
        self._offer(
            BRONZE, [_bronze(header, number, row) for number, row in enumerate(rows, 1)], _schema(header)
        )
        towns = pa.schema([("variant", pa.string()), ("town", pa.string()), ("at", pa.string())])
        self._offer(
            lookup_relation("towns"), [{"variant": k, "town": v, "at": "x"} for k, v in TOWNS.items()], towns
        )
        lookups = {"towns": Lookup(path="towns.csv", key="variant", value="town")}
        stored = {storable_name(name): name for name in header}
        offer_fillings(self.engine, dataset, stored, BRONZE)
        self.engine.materialise(outcome.STAGED, staging_statement(dataset, lookups, stored, DUCKDB))
        self._offer(outcome.BASE, base, arrow_schema(names.silver_columns(dataset)))
        offer_near_equal(self.engine, dataset)
        self.engine.materialise(outcome.REPEATED, outcome.repeated_statement(DUCKDB))
        exceptions = outcome.exceptions_statement(dataset, DUCKDB, with_base=bool(base))
        self.engine.materialise(outcome.EXCEPTIONS, exceptions)
        return self._dispatched(Dispatch(dataset, DUCKDB, TIME))

    def _dispatched(self, dispatch: Dispatch) -> Cleansed:
        counted = Counts.of(self.engine.execute(dispatch.counts()))
        counts = {name: rows for name, rows in counted.by.items() if rows}
        dropped = {rule.removeprefix("nulls."): rows for rule, rows in counted.dropped.items()}
        found = {count.rule: count for count in counted.validation(dispatch.dataset).rules}
        return Cleansed(
            counts, dropped, self._rows(dispatch.accepted()), self._rows(dispatch.refused()), found
        )

    def _rows(self, statement: Any) -> list[Row]:
        found = self.engine.connection.sql(DUCKDB.statement(statement)).to_arrow_table().to_pylist()
        return sorted(found, key=lambda row: (row.get("source_row") or 0, str(row.get("id"))))

    def _offer(self, name: str, rows: Sequence[Row], schema: pa.Schema) -> None:
        self.engine.connection.register("given", pa.Table.from_pylist(list(rows), schema=schema))
        self.engine.execute(f"CREATE OR REPLACE TABLE {name} AS FROM given")


def _schema(header: Sequence[str]) -> pa.Schema:
    source = [pa.field(storable_name(name), pa.string()) for name in header]
    own = (names.BRONZE_METADATA, names.BRONZE_POSITION, names.KAFKA_METADATA)
    return pa.schema([*source, *(field for columns in own for field in arrow_schema(columns))])


def _bronze(header: Sequence[str], number: int, row: Mapping[str, str | None]) -> Row:
    return {
        **{storable_name(name): row.get(name) for name in header},
        "ingestion_timestamp": TIME,
        "source_file": row.get("_file", "x.csv"),
        "ingestion_batch_id": "shop.sales.000001",
        "ingestion_source": "file",
        "source_system": row.get("_system", "till"),
        "_batch": 1,
        "_row": int(row.get("_row") or number),
        "_corrupt_record": row.get("_corrupt_record"),
        "_corrupt_reason": row.get("_corrupt_reason"),
        **{name: row.get(name) for name in names.KAFKA_METADATA},
    }


@pytest.fixture(scope="module")
def cleanser() -> Iterator[Cleanser]:
    """Return a cleanser whose every run replaces what the one before it offered."""
    with duckdb_engine() as engine:
        yield Cleanser(engine)


@pytest.fixture
def row() -> Callable[..., dict[str, str | None]]:
    """Return a maker of source rows with the key `a`, unless told otherwise."""

    def make(
        identifier: str | None = "a", at: str | None = "1", **values: str | None
    ) -> dict[str, str | None]:
        return {"id": identifier, "at": at, **values}

    return make
