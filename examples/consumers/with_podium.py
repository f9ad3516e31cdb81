"""Print every certified version of Gold, with Podium's own library.

scripts/venv dev      # makes .venv, with Podium and its client of Kafka
PODIUM_KAFKA__BOOTSTRAP_SERVERS=127.0.0.1:9092 .venv/bin/python examples/consumers/with_podium.py
"""

import asyncio

import podium


async def main() -> None:
    """Follow the events: repeats are dropped, a missing one raises, and an event counts as done when the next is asked for."""
    async for event in podium.events(group="reports", layer="gold", certified=True):
        if isinstance(event.data, podium.QualityEvaluated):
            for table in event.data.tables:
                print(
                    f"{event.partitionkey}: {table.name} version {table.to_version}, {table.rows} rows",
                    flush=True,
                )


asyncio.run(main())
