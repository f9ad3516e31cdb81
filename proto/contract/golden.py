"""The golden records: what consumers have seen, and what it means. See proto/podium/events/v1/golden/README.md."""

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium_contracts.events import CloudEvent, KafkaRecord, decode

from contract.schema import ROOT

FOLDER = ROOT / "podium/events/v1/golden"


@dataclass(frozen=True)
class Golden:
    """One file: the record's parts in base64 as they stand there, and the event that they mean."""

    name: str
    about: str
    written: bool
    """Whether Podium writes exactly these bytes for this event."""
    key: str | None
    headers: tuple[tuple[str, str | None], ...]
    value: str | None
    attributes: dict[str, str] | None
    """None where the record is no event of Podium's and is to be skipped."""
    data: dict[str, Any] | None

    @property
    def type(self) -> str:
        """The event's type, empty where it is none."""
        return (self.attributes or {}).get("type", "")

    def record(self) -> KafkaRecord:
        """Return the record as Kafka carries it."""
        headers = tuple((name, _bytes(raw)) for name, raw in self.headers)
        return KafkaRecord("podium.events.v1", _bytes(self.key), headers, _bytes(self.value))

    def event(self) -> CloudEvent:
        """Return what the codec reads in the record."""
        record = self.record()
        return decode(record.headers, record.value)


def read_all() -> dict[str, Golden]:
    """Return the golden records by name."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.json"))}


def _read(path: Path) -> Golden:
    content = json.loads(path.read_text(encoding="utf-8"))
    record, event = content["record"], content["event"] or {}
    return Golden(
        name=path.stem,
        about=content["about"],
        written=content["written"],
        key=record["key"],
        headers=tuple((name, raw) for name, raw in record["headers"]),
        value=record["value"],
        attributes=event.get("attributes"),
        data=event.get("data"),
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text, validate=True)
