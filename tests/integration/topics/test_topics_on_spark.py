"""Topics on engine spark: its tasks read what would be read here, and make the same Bronze."""

import shutil

import pytest
from confluent_kafka import TopicPartition
from podium_contracts.errors import BadSource
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import EngineName
from podium_ingest import streams
from podium_lakehouse.cleansing.columns import CORRUPT_REASON, CORRUPT_RECORD, ROW

from tests.integration.topics.conftest import Shop
from tests.integration.topics.test_topics import Killed

pytestmark = [pytest.mark.integration, pytest.mark.spark, pytest.mark.timeout(600)]

VALUES = (
    *(f'{{"id": "{number}", "at": {number}, "price": {number}.50}}'.encode() for number in range(40)),
    b"\xff\xfe",
    None,
    b'{"id": "40", "at": 1, "price": 1, "more": {"till": 1.10}}',
    b"{",
)


@pytest.fixture
def both(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A topic with two partitions and the same messages in each; ten of them are worth a task."""
    monkeypatch.setattr(streams, "SHARE_ROWS", 10)
    shop.topic = f"{shop.topic}-of-two"
    shop.make(shop.topic, partitions=2)
    shop.declare(f"topic: {shop.topic}, trigger_seconds: 0.001")
    shop.engine = EngineName.SPARK
    for partition in (0, 1):
        shop.sell(*VALUES, partition=partition)
    return shop


def bronze(shop: Shop) -> list[tuple[object, ...]]:
    """Return what does not tell of the run."""
    columns = ("kafka_partition", ROW, "id", "at", "price", "more", CORRUPT_RECORD, CORRUPT_REASON)
    return sorted(shop.rows("bronze/sales", columns, ROW), key=lambda row: (str(row[0]), str(row[1])))


def cut_off(shop: Shop) -> None:
    """Bring a batch whose process ends after its intent."""

    def kill(point: str) -> None:
        if point == "after ingest bronze.sales intent":
            raise Killed

    with pytest.raises(Killed):
        shop.bring(kill)


def test_tasks_make_the_bronze_that_one_process_makes(both: Shop) -> None:
    """Every message once, the bad ones with their reasons, fields that few messages bring among them."""
    both.engine = EngineName.DUCKDB
    both.bring()
    alone = bronze(both)
    assert len(alone) == 2 * len(VALUES)
    shutil.rmtree(both.folder / "lakehouse")
    both.engine = EngineName.SPARK
    both.bring()
    assert bronze(both) == alone


def test_fields_that_would_be_one_column_are_read_by_one_process(both: Shop) -> None:
    """Whichever task meets them: one name stands, and messages with the other are kept as they are."""
    both.sell(*[b'{"id": "x", "Till": 1}'] * 20, partition=0)
    both.sell(*[b'{"id": "y", "till": 2}'] * 20, partition=1)
    both.bring()
    found = [reason for *_, reason in bronze(both)]
    assert len(found) == 2 * len(VALUES) + 40
    assert sum(reason is not None for reason in found) == 2 * 3 + 20


def test_a_batch_that_was_cut_off_on_one_engine_is_finished_by_the_other(both: Shop) -> None:
    """The intent says what to read, not the engine."""
    cut_off(both)
    both.sell(b'{"id": "late"}')
    both.engine = EngineName.DUCKDB
    finished, next_batch = both.bring()
    assert isinstance(finished.data, LayerCompleted)
    assert isinstance(next_batch.data, LayerCompleted)
    assert [finished.data.tables[0].rows, next_batch.data.tables[0].rows] == [88, 89]


def test_messages_that_are_gone_are_an_error_that_comes_whole_from_a_task(both: Shop) -> None:
    """It leaves no file; and once somebody says so, the stream goes on without them."""
    cut_off(both)
    admin = both.brokers.admin()  # kept: the futures fail when it is gone
    for deleted in admin.delete_records([TopicPartition(both.topic, 0, 30)]).values():
        deleted.result(20)
    with pytest.raises(BadSource, match="removed while they were read") as error:
        both.bring()
    assert "retention" in error.value.hint
    assert list((both.folder / "lakehouse/bronze/sales/data").iterdir()) == []
    both.declare(f"topic: {both.topic}, on_lost_offsets: continue")
    both.bring()
    assert len(bronze(both)) == 2 * len(VALUES) - 30
