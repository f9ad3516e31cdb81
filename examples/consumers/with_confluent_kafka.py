"""Print every certified version of Gold, with a Kafka client and no code of Podium's.

pip install confluent-kafka
python with_confluent_kafka.py 127.0.0.1:9092
"""

import json
import sys
from collections import deque
from datetime import datetime

from confluent_kafka import Consumer, KafkaException, Message

TYPE = "dev.podium.quality.evaluated.v1"

had: deque[tuple[str, str]] = deque(maxlen=1000)  # the last events: source and id
newest: dict[
    tuple[str, str], tuple[datetime, int]
] = {}  # of each source and subject: when its run began, its number


def attributes(message: Message) -> dict[str, str]:
    """Return the CloudEvents attributes of a record, without the ce_ before their names."""
    return {
        name.removeprefix("ce_"): (value or b"").decode(errors="replace")
        for name, value in message.headers() or []
        if name.startswith("ce_")
    }


def is_new(event: dict[str, str]) -> bool:
    """Whether an event has not come before.

    Numbers have no gaps: where one is left out, an event is missing. A lower one of a newer run is that of a lakehouse made anew.
    """
    if (event["source"], event["id"]) in had:
        return False
    had.append((event["source"], event["id"]))
    scope = (event["source"], event["subject"])
    time, number = datetime.fromisoformat(event["time"]), int(event["sequence"])
    last_time, last = newest.get(scope, (time, number - 1))  # the first may have any number
    if number > last + 1:
        sys.exit(f"missing: {event['source']} announced {last + 1} of {event['subject']}, which never came")
    if time > last_time or number > last:
        newest[scope] = (time, number)
    return True


def handle(message: Message) -> None:
    """Print what a record says, if it is a verdict on Gold; whatever else is in the topic is no business of ours."""
    event = attributes(message)
    if event.get("specversion") != "1.0" or event.get("type") != TYPE or not is_new(event):
        return
    data = json.loads(message.value() or b"{}")
    if data["layer"] == "gold" and data["verdict"] != "failed":
        for table in data["tables"]:  # 64-bit integers are JSON strings
            print(
                f"{event['partitionkey']}: {table['name']} version {table['toVersion']}, {table['rows']} rows",
                flush=True,
            )


consumer = Consumer(
    {
        "bootstrap.servers": sys.argv[1],
        "group.id": "reports-without-podium",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
consumer.subscribe(["podium.events.v1"])
try:
    while True:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        handle(message)
        consumer.commit(message=message, asynchronous=False)  # when the work is done, not before
finally:
    consumer.close()
