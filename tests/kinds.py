"""The same sales as files of every kind, in one dataset that has a source for each."""

import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from services.ingest.tests.workbooks import workbook

Sale = Mapping[str, object]
AT = datetime(2009, 12, 1, 7, 45, tzinfo=UTC)
SALES: tuple[tuple[Sale, ...], ...] = (
    (
        {"id": "1", "text": 'a "b"; c, é', "n": 7, "price": Decimal("2.55"), "at": AT},
        {"id": "2", "text": None, "n": -999_999_999, "price": Decimal("0.01"), "at": None},
    ),
    (
        {"id": "3", "text": "two\nlines €", "n": None, "price": Decimal("9999999.99"), "at": AT},
        {"id": "4", "text": " ß ", "n": 0, "price": None, "at": AT},
    ),
)
"""What the first and the second file of a kind hold."""
BROKEN = {
    "csv": "5;too;few\n",
    "csv.gz": "5,too,few\n",
    "ndjson.gz": '{"id": "5"\n',
    "json": '{"id": "5"',
}
"""What the second file of a kind ends in, where a kind can have what does not parse."""
SCHEMA = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "text", "type": ["null", "string"]},
        {"name": "n", "type": ["null", "long"]},
        {
            "name": "price",
            "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}],
        },
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
    ],
}


def _plain(value: object) -> str | int | float | None:
    match value:
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S}Z"
        case Decimal():
            return float(value)
        case None | str() | int():
            return value
    raise TypeError(type(value))


def _csv(sales: tuple[Sale, ...], broken: str, delimiter: str) -> str:
    def quoted(value: object) -> str:
        text = "" if value is None else str(_plain(value))
        return '"{}"'.format(text.replace('"', '""')) if set(text) & {'"', "\n", delimiter} else text

    lines = [delimiter.join(sales[0]), *(delimiter.join(map(quoted, sale.values())) for sale in sales)]
    return "\n".join(lines) + "\n" + broken


def _objects(sales: tuple[Sale, ...], indent: int | None = None) -> list[str]:
    plain = [{name: _plain(value) for name, value in sale.items()} for sale in sales]
    return [json.dumps(sale, ensure_ascii=False, indent=indent) for sale in plain]


def _parquet(sales: tuple[Sale, ...]) -> bytes:
    kinds = {"n": pa.int32(), "price": pa.decimal128(9, 2), "at": pa.timestamp("ms", "UTC")}
    columns = {
        name: pa.array([sale[name] for sale in sales], kinds.get(name, pa.string())) for name in sales[0]
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _avro(sales: tuple[Sale, ...]) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, SCHEMA, list(sales), codec="deflate")
    return file.getvalue()


def _excel(sales: tuple[Sale, ...]) -> bytes:
    """Return a workbook: Excel's own times are of no zone, and its numbers are doubles."""
    cells = [[_plain(value) for value in sale.values()] for sale in sales]
    return workbook({"Notes": [], "Sales": [["Sales of 2009"], list(sales[0]), *cells]})


@dataclass(frozen=True)
class Kind:
    """A kind of files: what its source declares beside the path, and how sales are written."""

    declared: str
    write: Callable[[tuple[Sale, ...], str], bytes]


KINDS = {
    "csv": Kind(
        'encoding: windows-1252, csv: {delimiter: ";"}',
        lambda sales, broken: _csv(sales, broken, ";").encode("cp1252"),
    ),
    "csv.gz": Kind("format: csv", lambda sales, broken: gzip.compress(_csv(sales, broken, ",").encode())),
    "ndjson.gz": Kind(
        "format: ndjson",
        lambda sales, broken: gzip.compress(("\n".join(_objects(sales)) + "\n" + broken).encode()),
    ),
    "array": Kind("format: json", lambda sales, _: f"[{', '.join(_objects(sales, 2))}]".encode()),
    "json": Kind(
        "format: json", lambda sales, broken: ("\n".join(_objects(sales, 2)) + "\n" + broken).encode()
    ),
    "parquet": Kind("format: parquet", lambda sales, _: _parquet(sales)),
    "avro": Kind("format: avro", lambda sales, _: _avro(sales)),
    "xlsx": Kind("format: excel, excel: {sheet: Sales, header_row: 2}", lambda sales, _: _excel(sales)),
}


def files() -> Iterator[tuple[str, bytes]]:
    """Yield two files of each kind, the second below folders, whose sales are named by their kind; and what no source names."""
    for name, kind in KINDS.items():
        for path, sales, broken in (
            (f"in/{name}/one.{name}", SALES[0], ""),
            (f"in/{name}/deep/er/two.{name}", SALES[1], BROKEN.get(name, "")),
        ):
            yield path, kind.write(tuple({**sale, "id": f"{name}-{sale['id']}"} for sale in sales), broken)
        yield f"in/{name}/one.{name}.tmp", b"half a fi"
        yield f"in/{name}/.hidden/three.{name}", b"nobody's"


def pipeline(lakehouse: str, root: str = "") -> str:
    """Return a pipeline file of one dataset over the files below a root."""
    sources = "\n".join(
        f'        - files: {{path: "{root}in/{name}/**/*.{name}", {kind.declared}}}'
        for name, kind in KINDS.items()
    )
    return f"""\
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: shop}}
spec:
  lakehouse: {{uri: {lakehouse}}}
  datasets:
    sales:
      sources:
{sources}
      columns:
        id: {{type: string}}
        text: {{type: string}}
        n: {{type: integer}}
        price: {{type: "decimal(9,2)"}}
        at: {{type: timestamp}}
      duplicates: {{keys: [id]}}
"""
