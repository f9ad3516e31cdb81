"""Topics into Bronze, from a real broker: every message a row, none twice, none passed over."""

from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Message, TopicPartition
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]
from podium_contracts.errors import BadSource
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.messages import OffsetRange

from tests.integration.topics.conftest import Shop

pytestmark = pytest.mark.integration


def sale(number: int) -> dict[str, object]:
    return {"id": str(number), "at": number, "price": number / 4}


def test_a_message_is_a_row_with_where_it_came_from(shop: Shop) -> None:
    """Its fields are text as they were written; its place, time and headers stand beside them."""
    shop.sell(b'{"id": "a", "at": 1, "price": 1.50, "more": {"till": 1.10}}')
    [brought] = shop.bring()
    columns = [
        "id",
        "at",
        "price",
        "more",
        "ingestion_source",
        "source_file",
        "kafka_topic",
        "kafka_partition",
    ]
    place = (f"{shop.topic}/0", shop.topic, 0)
    assert shop.rows("bronze/sales", columns, "id") == [
        ("a", "1", "1.50", '{"till": 1.10}', "kafka-streaming", *place)
    ]
    [(offset, time, headers, ingested)] = shop.rows(
        "bronze/sales", ["kafka_offset", "kafka_timestamp", "kafka_headers", "ingestion_timestamp"], "id"
    )
    assert (offset, headers) == (0, '[["from", "till 1"]]')
    assert ingested == brought.time
    assert isinstance(time, datetime)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


def test_what_cannot_be_decoded_is_a_row_and_goes_to_quarantine(shop: Shop) -> None:
    """Whatever bytes a producer sends, the ledger balances and the good messages go on."""
    shop.declare(f"topic: {shop.topic}, max_bytes: 1000")
    shop.sell(
        sale(1), b"\xff\xfe", None, b"[1]", b"{", b'{"id": "' + b"x" * 1000 + b'"}', b'{"_row": 1}', sale(2)
    )
    shop.run()
    assert [row[0] for row in shop.rows("silver/sales", ["id"], "id")] == ["1", "2"]
    assert shop.offsets() == list(range(8))
    refused = shop.rows("quarantine/sales", ["source_row", "rules"], "source_row")
    assert [row for row, _ in refused] == [1, 2, 3, 4, 5, 6]
    [kept] = [
        text
        for text, offset in shop.rows("bronze/sales", ["_corrupt_record", "kafka_offset"], "kafka_offset")
        if offset == 5
    ]
    assert len(str(kept)) == 1010


def test_batches_share_the_messages_among_them(shop: Shop) -> None:
    """Each batch has at most so many; together they have each offset once; a job goes on until nothing waits."""
    shop.declare(f"topic: {shop.topic}, max_rows: 3, trigger_seconds: 0.001")
    shop.sell(*map(sale, range(8)))
    [first] = shop.bring()
    assert isinstance(first.data, LayerCompleted)
    assert first.data.tables[0].rows == 3
    shop.run()
    assert shop.offsets() == list(range(8))
    assert shop.bring() == []


def test_nothing_is_due_before_its_time_unless_a_whole_batch_waits(shop: Shop) -> None:
    """A batch is taken every so many seconds, or as soon as it is full."""
    shop.declare(f"topic: {shop.topic}, max_rows: 4, trigger_seconds: 3600")
    shop.sell(sale(1))
    assert len(shop.bring()) == 1
    shop.sell(sale(2), sale(3), sale(4))
    assert shop.bring() == []
    shop.sell(sale(5))
    assert len(shop.bring()) == 1
    assert shop.offsets() == list(range(5))


def test_a_stream_keeps_to_its_rate(shop: Shop) -> None:
    """Between two batches there is time for so many messages, however many wait."""
    shop.declare(f"topic: {shop.topic}, max_rows_per_second: 5, trigger_seconds: 1")
    shop.sell(*map(sale, range(100)))
    shop.bring()
    assert len(shop.offsets()) == 5
    began = datetime.now(UTC)
    while len(shop.offsets()) == 5:
        shop.bring()
    elapsed = (datetime.now(UTC) - began).total_seconds()
    assert 5 <= len(shop.offsets()) - 5 <= 5 * (elapsed + 2)


def test_new_partitions_and_new_topics_are_read_from_their_beginning(shop: Shop) -> None:
    """Even where the first batch began at the end: what comes later was not there to be left out."""
    shop.declare(f"topic_pattern: '{shop.topic}.*', start: latest, trigger_seconds: 0.001")
    shop.sell(sale(0))
    [begun] = shop.bring()
    assert isinstance(begun.data, LayerCompleted)
    assert begun.data.tables[0].rows == 0
    shop.sell(sale(1))
    shop.bring()
    admin = shop.brokers.admin()
    admin.create_partitions([NewPartitions(shop.topic, 2)])[shop.topic].result(20)
    shop.make(f"{shop.topic}-more")
    shop.sell(sale(2), partition=1)
    shop.sell(sale(3), topic=f"{shop.topic}-more")
    shop.bring()
    assert [row[0] for row in shop.rows("bronze/sales", ["id"], "id")] == ["1", "2", "3"]


def test_a_stream_starts_at_a_time(shop: Shop) -> None:
    """What was there before it is left out."""
    shop.sell(sale(1))
    later = datetime.now(UTC) + timedelta(milliseconds=5)
    while datetime.now(UTC) < later:
        pass
    shop.sell(sale(2))
    shop.declare(f"topic: {shop.topic}, start: '{later.isoformat()}'")
    shop.bring()
    assert [row[0] for row in shop.rows("bronze/sales", ["id"], "id")] == ["2"]


