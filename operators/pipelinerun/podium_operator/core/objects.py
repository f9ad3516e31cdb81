"""The objects that a run is made of: what it pins, its StageRuns, their Jobs, and how Spark finds its driver."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from podium_contracts.durations import seconds
from podium_contracts.names import EngineName
from podium_contracts.resources import PipelineRun, RunReference, StageRun
from podium_contracts.resources.course import (
    ATTEMPT,
    COMPONENT,
    LABELS,
    RUN,
    STAGE,
    STAGE_RUN,
    owner,
    pinned_name,
)
from podium_contracts.resources.pods import PodTemplate, Quantity

from podium_operator.core.seen import Pinned, Raw
from podium_operator.settings import DriverSettings, SecretFiles

Manifest = dict[str, Any]
FOLDER = "/podium"
"""Where a driver finds the pipeline."""
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own
SCRATCH_VOLUME = "spark-local-dir-1"
"""By such a name Spark knows that executors have a folder for its own files; it would mount another one there."""
QUEUES = "kueue.x-k8s.io/"
"""Labels of a run that its Jobs get, too."""
UID = 10001
RESTRICTED: Manifest = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
POD_SECURITY: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": UID,
    "runAsGroup": UID,
    "fsGroup": UID,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
OVERHEAD = 0.4
"""Of an executor's memory: what is not Java's heap, Python and DuckDB among it."""
LEAST_OVERHEAD_MB = 384


def reference(run: PipelineRun) -> RunReference:
    """Return what a StageRun calls its run."""
    return RunReference(name=run.metadata.name, uid=run.metadata.uid)


def pinned(run: PipelineRun, pipeline: Raw, settings: DriverSettings) -> Manifest:
    """Return the ConfigMap with the Pipeline as it is now, and how Spark is set up: what happens to either later is no matter."""
    engine = Pinned.of(run, pipeline).engine
    document = {
        "apiVersion": pipeline["apiVersion"],
        "kind": pipeline["kind"],
        "metadata": {"name": pipeline["metadata"]["name"]},
        "spec": {**pipeline["spec"], "engine": str(engine)},
    }
    data = {"pipeline.yaml": json.dumps(document, indent=1)}
    if engine == EngineName.SPARK:
        data |= {
            "spark-defaults.conf": spark_defaults(run, settings),
            "executor.yaml": json.dumps(executor_template(run, settings), indent=1),
        }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(
            pinned_name(run.metadata.name), run, {RUN: run.metadata.name}, _owned_by_run(run)
        ),
        "immutable": True,
        "data": data,
    }


def job_name(stage: StageRun, number: int) -> str:
    """Return the name of an attempt's Job."""
    return f"{stage.metadata.name}-{number}"


def job(run: PipelineRun, stage: StageRun, number: int, pinned: Pinned, settings: DriverSettings) -> Manifest:
    """Return the Job of an attempt: one pod, which nobody replaces."""
    labels = {
        RUN: run.metadata.name,
        STAGE: stage.spec.stage,
        STAGE_RUN: stage.metadata.name,
        ATTEMPT: str(number),
        COMPONENT: "driver",
    }
    queues = {key: value for key, value in run.metadata.labels.items() if key.startswith(QUEUES)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(job_name(stage, number), run, {**labels, **queues}, _owned_by_stage(stage)),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds(run.spec.timeout),
            "template": {
                "metadata": {"labels": {**LABELS, **labels}},
                "spec": _driver(run, stage, pinned, settings),
            },
        },
    }


def headless(run: PipelineRun, stage: StageRun) -> Manifest:
    """Return the Service by which executors find the driver of a stage."""
    labels = {RUN: run.metadata.name, STAGE: stage.spec.stage}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(stage.metadata.name, run, labels, _owned_by_stage(stage)),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {STAGE_RUN: stage.metadata.name, COMPONENT: "driver"},
            "ports": [{"name": "driver", "port": 7078}, {"name": "blocks", "port": 7079}],
        },
    }


