"""Leaving files out by their statistics never leaves out a row."""

import operator
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.tables import ensure
from podium_lakehouse.engines.duckdb import duckdb_engine

OPERATORS: dict[str, Callable[[object, object], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
KINDS = {
    "text": pa.string(),
    "number": pa.int64(),
    "amount": pa.decimal128(9, 2),
    "wide": pa.decimal128(38, 2),
    "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
}
VALUES: dict[str, st.SearchStrategy[object]] = {
    "text": st.text(st.sampled_from("aé\U0001f600\U0010ffff'"), max_size=36),
    "number": st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    "amount": st.decimals(-3, 3, places=2),
    "wide": st.sampled_from([Decimal("9" * 36), Decimal("-" + "9" * 36), Decimal("0.01"), Decimal(0)]),
    "day": st.dates(date(101, 1, 1), date(104, 1, 1)),
    "moment": st.integers(-2500, 2500).map(
        lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    ),
}


def literal(name: str, value: object) -> str:
    """Return a value as the predicate's SQL writes it."""
    text = str(value).replace("'", "''")
    if name == "moment":
        return f"arrow_cast('{text}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
    if name == "day":
        return f"CAST('{text}' AS DATE)"
    return f"'{text}'" if name == "text" else text


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, list[list[object]], str, object]:
    """A column, its values file by file, and a comparison with one of them or another value."""
    name = draw(st.sampled_from(sorted(KINDS)))
    values = VALUES[name]
    files = draw(st.lists(st.lists(values | st.none(), min_size=1, max_size=4), min_size=1, max_size=3))
    return name, files, draw(st.sampled_from(sorted(OPERATORS))), draw(values)


@settings(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(searches())
def test_a_file_with_a_matching_row_is_never_left_out(
    case: tuple[str, list[list[object]], str, object],
) -> None:
    """Whatever the values and the comparison, every file that holds a matching row is among those that are read."""
    name, files, sign, wanted = case
    with tempfile.TemporaryDirectory() as folder, duckdb_engine() as engine:
        uri = f"{folder}/table"
        ensure(uri, pa.schema([(name, KINDS[name])]))
        expected = set()
        for number, values in enumerate(files, start=1):
            engine.connection.register("rows", pa.table({name: pa.array(values, KINDS[name])}))
            written = engine.write(uri, "SELECT * FROM rows")
            append_once(uri, [written], TransactionId("app", number), base=number - 1, metadata={})
            if any(value is not None and OPERATORS[sign](value, wanted) for value in values):
                expected.add(Path(written).name)
        kept = DeltaTable(uri).file_uris(file_pruning_predicate=f"{name} {sign} {literal(name, wanted)}")
        assert expected <= {Path(path).parent.name for path in kept}


def test_files_out_of_range_are_left_out(tmp_path: Path) -> None:
    """The statistics are of use: only the file with the wanted number is read."""
    uri = str(tmp_path / "table")
    ensure(uri, pa.schema([("number", pa.int64())]))
    with duckdb_engine() as engine:
        folders = [engine.write(uri, f"SELECT {number}::BIGINT AS number") for number in range(3)]
        append_once(uri, folders, TransactionId("app", 1), base=0, metadata={})
    kept = DeltaTable(uri).file_uris(file_pruning_predicate="number = 1")
    assert [Path(path).parent.name for path in kept] == [Path(folders[1]).name]
