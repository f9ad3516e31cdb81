"""How the pods of a run are made: what people may ask for, and nothing that a restricted pod may not have.

There is no image, no command and no security context here: what runs is the platform's.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from podium_contracts.model import checked
from podium_contracts.resources.resource import Resource

KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", max_length=253)]
Quantity = Annotated[
    str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,3})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=20)
]
"""An amount as Kubernetes writes it: `500m` cores, `2Gi` of memory."""


IMAGE_FOLDERS = (
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "podium", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var",
)  # fmt: skip
"""What runs lies in these, and nobody may put something else over it."""
MOUNT_ADVICE = "mount in a folder of your own, as /data or /mnt/certs: the image has its own in /etc, /opt, /usr and the like"


def _own_folder(path: str) -> str:
    if path.split("/")[1] in IMAGE_FOLDERS:
        raise ValueError(MOUNT_ADVICE)
    return path


MountPath = Annotated[
    str,
    Field(
        pattern="^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$",
        max_length=255,
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": f"!(self.split('/')[1] in {list(IMAGE_FOLDERS)})", "message": MOUNT_ADVICE}
            ]
        },
    ),
    AfterValidator(_own_folder),
]
"""A folder in the pods, without `..` and outside of what the image has."""


VOLUMES_APART = "each volume needs a name and a `mountPath` of its own"
OWN_VOLUMES = ("pinned", "spark-", "files-")
"""What the names of volumes begin with that pods have anyway."""
VOLUME_ADVICE = (
    "pods have volumes of that name anyway: call it otherwise than `pinned`, `spark-…` and `files-…`"
)


def _own_name(name: str) -> str:
    if name.startswith(OWN_VOLUMES):
        raise ValueError(VOLUME_ADVICE)
    return name


VolumeName = Annotated[
    str,
    Field(
        pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        max_length=63,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": f"!{list(OWN_VOLUMES)}.exists(own, self.startsWith(own))",
                    "message": VOLUME_ADVICE,
                }
            ]
        },
    ),
    AfterValidator(_own_name),
]


class Resources(Resource):
    """What a container asks for.

    Of memory and disk it may use no more, so that it is not evicted for what it was promised; of CPU, what the node has left, too.
    """

    cpu: Quantity | None = None
    memory: Quantity | None = None
    ephemeral_storage: Quantity | None = None


class KeyReference(Resource):
    """A Secret or ConfigMap of the run's namespace."""

    name: KubernetesName


class EnvironmentSource(Resource):
    """Variables from a Secret or a ConfigMap, one per key."""

    model_config = checked(
        ("has(self.secretRef) != has(self.configMapRef)", "give either `secretRef` or `configMapRef`")
    )

    secret_ref: KeyReference | None = None
    config_map_ref: KeyReference | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.secret_ref is None) == (self.config_map_ref is None):
            raise ValueError("give either `secretRef` or `configMapRef`")
        return self


Label = Annotated[str, Field(pattern="^[A-Za-z0-9]([A-Za-z0-9./_-]*[A-Za-z0-9])?$", max_length=317)]
"""The name of a label or a taint: `kubernetes.io/arch`."""


class Toleration(Resource):
    """A taint of nodes that the pods put up with."""

    key: Label | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: Annotated[str, Field(max_length=63)] | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class Claim(Resource):
    """A persistent volume claim."""

    claim_name: KubernetesName


class SecretVolume(Resource):
    """A Secret as files."""

    secret_name: KubernetesName


class EmptyDirectory(Resource):
    """A folder that ends with the pod."""

    size_limit: Quantity | None = None


class Volume(Resource):
    """A volume of the pods and where it is mounted; no folder of a node can be one."""

    model_config = checked(
        (
            "[has(self.persistentVolumeClaim), has(self.secret), has(self.configMap), has(self.emptyDir)].exists_one(given, given)",
            "give exactly one of `persistentVolumeClaim`, `secret`, `configMap` and `emptyDir`",
        )
    )

    name: VolumeName
    mount_path: MountPath
    read_only: bool = False
    persistent_volume_claim: Claim | None = None
    secret: SecretVolume | None = None
    config_map: KeyReference | None = None
    empty_dir: EmptyDirectory | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = (self.persistent_volume_claim, self.secret, self.config_map, self.empty_dir)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError(
                "give exactly one of `persistentVolumeClaim`, `secret`, `configMap` and `emptyDir`"
            )
        return self

    def source(self) -> dict[str, Any]:
        """Return the volume as a pod declares it."""
        declared = self.model_dump(by_alias=True, exclude_none=True)
        return {key: value for key, value in declared.items() if key not in {"mountPath", "readOnly"}}


def _apart(volumes: tuple[Volume, ...]) -> tuple[Volume, ...]:
    names, folders = ({volume.name for volume in volumes}, {volume.mount_path for volume in volumes})
    if min(len(names), len(folders)) < len(volumes):
        raise ValueError(VOLUMES_APART)
    return volumes


Volumes = Annotated[
    tuple[Volume, ...],
    Field(
        max_length=20,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": f"self.all(one, self.exists_one(other, other.{field} == one.{field}))",
                    "message": VOLUMES_APART,
                }
                for field in ("name", "mountPath")
            ]
        },
    ),
    AfterValidator(_apart),
]


class Executors(Resource):
    """Spark's executors, of engine spark alone."""

    instances: Annotated[int, Field(ge=1, le=1000)] = 1
    cores: Annotated[int, Field(ge=1, le=64)] = 1
    """Tasks that one has at once. It requests as many CPUs, and half a CPU where it is 1; it may use what the node has left."""
    memory: Quantity = "1Gi"
    """Of the pod; Spark's heap and what Python needs are parts of it."""
    ephemeral_storage: Quantity | None = None
    """What shuffles may take of the node's disk; as much as a driver's without it."""


class PodTemplate(Resource):
    """What the pods of a run have beside what they need."""

    service_account_name: KubernetesName | None = None
    """Whom drivers act as, `podium-driver` without it. The operator's account and that of the services are refused."""
    resources: Resources = Resources()
    """Of the driver."""
    executors: Executors = Executors()
    node_selector: Annotated[dict[Label, Annotated[str, Field(max_length=63)]], Field(max_length=20)] = Field(
        default_factory=dict
    )
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=20)] = ()
    priority_class_name: KubernetesName | None = None
    image_pull_secrets: Annotated[tuple[KeyReference, ...], Field(max_length=10)] = ()
    env_from: Annotated[tuple[EnvironmentSource, ...], Field(max_length=20)] = ()
    """Where stores, brokers and their passwords come from: no secret stands in a spec."""
    volumes: Volumes = ()
