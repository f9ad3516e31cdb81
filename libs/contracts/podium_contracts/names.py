"""The words that name things across Podium: layers, stages, verdicts, and how a column's name is standardised."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Spelling:
    """What a schema says of a text with a pattern of its own."""

    pattern: str
    longest: int

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add the pattern and the length to the schema of a text."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$", "maxLength": self.longest}


def _spelled(pattern: str, advice: str) -> AfterValidator:
    """Refuse what does not match a pattern, in words: people read the message."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is no name here: write {advice}")
        return text

    return AfterValidator(check)


_NAME = "[a-z][a-z0-9_]{0,62}"
Name = Annotated[
    str,
    _spelled(_NAME, "lower-case letters, digits and _, a letter first, at most 63 characters"),
    Spelling(_NAME, 63),
]
"""A dataset, column, rule or lookup: lower case, starts with a letter, at most 63 characters."""

_RESOURCE_NAME = "[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?"
ResourceName = Annotated[
    str,
    _spelled(_RESOURCE_NAME, "lower-case letters, digits and - between them, at most 53 characters"),
    Spelling(_RESOURCE_NAME, 53),
]
"""A pipeline: a Kubernetes resource name, at most 53 characters so that derived names fit in 63."""

UNKNOWN_MEMBER = -1
"""The surrogate key of the unknown member of every dimension."""


class Layer(StrEnum):
    """What a table's rows have been through."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


class Stage(StrEnum):
    """One step of a pipeline, in the order a batch meets them."""

    INGEST = "ingest"
    CLEANSE = "cleanse"
    MODEL = "model"
    QUALITY = "quality"
    PUBLISH = "publish"


class EngineName(StrEnum):
    """What executes a stage: one machine, or many."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class EngineWish(StrEnum):
    """What a pipeline or a person asks for; `auto`, of `podium run` alone, takes duckdb up to a size that fits the machine, and spark above."""

    DUCKDB = EngineName.DUCKDB
    SPARK = EngineName.SPARK
    AUTO = "auto"


class Verdict(StrEnum):
    """The quality stage's decision on a layer; readers see every version that is not `failed`."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


def standard_name(name: str) -> str:
    """Return the column name in lower case, its spaces and hyphens as `_`."""
    return name.lower().replace(" ", "_").replace("-", "_")


def storable_name(name: str) -> str:
    """Return the name with the characters that a Delta table refuses as `_`; the catalogue keeps the original."""
    return re.sub(r"[ ,;{}()\n\t=]", "_", name)


def collisions(names: list[str]) -> list[list[str]]:
    """Return the groups of names that become one under `standard_name`; Delta and Spark ignore case, too."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(standard_name(storable_name(name)), []).append(name)
    return [group for group in groups.values() if len(group) > 1]
