"""Objects of a real S3 server become Bronze as files do: each content once, whole, checked against what was pinned."""

import gzip
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest
from podium_contracts.errors import BadSource, PodiumError, TransientError
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import EngineName, Layer, Stage
from podium_contracts.pipeline import CsvDialect
from podium_ingest import files, objects
from podium_ingest.stage import waiting
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.engines.duckdb_csv import CsvFile, Ingestion, Read, write_csv
from podium_lakehouse.records.intents import Intent, Scope
from podium_lakehouse.store import objects as store
from podium_lakehouse.store.objects import client
from pyarrow.fs import S3FileSystem

from tests.integration.objects.conftest import Shop
from tests.integration.services.stack import free_port
from tests.s3 import S3Server

pytestmark = pytest.mark.integration
PINNED, COMMITTED = "after ingest bronze.sales intent", "after ingest bronze.sales commit bronze"
SCOPE = Scope(pipeline="shop", stage=Stage.INGEST, subject="bronze.sales")


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that are fetched from now on."""
    uris: list[str] = []
    fetch = objects.fetch

    def noted(uri: str, target: Path) -> object:
        uris.append(uri)
        return fetch(uri, target)

    monkeypatch.setattr(objects, "fetch", noted)
    return uris


def intents(shop: Shop) -> list[Intent]:
    return shop.opened().lakehouse.intents.all(SCOPE)


def rows_in(shop: Shop) -> list[int]:
    """Return the rows that each ingestion took in, first to last."""
    done = [event.data for event in shop.opened().lakehouse.completions.all("shop")]
    books = [data.ledger for data in done if isinstance(data, LayerCompleted) and data.layer == Layer.BRONZE]
    return [book.flow.rows_in for book in books if book and book.flow]


def test_an_object_is_ingested_once(shop: Shop, fetched: list[str]) -> None:
    """At first, with nothing new, with one more, and with new content under an old name; what is known is not even fetched."""
    one = shop.deliver("in/one.csv", "a,1.00", "b,2.00")
    shop.run()
    assert shop.bronze() == [(one, "a"), (one, "b")]
    assert shop.run().fresh == []
    two = shop.deliver("in/two.csv.gz", "c,3.00")
    shop.run()
    assert shop.bronze() == [(one, "a"), (one, "b"), (two, "c")]
    shop.deliver("in/one.csv", "d,4.00", "e,5.00")
    shop.run()
    assert shop.bronze() == [(one, "a"), (one, "b"), (one, "d"), (one, "e"), (two, "c")]
    assert fetched == [one, two, one]
    assert rows_in(shop) == [2, 1, 2]


def test_an_intent_pins_what_an_object_was(shop: Shop) -> None:
    """Its URI, size, ETag and time, and its text's digest and lines, as of the object that was read."""
    uri = shop.deliver("in/one.csv.gz", "a,1.00")
    found = obstore.head(shop.store, "in/one.csv.gz")
    shop.run()
    [[file]] = [intent.files for intent in intents(shop)]
    assert (file.path, file.size, file.etag) == (uri, found["size"], found["e_tag"])
    assert file.modified_ns == int(found["last_modified"].timestamp()) * 10**9
    assert (file.lines, file.blank) == (2, 0)


def test_the_same_content_written_anew_is_no_news(shop: Shop, fetched: list[str]) -> None:
    """An ETag that says nothing of the content, as of an upload in parts, makes the object be looked at once; its content decides."""
    uri = shop.deliver("in/one.csv", "a,1.00")
    shop.run()
    obstore.put(shop.store, "in/one.csv", b"id,price\na,1.00\n", use_multipart=True, chunk_size=5 * 2**20)
    assert obstore.head(shop.store, "in/one.csv")["e_tag"] != intents(shop)[0].files[0].etag
    for _ in range(2):
        assert shop.run().fresh == []
    assert fetched == [uri, uri]
    shop.deliver("in/one.csv", "b,2.00")
    shop.run()
    assert shop.bronze() == [(uri, "a"), (uri, "b")]


def test_globs_name_objects_as_they_name_files(shop: Shop) -> None:
    """Of a folder or of all below it; folders' markers, hidden and other objects are left alone, any character is a name's."""
    names = ["in/a.csv", "in/it's 50% é+[x]#?.csv", "in/deep/b.csv", "in/deep/er/c.csv.gz"]
    for number, name in enumerate([*names, "in/.hidden.csv", "in/_SUCCESS", "in2/d.csv", "in/.tmp/e.csv"]):
        shop.deliver(name, f"a,{number}.00")
    uris = [f"s3://{shop.bucket}/{name}" for name in names]
    for path, expected in {
        "in/*.csv": uris[:2],
        "in/deep/b.csv": [uris[2]],
        "in/*/*.csv": [uris[2]],
        "in/**/*.csv*": uris,
    }.items():
        shop.declare(f"s3://{shop.bucket}/{path}")
        opened = shop.opened()
        assert sorted(file.name for file in waiting(opened.pipeline, opened.lakehouse)) == sorted(expected)
    shop.run()
    assert sorted({uri for uri, _ in shop.bronze()}) == sorted(uris)


