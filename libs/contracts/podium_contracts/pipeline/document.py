"""The pipeline file as a whole: the same document that `kubectl apply` takes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, FiniteFloat

from podium_contracts.model import Model
from podium_contracts.names import EngineWish, Name, ResourceName
from podium_contracts.pipeline.dataset import Dataset
from podium_contracts.pipeline.objects import known_lakehouse


class Metadata(Model):
    """What identifies the pipeline."""

    name: ResourceName


class Lakehouse(Model):
    """Where the tables lie: a path relative to the pipeline file, or `s3://bucket/prefix`."""

    uri: Annotated[str, Field(min_length=1), AfterValidator(known_lakehouse)]


class Lookup(Model):
    """Reference data from a CSV file with a header: the variants in column `key` stand for the value in column `value`."""

    path: str = Field(min_length=1)
    key: Name
    value: Name


class Modelling(Model):
    """The dbt project whose models make Gold, relative to the pipeline file."""

    dbt: str = Field(min_length=1)


class Threshold(Model):
    """A bound on a metric: `minimum` or `maximum`. Below or above it the verdict is `warned`, or `failed` if CRITICAL."""

    type: Literal["minimum", "maximum"]
    value: FiniteFloat
    severity: Literal["WARNING", "CRITICAL"] = "WARNING"


class Quality(Model):
    """Thresholds by table (`sales`, `fact_sale`) and metric, and what a failed verdict does."""

    thresholds: dict[Name, dict[Name, Threshold]] = Field(default_factory=dict)
    on_failure: Literal["hold"] = "hold"


class DuckDbDestination(Model):
    """One DuckDB file with every Gold table, replaced atomically; relative to the pipeline file."""

    path: str = Field(min_length=1)


class Publish(Model):
    """Where certified Gold is served from."""

    duckdb: DuckDbDestination | None = None

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names of those that are declared."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


class Spec(Model):
    """What the pipeline does."""

    lakehouse: Lakehouse
    engine: EngineWish = EngineWish.DUCKDB
    lookups: dict[Name, Lookup] = Field(default_factory=dict)
    datasets: dict[Name, Dataset] = Field(min_length=1)
    model: Modelling | None = None
    quality: Quality = Quality()
    publish: Publish = Publish()


class PipelineDocument(Model):
    """A Pipeline resource."""

    api_version: Literal["podium.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Pipeline"]
    metadata: Metadata
    spec: Spec
