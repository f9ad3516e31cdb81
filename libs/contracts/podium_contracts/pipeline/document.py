"""The pipeline file as a whole: the same document that `kubectl apply` takes."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from podium_contracts.model import Model, checked
from podium_contracts.names import EngineWish, Name, ResourceName
from podium_contracts.pipeline.anomalies import Anomalies
from podium_contracts.pipeline.dataset import Dataset
from podium_contracts.pipeline.objects import SCHEME, known_lakehouse
from podium_contracts.resources.pipeline import Cron, Scheduling
from podium_contracts.resources.pipeline_run import MOST_DATASETS, RunTemplate


class Metadata(Model):
    """What identifies the pipeline, and what Kubernetes keeps beside its name."""

    name: ResourceName
    namespace: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Lakehouse(Model):
    """Where the tables lie: a path relative to the pipeline file, or `s3://bucket/prefix`."""

    uri: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(known_lakehouse)]


class Bundle(Model):
    """The archive of what the pipeline refers to: lookups, schemas of messages, custom steps, suites, the dbt project. `podium bundle` makes it."""

    uri: str = Field(pattern=f"^({SCHEME}|/).+", max_length=1024)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


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


Thresholds = Annotated[dict[Name, Threshold], Field(max_length=200)]
Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$", max_length=127)]
References = Annotated[dict[Name, Reference], Field(max_length=64)]
Suite = Annotated[str, Field(min_length=1, max_length=1024)]


class Quality(Model):
    """Thresholds by table (`sales`, `fact_sale`) and metric, what refers to what, suites, and what a failed verdict does.

    `hold`: later batches wait. `restore`: the last certified version is put back by itself, and what came after it waits in Bronze for
    more news or another pipeline file.
    """

    thresholds: dict[Name, Thresholds] = Field(default_factory=dict, max_length=128)
    references: dict[Name, References] = Field(default_factory=dict, max_length=128)
    """By table and column: the column of another table, `customers.customer_id`, that has its values."""
    expectations: dict[Name, Suite] = Field(default_factory=dict, max_length=128)
    """By table: the file of a suite of Great Expectations, relative to the pipeline file. Its expectations are checks of the verdict."""
    anomalies: Anomalies | None = None
    """Without it nothing is held against earlier verdicts."""
    on_failure: Literal["hold", "restore"] = "hold"


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

    model_config = checked(("has(self.schedule) || !has(self.scheduling)", "`scheduling` needs a `schedule`"))

    owner: str | None = Field(default=None, min_length=1, max_length=253)
    """Who answers for the tables: a team or an address."""
    lakehouse: Lakehouse
    engine: EngineWish = EngineWish.DUCKDB
    bundle: Bundle | None = None
    """Needed in a cluster, where nothing lies beside the pipeline file."""
    schedule: Cron | None = None
    """When a run is made in a cluster: minute, hour, day of the month, month, day of the week."""
    scheduling: Scheduling | None = None
    runs: RunTemplate | None = None
    """How the runs of the schedule are made."""
    lookups: dict[Name, Lookup] = Field(default_factory=dict, max_length=64)
    datasets: dict[Name, Dataset] = Field(min_length=1, max_length=MOST_DATASETS)
    model: Modelling | None = None
    quality: Quality = Quality()
    publish: Publish = Publish()

    @model_validator(mode="after")
    def _scheduled(self) -> Self:
        if self.scheduling and self.schedule is None:
            raise ValueError("`scheduling` needs a `schedule`")
        return self


class PipelineDocument(Model):
    """A Pipeline resource."""

    api_version: Literal["podium.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Pipeline"]
    metadata: Metadata
    spec: Spec

    def makes(self) -> dict[str, Any]:
        """Return what decides the tables: not whose they are, when, where and by which engine runs are made, nor by what way files come along."""
        others = {"bundle", "engine", "owner", "schedule", "scheduling", "runs"}
        spec = self.spec.model_dump(
            mode="json",
            by_alias=True,
            exclude={**dict.fromkeys(others, True), "datasets": {"__all__": {"owner"}}},
        )
        return {"name": self.metadata.name, "spec": spec}
