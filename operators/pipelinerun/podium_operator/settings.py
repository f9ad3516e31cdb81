"""The operator's settings, from the environment: `PODIUM_OPERATOR_…`, nested ones with two underscores."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SecretFiles(BaseModel):
    """A Secret as files of drivers, as certificates need it."""

    model_config = ConfigDict(frozen=True)

    secret: str
    folder: str
    """Where its keys are files."""
    executors: bool = False
    """Whether executors have them, too."""

    @property
    def volume(self) -> str:
        """The name of its volume."""
        return f"files{self.folder.lower().replace('/', '-').replace('.', '-')}"


class DriverSettings(BaseModel):
    """What drivers are where a run does not say otherwise."""

    model_config = ConfigDict(frozen=True)

    images: dict[str, str] = Field(default_factory=dict)
    """The image of each stage, by its name; the services run from the same."""
    repository: str = "podium"
    """Where the images of stages lie that `images` does not name: `podium/cleanse`."""
    version: str = "0.1.0"
    """The tag of those images."""
    spark_image: str = "podium/spark:0.1.0"
    """The image of drivers and executors of engine spark."""
    image_pull_secrets: tuple[str, ...] = ()
    service_account: str = "podium-driver"
    """Whom drivers act as; it must exist in the namespace of the run."""
    reserved_accounts: tuple[str, ...] = ("podium-operator", "podium-services", "podium-test")
    """Service accounts that no run may name: they may do more than those who may make runs."""
    config_maps: tuple[str, ...] = ()
    """ConfigMaps whose keys are variables of every driver and executor: where brokers and stores are."""
    secrets: tuple[str, ...] = ()
    """Secrets whose keys are variables of every driver and executor: who asks brokers and stores."""
    secret_files: tuple[SecretFiles, ...] = ()
    cpu: str = "500m"
    memory: str = "2Gi"
    spark_memory: str = "2Gi"
    ephemeral_storage: str = "8Gi"

    def image(self, stage: str) -> str:
        """Return the image of a stage."""
        return self.images.get(stage, f"{self.repository}/{stage}:{self.version}")


class OperatorSettings(BaseSettings):
    """All of them."""

    model_config = SettingsConfigDict(env_prefix="PODIUM_OPERATOR_", env_nested_delimiter="__", frozen=True)

    namespaces: tuple[str, ...] = ()
    """Those that are watched; all without any."""
    driver: DriverSettings = DriverSettings()
    workers: int = Field(default=16, ge=1)
    """Runs that are looked after at once: each waits for the API server most of the time."""
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    """Where `/healthz` is."""
    metrics_port: int = 8081
    """Where `/metrics` are."""
    stuck_seconds: float = Field(default=180.0, gt=0)
    """The operator is restarted when one of its watches has not moved for so long: an API server lets each move about every 60 s."""
