"""The real retail lines as events, through the five services: the same Gold as `make run` makes from the file."""

import pytest
from confluent_kafka.cimpl import NewTopic
from deltalake import DeltaTable
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Published
from podium_runtime.kafka.clients import Brokers

from tests.benchmarks.running import rows_in
from tests.integration.conftest import Shop
from tests.integration.services.stack import Stack, events, eventually
from tests.integration.services.test_answers import without_repeats
from tests.integration.topics.test_retail_events import FILES, gold_differences, sell_every_line

TOPIC, PARTITIONS = "retail-lines", 4
PATIENCE_SECONDS = 600


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(900)
def test_the_services_make_the_gold_of_the_file(stack: Stack, retail: Shop) -> None:
    """525,461 lines over four partitions, sold while the services read them: every table of Gold is that of the file, row for row."""
    brokers = Brokers(stack.kafka)
    admin = brokers.admin()  # kept: the future fails when it is gone
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(20)
    shop = Shop(stack.pipelines / "lines")
    topic = stack.watch()
    streamed = f"- kafka: {{topic: {TOPIC}, trigger_seconds: 2}}"
    text = shop.file.read_text().replace(FILES, streamed).replace("name: retail", "name: retail-lines")
    shop.file.write_text(text)
    sell_every_line(brokers, TOPIC)
    lines = DeltaTable(str(retail.folder / "lakehouse/bronze/sales")).to_pyarrow_dataset().count_rows()

    def told() -> list[CloudEvent]:
        return without_repeats(events(topic, "retail-lines"))

    def ingested() -> int:
        return sum(map(rows_in, told()))

    eventually(lambda: ingested() == lines, PATIENCE_SECONDS)
    eventually(lambda: stack.lag() == 0, PATIENCE_SECONDS)
    assert ingested() == lines
    assert any(isinstance(item.data, Published) for item in told())
    assert gold_differences(retail.folder, shop.folder) == {}
