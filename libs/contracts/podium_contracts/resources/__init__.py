"""What Podium adds to Kubernetes: Pipeline, PipelineRun and StageRun, of the group `podium.dev`.

The structural schemas of the custom resource definitions are generated from these models, their conditions and reasons from
`conditions`.
"""

from podium_contracts.resources.conditions import (
    Condition,
    ConditionType,
    FailureClass,
    Reason,
)
from podium_contracts.resources.pipeline import PipelineStatus, ScheduledPipeline, Scheduling
from podium_contracts.resources.pipeline_run import (
    PipelineRun,
    PipelineRunSpec,
    PipelineRunStatus,
    StageProgress,
)
from podium_contracts.resources.resource import GROUP, VERSION, ObjectMeta, Resource
from podium_contracts.resources.stage_run import (
    Attempt,
    RunReference,
    StageOutcome,
    StageRun,
    StageRunSpec,
    StageRunStatus,
)

__all__ = [
    "GROUP",
    "VERSION",
    "Attempt",
    "Condition",
    "ConditionType",
    "FailureClass",
    "ObjectMeta",
    "PipelineRun",
    "PipelineRunSpec",
    "PipelineRunStatus",
    "PipelineStatus",
    "Reason",
    "Resource",
    "RunReference",
    "ScheduledPipeline",
    "Scheduling",
    "StageOutcome",
    "StageProgress",
    "StageRun",
    "StageRunSpec",
    "StageRunStatus",
]
