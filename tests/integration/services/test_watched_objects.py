"""Objects that the ingest service watches: at once where a notification tells of them, in a while where none does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import obstore
import pytest
from confluent_kafka.cimpl import NewTopic
from deltalake import DeltaTable
from obstore.store import S3Store
from podium_contracts.events import KafkaRecord
from podium_lakehouse.delta.tables import find
from podium_runtime.kafka.clients import Brokers
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.services.stack import Stack, eventually
from tests.s3 import S3Server

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: {name}}}
spec:
  lakehouse: {{uri: lakehouse}}
  datasets:
    sales:
      sources: [{{files: {{path: "s3://{name}/in/**/*.csv", {watched}}}}}]
      columns: {{id: {{type: string}}}}
      duplicates: {{keys: [id]}}
"""
NAMES = (f"watched-{number}" for number in count())
AT_ONCE_SECONDS = 10
"""What a few looks and commits may take; a sweep comes much later."""


@dataclass
class Watched:
    """A pipeline that the services watch a bucket for, and what tests do with both."""

    stack: Stack
    name: str
    store: S3Store

    @property
    def topic(self) -> str:
        return f"{self.name}-events"

    def declare(self, watched: str) -> None:
        folder = self.stack.pipelines / self.name
        folder.mkdir()
        (folder / "pipeline.yaml").write_text(PIPELINE.format(name=self.name, watched=watched))

    def deliver(self, name: str) -> None:
        """Put an object of one row, which is its name."""
        obstore.put(self.store, f"in/{name}.csv", f"id\n{name}\n".encode())

    def tell(self, *values: bytes) -> None:
        self.stack.put(*(KafkaRecord(self.topic, None, (), value) for value in values))

    def notification(self, *names: str) -> bytes:
        records = [
            {
                "eventName": "s3:ObjectCreated:Put",
                "s3": {"bucket": {"name": self.name}, "object": {"key": f"in%2F{name}.csv"}},
            }
            for name in names
        ]
        return json.dumps({"Records": records}).encode()

    def ids(self) -> set[str]:
        """Return the rows of Bronze; each is there once."""
        uri = str(self.stack.pipelines / self.name / "lakehouse" / "bronze" / "sales")
        if find(uri) is None:
            return set()
        found: list[str] = DeltaTable(uri).to_pyarrow_table()["id"].to_pylist()
        assert len(found) == len(set(found))
        return set(found)

    def wait_for(self, *names: str, seconds: float = 60) -> None:
        eventually(lambda: set(names) <= self.ids(), seconds)

    def counted(self, outcome: str) -> float:
        """Return how many notifications of the topic have had an outcome."""
        text = self.stack.services["ingest"].page("metrics")[1]
        samples = [item for family in text_string_to_metric_families(text) for item in family.samples]
        wanted = {"topic": self.topic, "outcome": outcome}
        return sum(
            item.value
            for item in samples
            if item.name == "podium_notifications_total" and item.labels == wanted
        )


@pytest.fixture
def watched(stack: Stack, s3: S3Server) -> Iterator[Watched]:
    """A bucket and its topic of notifications; the pipeline is gone after the test, so that nobody watches it any more."""
    name = next(NAMES)
    found = Watched(stack, name, s3.bucket(name))
    admin = Brokers(stack.kafka).admin()
    admin.create_topics([NewTopic(found.topic, 2, 1)])[found.topic].result(20)
    yield found
    (stack.pipelines / name / "pipeline.yaml").unlink()


def test_a_notification_is_followed_at_once(watched: Watched) -> None:
    """To the objects that it names, not to others; what is there at the start is swept. Lies, repeats and rubbish do no harm."""
    watched.deliver("before")
    watched.declare(f"watch_seconds: 3600, notifications: {{topic: {watched.topic}}}")
    watched.wait_for("before")
    watched.deliver("untold")
    watched.deliver("one")
    watched.tell(watched.notification("one"))
    watched.wait_for("one", seconds=AT_ONCE_SECONDS)
    watched.tell(b"rubbish", b"", watched.notification("nowhere"), watched.notification("one", "before"))
    watched.deliver("deep/two")
    watched.deliver("deep/three")
    watched.tell(watched.notification("deep/three", "deep/two"))
    watched.wait_for("deep/two", "deep/three", seconds=AT_ONCE_SECONDS)
    assert watched.ids() == {"before", "one", "deep/two", "deep/three"}
    assert (watched.counted("malformed"), watched.counted("heard")) == (2, 4)
    said = [line for line in watched.stack.services["ingest"].said() if line.get("topic") == watched.topic]
    assert [line["event"] for line in said] == ["not a notification"]


def test_what_no_notification_tells_is_swept(watched: Watched) -> None:
    """New objects and new content come without any; also where the topic that is named is not there."""
    watched.declare("watch_seconds: 1, notifications: {topic: no-such-topic}")
    watched.deliver("one")
    watched.wait_for("one")
    watched.deliver("two")
    obstore.put(watched.store, "in/one.csv", b"id\nanew\n")
    watched.wait_for("two", "anew")
    assert Path(watched.stack.folder / "ingest.log").read_text().count("notifications are not heard") >= 1
