"""What a service is told by its environment: `PODIUM_…` variables, or a TOML file that `PODIUM_SETTINGS` names.

A variable wins over the file; `__` goes one level down, as in `PODIUM_KAFKA__BOOTSTRAP_SERVERS`. Secrets are never printed; each can be
given as a file instead, as Kubernetes mounts them: `PODIUM_KAFKA__SASL_PASSWORD_FILE`.
"""

import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self, TypeVar

from podium_contracts.errors import TerminalError
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

Settings = TypeVar("Settings", bound="HostSettings")
PREFIX = "PODIUM_"
SETTINGS_FILE = f"{PREFIX}SETTINGS"


class InvalidSettings(TerminalError):
    """Settings that nothing can start with; the message has a line per mistake."""


class SecurityProtocol(StrEnum):
    """How a client speaks to the brokers."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypts(self) -> bool:
        """Whether the connection is TLS."""
        return self.endswith("SSL")

    @property
    def logs_in(self) -> bool:
        """Whether the client proves who it is by SASL."""
        return self.startswith("SASL")


class KafkaSettings(BaseModel):
    """Where the brokers are, and how a client proves who it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: str = "127.0.0.1:9092"
    """Brokers, as `host:port,host:port`."""
    security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    ssl_ca_file: FilePath | None = None
    """Certificates to trust, PEM; by default those of the system."""
    ssl_certificate_file: FilePath | None = None
    """The client's own certificate, PEM, for mutual TLS."""
    ssl_key_file: FilePath | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: FilePath | None = None
    events_partitions: PositiveInt = 12
    """Partitions of the topic of events where Podium creates it: pipelines are spread over them."""
    replication: PositiveInt = 1
    """Replicas of each topic that Podium creates; 3 where there are three brokers."""

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.security_protocol.logs_in and not (self.sasl_username and self._readable_password()):
            raise ValueError(
                f"{self.security_protocol} needs sasl_username, and sasl_password or sasl_password_file"
            )
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            raise ValueError("give ssl_certificate_file and ssl_key_file together")
        return self

    def _readable_password(self) -> str:
        try:
            return self.password
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.sasl_password_file} cannot be read: {error}") from error

    @property
    def password(self) -> str:
        """The SASL password, from its file where one is named; empty without one."""
        if self.sasl_password_file:
            return self.sasl_password_file.read_text().strip()
        return self.sasl_password.get_secret_value() if self.sasl_password else ""


class RetrySettings(BaseModel):
    """How often a call that may pass later is made again, and how long it waits in between."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: PositiveInt = 12
    """Calls in all before the event becomes a dead letter: with the waits below, two and a half minutes on average."""
    first_seconds: PositiveFloat = 0.5
    longest_seconds: PositiveFloat = 60.0
    """What may be waited doubles from the first to the longest; how long it really is, is drawn between nothing and that."""


class HostSettings(BaseSettings):
    """What every host is told: where Kafka is."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    kafka: KafkaSettings = KafkaSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then the file."""
        del dotenv_settings, file_secret_settings
        file = os.environ.get(SETTINGS_FILE)
        if file and not Path(file).is_file():
            raise InvalidSettings(f"{SETTINGS_FILE}: there is no file {file}")
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file or None))


class StageSettings(HostSettings):
    """What every host of a stage is told; a key that it does not know is a mistake."""

    model_config = SettingsConfigDict(extra="forbid")

    pipelines: Path = Path("pipelines")
    """A folder of pipeline files (it and the folders in it are searched for *.yaml), or one such file."""
    retry: RetrySettings = RetrySettings()
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class ServiceSettings(StageSettings):
    """The settings of one service."""

    group: str = "podium"
    """The consumer group is this and the stage: `podium.cleanse`."""
    member: str | None = None
    """A name that this replica keeps when it is started again, as a pod of a StatefulSet has: it goes on at once with what was its own. Without
    one, what a killed replica held is shared out anew after ten seconds."""
    processes: PositiveInt = 2
    """Calls of the stage at the same time, each in a process of its own."""
    backlog: PositiveInt = 64
    """Events taken from a partition and not yet answered; at this many, no more of it are fetched, and other partitions go on."""
    stop_seconds: PositiveFloat = 20.0
    """How long a call may go on after SIGTERM; then it is killed, and made again by whoever gets the event next. The process ends at most
    five seconds later, with or without a broker."""
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=6066, ge=0, lt=65536)
    """Where /healthz, /readyz and /metrics are."""
    stuck_seconds: PositiveFloat = 60.0
    """/readyz is false when events wait for so long and none is taken, and when Kafka does not take a record, or the API server a StageRun,
    for so long."""
    call_seconds: PositiveFloat = 14_400.0
    """/readyz is false when one call of the stage takes longer: it hangs, or its work is more than a service is for."""
    stage_runs: bool = False
    """In a cluster: events of a PipelineRun are answered by the StageRun that follows, not by this process."""


class JobSettings(StageSettings):
    """What a driver is told by the operator that made its Job."""

    event: str
    """The CloudEvent that the stage answers, as structured JSON."""
    pipeline_run: str = Field(pattern="^[^/]+/[^/]+/[^/]+$")
    """The PipelineRun that it works for: namespace, name and uid."""
    termination_log: Path = Path("/dev/termination-log")
    """Where its last words are written."""


def load(**given: object) -> ServiceSettings:
    """Return the settings of a service; see `loaded`."""
    return loaded(ServiceSettings, **given)


def loaded(kind: type[Settings], **given: object) -> Settings:
    """Return the settings of this process; what is `given`, as `kafka={...}`, wins over the environment.

    Raises:
        InvalidSettings: with every mistake, and the variable that it is in.
    """
    hint = f"the variables, and the keys of the file that {SETTINGS_FILE} names, are in docs/reference/settings.md"
    try:
        return kind(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        mistakes = [
            f"{_variable(item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        raise InvalidSettings("\n".join(mistakes), hint=hint) from None
    except SettingsError as error:
        raise InvalidSettings(f"{error}: {error.__cause__}", hint=hint) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"{os.environ[SETTINGS_FILE]} is not TOML: {error}", hint=hint) from None


def _variable(place: tuple[int | str, ...]) -> str:
    return PREFIX + "__".join(str(part) for part in place).upper()
