"""Messages in Avro and Protobuf from a real broker: the same Silver as in JSON, and whatever is none of them in quarantine."""

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from fastavro import parse_schema, schemaless_writer
from podium import host
from podium_runtime.requests import request

from tests.integration.conftest import Shop as FileShop
from tests.integration.topics.conftest import Shop
from tests.sales import ENCODERS, EXAMPLES, SOURCES, Sale, in_avro, real_sales

pytestmark = pytest.mark.integration

FILES = "- files: {path: data/*.csv*, format: csv}"
POISON = [None, b"\xff\xfe\x00", b"{", b"x" * 2_000]
FRAMED = {**SOURCES["avro"], "framing": "confluent"}


def in_frames(sale: Sale) -> bytes:
    return b"\0\0\0\0\x01" + in_avro(sale)


def test_lines_in_every_format_make_the_same_silver(shop: Shop, tmp_path: Path) -> None:
    """400 real lines, poison among them: the pipeline differs in its source only."""
    sales = real_sales(400)
    formats: dict[str, Callable[[Sale], bytes]] = {**ENCODERS, "framed": in_frames}
    silver = {}
    for name, encode in formats.items():
        topic = f"{shop.topic}-{name}"
        shop.make(topic)
        shop.sell(*map(encode, sales[:200]), *POISON, *map(encode, sales[200:]), topic=topic)
        streaming = FileShop(tmp_path / name, gold=False)
        shutil.copytree(EXAMPLES / "streaming" / "schemas", streaming.folder / "schemas")
        text = streaming.file.read_text()
        assert FILES in text
        source = {"topic": topic, "max_bytes": 1_000, **SOURCES.get(name, FRAMED)}
        streaming.file.write_text(text.replace(FILES, f"- kafka: {json.dumps(source)}"))
        opened = streaming.open()
        host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline), topics=shop.topics)
        silver[name] = streaming.rows("silver/sales")
        assert refused(streaming, name) == POISON
    assert len(silver["json"]) == len({tuple(sale.values()) for sale in sales})
    assert silver["json"] == silver["avro"] == silver["protobuf"] == silver["framed"]


def refused(shop: FileShop, name: str) -> list[bytes | None]:
    """Return the bytes of what is in quarantine, as they can be had back; none of a message without a value."""
    table = DeltaTable(str(shop.folder / "lakehouse" / "quarantine" / "sales")).to_pyarrow_table()
    rows = table.sort_by("source_row").to_pylist()
    assert all(row["rules"] == ["csv.corrupt"] for row in rows)
    return [None if "tombstone" in row["reason"] else had_back(row["raw"], name) for row in rows]


def had_back(text: str, name: str) -> bytes:
    if name != "json":
        return base64.b64decode(text, validate=True)
    return text.encode().decode("unicode-escape").encode("latin-1")


def of_fields(**kinds: str) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "Sale",
        "fields": [{"name": name, "type": kind} for name, kind in kinds.items()],
    }


def encoded(record: dict[str, Any], schema: Path) -> bytes:
    stream = io.BytesIO()
    schemaless_writer(stream, parse_schema(json.loads(schema.read_text())), record)
    return stream.getvalue()


class Killed(BaseException):
    """The process ends here: nothing after it happens."""


def test_a_batch_that_was_cut_off_is_read_by_the_schema_of_then(shop: Shop) -> None:
    """What is in Bronze already has the columns of the schema that it was read by; what comes later has those of the new one."""
    schema = shop.folder / "sale.avsc"
    shop.declare(f"topic: {shop.topic}, format: avro, schema: sale.avsc, trigger_seconds: 0.001")
    schema.write_text(json.dumps(of_fields(id="string", at="int", price="double")))
    shop.sell(encoded({"id": "a", "at": 1, "price": 1.5}, schema))

    def kill(point: str) -> None:
        if point == "after ingest bronze.sales commit bronze":
            raise Killed

    with pytest.raises(Killed):
        shop.bring(kill)
    schema.write_text(json.dumps(of_fields(id="string", at="int", price="double", till="long")))
    shop.sell(encoded({"id": "b", "at": 2, "price": 2.5, "till": 7}, schema))
    widened = []

    def look(point: str) -> None:
        if point == "before ingest bronze.sales completion":
            table = DeltaTable(str(shop.folder / "lakehouse" / "bronze" / "sales"))
            widened.append("till" in {column.name for column in table.schema().fields})

    completed = [*shop.bring(look), *shop.bring(look)]
    assert [event.data.ledger.flow.rows_in for event in completed] == [1, 1]
    assert widened == [False, True]
    columns = ["id", "price", "till", "_corrupt_reason"]
    assert shop.rows("bronze/sales", columns, "id") == [("a", "1.5", None, None), ("b", "2.5", "7", None)]
