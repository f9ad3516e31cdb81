"""What a service is told by its environment: `PODIUM_…` variables, or a TOML file that `PODIUM_SETTINGS` names.

A variable wins over the file; `__` goes one level down, as in `PODIUM_KAFKA__BOOTSTRAP_SERVERS`. Secrets are never printed; each can be
given as a file instead, as Kubernetes mounts them: `PODIUM_KAFKA__SASL_PASSWORD_FILE`.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

SETTINGS_FILE = "PODIUM_SETTINGS"


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
    ssl_ca_file: Path | None = None
    """Certificates to trust, PEM; by default those of the system."""
    ssl_certificate_file: Path | None = None
    """The client's own certificate, PEM, for mutual TLS."""
    ssl_key_file: Path | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: Path | None = None
    events_partitions: PositiveInt = 12
    """Partitions of the topic of events where Podium creates it: pipelines are spread over them."""
    replication: PositiveInt = 1
    """Replicas of each topic that Podium creates; 3 where there are three brokers."""

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.security_protocol.logs_in and not (self.sasl_username and self.password):
            raise ValueError(
                f"{self.security_protocol} needs sasl_username, and sasl_password or sasl_password_file"
            )
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            raise ValueError("give ssl_certificate_file and ssl_key_file together")
        return self

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
        env_prefix="PODIUM_", env_nested_delimiter="__", frozen=True, extra="ignore"
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
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file))


class ServiceSettings(HostSettings):
    """The settings of one service."""

    pipelines: Path = Path("pipelines")
    """A folder of pipeline files (it and the folders in it are searched for *.yaml), or one such file."""
    group: str = "podium"
    """The consumer group is this and the stage: `podium.cleanse`."""
    retry: RetrySettings = RetrySettings()
    processes: PositiveInt = 2
    """Calls of the stage at the same time, each in a process of its own."""
    backlog: PositiveInt = 64
    """Events taken from Kafka and not yet answered; at this many, no more are fetched."""
    stop_seconds: PositiveFloat = 20.0
    """How long a call may go on after SIGTERM; then it is killed, and made again by whoever gets the event next."""
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=6066, ge=0, lt=65536)
    """Where /healthz, /readyz and /metrics are."""
    stuck_seconds: PositiveFloat = 60.0
    """/readyz is false when events wait for so long and none is taken."""
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
