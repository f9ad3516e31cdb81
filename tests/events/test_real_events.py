"""The events of real runs: followed on the broker, and held against the contract."""

import asyncio
import json
from pathlib import Path

import podium
import pytest
from contract.schema import ROOT as PROTO
from jsonschema import Draft7Validator
from podium import host
from podium_contracts.events import DATA_TYPES, CloudEvent, encode
from podium_contracts.events.v1 import LayerCompleted, Published, QualityEvaluated
from podium_runtime.requests import request
from ruamel.yaml import YAML

from tests.events.conftest import EventsBroker
from tests.events.test_following import take
from tests.integration.conftest import Shop
from tests.integration.test_batches import real_lines

pytestmark = pytest.mark.integration


def runs_of(shop: Shop, deliveries: int) -> list[CloudEvent]:
    """Run a shop's pipeline over so many deliveries; return everything that was announced, repeats among it."""
    announced: list[CloudEvent] = []
    lines = real_lines(40 * deliveries)
    for number in range(deliveries):
        shop.deliver(f"{number}.csv", lines[40 * number : 40 * (number + 1)])
        opened = shop.open()
        host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline), on_event=announced.append)
    return announced


def test_real_runs_can_be_followed(broker: EventsBroker, tmp_path: Path) -> None:
    """A consumer gets each event of two real runs once, misses none, and learns which versions are certified and served.

    Each fits the AsyncAPI document.
    """
    announced = runs_of(Shop(tmp_path / "shop"), 2)
    distinct = list({(event.source, event.id): event for event in announced}.values())
    broker.send(*announced, *announced[-3:])
    assert asyncio.run(take(broker, len(distinct))) == distinct
    assert {event.type for event in distinct} == set(DATA_TYPES) - {"dev.podium.stage.failed.v1"}

    certified = asyncio.run(take(broker, 8, certified=True))
    assert [type(event.data) for event in certified] == [
        LayerCompleted,
        QualityEvaluated,
        QualityEvaluated,
        Published,
    ] * 2
    *_, gold, published = certified
    assert isinstance(gold.data, QualityEvaluated)
    assert isinstance(published.data, Published)
    assert published.data.tables == gold.data.tables
    assert podium.Published is Published

    document = YAML(typ="safe").load((PROTO.parent / "docs/reference/events.asyncapi.yaml").read_text())
    for event in distinct:
        record = encode(event)
        headers = {name: (raw or b"").decode() for name, raw in record.headers}
        message = document["components"]["messages"][type(event.data).__name__]
        for schema, value in (
            (message["headers"], headers),
            (message["payload"], json.loads(record.value or b"")),
        ):
            found = Draft7Validator({**schema, "components": document["components"]}).iter_errors(value)
            assert [error.message for error in found] == []
