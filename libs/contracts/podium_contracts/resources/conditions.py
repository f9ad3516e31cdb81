"""The conditions of runs and the closed list of their reasons, with what each means and what to do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from podium_contracts.resources.resource import Observed, Time

LONGEST_CONDITION = 1024
"""Characters of a condition's message."""


class ConditionType(StrEnum):
    """What a condition is about."""

    SUCCEEDED = "Succeeded"
    FINISHED = "Finished"
    CONSERVED = "Conserved"
    QUALITY_PASSED = "QualityPassed"
    PUBLISHED = "Published"
    SOURCES_HEALTHY = "SourcesHealthy"
    SCHEDULED = "Scheduled"


MEANINGS = {
    ConditionType.SUCCEEDED: "Whether the run did all that it was to do; Unknown while it is under way.",
    ConditionType.FINISHED: "True once the run has ended, well or not: what `kubectl wait` waits for.",
    ConditionType.CONSERVED: "Whether the ledgers of all stages that completed balance: no row lost or made up.",
    ConditionType.QUALITY_PASSED: "Whether no verdict of the run is `failed`.",
    ConditionType.PUBLISHED: "Whether every destination serves the certified versions.",
    ConditionType.SOURCES_HEALTHY: "Whether every source could be read.",
    ConditionType.SCHEDULED: "Of a Pipeline: whether its schedule makes runs.",
}


class FailureClass(StrEnum):
    """What kind of thing went wrong: how often it is tried again is said for each."""

    INFRASTRUCTURE = "infrastructure"
    SCHEDULING = "scheduling"
    DATA = "data"
    BUG = "bug"


class Reason(StrEnum):
    """Why a condition has its status: one word for programs."""

    PENDING = "Pending"
    SUSPENDED = "Suspended"
    STARTING = "Starting"
    RUNNING = "Running"
    RETRYING = "Retrying"
    WAITING_FOR_SERVICE = "WaitingForService"
    COMPLETED = "Completed"
    NOTHING_NEW = "NothingNew"
    PIPELINE_NOT_FOUND = "PipelineNotFound"
    PINNED_LOST = "PinnedLost"
    INVALID_PIPELINE = "InvalidPipeline"
    INVALID_SPEC = "InvalidSpec"
    BUNDLE_UNREADABLE = "BundleUnreadable"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    FORBIDDEN = "Forbidden"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    START_TIMED_OUT = "StartTimedOut"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    FENCED = "Fenced"
    OUT_OF_MEMORY = "OutOfMemory"
    DRIVER_LOST = "DriverLost"
    EXECUTOR_LOST = "ExecutorLost"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    BAD_SOURCE = "BadSource"
    QUALITY_FAILED = "QualityFailed"
    LEDGER_IMBALANCE = "LedgerImbalance"
    MODEL_FAILED = "ModelFailed"
    REFUSED = "Refused"
    INTERNAL_ERROR = "InternalError"
    SCHEDULED = "Scheduled"
    MISSED_RUN = "MissedRun"
    INVALID_SCHEDULE = "InvalidSchedule"


@dataclass(frozen=True)
class Explanation:
    """What a reason means, what to do, and the class of failure that it belongs to, if it is one that may be tried again."""

    meaning: str
    advice: str = ""
    failure: FailureClass | None = None


_INFRASTRUCTURE, _SCHEDULING = FailureClass.INFRASTRUCTURE, FailureClass.SCHEDULING
_DATA, _BUG = FailureClass.DATA, FailureClass.BUG

