"""Notifications of object stores: which objects a store says are new. A watcher takes them for hints; what they say is never relied on."""

from urllib.parse import unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from podium_contracts.pipeline.objects import SCHEME


class _Part(BaseModel):
    """What stands in a notification; stores add fields of their own."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Bucket(_Part):
    name: str


class _Object(_Part):
    key: str


class _S3(_Part):
    bucket: _Bucket
    object: _Object


class _Record(_Part):
    event: str = Field(alias="eventName")
    s3: _S3


class _Notification(_Part):
    records: tuple[_Record, ...] = Field(alias="Records")


def created(notification: bytes | None) -> tuple[str, ...]:
    """Return the URIs of the objects that a notification, in the JSON that S3 and its likes send, says were written.

    Raises:
        ValueError: it is no such notification.
    """
    try:
        found = _Notification.model_validate_json(notification or b"")
    except ValidationError as error:
        raise ValueError(f"no notification of an object store: {error.errors()[0]['msg']}") from None
    return tuple(
        f"{SCHEME}{record.s3.bucket.name}/{unquote_plus(record.s3.object.key)}"
        for record in found.records
        if record.event.removeprefix("s3:").startswith("ObjectCreated:")
    )
