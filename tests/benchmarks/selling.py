"""Real retail lines, put on a topic as sales events: at a steady rate, or as fast as the broker takes them.

    python tests/benchmarks/selling.py BROKERS TOPIC CSV LINES [PER_SECOND]

A message is a line as JSON with its invoice as the key, so that the lines of an invoice stay in order; its timestamp is the moment it was
produced. An empty value is null.
"""

import csv
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
from confluent_kafka import Producer

TICK_SECONDS = 0.01
PATIENCE_SECONDS = 60


def messages(file: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield the key and the value of so many lines of a CSV file."""
    encoder = msgspec.json.Encoder()
    with file.open(newline="", encoding="utf-8-sig") as lines:
        for line in islice(csv.DictReader(lines), count):
            yield line["Invoice"], encoder.encode({name: value or None for name, value in line.items()})


def sell(brokers: str, topic: str, file: Path, count: int, rate: float | None) -> None:
    """Put lines on the topic; with a rate, so many a second, a few every hundredth of it.

    Raises:
        SystemExit: the file has fewer lines, or the broker has not taken all of them.
    """
    settings = {"linger.ms": 5, "partitioner": "murmur2_random", "queue.buffering.max.messages": 500_000}
    producer = Producer({"bootstrap.servers": brokers, **settings})
    started, sold = time.monotonic(), 0
    for key, value in messages(file, count):
        while rate and sold > (time.monotonic() - started) * rate:
            producer.poll(0)
            time.sleep(TICK_SECONDS)
        while True:
            try:
                producer.produce(topic, value, key)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        sold += 1
    if left := producer.flush(PATIENCE_SECONDS):
        raise SystemExit(f"the broker has not taken {left} messages")
    if sold < count:
        raise SystemExit(f"{file} has {sold} lines, and {count} are to be sold")


if __name__ == "__main__":
    sell(
        sys.argv[1],
        sys.argv[2],
        Path(sys.argv[3]),
        int(sys.argv[4]),
        float(sys.argv[5]) if sys.argv[5:] else None,
    )
