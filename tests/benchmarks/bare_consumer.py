"""A topic into Parquet as one writes it in an afternoon: confluent-kafka, msgspec, pyarrow, nothing else.

    python tests/benchmarks/bare_consumer.py BROKERS TOPIC LAKEHOUSE [raw]

All partitions from their beginning to where they end now, 10,000 messages a call. `LAKEHOUSE/bronze` gets one file, zstd level 3, a row group
for every 100,000 messages: the fields of each message as text, its partition, offset and timestamp. With `raw` its value stays what it is,
undecoded. No transaction, no account of rows, no header, no key, nothing for what is no JSON: it fails.
"""

import sys
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message, TopicPartition

FIELDS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
PLACE = pa.schema(
    [("partition", pa.int32()), ("offset", pa.int64()), ("timestamp", pa.timestamp("ms", "UTC"))]
)
DECODED = pa.schema([(name, pa.string()) for name in FIELDS])
RAW = pa.schema([("value", pa.binary())])
POLLED, CHUNK_ROWS = 10_000, 100_000

Line = msgspec.defstruct(
    "Line",
    [(f"field_{index}", str | None, None) for index in range(len(FIELDS))],
    rename={f"field_{index}": name for index, name in enumerate(FIELDS)},
    gc=False,
)


def main(brokers: str, topic: str, lakehouse: Path, *, raw: bool) -> None:
    """Read the topic and write the file."""
    settings = {"bootstrap.servers": brokers, "group.id": "bare", "enable.auto.commit": False}
    consumer = Consumer(settings)
    places = [
        TopicPartition(topic, number, 0)
        for number in consumer.list_topics(topic, 10).topics[topic].partitions
    ]
    left = sum(consumer.get_watermark_offsets(place, 10)[1] for place in places)
    consumer.assign(places)
    schema = pa.unify_schemas([RAW if raw else DECODED, PLACE])
    folder = lakehouse / "bronze"
    folder.mkdir(parents=True)
    with pq.ParquetWriter(folder / "part-0.parquet", schema, compression="zstd", compression_level=3) as file:
        chunk: list[Message] = []
        while left:
            messages = consumer.consume(min(POLLED, left), timeout=1)
            left -= len(messages)
            chunk += messages
            if len(chunk) >= CHUNK_ROWS or not left:
                file.write_table(table(chunk, schema, raw=raw))
                chunk = []
    consumer.close()


def table(messages: list[Message], schema: pa.Schema, *, raw: bool) -> pa.Table:
    """Return the rows of messages."""
    values = [message.value() for message in messages]
    columns = [values] if raw else list(zip(*map(msgspec.structs.astuple, decoded(values)), strict=True))
    columns.append([message.partition() for message in messages])
    columns.append([message.offset() for message in messages])
    columns.append([message.timestamp()[1] for message in messages])
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def decoded(values: list[bytes]) -> list[msgspec.Struct]:
    """Return the lines that messages hold."""
    decode = msgspec.json.Decoder(Line).decode
    return [decode(value) for value in values]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), raw=sys.argv[4:] == ["raw"])