def test_no_object_is_told(shop: Shop) -> None:
    """A pattern that matches nothing is a mistake, as with files."""
    with pytest.raises(BadSource, match=rf"no object matches s3://{shop.bucket}/in/\*"):
        shop.run()


def test_a_folders_marker_is_no_object(shop: Shop) -> None:
    """A key that ends in a slash, as people's tools leave them, is listed like an object and is none; no run stumbles over it."""
    tool = S3FileSystem(endpoint_override=shop.server.endpoint)
    tool.create_dir(f"{shop.bucket}/in/marked.csv")
    uri = shop.deliver("in/one.csv", "a,1.00")
    shop.declare(f"s3://{shop.bucket}/in/**/*")
    opened = shop.opened()
    assert len(waiting(opened.pipeline, opened.lakehouse)) == 2
    shop.run()
    assert shop.bronze() == [(uri, "a")]


def test_an_object_replaced_between_intent_and_reading_is_noticed(shop: Shop) -> None:
    """As with a file: this try ends, the next one pins it as it is now, and no row comes of what it was."""
    shop.deliver("in/one.csv", "a,1.00")

    def replace(point: str) -> None:
        if point == PINNED and len(intents(shop)) == 1:
            shop.deliver("in/one.csv", "b,2.00", "c,3.00")

    with pytest.raises(BadSource, match=r"in/one\.csv has changed since it was pinned") as refused:
        shop.run(replace)
    assert "give the new content a new name" in refused.value.hint
    shop.run()
    assert [row for _, row in shop.bronze()] == ["b", "c"]
    assert rows_in(shop) == [2]


@pytest.mark.faults
@pytest.mark.parametrize("point", [PINNED, COMMITTED])
def test_a_run_killed_in_between_makes_the_same_bronze(
    shop: Shop, point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with the copies that it had, the next run fetches what was pinned again; nothing stays behind on the disk."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    uris = [shop.deliver("in/one.csv", "a,1.00"), shop.deliver("in/two.csv.gz", "b,2.00", "c,x,3.00")]
    program = f"import pathlib, tests.faults.killed_run as k; k._run(pathlib.Path({str(shop.file)!r}), {point!r}, None)"
    run = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=False)
    assert run.returncode == -signal.SIGKILL
    later = shop.deliver("in/three.csv", "d,4.00")
    shop.run()
    columns = ("source_file", "id", "_corrupt_record", "ingestion_batch_id")
    assert shop.bronze(columns) == [
        (uris[0], "a", None, "shop.sales.000001"),
        (later, "d", None, "shop.sales.000002"),
        (uris[1], "b", None, "shop.sales.000001"),
        (uris[1], None, "c,x,3.00", "shop.sales.000001"),
    ]
    assert rows_in(shop) == [3, 1]
    assert list(scratch.iterdir()) == []


@pytest.mark.spark
@pytest.mark.timeout(300)
def test_tasks_of_spark_read_the_copies(shop: Shop) -> None:
    """Both engines make the same Bronze of the same objects."""
    shop.deliver("in/one.csv", "a,1.00")
    shop.deliver("in/two.csv.gz", "b,2.00", "c,x,3.00")
    columns = ("source_file", "id", "price", "_row", "_corrupt_record")
    shop.run(engine=EngineName.SPARK)
    there = shop.bronze(columns)
    shutil.rmtree(shop.folder / "lakehouse")
    shop.run()
    assert shop.bronze(columns) == there
    assert len(there) == 3


def test_a_task_on_another_machine_fetches_what_it_reads(shop: Shop, tmp_path: Path) -> None:
    """The copy of whoever pinned it is not there; an object that is another one by now is noticed."""
    uri = shop.deliver("in/one.csv", "a,1.00", "b,2.00")
    pinned = objects.look(uri)
    assert pinned
    columns = ("id", "price")
    file = CsvFile(tmp_path / "elsewhere" / "0.csv", uri, columns, columns, pinned.etag)
    mark = Ingestion(datetime(2026, 11, 1, tzinfo=UTC), "shop.sales.000001", 1, "store")
    with duckdb_engine() as engine:
        written = write_csv(engine, str(tmp_path / "bronze"), [file], columns, CsvDialect(), mark)
        assert written.counts == {uri: Read(2, 0)}
        shop.deliver("in/one.csv", "c,3.00")
        with pytest.raises(BadSource, match=r"in/one\.csv has changed since it was pinned"):
            write_csv(engine, str(tmp_path / "bronze"), [file], columns, CsvDialect(), mark)


