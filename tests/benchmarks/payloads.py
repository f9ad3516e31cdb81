"""What it takes to decode messages into columns of text, by format: CPU microseconds for a retail sale of eight fields.

python tests/benchmarks/payloads.py --messages 100000 --rounds 5
"""

import argparse
import gc
import sys
from pathlib import Path
from statistics import median
from time import process_time

from podium_contracts.pipeline import KafkaSource
from podium_ingest.payloads import reader
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.sales import ENCODERS, SCHEMAS, SOURCES, real_sales


def seconds(name: str, values: list[bytes]) -> float:
    """Return the CPU seconds of one pass over messages that no reader has seen."""
    source = KafkaSource.model_validate({"topic": "sales", **SOURCES[name]})
    started = process_time()
    decoded = reader(source, SCHEMAS, {}).decode(values)
    took = process_time() - started
    assert not decoded.refused
    return took


def main() -> None:
    """Measure the formats in turn, and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sales = real_sales(options.messages)
    values = {name: list(map(encode, sales)) for name, encode in ENCODERS.items()}
    del sales
    gc.collect()
    taken: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(options.rounds):
        for name, messages in values.items():
            taken[name].append(seconds(name, messages))
    shown = Table("format", "bytes a message", "µs a message", "least", "most")
    for name, rounds in taken.items():
        each = [took / options.messages * 1e6 for took in rounds]
        size = sum(map(len, values[name])) / options.messages
        shown.add_row(name, f"{size:.0f}", f"{median(each):.2f}", f"{min(each):.2f}", f"{max(each):.2f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
