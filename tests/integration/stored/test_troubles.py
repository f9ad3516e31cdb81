"""A store that refuses, or does not answer: the message says where and why, the exit code whether to try again."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest
from deltalake.exceptions import DeltaError
from podium.cli import call
from podium_contracts.errors import BadSource, PodiumError, TerminalError, TransientError
from podium_lakehouse.delta.tables import current
from podium_lakehouse.store import objects
from podium_lakehouse.store.troubles import LAKEHOUSE, SOURCE, Use, in_words
from pyspark.errors import PySparkException

from tests.s3 import S3Server

pytestmark = pytest.mark.integration
PIPELINE = """\
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: shop}}
spec:
  lakehouse: {{uri: "{uri}"}}
  datasets:
    sales:
      sources: [{{files: {{path: in/*.csv}}}}]
      columns: {{id: {{type: string}}}}
      duplicates: {{keys: [id]}}
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A pipeline file with a line to ingest; tests say where its lakehouse is."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.csv").write_text("id\na\n")
    return tmp_path / "pipeline.yaml"


WRONG: dict[str, tuple[dict[str, str], int, str, str]] = {
    "the secret": ({"AWS_SECRET_ACCESS_KEY": "guessed"}, 1, "does not let you in", "AWS_SECRET_ACCESS_KEY"),
    "the user": ({"AWS_ACCESS_KEY_ID": "nobody"}, 1, "does not let you in", "AWS_ACCESS_KEY_ID"),
    "half a user": ({"AWS_ACCESS_KEY_ID": ""}, 1, "nobody to ask the store as", "AWS_SKIP_SIGNATURE"),
    "no TLS": ({"AWS_ALLOW_HTTP": "false"}, 1, "not asked without TLS", "AWS_ALLOW_HTTP=true"),
    "the endpoint": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        75,
        "at http://127.0.0.1:9: no object store answers: Connection refused",
        "AWS_ENDPOINT_URL",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "code", "message", "hint"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("command", ["run", "tables"])
def test_a_wrong_environment_is_told_with_the_next_step(
    command: str,
    given: dict[str, str],
    code: int,
    message: str,
    hint: str,
    pipeline: Path,
    bucket: str,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever the command; no secret is in what is said."""
    pipeline.write_text(PIPELINE.format(uri=f"{bucket}/lake"))
    objects.client.cache_clear()
    with environment.context() as patch:
        patch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # who else would know a user
        patch.setattr(objects, "RETRY_SECONDS", 1.0)
        for name, value in given.items():
            patch.setenv(name, value) if value else patch.delenv(name)
        assert call([command, "-f", str(pipeline)]) == code
    objects.client.cache_clear()
    said = capsys.readouterr().err
    assert message in said
    assert hint in said
    assert f"{bucket}/lake" in said
    for secret in ("podium-secret", "guessed", "Signature", "\x1b"):
        assert secret not in said


@pytest.mark.parametrize("command", ["run", "tables"])
def test_a_bucket_that_is_not_there_is_told(
    command: str, pipeline: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not made: whoever misspelt it would never know."""
    del environment
    pipeline.write_text(PIPELINE.format(uri="s3://no-such-bucket/lake"))
    assert call([command, "-f", str(pipeline)]) == 1
    said = capsys.readouterr().err
    assert "there is no bucket no-such-bucket" in said
    assert "correct spec.lakehouse.uri" in said


def test_a_store_that_answers_again_is_gone_on_with(
    s3: S3Server, pipeline: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run ends as one that may pass later, and then does."""
    pipeline.write_text(PIPELINE.format(uri=f"{bucket}/lake"))
    s3.stop()
    assert call(["run", "-f", str(pipeline)]) == 75
    s3.start()
    assert "no object store answers" in capsys.readouterr().err
    assert call(["run", "-f", str(pipeline)]) == 0
    assert "bronze sales: 1 rows" in capsys.readouterr().err


class Careless(BaseHTTPRequestHandler):
    """A store that takes whatever it is given, also what must not be overwritten."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)

    def do_DELETE(self) -> None:
        self.answer(204)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b"<DeleteResult><Deleted><Key>probe</Key></Deleted></DeleteResult>")

    def do_HEAD(self) -> None:
        self.answer(404)

    def do_GET(self) -> None:
        if "list-type=2" in self.path:
            self.answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        else:
            self.answer(404)

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def careless(environment: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment where such a store is found."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server, environment.context() as patch:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("careless")
def test_a_store_that_would_lose_commits_is_refused(
    pipeline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the first run, it is asked to write an object twice."""
    pipeline.write_text(PIPELINE.format(uri="s3://careless/lake"))
    assert call(["run", "-f", str(pipeline)]) == 1
    said = capsys.readouterr().err
    assert "the store lets two writers write one object" in said
    assert "If-None-Match" in said


FORBIDDEN = (
    "Kernel error -> The operation lacked the necessary privileges to complete for path lake/x\n"
    "          \x1b[31m↳\x1b[0m Error performing PUT https://s3.example.com/shop/lake/x in 2ms - Server returned non-2xx status code\n"
    "           \x1b[31m↳\x1b[0m 403 Forbidden\n"
    "            \x1b[31m↳\x1b[0m <Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>\n"
)
SLOW = "Generic S3 error\n   \x1b[31m↳\x1b[0m Error performing GET https://s3.example.com/shop/lake/x in 9s, after 3 retries - 503 Slow Down"
TOLD: dict[str, tuple[Exception, Use, type[PodiumError], str]] = {
    "a lakehouse that may not be written": (OSError(FORBIDDEN), LAKEHOUSE, TerminalError, "s3:PutObject"),
    "a source that may not be read": (OSError(FORBIDDEN), SOURCE, BadSource, "s3:GetObject"),
    "a store that is busy": (OSError(SLOW), LAKEHOUSE, TransientError, "start it"),
}


@pytest.mark.parametrize(("error", "use", "kind", "hint"), TOLD.values(), ids=TOLD)
def test_what_only_other_stores_say_is_understood(
    error: Exception, use: Use, kind: type[PodiumError], hint: str
) -> None:
    """Rights and rate limits, which the test's server does not know."""
    with (
        pytest.raises(kind, match=r"^s3://shop/lake at https://s3\.example\.com: ") as told,
        in_words("s3://shop/lake", use),
    ):
        raise error
    assert type(told.value) is kind
    assert hint in told.value.hint


def test_what_spark_says_of_a_store_is_understood() -> None:
    """In the middle of a page of Java."""
    said = (
        "An error occurred while calling o81.sql.\n: org.apache.hadoop.fs.s3a.UnknownStoreException: `s3://shop/lake': getFileStatus on "
        "s3://shop/lake: software.amazon.awssdk.services.s3.model.NoSuchBucketException: The specified bucket does not exist\n\tat org.apache"
    )
    with (
        pytest.raises(TerminalError, match=r"^s3://shop/lake: there is no bucket shop$"),
        in_words("s3://shop/lake"),
    ):
        raise PySparkException(said)


def test_other_errors_stay_what_they_are() -> None:
    """A full disk is no trouble of a store, nor is a table that is not there."""
    with pytest.raises(OSError, match="No space left"), in_words("s3://shop/lake"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            duckdb.IOException(
                'IO Error: Could not write file "/lake/part-0.parquet": No space left on device'
            ),
            TransientError("/lake/part-0.parquet: No space left on device"),
        ),
        (
            DeltaError(
                'Could not create local directory: /lake/t\nError: Os { message: "Read-only file system" }'
            ),
            TerminalError("/lake/t: Read-only file system"),
        ),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_refuses_is_told(error: Exception, told: PodiumError) -> None:
    """Where it is, what it says, and what to do: DuckDB and delta-rs pass it on in words of their own."""
    with pytest.raises(type(told), match=str(told)) as caught, in_words("/lake"):
        raise error
    assert caught.value.hint


def test_a_table_that_is_not_there_is_none(bucket: str) -> None:
    """As in a folder."""
    assert current(f"{bucket}/lake/bronze/sales") is None
