"""The protobuf JSON mapping for pydantic: names, 64-bit integers and times as protobuf's own JSON has them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


def rfc3339(moment: datetime) -> str:
    """Return a time in UTC as protobuf writes it: `2009-12-01T07:45:00Z`, with 0, 3 or 6 digits of a second."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    micros = moment.microsecond
    if micros % 1000:
        return f"{text}.{micros:06d}Z"
    return f"{text}.{micros // 1000:03d}Z" if micros else f"{text}Z"


Int64 = Annotated[int, BeforeValidator(int), PlainSerializer(str, when_used="json")]
Timestamp = Annotated[datetime, PlainSerializer(rfc3339, when_used="json")]


class Message(BaseModel):
    """A protobuf message: frozen; unknown fields are ignored, so that old consumers read new events."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    def to_json(self) -> bytes:
        """Return the message in the protobuf JSON mapping; absent optional fields are left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()
