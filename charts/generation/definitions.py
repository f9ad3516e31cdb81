"""The custom resource definitions: what they are called, what they show, and what may change."""

from io import StringIO
from typing import Any

from podium_contracts.pipeline import PipelineDocument
from podium_contracts.resources import (
    GROUP,
    VERSION,
    PipelineRun,
    PipelineRunStatus,
    PipelineStatus,
    StageRun,
    StageRunStatus,
)
from podium_contracts.resources.pipeline_run import CHANGEABLE, PipelineRunSpec
from pydantic import BaseModel
from ruamel.yaml import YAML

from generation.structural import VALIDATIONS, Schema, structural

HEAD = "# Generated from libs/contracts by `make generate`: do not edit.\n"
KEPT = {"helm.sh/resource-policy": "keep"}
"""Uninstalling the chart leaves the definitions: with them all Pipelines and runs would go."""
SUCCEEDED = '.status.conditions[?(@.type=="Succeeded")]'
SCHEDULED = '.status.conditions[?(@.type=="Scheduled")].reason'


def column(
    name: str, path: str, kind: str = "string", *, wide: bool = False, description: str = ""
) -> dict[str, Any]:
    """Return a column of `kubectl get`."""
    shown = {
        "name": name,
        "type": kind,
        "jsonPath": path,
        "description": description,
        "priority": 1 if wide else 0,
    }
    return {key: value for key, value in shown.items() if value != ""}


SHORT_NAME = {
    "rule": "self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$')",
    "message": "metadata.name must have lower-case letters, digits and - between them, at most 53 characters",
}
"""Names of Jobs, Services and labels are made of it, and may have 63."""

PIPELINE_COLUMNS = [
    column("Engine", ".spec.engine"),
    column("Schedule", ".spec.schedule"),
    column("Suspended", ".spec.scheduling.suspend", "boolean"),
    column("Last", ".status.lastScheduleTime", "date", description="For when the last run was made"),
    column("Next", ".status.nextScheduleTime", description="For when the next run is due"),
    column("Scheduled", SCHEDULED, description="Whether the schedule makes runs", wide=True),
    column("Lakehouse", ".spec.lakehouse.uri", wide=True),
    column("Age", ".metadata.creationTimestamp", "date"),
]
RUN_COLUMNS = [
    column("Succeeded", f"{SUCCEEDED}.status"),
    column("Reason", f"{SUCCEEDED}.reason"),
    column("Stage", ".status.stage"),
    column("Rows", ".status.rows", "integer", description="Rows taken in"),
    column("Quarantined", ".status.quarantined", "integer"),
    column("Start", ".status.startTime", "date"),
    column("Duration", ".status.duration"),
    column("Attempt", ".status.attempt", "integer", wide=True),
    column("Trace", ".status.trace", wide=True),
    column("Gold version", ".status.gold", "integer", wide=True),
]
STAGE_COLUMNS = [
    column("Run", ".spec.pipelineRun.name"),
    column("Stage", ".spec.stage"),
    column("Subject", ".spec.subject"),
    column("Succeeded", f"{SUCCEEDED}.status"),
    column("Reason", f"{SUCCEEDED}.reason"),
    column("Start", ".status.startTime", "date"),
]


def definitions() -> dict[str, str]:
    """Return the text of each definition by the name of its file."""
    return {
        "pipelines.yaml": _text(
            _definition(
                PipelineDocument,
                "Pipeline",
                (),
                PIPELINE_COLUMNS,
                "What a pipeline does, as its file says it.",
                [SHORT_NAME],
                PipelineStatus,
            )
        ),
        "pipelineruns.yaml": _text(
            _definition(
                PipelineRun,
                "PipelineRun",
                ("pdr",),
                RUN_COLUMNS,
                "One pass of a Pipeline.",
                _kept_once_started(),
                PipelineRunStatus,
            )
        ),
        "stageruns.yaml": _text(
            _definition(
                StageRun,
                "StageRun",
                (),
                STAGE_COLUMNS,
                "One stage of a PipelineRun. Services make them; a person has no need to.",
                [
                    _rule(
                        "self.spec == oldSelf.spec",
                        "a StageRun never changes: delete the PipelineRun, or make a new one",
                    )
                ],
                StageRunStatus,
            )
        ),
    }


def _kept_once_started() -> list[dict[str, str]]:
    """Return a rule for each field of a run's spec that may not change once it has started."""
    started = "has(oldSelf.status) && has(oldSelf.status.startTime)"
    rules = []
    for name, field in PipelineRunSpec.model_fields.items():
        shown = field.alias or name
        if shown not in CHANGEABLE:
            now, was = f"self.spec.{shown}", f"oldSelf.spec.{shown}"
            same = f"has({now}) == has({was}) && (!has({now}) || {now} == {was})"
            message = f"spec.{shown} cannot change once the run has started: make a new PipelineRun"
            rules.append(_rule(f"!({started}) || ({same})", message))
    undone = (
        "!(has(oldSelf.spec.cancel) && oldSelf.spec.cancel) || (has(self.spec.cancel) && self.spec.cancel)"
    )
    return [SHORT_NAME, *rules, _rule(undone, "a cancelled run stays cancelled: make a new PipelineRun")]


def _rule(rule: str, message: str) -> dict[str, str]:
    return {"rule": rule, "message": message}


def _definition(
    model: type[BaseModel],
    kind: str,
    short_names: tuple[str, ...],
    columns: list[dict[str, Any]],
    description: str,
    rules: list[dict[str, str]],
    status: type[BaseModel],
) -> dict[str, Any]:
    singular = kind.lower()
    root: Schema = {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(model)["properties"]["spec"],
            "status": structural(status),
        },
        VALIDATIONS: rules,
    }
    names: dict[str, Any] = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": f"{singular}s",
        "singular": singular,
        "categories": ["podium"],
    }
    if short_names:
        names["shortNames"] = list(short_names)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{singular}s.{GROUP}", "annotations": KEPT},
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": root},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                }
            ],
        },
    }


def _text(definition: dict[str, Any]) -> str:
    writer = YAML()
    writer.width = 130
    writer.representer.ignore_aliases = lambda _data: True
    text = StringIO()
    writer.dump(definition, text)
    return HEAD + text.getvalue()
