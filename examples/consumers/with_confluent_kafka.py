"""Print every certified version of Gold, with a Kafka client and no code of Podium's.

pip install confluent-kafka
python with_confluent_kafka.py 127.0.0.1:9092
"""

import json
import sys

from confluent_kafka import Consumer, KafkaException, Message

TYPE = "dev.podium.quality.evaluated.v1"

last: dict[tuple[str, str], int] = {}  # the last number of each source and subject


def attributes(message: Message) -> dict[str, str]:
    """Return the CloudEvents attributes of a record, without the ce_ before their names."""
    return {
        name.removeprefix("ce_"): (value or b"").decode(errors="replace")
        for name, value in message.headers() or []
        if name.startswith("ce_")
    }


def is_new(event: dict[str, str]) -> bool:
    """Whether an event has not come before. Numbers have no gaps: where one is left out, an event is missing."""
    scope, number = (event["source"], event["subject"]), int(event["sequence"])
    if number <= last.get(scope, 0):
        return False
    if scope in last and number > last[scope] + 1:
        sys.exit(f"missing: {scope[0]} announced {last[scope] + 1} of {scope[1]}, which never came")
    last[scope] = number
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