EXPLANATIONS = {
    Reason.PENDING: Explanation("The run waits to be started."),
    Reason.SUSPENDED: Explanation(
        "`suspend` holds the run: nothing is started.", "Set `spec.suspend` to false."
    ),
    Reason.STARTING: Explanation(
        "The driver of a stage is about to start; the message has what the cluster says.",
    ),
    Reason.RUNNING: Explanation("A stage is at work."),
    Reason.RETRYING: Explanation("A stage failed and is tried again after a pause."),
    Reason.WAITING_FOR_SERVICE: Explanation(
        "A stage has completed, and the service of the next one has not taken up its event yet.",
        "Look at the service that the message names, and at Kafka.",
    ),
    Reason.COMPLETED: Explanation("Every stage completed."),
    Reason.NOTHING_NEW: Explanation("The sources had nothing new, and all they had before is certified."),
    Reason.PIPELINE_NOT_FOUND: Explanation(
        "There is no Pipeline of that name in the run's namespace.", "Apply it; the run starts by itself."
    ),
    Reason.PINNED_LOST: Explanation(
        "The ConfigMap that held the Pipeline as the run had found it is gone: what the run was to do is not known any more.",
        "Make a new run: it goes on where this one stopped.",
    ),
    Reason.INVALID_PIPELINE: Explanation(
        "The pipeline has mistakes that only its stages can see; the message lists them.",
        "Correct the Pipeline (`podium validate` finds the same), then make a new run.",
        _DATA,
    ),
    Reason.INVALID_SPEC: Explanation(
        "The run asks for what cannot be done.", "Correct what the message names, then make a new run."
    ),
    Reason.BUNDLE_UNREADABLE: Explanation(
        "The pipeline's bundle is not there, or is not the one that its sha256 names.",
        "Run `podium bundle` again and apply what it prints.",
        _DATA,
    ),
    Reason.SECRET_NOT_FOUND: Explanation(
        "The driver waits for a Secret, or a key of one, that does not exist.",
        "Make what the message names; the driver starts by itself.",
        _SCHEDULING,
    ),
    Reason.CONFIG_MAP_NOT_FOUND: Explanation(
        "The driver waits for a ConfigMap, or a key of one, that does not exist.",
        "Make what the message names; the driver starts by itself.",
        _SCHEDULING,
    ),
    Reason.IMAGE_UNAVAILABLE: Explanation(
        "The driver's image cannot be pulled, or may not be run: its user is root.",
        "Correct `images` in the chart's values, or the pull secret.",
        _SCHEDULING,
    ),
    Reason.UNSCHEDULABLE: Explanation(
        "No node takes the driver; the message has the scheduler's reason.",
        "Ask for less, or correct selectors and tolerations.",
        _SCHEDULING,
    ),
    Reason.QUOTA_EXCEEDED: Explanation(
        "The namespace's quota leaves no room.",
        "Wait for other work to end, ask for less, or raise the quota.",
        _SCHEDULING,
    ),
    Reason.FORBIDDEN: Explanation(
        "The API server refused the driver's pod; the message has its words.",
        "Correct what it names: a service account, a pod security level, a policy.",
        _SCHEDULING,
    ),
    Reason.NAMESPACE_TERMINATING: Explanation("The namespace is being deleted: nothing more is started."),
    Reason.START_TIMED_OUT: Explanation(
        "A driver did not start within `startTimeout`; the message has why.",
        "Mend the cause, then make a new run.",
        _SCHEDULING,
    ),
    Reason.TIMED_OUT: Explanation(
        "The run took longer than `timeout`.", "Give it more time; a new run goes on where this one stopped."
    ),
    Reason.CANCELLED: Explanation("`cancel` ended the run.", "A new run goes on where this one stopped."),
    Reason.FENCED: Explanation(
        "Another driver of the same stage has completed what this one had not planned on, or changed a table that it had: this one commits nothing more. "
        "One whose own work another has completed ends as that did.",
        "Nothing: what the other one completed counts, and another try starts from there.",
        _INFRASTRUCTURE,
    ),
    Reason.OUT_OF_MEMORY: Explanation(
        "The driver used more memory than it has: the kernel ended it, or Java's heap was full.",
        "Raise `spec.pods.resources.memory`, or spread the work: engine spark, more `spec.pods.executors.instances`.",
        _INFRASTRUCTURE,
    ),
    Reason.DRIVER_LOST: Explanation(
        "The driver's pod ended without a word: evicted, deleted, or its node is gone.",
        "Look at the events of the namespace and at the nodes; a new run goes on where this one stopped.",
        _INFRASTRUCTURE,
    ),
    Reason.EXECUTOR_LOST: Explanation(
        "Too many executors were lost for Spark to go on.",
        "Raise `spec.pods.executors.memory`, or look at the nodes.",
        _INFRASTRUCTURE,
    ),
    Reason.STORAGE_UNAVAILABLE: Explanation(
        "A store, a broker or a lost race with another writer kept the stage from completing.",
        "It may pass by itself.",
        _INFRASTRUCTURE,
    ),
    Reason.BAD_SOURCE: Explanation(
        "A source cannot be read as the pipeline declares it; nothing of that batch was taken.",
        "Correct the source or its declaration, then make a new run.",
        _DATA,
    ),
    Reason.QUALITY_FAILED: Explanation(
        "A verdict is `failed`: readers keep the last certified version.",
        "Look at the checks that failed and at the quarantine.",
        _DATA,
    ),
    Reason.LEDGER_IMBALANCE: Explanation(
        "Rows in and rows accounted for differ; nothing was completed.", "Report it with the message.", _BUG
    ),
    Reason.MODEL_FAILED: Explanation(
        "dbt refused a model or a test; no Gold table was touched.",
        "Correct the model or the data it refuses.",
        _DATA,
    ),
    Reason.REFUSED: Explanation(
        "The stage refused its work for another reason, which a person must remove.",
        "Remove the cause that the message names, then make a new run.",
        _DATA,
    ),
    Reason.INTERNAL_ERROR: Explanation(
        "The stage ended with an error that nobody foresaw.", "Look at the driver's log, and report it.", _BUG
    ),
    Reason.SCHEDULED: Explanation("The next run of the schedule is made when it is due."),
    Reason.MISSED_RUN: Explanation(
        "A run of the schedule could not be made within `scheduling.deadline`; the next one is made when it is due.",
        "Make a run by hand if it cannot wait; allow a longer `deadline`, or `concurrency: allow`.",
    ),
    Reason.INVALID_SCHEDULE: Explanation(
        "The schedule, or its time zone, cannot be read or never comes.", "Correct what the message names."
    ),
}


class Condition(Observed):
    """A condition as the Kubernetes API has them."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    reason: Reason
    message: Annotated[str, Field(max_length=LONGEST_CONDITION)] = ""
    last_transition_time: Time
    observed_generation: int = 0