def notes_of_going_on(shop: Shop) -> tuple[str, ...]:
    """Say that the stream may go on, and return what the next completion notes."""
    shop.declare(f"topic: {shop.topic}, on_lost_offsets: continue, trigger_seconds: 0.001")
    [completed] = shop.bring()
    assert isinstance(completed.data, LayerCompleted)
    return completed.data.notes


def test_messages_lost_to_retention_stop_the_stream_until_somebody_says_go_on(shop: Shop) -> None:
    """The error says which; going on says so in the completion."""
    shop.declare(f"topic: {shop.topic}, trigger_seconds: 0.001")
    shop.sell(*map(sale, range(3)))
    shop.bring()
    shop.sell(*map(sale, range(3, 9)))
    admin = shop.brokers.admin()
    for deleted in admin.delete_records([TopicPartition(shop.topic, 0, 5)]).values():
        assert deleted.result(20).low_watermark == 5
    with pytest.raises(BadSource, match=rf"{shop.topic}/0: the messages at offsets 3 to 4 were removed"):
        shop.bring()
    assert notes_of_going_on(shop) == (
        f"{shop.topic}/0: the messages at offsets 3 to 4 were removed before they were read",
    )
    assert shop.offsets() == [0, 1, 2, 5, 6, 7, 8]


@pytest.mark.parametrize("more", [1, 5])
def test_a_topic_that_was_made_anew_stops_the_stream_until_somebody_says_go_on(shop: Shop, more: int) -> None:
    """It is told by its id, however far its offsets go."""
    shop.declare(f"topic: {shop.topic}, trigger_seconds: 0.001")
    shop.sell(*map(sale, range(3)))
    shop.bring()
    admin = shop.brokers.admin()
    admin.delete_topics([shop.topic])[shop.topic].result(20)
    shop.make(shop.topic)
    shop.sell(*map(sale, range(10, 10 + more)))
    with pytest.raises(BadSource, match=f"{shop.topic}/0 was read up to offset 3, and is another topic"):
        shop.bring()
    assert notes_of_going_on(shop) == (
        f"{shop.topic}/0: it is another topic of that name, read from offset 0; the one before was read up to 3",
    )
    shop.sell(sale(99))
    shop.bring()
    assert [row[0] for row in shop.rows("bronze/sales", ["id"], "id")] == sorted(
        map(str, [*range(3), *range(10, 10 + more), 99])
    )


def test_aborted_messages_and_the_marks_of_transactions_are_no_rows(shop: Shop) -> None:
    """Offsets without a message are gaps, not losses, in the middle and at the end."""
    producer = shop.brokers.producer({"transactional.id": shop.topic})
    producer.init_transactions(20)
    for number, commits in enumerate((True, False, True)):
        producer.begin_transaction()
        producer.produce(shop.topic, f'{{"id": "{number}", "at": 1, "price": 1}}')
        (producer.commit_transaction if commits else producer.abort_transaction)(20)
    shop.bring()
    assert [row[0] for row in shop.rows("bronze/sales", ["id"], "id")] == ["0", "2"]
    shop.sell(sale(3))
    shop.run()
    assert [row[0] for row in shop.rows("silver/sales", ["id"], "id")] == ["0", "2", "3"]


class Killed(BaseException):
    """The process ends here: nothing after it happens."""


@pytest.mark.parametrize("step", ["intent", "commit bronze", "completion"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_batch_that_was_cut_off_is_read_once(shop: Shop, when: str, step: str) -> None:
    """The same offsets again, not those that have come since; then those, in the next batch."""
    shop.declare(f"topic: {shop.topic}, trigger_seconds: 0.001")
    shop.sell(sale(0), sale(1))

    def kill(point: str) -> None:
        if point == f"{when} ingest bronze.sales {step}":
            raise Killed

    with pytest.raises(Killed):
        shop.bring(kill)
    shop.sell(sale(2))
    completed = [*shop.bring(), *shop.bring()]
    assert shop.offsets() == [0, 1, 2]
    sequences = [int(event.sequence) for event in completed]
    assert sequences == sorted(set(sequences))
    assert sequences[-1] == (1 if (when, step) == ("before", "intent") else 2)


def test_no_more_messages_are_asked_for_than_are_pinned(shop: Shop) -> None:
    """A client that is asked for more than there are waits until its time is up, batch after batch."""
    topics, asked = shop.topics, []
    consumer = topics._consumer

    class Asked:
        def consume(self, count: int, timeout: float) -> list[Message]:
            asked.append(count)
            return consumer.consume(count, timeout)

        def __getattr__(self, name: str) -> object:
            return getattr(consumer, name)

    topics.__dict__["_consumer"] = Asked()
    shop.sell(*(sale(number) for number in range(5)))
    part = OffsetRange(topic=shop.topic, partition=0, start=1, end=4)
    assert [messages.offsets for messages in topics.read([part])] == [[1, 2, 3]]
    assert asked
    assert max(asked) <= 3


def test_a_topic_that_is_not_there_is_an_error(shop: Shop) -> None:
    """A job says so, and what to do."""
    shop.declare("topic: nobody-made-it")
    with pytest.raises(BadSource, match="there is no topic nobody-made-it"):
        shop.run()
