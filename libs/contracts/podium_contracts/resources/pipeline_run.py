"""PipelineRun: one pass of a pipeline."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_serializer, model_validator

from podium_contracts.durations import seconds
from podium_contracts.events.mapping import Message
from podium_contracts.events.v1 import ControlTotal, Flow, Stock
from podium_contracts.model import checked
from podium_contracts.names import EngineName, Layer, Name, ResourceName, Verdict
from podium_contracts.resources.conditions import Condition, ConditionType, Reason
from podium_contracts.resources.pods import PodTemplate
from podium_contracts.resources.resource import Duration, ObjectMeta, Observed, Resource, Time

MOST_DATASETS = 64
MOST_TABLES = 200
CHANGEABLE = ("suspend", "cancel", "ttlSecondsAfterFinished")
"""What may change once a run has started."""
SPARK_SETTINGS = (
    "spark.databricks.delta.merge.optimizeInsertOnlyMerge.enabled",
    "spark.databricks.delta.merge.repartitionBeforeWrite.enabled",
    "spark.databricks.delta.optimizeWrite.binSize",
    "spark.databricks.delta.optimizeWrite.enabled",
    "spark.databricks.delta.snapshotPartitions",
    "spark.locality.wait",
    "spark.memory.fraction",
    "spark.memory.storageFraction",
    "spark.scheduler.maxRegisteredResourcesWaitingTime",
    "spark.scheduler.minRegisteredResourcesRatio",
    "spark.shuffle.accurateBlockThreshold",
    "spark.shuffle.compress",
    "spark.shuffle.file.buffer",
    "spark.shuffle.io.maxRetries",
    "spark.shuffle.io.retryWait",
    "spark.shuffle.sort.bypassMergeThreshold",
    "spark.shuffle.spill.compress",
    "spark.speculation",
    "spark.speculation.interval",
    "spark.speculation.multiplier",
    "spark.speculation.quantile",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes",
    "spark.sql.adaptive.autoBroadcastJoinThreshold",
    "spark.sql.adaptive.coalescePartitions.enabled",
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum",
    "spark.sql.adaptive.coalescePartitions.minPartitionSize",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst",
    "spark.sql.adaptive.enabled",
    "spark.sql.adaptive.localShuffleReader.enabled",
    "spark.sql.adaptive.skewJoin.enabled",
    "spark.sql.adaptive.skewJoin.skewedPartitionFactor",
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes",
    "spark.sql.autoBroadcastJoinThreshold",
    "spark.sql.broadcastTimeout",
    "spark.sql.files.maxPartitionBytes",
    "spark.sql.files.maxRecordsPerFile",
    "spark.sql.files.minPartitionNum",
    "spark.sql.files.openCostInBytes",
    "spark.sql.join.preferSortMergeJoin",
    "spark.sql.optimizer.dynamicPartitionPruning.enabled",
    "spark.sql.parquet.columnarReaderBatchSize",
    "spark.sql.parquet.compression.codec",
    "spark.sql.parquet.enableVectorizedReader",
    "spark.sql.parquet.filterPushdown",
    "spark.sql.shuffle.partitions",
    "spark.task.cpus",
    "spark.task.maxFailures",
)
"""Settings of Spark that change how fast a job runs: none names a class or a file, and none lets input go unread."""


def _tunes(name: str) -> str:
    if name not in SPARK_SETTINGS:
        raise ValueError("is none of the settings that tune Spark")
    return name


SparkSetting = Annotated[str, Field(json_schema_extra={"enum": list(SPARK_SETTINGS)}), AfterValidator(_tunes)]


class Retries(Resource):
    """How often a stage is tried again, by the class of its failure; what data or code cause is not, unless somebody says so."""

    infrastructure: Annotated[int, Field(ge=0, le=20)] = 3
    scheduling: Annotated[int, Field(ge=0, le=20)] = 3
    data: Annotated[int, Field(ge=0, le=20)] = 0
    bug: Annotated[int, Field(ge=0, le=20)] = 0


class Backoff(Resource):
    """The pause before a stage is tried again: it doubles from the first to the longest."""

    model_config = checked(
        ("duration(self.first) <= duration(self.longest)", "`first` must not be longer than `longest`")
    )

    first: Duration = "10s"
    longest: Duration = "5m"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if seconds(self.first) > seconds(self.longest):
            raise ValueError("`first` must not be longer than `longest`")
        return self


class RunTemplate(Resource):
    """How a run is made: what a schedule gives its runs, and a person one of theirs."""

    model_config = checked(
        (
            "duration(self.startTimeout) < duration(self.timeout)",
            "`startTimeout` must be shorter than `timeout`",
        ),
        ("duration(self.startTimeout) > duration('0s')", "`startTimeout` must be more than nothing"),
    )

    datasets: Annotated[
        tuple[Name, ...], Field(max_length=MOST_DATASETS, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = ()
    """Those to bring up to date; all without it."""
    engine: EngineName | None = None
    """What the pipeline says, without it; if that is `auto`, it must be said here."""
    timeout: Duration = "24h"
    """From the start of the run to its end, pauses in `suspend` included."""
    start_timeout: Duration = "15m"
    """How long a driver may take to start: its image, its secrets, a node."""
    retries: Retries = Retries()
    backoff: Backoff = Backoff()
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    """A finished run is deleted after so long; it stays without it."""
    pods: PodTemplate = PodTemplate()
    spark: Annotated[
        dict[SparkSetting, Annotated[str, Field(pattern="^[A-Za-z0-9.-]+$", max_length=100)]],
        Field(
            max_length=len(SPARK_SETTINGS),
            description="Settings of engine spark that tune it; a value is a number, a size, a time or a word. "
            f"Any of {', '.join(SPARK_SETTINGS)}.",
        ),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not seconds(self.start_timeout) > 0:
            raise ValueError("`startTimeout` must be more than nothing")
        if seconds(self.start_timeout) >= seconds(self.timeout):
            raise ValueError("`startTimeout` must be shorter than `timeout`")
        return self


class PipelineRunSpec(RunTemplate):
    """What is wanted; nothing but `suspend`, `cancel` and the time it is kept changes once the run has started."""

    pipeline: ResourceName
    """The Pipeline, of the same namespace."""
    suspend: bool = False
    """Start nothing, and end the drivers that run; they go on where they were once it is false."""
    cancel: bool = False
    """End the run for good."""


class StageProgress(Observed):
    """One stage of a run."""

    name: str
    """The StageRun."""
    stage: str
    subject: str
    reason: Reason
    message: Annotated[str, Field(max_length=256)] = ""
    attempts: int = 0
    started: Time | None = None
    finished: Time | None = None


class TableProgress(Observed):
    """A table as the run left it."""

    name: str
    from_version: int | None = None
    to_version: int
    rows: int


class Counted(Message):
    """A part of a ledger with its numbers as the API server has them: in events, they are texts."""

    @field_serializer("*")
    def _as_it_is(self, value: object) -> object:
        return value


class Account(Counted, Flow):
    """Where the rows of a dataset went in a layer."""

    subject: str = ""
    """As `silver.sales`."""


class TableStock(Counted, Stock):
    """What became of the rows of a Gold table: after = before + inserted - removed."""


def summed(accounts: Sequence[Account]) -> tuple[Account, ...]:
    """Return one account for all of a layer, of `silver.*`; what rules dropped is in it under `*`."""
    layers: dict[str, list[Account]] = {}
    for account in accounts:
        layers.setdefault(account.subject.partition(".")[0], []).append(account)
    return tuple(_sum(f"{layer}.*", found) for layer, found in layers.items())


def _sum(subject: str, accounts: Sequence[Account]) -> Account:
    numbers = Account.model_fields.keys() - {"subject", "dropped"}
    counts = {name: sum(getattr(account, name) for account in accounts) for name in numbers}
    dropped = sum(rows for account in accounts for rows in account.dropped.values())
    return Account(subject=subject, dropped={"*": dropped} if dropped else {}, **counts)


def summed_stocks(stocks: Sequence[TableStock]) -> tuple[TableStock, ...]:
    """Return one stock for all tables of Gold, of `gold.*`."""
    numbers = TableStock.model_fields.keys() - {"table"}
    counts = {name: sum(getattr(stock, name) for stock in stocks) for name in numbers}
    return (TableStock(table=f"{Layer.GOLD}.*", **counts),)


class Judgement(Observed):
    """A verdict of the run."""

    subject: str
    """As `silver.sales`; `gold` for Gold."""
    verdict: Verdict
    failed: Annotated[tuple[str, ...], Field(max_length=10)] = ()
    """The checks that did not pass, in words, at most ten."""


class PipelineRunStatus(Observed):
    """What has become of a run: bounded, whatever the pipeline's size."""

    observed_generation: int = 0
    run: str = ""
    """The run's id in events, logs and commits."""
    trace: str = ""
    """The trace's id, of 32 hexadecimal digits."""
    start_time: Time | None = None
    completion_time: Time | None = None
    duration: str = ""
    stage: str = ""
    """What is at work, or was last."""
    attempt: int = 0
    """Of that stage, from 1."""
    rows: int = 0
    """Rows that the run took in."""
    quarantined: int = 0
    gold: int | None = None
    """The number of the Gold completion that the run left: what consumers call Gold's version."""
    stages: Annotated[tuple[StageProgress, ...], Field(max_length=2 * MOST_DATASETS + 8)] = ()
    ledger: Annotated[tuple[Account, ...], Field(max_length=2 * MOST_DATASETS)] = ()
    """Of Bronze and Silver, by datasets; that of Gold are `stocks` and `controlTotals`."""
    stocks: Annotated[tuple[TableStock, ...], Field(max_length=MOST_TABLES)] = ()
    """Of Gold, by tables."""
    control_totals: Annotated[tuple[ControlTotal, ...], Field(max_length=MOST_TABLES)] = ()
    """Sums over tables of Gold, beside those over what they are made of."""
    verdicts: Annotated[tuple[Judgement, ...], Field(max_length=MOST_DATASETS + 1)] = ()
    tables: Annotated[tuple[TableProgress, ...], Field(max_length=MOST_TABLES)] = ()
    left_out: Annotated[tuple[str, ...], Field(max_length=5)] = ()
    """Of these, what the status, or a pod's last words of 4096 bytes, had no room for: `tables`, `ledger` (summed up as `silver.*`), `stocks` (as
    `gold.*`), `controlTotals`, `verdicts` (their checks). `kubectl podium ledger --whole` reads all of it from the lakehouse.
    """
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type."""
        return next((condition for condition in self.conditions if condition.type == kind), None)


class PipelineRun(Observed):
    """A PipelineRun resource."""

    api_version: Literal["podium.dev/v1alpha1"] = "podium.dev/v1alpha1"
    kind: Literal["PipelineRun"] = "PipelineRun"
    metadata: ObjectMeta
    spec: PipelineRunSpec
    status: PipelineRunStatus = PipelineRunStatus()

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self._is_true(ConditionType.FINISHED)

    @property
    def is_successful(self) -> bool:
        """Whether it has done all that it was to do."""
        return self._is_true(ConditionType.SUCCEEDED)

    def _is_true(self, kind: ConditionType) -> bool:
        condition = self.status.condition(kind)
        return condition is not None and condition.status == "True"
