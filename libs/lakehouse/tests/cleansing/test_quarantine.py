"""Refused rows: kept as they arrived, with why and from where, under an id that stays."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.dispatch import Dispatch
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.tables import arrow_schema, ensure
from podium_lakehouse.expressions.dialects import DUCKDB

Make = Callable[..., dict[str, str | None]]
TIME = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def test_a_refused_row_is_kept_as_it_arrived(cleanser: Any, row: Make) -> None:
    """Its raw text is JSON under the source's own names, before defaults, standardisation or types."""
    dataset = cleanser.dataset(
        columns={"price": {"type": "decimal(9,2)", "from": "Unit Price"}, "town": {"type": "string"}},
        nulls={"town": {"strategy": "default", "default_value": "Bath"}},
        standardise={"id": {"expression": "upper(id)"}},
    )
    arrived = {**row('a "quoted"\nname\\é😀'), "Unit Price": " 1,5 ", "town": None}
    done = cleanser.run(dataset, [row("ok", **{"Unit Price": "1", "town": "x"}), arrived])
    refused = done.quarantine[0]
    assert json.loads(refused["raw"]) == arrived
    assert (refused["source_file"], refused["source_row"]) == ("x.csv", 2)
    assert (refused["ingestion_batch_id"], refused["reason"]) == ("shop.sales.000001", None)
    assert refused["quarantined_at"].astimezone(UTC).isoformat() == "2026-01-02T03:04:00+00:00"


def test_a_line_that_did_not_parse_is_its_own_raw_text(cleanser: Any) -> None:
    """There is no JSON to make of it; the reason says why it did not parse."""
    line = {"_corrupt_record": '1,"x\n2', "_corrupt_reason": "unquoted value", "_row": "17"}
    refused = cleanser.run(cleanser.dataset(), [line]).quarantine[0]
    assert (refused["raw"], refused["reason"], refused["source_row"]) == ('1,"x\n2', "unquoted value", 17)


def test_an_id_is_the_same_at_every_try_and_for_no_other_row(cleanser: Any, row: Make) -> None:
    """File, ingestion and place make the id; a line and a row with the same number are told apart."""
    rows = [
        row(at="x", _row="3"),
        row(at="x", _row="4"),
        row(at="x", _row="3", _file="y.csv"),
        {"_corrupt_record": "?", "_corrupt_reason": "missing columns", "_row": "3"},
    ]
    first, again = (cleanser.run(cleanser.dataset(), lines).quarantine for lines in (rows, rows[::-1]))
    ids = {refused["quarantine_id"] for refused in first}
    assert len(ids) == 4
    assert ids == {refused["quarantine_id"] for refused in again}


def test_quarantine_and_silver_fit_their_tables(cleanser: Any, row: Make) -> None:
    """What cleansing selects has the columns and types that the tables declare, in their order."""
    dataset = cleanser.dataset(columns={"x": {"type": "bigint"}}, nulls={"x": {"strategy": "flag"}})
    cleanser.run(dataset, [row(x="1"), row(x="bad")])
    dispatch = Dispatch(dataset, DUCKDB, TIME)
    for name, statement, schema in (
        ("silver", dispatch.accepted(), arrow_schema(names.silver_columns(dataset))),
        ("quarantine", dispatch.refused(), dispatch.QUARANTINE),
    ):
        found = cleanser.engine.connection.sql(DUCKDB.statement(statement)).to_arrow_table().schema
        assert found.remove_metadata().equals(schema), name


@pytest.mark.integration
def test_an_update_keeps_the_time_of_creation(cleanser: Any, row: Make, tmp_path: Path) -> None:
    """A row that is replaced was still created when it first came; its update has the time of the run."""
    dataset = cleanser.dataset(columns={"x": {"type": "integer"}})
    uri = str(tmp_path / "silver")
    ensure(uri, arrow_schema(names.silver_columns(dataset)))
    for number, (at, x) in enumerate([("1", "1"), ("2", "2")], start=1):
        held = DeltaTable(uri).to_pyarrow_table().to_pylist()
        cleanser.run(dataset, [row(at=at, x=x)], base=held)
        accepted = Dispatch(dataset, DUCKDB, TIME.replace(day=number)).accepted()
        transaction = TransactionId("app", number)
        cleanser.engine.merge(
            uri, accepted, ["id"], transaction, base=number - 1, metadata={}, keep=["created_at"]
        )
    [kept] = DeltaTable(uri).to_pyarrow_table().to_pylist()
    assert (kept["x"], kept["created_at"].day, kept["updated_at"].day) == (2, 1, 2)
