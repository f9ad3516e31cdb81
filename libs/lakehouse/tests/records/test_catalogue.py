"""The catalogue, the history of schemas and the audit come back as they were put, once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated, Run, TableVersion
from podium_contracts.messages import OffsetRange
from podium_contracts.names import Layer, Stage
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.audit import Row
from podium_lakehouse.records.catalogue import Entry, TableColumn
from podium_lakehouse.records.intents import (
    Acceptance,
    Decision,
    Input,
    Intent,
    Restoration,
    Scope,
    SourceFile,
)
from podium_lakehouse.records.schema_history import NewSchema, Outcome
from podium_lakehouse.registering import register_return
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


def scope(stage: Stage, subject: str) -> Scope:
    return Scope(pipeline="shop", stage=stage, subject=subject)


def table(name: str, version: int) -> TableVersion:
    """Return a table of two rows at a version."""
    uri = f"/lake/{name.replace('.', '/')}"
    return TableVersion(
        name=name,
        uri=uri,
        from_version=version - 1,
        to_version=version,
        rows=2,
        schema_fingerprint=f"f{version}",
    )


def done(rows: list[Row]) -> list[tuple[object, ...]]:
    """Return what was done, in the order of the audit, without what was read."""
    shown = [row for row in rows if row["action"] != "read"]
    return [(row["stage"], row["action"], row["object"], row["to_position"], row["detail"]) for row in shown]


def test_the_audit_has_verdicts_and_what_is_published_on_the_way_of_a_batch(lakehouse: Lakehouse) -> None:
    """Whatever was put first: Silver's verdict comes before Gold, Gold's after it, and the destination last; each read what it names."""
    gold = {"gold.fact": Input(uri="/lake/gold/fact", to_version=3)}
    published = intent(1, scope=scope(Stage.PUBLISH, "duckdb"), inputs=gold)
    lakehouse.audit.put(
        published, Published(destination="duckdb", uri="shop.duckdb", tables=(table("gold.fact", 3),))
    )
    for layer, name, verdict in (
        (Layer.GOLD, "gold.fact", "failed"),
        (Layer.SILVER, "silver.sales", "passed"),
    ):
        judged = intent(1, scope=scope(Stage.QUALITY, Layer.GOLD if layer == Layer.GOLD else name))
        lakehouse.audit.put(judged, QualityEvaluated(layer=layer, tables=(table(name, 3),), verdict=verdict))
    model = intent(1, scope=scope(Stage.MODEL, Layer.GOLD))
    lakehouse.audit.put(model, LayerCompleted(layer=Layer.GOLD, tables=(table("gold.fact", 3),)))
    rows = lakehouse.audit.all("shop")
    assert done(rows) == [
        ("quality", "judged", "silver.sales", 3, "passed"),
        ("model", "committed", "gold.fact", 3, None),
        ("quality", "judged", "gold.fact", 3, "failed"),
        ("publish", "published", "duckdb", None, None),
    ]
    assert [(row["stage"], row["object"]) for row in rows if row["action"] == "read"] == [
        ("publish", "gold.fact")
    ]


DECISIONS: dict[str, tuple[dict[str, object], str]] = {
    "a rule": ({"action": "replay", "rule": "lookup.town"}, "replay lookup.town"),
    "rows": ({"action": "reject", "ids": ["1c8e", "7b01"], "reason": "tests"}, "reject 1c8e, 7b01: tests"),
    "all": ({"action": "replay"}, "replay all rows"),
}


@pytest.mark.parametrize(("decision", "detail"), DECISIONS.values(), ids=DECISIONS.keys())
def test_the_audit_has_what_people_decide_on_quarantine(
    lakehouse: Lakehouse, decision: dict[str, Any], detail: str
) -> None:
    """Which rows, and why."""
    decided = intent(1, scope=scope(Stage.CLEANSE, "silver.sales"), decision=Decision(**decision))
    lakehouse.audit.put(decided, LayerCompleted(layer=Layer.SILVER, tables=(table("quarantine.sales", 2),)))
    assert done(lakehouse.audit.all("shop")) == [("cleanse", "committed", "quarantine.sales", 2, detail)]


def test_the_audit_has_what_people_accept(lakehouse: Lakehouse) -> None:
    """Who and why; nothing was read for it."""
    accepts = Acceptance(reason="known", by="Ada")
    inputs = {"gold.fact": Input(uri="/lake/gold/fact", to_version=3)}
    accepted = intent(2, scope=scope(Stage.QUALITY, Layer.GOLD), accepts=accepts, inputs=inputs)
    verdict = QualityEvaluated(
        layer=Layer.GOLD,
        tables=(table("gold.fact", 3),),
        verdict="warned",
        accepted="known",
        accepted_by="Ada",
    )
    lakehouse.audit.put(accepted, verdict)
    rows = lakehouse.audit.all("shop")
    assert len(rows) == 1
    assert done(rows) == [("quality", "accepted", "gold.fact", 3, "Ada: known")]


def test_a_table_that_is_put_back_is_catalogued_as_it_was_then(lakehouse: Lakehouse) -> None:
    """With its columns of then and its version of now; the audit says that it was put back, and that nothing was read."""
    for number, names in ((1, {"a": "A"}), (2, {"a": "A", "b": "B"})):
        lakehouse.catalogue.put([entry(number, names, subject="silver.sales")])
    restores = Restoration(sequence=1, fingerprint="f", versions={})
    inputs = {"bronze": Input(uri="/lake/bronze/sales", to_version=4)}
    back = intent(3, scope=scope(Stage.CLEANSE, "silver.sales"), restores=restores, inputs=inputs)
    data = LayerCompleted(
        layer=Layer.SILVER, subject="sales", tables=(table("silver.sales", 7),), notes=("put back",)
    )
    for _ in range(2):
        register_return(back, data, lakehouse)
    (now,) = lakehouse.catalogue.last("silver.sales")
    assert (now.source_names, now.version, now.rows) == ({"a": "A"}, 7, 2)
    assert (now.sequence, now.run_id, now.schema_fingerprint) == (3, "run-3", "f7")
    rows = lakehouse.audit.all("shop")
    assert len(rows) == 1
    assert done(rows) == [("cleanse", "restored", "silver.sales", 7, "put back")]
