"""The base of custom resources: fields as Kubernetes spells them, closed where people write and open where the API server does."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from podium_contracts.durations import seconds
from podium_contracts.events.mapping import rfc3339
from podium_contracts.model import Model

GROUP = "podium.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, when_used="json")]


def _duration(text: str) -> str:
    seconds(text)
    return text


Duration = Annotated[
    str,
    AfterValidator(_duration),
    Field(
        json_schema_extra={
            "pattern": "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$",
            "minLength": 2,
            "maxLength": 20,
        }
    ),
]
"""Hours, minutes and seconds, as `1h30m`."""


class Resource(Model):
    """A part of a custom resource."""

    model_config = ConfigDict(alias_generator=to_camel)


class Observed(Resource):
    """A part that the API server or a newer version may add to."""

    model_config = ConfigDict(extra="ignore")


class ObjectMeta(Observed):
    """What Kubernetes keeps of every object; only what Podium reads."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
