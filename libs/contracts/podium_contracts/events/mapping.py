"""The protobuf JSON mapping for pydantic: names, 64-bit integers and times as protobuf's own JSON has them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, model_validator
from pydantic.alias_generators import to_camel


def rfc3339(moment: datetime) -> str:
    """Return a time in UTC as protobuf writes it: `2009-12-01T07:45:00Z`, with 0, 3 or 6 digits of a second."""
    micros = moment.microsecond
    digits = "microseconds" if micros % 1000 else "milliseconds" if micros else "seconds"
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=digits)}Z"


Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63), PlainSerializer(str, when_used="json")]
Timestamp = Annotated[AwareDatetime, PlainSerializer(rfc3339, when_used="json")]


class Message(BaseModel):
    """A protobuf message: frozen; unknown fields are ignored, so that old consumers read new events."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        ser_json_inf_nan="strings",
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, fields: Any) -> Any:
        """Protobuf's JSON may say null for a field that is not set."""
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None}

    def to_json(self) -> bytes:
        """Return the message in the protobuf JSON mapping; absent optional fields are left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()
