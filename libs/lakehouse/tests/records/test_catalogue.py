"""The catalogue, the history of schemas and the audit come back as they were put, once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from podium_contracts.events.v1 import LayerCompleted, Run, TableVersion
from podium_contracts.messages import OffsetRange
from podium_contracts.names import Layer, Stage
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.catalogue import Entry, TableColumn
from podium_lakehouse.records.intents import Input, Intent, Scope, SourceFile
from podium_lakehouse.records.schema_history import NewSchema, Outcome
from podium_lakehouse.schemas.changes import changes

TIME = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """Return an empty lakehouse."""
    return Lakehouse(str(tmp_path / "lake"))


def entry(sequence: int, names: dict[str, str], subject: str = "bronze.sales", name: str = "") -> Entry:
    """Return an entry of a table whose columns have these names in the source."""
    return Entry(
        name=name or subject,
        layer="bronze",
        pipeline="shop",
        owner="Till Team",
        uri=f"/lake/{subject}",
        version=sequence,
        rows=10 * sequence,
        columns=tuple(TableColumn(column, "string", source) for column, source in names.items()),
        source_schemas={0: dict.fromkeys(names, "integer"), 2: {}},
        schema_fingerprint="f",
        sources=("in/1.csv",),
        subject=subject,
        sequence=sequence,
        run_id=f"run-{sequence}",
        time=TIME,
    )


def intent(sequence: int, **parts: object) -> Intent:
    """Return an intent to ingest sales."""
    scope = Scope(pipeline="shop", stage=Stage.INGEST, subject="bronze.sales")
    run = Run(pipeline="shop", id=f"run-{sequence}", requested_at=TIME)
    given = {
        "scope": scope,
        "sequence": sequence,
        "run": run,
        "traceparent": "t",
        "fingerprint": "f",
        **parts,
    }
    return Intent.model_validate(given)


def test_the_catalogue_is_empty_before_the_first_ingestion(lakehouse: Lakehouse) -> None:
    """Asking makes no table."""
    assert lakehouse.catalogue.source_names("bronze", "sales") == {}
    assert lakehouse.catalogue.last("bronze.sales") == []
    assert not Path(lakehouse.record_uri("catalogue")).exists()


def test_an_entry_comes_back_as_it_was_put(lakehouse: Lakehouse) -> None:
    """Every field, nested ones among them; names in the order of the columns; the last one unless a number is given."""
    names = {"z": "Z", "a_b": "a b", "c": "c"}
    first, second = entry(1, {"z": "Z"}), entry(3, names)
    lakehouse.catalogue.put([first])
    lakehouse.catalogue.put([second])
    lakehouse.catalogue.put([entry(1, {"q": "q"}, "bronze.other")])
    assert lakehouse.catalogue.last("bronze.sales") == [second]
    assert lakehouse.catalogue.at("bronze.sales", 1) == [first]
    assert list(lakehouse.catalogue.source_names("bronze", "sales").items()) == list(names.items())


def test_a_subject_may_have_several_tables(lakehouse: Lakehouse) -> None:
    """As Silver and its quarantine, or all of Gold."""
    lakehouse.catalogue.put([entry(1, {}, "gold.shop", name) for name in ("gold.a", "gold.b")])
    assert {found.name for found in lakehouse.catalogue.last("gold.shop")} == {"gold.a", "gold.b"}


def test_an_entry_is_put_once(lakehouse: Lakehouse) -> None:
    """A second try of the same ingestion changes nothing."""
    lakehouse.catalogue.put([entry(1, {"a": "a"})])
    lakehouse.catalogue.put([entry(1, {"b": "b"})])
    assert lakehouse.catalogue.source_names("bronze", "sales") == {"a": "a"}


def test_a_new_schema_is_recorded_once_with_what_it_changes(lakehouse: Lakehouse) -> None:
    """In the reference's words, with the intent's run and time; nothing is written where nothing changed."""
    lakehouse.schema_history.put(intent(1), [])
    assert not Path(lakehouse.record_uri("schema_history")).exists()
    new = {"id": "bigint", "shop": "string"}
    found = NewSchema("in/2.csv", new, changes({"id": "integer", "price": "date"}, new), Outcome.QUARANTINED)
    for _ in range(2):
        lakehouse.schema_history.put(intent(2), [found])
    [row] = lakehouse.schema_history.all("sales")
    assert row == {
        "layer": "bronze",
        "dataset": "sales",
        "sequence": 2,
        "position": 0,
        "outcome": "quarantined",
        "source_file": "in/2.csv",
        "fields": [{"field": "id", "type": "bigint"}, {"field": "shop", "type": "string"}],
        "added_fields": ["shop"],
        "removed_fields": ["price"],
        "modified_fields": [{"field": "id", "old_type": "integer", "new_type": "bigint"}],
        "is_compatible": False,
        "issues": ["Field price removed"],
        "pipeline": "shop",
        "run_id": "run-2",
        "time": TIME,
    }


def test_the_audit_has_a_row_for_each_thing_read_and_each_commit(lakehouse: Lakehouse) -> None:
    """Files with their content's hash, ranges of offsets but no empty ones, tables with their versions, then what was committed."""
    file = SourceFile(path="in/1.csv", size=9, modified_ns=1, sha256="abc", lines=3, blank=0)
    offsets = [
        OffsetRange(topic="sales", partition=part, start=5, end=end, topic_id=None)
        for part, end in ((0, 8), (1, 5))
    ]
    table = Input(uri="/lake/bronze/sales", to_version=4)
    planned = intent(1, files=[file], offsets=offsets, inputs={"bronze": table})
    version = TableVersion(
        name="bronze.sales",
        uri="/lake/bronze/sales",
        from_version=4,
        to_version=5,
        rows=20,
        schema_fingerprint="f",
    )
    data = LayerCompleted(run=planned.run, layer=Layer.BRONZE, subject="sales", sequence=1, tables=(version,))
    for _ in range(2):
        lakehouse.audit.put(planned, data, {"in/1.csv": 2})
    rows = lakehouse.audit.all("shop")
    said = [
        (row["action"], row["object"], row["from_position"], row["to_position"], row["rows"]) for row in rows
    ]
    assert said == [
        ("read", "bronze.sales", None, 4, None),
        ("read", "in/1.csv", None, None, 2),
        ("read", "sales/0", 5, 8, 3),
        ("committed", "bronze.sales", 4, 5, 20),
    ]
    assert (rows[1]["sha256"], rows[1]["size_bytes"]) == ("abc", 9)
    assert {(row["run_id"], row["stage"], row["time"]) for row in rows} == {("run-1", "ingest", TIME)}