def _driver(run: PipelineRun, stage: StageRun, pinned: Pinned, settings: DriverSettings) -> Manifest:
    template = run.spec.pods
    spark = pinned.engine == EngineName.SPARK
    resources = {
        "cpu": template.resources.cpu or settings.cpu,
        "memory": template.resources.memory or (settings.spark_memory if spark else settings.memory),
        "ephemeral-storage": template.resources.ephemeral_storage or settings.ephemeral_storage,
    }
    container = {
        "name": "driver",
        "image": settings.spark_image if spark else settings.image(stage.spec.stage),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", f"podium_{stage.spec.stage}.job"],
        "env": _environment(run, stage, pinned),
        "envFrom": _env_from(template, settings),
        "resources": {
            "requests": resources,
            "limits": {key: resources[key] for key in ("memory", "ephemeral-storage")},
        },
        "securityContext": RESTRICTED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(template, settings.secret_files),
    }
    return {
        **_pod(run, settings, settings.secret_files),
        "serviceAccountName": template.service_account_name or settings.service_account,
        "automountServiceAccountToken": spark,
        "containers": [container],
    }


def _environment(run: PipelineRun, stage: StageRun, pinned: Pinned) -> list[Manifest]:
    given = {
        "PODIUM_EVENT": stage.spec.event,
        "PODIUM_PIPELINE_RUN": f"{run.metadata.namespace}/{run.metadata.name}/{run.metadata.uid}",
        "PODIUM_PIPELINES": f"{FOLDER}/pipeline.yaml",
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
    }
    if pinned.engine == EngineName.SPARK:
        given |= {
            "SPARK_CONF_DIR": FOLDER,
            "PODIUM_DRIVER_HOST": f"{stage.metadata.name}.{run.metadata.namespace}.svc",
        }
    named = [{"name": name, "value": str(value)} for name, value in given.items()]
    return [*named, {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]


def spark_defaults(run: PipelineRun, settings: DriverSettings) -> str:
    """Return the settings of Spark for a run: executors are pods beside the driver, made by the least rights."""
    executors = run.spec.pods.executors
    heap = heap_mb(executors.memory)
    lines = {
        "spark.master": "k8s://https://kubernetes.default.svc",
        "spark.kubernetes.namespace": run.metadata.namespace,
        "spark.kubernetes.container.image": settings.spark_image,
        "spark.kubernetes.container.image.pullPolicy": "IfNotPresent",
        "spark.kubernetes.driver.pod.name": "${env:POD_NAME}",
        "spark.kubernetes.executor.podTemplateFile": f"{FOLDER}/executor.yaml",
        "spark.kubernetes.executor.podTemplateContainerName": "executor",
        "spark.kubernetes.executor.podNamePrefix": "${env:POD_NAME}",
        "spark.kubernetes.executor.disableConfigMap": "true",
        "spark.kubernetes.executor.request.cores": "0.5" if executors.cores == 1 else str(executors.cores),
        "spark.kubernetes.driver.service.deleteOnTermination": "false",
        "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
        "spark.kubernetes.executor.deleteOnTermination": "true",
        "spark.driver.host": "${env:PODIUM_DRIVER_HOST}",
        "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 - executors are other pods
        "spark.driver.port": "7078",
        "spark.driver.blockManager.port": "7079",
        "spark.blockManager.port": "7079",
        "spark.driver.memory": f"{heap_mb(run.spec.pods.resources.memory or settings.spark_memory)}m",
        "spark.executor.instances": str(executors.instances),
        "spark.executor.cores": str(executors.cores),
        "spark.executor.memory": f"{heap}m",
        "spark.executor.memoryOverhead": f"{_megabytes(executors.memory) - heap}m",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
        "spark.ui.enabled": "false",
        **run.spec.spark,
    }
    return "".join(f"{key} {value}\n" for key, value in lines.items())


def executor_template(run: PipelineRun, settings: DriverSettings) -> Manifest:
    """Return the pod that executors are made of, to which Spark adds memory and CPU; it has no token."""
    template = run.spec.pods
    files = [item for item in settings.secret_files if item.executors]
    disk = {"ephemeral-storage": template.executors.ephemeral_storage or settings.ephemeral_storage}
    container = {
        "name": "executor",
        "envFrom": _env_from(template, settings),
        "env": [{"name": "HOME", "value": SCRATCH}, {"name": "TMPDIR", "value": SCRATCH}],
        "resources": {"requests": disk, "limits": disk},
        "securityContext": RESTRICTED,
        "volumeMounts": _mounts(template, files),
    }
    labels = {**LABELS, RUN: run.metadata.name, COMPONENT: "executor"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": labels},
        "spec": {
            **_pod(run, settings, files),
            "automountServiceAccountToken": False,
            "containers": [container],
        },
    }


def _pod(run: PipelineRun, settings: DriverSettings, files: Sequence[SecretFiles]) -> Manifest:
    """Return what driver and executors have in common."""
    template = run.spec.pods
    secrets = [secret.name for secret in template.image_pull_secrets] or list(settings.image_pull_secrets)
    declared: Manifest = {
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "nodeSelector": template.node_selector,
        "tolerations": [item.model_dump(by_alias=True, exclude_none=True) for item in template.tolerations],
        "priorityClassName": template.priority_class_name,
        "imagePullSecrets": [{"name": name} for name in secrets],
        "volumes": [
            {"name": "pinned", "configMap": {"name": pinned_name(run.metadata.name)}},
            {"name": SCRATCH_VOLUME, "emptyDir": {}},
            *(
                {"name": item.volume, "secret": {"secretName": item.secret, "defaultMode": 0o440}}
                for item in files
            ),
            *(volume.source() for volume in template.volumes),
        ],
    }
    return {key: value for key, value in declared.items() if value not in (None, {}, [])}


def _env_from(template: PodTemplate, settings: DriverSettings) -> list[Manifest]:
    connections = [{"configMapRef": {"name": name}} for name in settings.config_maps]
    secrets = [{"secretRef": {"name": name}} for name in settings.secrets]
    return [
        *connections,
        *secrets,
        *(item.model_dump(by_alias=True, exclude_none=True) for item in template.env_from),
    ]


def _mounts(template: PodTemplate, files: Sequence[SecretFiles]) -> list[Manifest]:
    return [
        {"name": "pinned", "mountPath": FOLDER, "readOnly": True},
        {"name": SCRATCH_VOLUME, "mountPath": SCRATCH},
        *({"name": item.volume, "mountPath": item.folder, "readOnly": True} for item in files),
        *(
            {"name": volume.name, "mountPath": volume.mount_path, "readOnly": volume.read_only}
            for volume in template.volumes
        ),
    ]


def heap_mb(memory: Quantity) -> int:
    """Return the part of a pod's memory that Java's heap gets, in MiB."""
    whole = _megabytes(memory)
    return max(whole - max(round(whole * OVERHEAD), LEAST_OVERHEAD_MB), whole // 4)


def _megabytes(memory: Quantity) -> int:
    """Return a quantity of memory in MiB."""
    units = {
        "Ki": 2**10,
        "Mi": 2**20,
        "Gi": 2**30,
        "Ti": 2**40,
        "k": 10**3,
        "M": 10**6,
        "G": 10**9,
        "T": 10**12,
    }
    for unit, size in units.items():
        if memory.endswith(unit):
            return int(float(memory.removesuffix(unit)) * size / 2**20)
    return int(float(memory) / 2**20)


def _metadata(name: str, run: PipelineRun, labels: Mapping[str, str], belongs_to: Manifest) -> Manifest:
    return {
        "name": name,
        "namespace": run.metadata.namespace,
        "labels": {**LABELS, **labels},
        "ownerReferences": [belongs_to],
    }


def _owned_by_run(run: PipelineRun) -> Manifest:
    return owner("PipelineRun", run.metadata.name, run.metadata.uid)


def _owned_by_stage(stage: StageRun) -> Manifest:
    return owner("StageRun", stage.metadata.name, stage.metadata.uid)


def stages_in_order(stages: Sequence[StageRun]) -> list[StageRun]:
    """Return StageRuns as they were made."""
    return sorted(stages, key=lambda stage: (str(stage.metadata.creation_timestamp), stage.metadata.name))
