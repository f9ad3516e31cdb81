"""Real retail lines as messages in JSON, Avro and Protobuf, by the schemas of the streaming example."""

import csv
import gzip
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_writer
from google.protobuf.message_factory import GetMessageClass
from podium_ingest.payloads.protobuf_schemas import find

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCHEMAS = {
    name: (EXAMPLES / "streaming" / name).read_bytes() for name in ("schemas/sale.avsc", "schemas/sale.proto")
}
SOURCES: Mapping[str, Mapping[str, str]] = {
    "json": {"format": "json"},
    "avro": {"format": "avro", "schema": "schemas/sale.avsc"},
    "protobuf": {"format": "protobuf", "schema": "schemas/sale.proto", "message": "shop.Sale"},
}
"""How a source declares each format."""

Sale = Mapping[str, Any]
"""A line's values by field, typed."""

_AVRO = parse_schema(json.loads(SCHEMAS["schemas/sale.avsc"]))
_PROTOBUF = GetMessageClass(find("schemas/sale.proto", SCHEMAS, "shop.Sale").message)


def real_sales(count: int) -> list[Sale]:
    """Return the first lines of the retail file."""
    path = EXAMPLES / "retail" / "data" / "online_retail_2009_2010.csv.gz"
    with gzip.open(path, "rt", newline="", encoding="utf-8-sig") as file:
        return [
            {
                **{name.replace(" ", "_"): value or None for name, value in line.items()},
                "Quantity": int(line["Quantity"]),
                "Price": float(line["Price"]),
                "InvoiceDate": datetime.fromisoformat(line["InvoiceDate"]).replace(tzinfo=UTC),
            }
            for line in islice(csv.DictReader(file), count)
        ]


def in_json(sale: Sale) -> bytes:
    """Return a sale as a till writes it: points in time in ISO 8601, to the millisecond where there are some."""
    moment = sale["InvoiceDate"]
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return json.dumps({**sale, "InvoiceDate": text.replace("+00:00", "Z")}).encode()


def in_avro(sale: Sale) -> bytes:
    """Return a sale in Avro's binary encoding."""
    stream = io.BytesIO()
    schemaless_writer(stream, _AVRO, sale)
    return stream.getvalue()


def in_protobuf(sale: Sale) -> bytes:
    """Return a sale as a message of Protobuf."""
    message = _PROTOBUF(**{name: value for name, value in sale.items() if name != "InvoiceDate"})
    message.InvoiceDate.FromDatetime(sale["InvoiceDate"])
    return bytes(message.SerializeToString())


ENCODERS = {"json": in_json, "avro": in_avro, "protobuf": in_protobuf}
