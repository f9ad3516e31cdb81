"""A real S3 server on a folder of its own."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import pytest
from obstore.store import S3Store
from podium_lakehouse.store import objects
from podium_lakehouse.store.objects import below, bucket_and_key, get

SCRIPT = str(Path(__file__).parents[1] / "scripts" / "s3")


@dataclass(frozen=True)
class S3Server:
    """A server that can be stopped and started again, at the same address and with the same objects."""

    folder: Path

    def start(self) -> None:
        subprocess.run([SCRIPT, "start", str(self.folder)], check=True, timeout=120)

    def stop(self) -> None:
        subprocess.run([SCRIPT, "stop", str(self.folder)], check=True, timeout=60)

    def bucket(self, name: str) -> S3Store:
        """Make a bucket; return a client for it that takes nothing from the environment."""
        (self.folder / "buckets" / name).mkdir()
        return S3Store(
            name,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id="podium",
            secret_access_key="podium-secret",
            client_options={"allow_http": True},
        )

    @property
    def endpoint(self) -> str:
        return (self.folder / "endpoint").read_text().strip()

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which programs find the server and are let in."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "podium",
            "AWS_SECRET_ACCESS_KEY": "podium-secret",
        }


@contextmanager
def environment_of(server: S3Server) -> Iterator[pytest.MonkeyPatch]:
    """Let this process, and those that it starts, find a server and be let in; clients that were made before are forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        objects.client.cache_clear()
        yield patch
    objects.client.cache_clear()


def copied(lakehouse: str, home: Path) -> Path:
    """Copy all objects of a lakehouse out of the store that the environment names: its tables may be moved. S3Proxy lists empty folders, too."""
    _, prefix = bucket_and_key(lakehouse)
    for meta in filter(itemgetter("size"), below(lakehouse)):
        name = meta["path"].removeprefix(f"{prefix}/")
        target = home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(get(f"{lakehouse}/{name}"))
    return home