def test_many_bytes_come_in_portions(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more objects lie on the disk at a time than find room; each portion is an ingestion."""
    for name in "abcde":
        shop.deliver(f"in/{name}.csv", f"{name},1.00")
    monkeypatch.setattr(files, "COPIED_BYTES", 40)
    shop.run()
    assert [len(intent.files) for intent in intents(shop)] == [2, 2, 1]
    assert [row for _, row in shop.bronze()] == list("abcde")


def test_a_damaged_object_is_named(shop: Shop) -> None:
    """What is wrong inside of it is told of the object, not of the copy that was read."""
    obstore.put(shop.store, "in/one.csv.gz", b"id\n")
    with pytest.raises(BadSource, match=rf"^s3://{shop.bucket}/in/one\.csv\.gz is not a complete gzip file"):
        shop.run()
    obstore.delete(shop.store, "in/one.csv.gz")
    obstore.put(shop.store, "in/two.csv.gz", gzip.compress(b"id\n1\n") + b"\0" * 20)
    with pytest.raises(
        BadSource, match=rf"^s3://{shop.bucket}/in/two\.csv\.gz cannot be read as CSV: .*GZIP"
    ) as refused:
        shop.run()
    assert tempfile.gettempdir() not in str(refused.value)


WRONG: dict[str, tuple[dict[str, str], type[PodiumError], str, str]] = {
    "the secret": ({"AWS_SECRET_ACCESS_KEY": "guessed"}, BadSource, "does not let you in", "AWS_SECRET_ACCESS_KEY"),
    "the user": ({"AWS_ACCESS_KEY_ID": "nobody"}, BadSource, "does not let you in", "AWS_ACCESS_KEY_ID"),
    "half a user": ({"AWS_ACCESS_KEY_ID": ""}, BadSource, "nobody to ask the store as", "AWS_SKIP_SIGNATURE"),
    "no user": (
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
        BadSource,
        "nobody to ask the store as",
        "AWS_SKIP_SIGNATURE",
    ),
    "no TLS": ({"AWS_ALLOW_HTTP": "false"}, BadSource, "not asked without TLS", "AWS_ALLOW_HTTP=true"),
    "the endpoint": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        TransientError,
        "at http://127.0.0.1:9: no object store answers",
        "AWS_ENDPOINT_URL",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "kind", "message", "hint"), WRONG.values(), ids=WRONG)
def test_a_wrong_environment_is_told_with_the_next_step(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    kind: type[PodiumError],
    message: str,
    hint: str,
) -> None:
    """The message says where, the hint which variable; no secret is in either."""
    shop.deliver("in/one.csv", "a,1.00")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # who else would know a user
    monkeypatch.setattr(store, "RETRY_SECONDS", 1.0)
    for name, value in given.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    client.cache_clear()
    with pytest.raises(kind, match=message) as refused:
        shop.run()
    assert hint in refused.value.hint
    said = f"{refused.value}{refused.value.hint}"
    assert f"s3://{shop.bucket}/in" in said
    for secret in ("podium-secret", "guessed", "Signature"):
        assert secret not in said


def test_a_store_is_asked_by_tls(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its certificate must be one to trust; which are, a file says."""
    port, keys, trusted = free_port(), tmp_path / "keys.p12", tmp_path / "trusted.pem"
    store = ["-alias", "s3", "-keystore", str(keys), "-storepass", "secret"]
    subject = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1"]
    subprocess.run(
        ["keytool", "-genkeypair", "-keyalg", "EC", *subject, *store], check=True, capture_output=True
    )
    subprocess.run(
        ["keytool", "-exportcert", "-rfc", "-file", str(trusted), *store], check=True, capture_output=True
    )
    server = S3Server(tmp_path / "secured")
    server.folder.mkdir()
    (server.folder / "extra.properties").write_text(
        f"s3proxy.secure-endpoint=https://127.0.0.1:{port}\n"
        f"s3proxy.keystore-path={keys}\ns3proxy.keystore-password=secret\n"
    )
    server.start()
    try:
        obstore.put(server.bucket(shop.bucket), "in/one.csv", b"id,price\na,1.00\n")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        monkeypatch.delenv("AWS_ALLOW_HTTP")
        with pytest.raises(BadSource, match="no certificate to trust") as refused:
            shop.run()
        assert "SSL_CERT_FILE" in refused.value.hint
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        client.cache_clear()
        shop.run()
    finally:
        server.stop()
    assert shop.bronze() == [(f"s3://{shop.bucket}/in/one.csv", "a")]


def test_a_bucket_that_is_not_there_is_told(shop: Shop) -> None:
    """Buckets are told from objects that are not there."""
    shop.declare("s3://no-such-bucket/in/*.csv")
    with pytest.raises(BadSource, match="there is no bucket no-such-bucket") as refused:
        shop.run()
    assert "AWS_ENDPOINT_URL" in refused.value.hint


def test_a_store_that_answers_again_is_read(shop: Shop) -> None:
    """The command ends as one that may pass later, and then does."""
    shop.deliver("in/one.csv", "a,1.00")
    shop.server.stop()
    podium = [str(Path(sys.executable).parent / "podium"), "run", "-f", str(shop.file), "--engine", "auto"]
    run = subprocess.run(podium, capture_output=True, text=True, check=False)
    shop.server.start()
    assert (run.returncode, "no object store answers" in run.stderr) == (75, True)
    run = subprocess.run(podium, capture_output=True, text=True, check=False)
    assert (run.returncode, "bronze sales: 1 rows" in run.stderr) == (0, True)
