"""Objects of a store, named as files are; what else a path may not be; and what stores say is new."""

import json
import re

import pytest
from podium_contracts.notifications import created
from podium_contracts.pipeline import FileSource, ObjectPattern, is_object
from podium_contracts.pipeline.objects import known_lakehouse
from pydantic import ValidationError

BUCKET = "s3://shop/"


@pytest.mark.parametrize(
    ("pattern", "named", "others"),
    [
        ("in/a.csv", ["in/a.csv"], ["in/b.csv", "in/a.csv/c", "a.csv"]),
        ("in/*.csv", ["in/a.csv", "in/é x.csv"], ["in/deep/a.csv", "in/a.csv.gz", "in/.a.csv", "in/", "in"]),
        ("*/2026-*/?.csv", ["a/2026-11/x.csv"], ["a/2025/x.csv", "a/2026-11/xy.csv", ".a/2026-1/x.csv"]),
        ("in/[ab].csv", ["in/a.csv", "in/b.csv"], ["in/c.csv", "in/[ab].csv"]),
        ("in/[[]x].csv", ["in/[x].csv"], ["in/x.csv"]),
        ("**/*.csv", ["a.csv", "in/a.csv", "in/deep/er/a.csv"], ["in/.tmp/a.csv", "in/a.txt", "in//a.csv"]),
        ("in/*", ["in/a"], ["in/", "in", "in/a/"]),
        ("in/**", ["in/a.csv", "in/deep/a.csv"], ["a.csv", "in", "in/", "in2/a.csv", "in/.tmp/a"]),
        ("in/**/x/*", ["in/x/a", "in/y/x/a"], ["in/x", "in/y/a"]),
        ("in/.tmp/*", ["in/.tmp/a"], ["in/.tmp/.a"]),
        ("IN/*", ["IN/a"], ["in/a"]),
        ("in/", ["in/a"], ["in/", "in", "in/deep/a", "in/.a"]),
        ("*/deep/", ["in/deep/a"], ["in/a", "in/deep/er/a"]),
        ("", ["a"], ["in/a", ".a"]),
    ],
)
def test_a_pattern_names_objects_as_a_shell_names_files(
    pattern: str, named: list[str], others: list[str]
) -> None:
    """Wildcards stay within a part of the key, `**` is any number of parts, and both pass over what is hidden."""
    objects = ObjectPattern.parse(BUCKET + pattern)
    assert [key for key in named + others if objects.names(BUCKET + key)] == named
    assert not any(objects.names(f"s3://shop2/{key}") for key in named)


@pytest.mark.parametrize(
    ("pattern", "folder", "reach"),
    [
        ("a.csv", "", "one"),
        ("in/deep/a.csv", "in/deep", "one"),
        ("*.csv", "", "folder"),
        ("in/deep/*.csv", "in/deep", "folder"),
        ("in/*/a.csv", "in", "all"),
        ("in/a*/b/c.csv", "in", "all"),
        ("in/**", "in", "all"),
        ("**/*.csv", "", "all"),
        ("in/deep/", "in/deep", "folder"),
        ("", "", "folder"),
    ],
)
def test_a_pattern_says_what_must_be_listed(pattern: str, folder: str, reach: str) -> None:
    """Only the whole parts before the first wildcard, and no deeper than it reaches."""
    objects = ObjectPattern.parse(BUCKET + pattern)
    assert objects.folder == folder
    assert (objects.is_single, objects.is_flat) == (reach == "one", reach != "all")


REFUSED = {
    "abfss://data@account.dfs.core.windows.net/in/*.csv": "Azure storage (abfss://) is not read: write a path, or s3://",
    "az://data/in/*.csv": "Azure storage (az://) is not read",
    "gs://bucket/in/*.csv": "Google Cloud Storage (gs://) is not read",
    "GCS://bucket/*": "Google Cloud Storage (gcs://) is not read",
    "s3a://bucket/in/*.csv": "s3a:// is not read: write a path, or s3://bucket/key",
    "https://host/a.csv": "https:// is not read",
    "s3://": "'' is no name of a bucket",
    "s3:///in/a.csv": "'' is no name of a bucket",
    "s3://*/in/a.csv": "'*' is no name of a bucket",
    "s3://bucket": "a part of the key is empty",
    "s3://bucket//": "a part of the key is empty",
    "s3://bucket/in//a.csv": "a part of the key is empty",
    "s3://bucket/../a.csv": "a part of the key is empty",
}


@pytest.mark.parametrize(("path", "message"), REFUSED.items(), ids=REFUSED)
def test_a_path_that_cannot_be_read_is_refused(path: str, message: str) -> None:
    """At validation, with what works instead."""
    with pytest.raises(ValidationError) as refused:
        FileSource(path=path)
    [error] = refused.value.errors()
    assert message in error["msg"]


@pytest.mark.parametrize("path", ["s3://key:SECRET@bucket/a.csv", "s3://key:SECRET@host:9000/bucket/a.csv"])
def test_a_secret_in_a_path_is_refused_and_not_repeated(path: str) -> None:
    """Credentials come from the environment only, and no message may show them."""
    with pytest.raises(ValidationError) as refused:
        FileSource(path=path)
    [error] = refused.value.errors()
    assert "belong into AWS_… variables" in error["msg"]
    assert "SECRET" not in error["msg"]


@pytest.mark.parametrize(
    "uri", ["./lakehouse", "/data/my lake", "s3://lake", "s3://my.lake-1/retail", "s3://lake/a/b_c/d.e=f-g"]
)
def test_a_lakehouse_may_be_in_a_folder_or_in_a_bucket(uri: str) -> None:
    """Below the bucket as deep as one likes."""
    assert known_lakehouse(uri) == uri


NO_LAKEHOUSE = {
    "abfss://lake@account.dfs.core.windows.net/retail": "Azure storage (abfss://) holds no lakehouse: write a path, or s3://bucket/prefix",
    "gs://lake/retail": "Google Cloud Storage (gs://) holds no lakehouse",
    "s3a://lake/retail": "s3a:// holds no lakehouse",
    "file:///data/lake": "file:// holds no lakehouse",
    "s3://": "'' is no name of a bucket",
    "s3://La_ke/retail": "'La_ke' is no name of a bucket (3 to 63 small letters, digits, `.` and `-`)",
    "s3://la/retail": "'la' is no name of a bucket",
    "s3://lake/": "a part of the prefix is empty",
    "s3://lake//retail": "a part of the prefix is empty",
    "s3://lake/../retail": "a part of the prefix is empty, `.` or `..`",
    "s3://lake/my retail": "'my retail' cannot be a part of the prefix",
    "s3://lake/100%": "'100%' cannot be a part of the prefix",
    "s3://lake/*": "'*' cannot be a part of the prefix",
}


@pytest.mark.parametrize(("uri", "message"), NO_LAKEHOUSE.items(), ids=NO_LAKEHOUSE)
def test_a_place_for_no_lakehouse_is_refused(uri: str, message: str) -> None:
    """With what works instead; what Java, Rust and HTTP would write in three ways is no name here."""
    with pytest.raises(ValueError, match=re.escape(message)):
        known_lakehouse(uri)


@pytest.mark.parametrize("uri", ["s3://key:SECRET@lake/retail", "s3://key:SECRET@host:9000/lake"])
def test_a_secret_in_a_lakehouse_is_refused_and_not_repeated(uri: str) -> None:
    """As in a path."""
    with pytest.raises(ValueError, match="belong into AWS_… variables") as refused:
        known_lakehouse(uri)
    assert "SECRET" not in str(refused.value)


def test_files_and_objects_are_told_apart() -> None:
    """A path of this machine is no pattern of objects."""
    assert FileSource(path="in/*.csv").objects is None
    assert FileSource(path="s3://shop/in/*.csv").objects == ObjectPattern("shop", ("in", "*.csv"))
    assert not is_object("s3/in/*.csv")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "in/*.csv", "watch_seconds": 60}, "path must be s3://bucket/key"),
        ({"path": "s3://shop/in/*.csv"}, "give watch_seconds, too"),
        ({"path": "s3://shop/*", "watch_seconds": 60, "notifications": {"topic": "a b"}}, "match pattern"),
    ],
)
def test_notifications_only_hasten_a_watch_of_objects(fields: dict[str, object], message: str) -> None:
    """They may be lost, so that a sweep must find what they did not tell; and only stores of objects send them."""
    with pytest.raises(ValidationError, match=message):
        FileSource.model_validate({"notifications": {"topic": "bucket-events"}, **fields})
    FileSource.model_validate(
        {"path": "s3://shop/*", "watch_seconds": 60, "notifications": {"topic": "bucket-events"}}
    )


def record(event: str, key: str, bucket: str = "shop") -> dict[str, object]:
    """Return a record of a notification as stores write it, with more in it than is read."""
    return {
        "eventVersion": "2.1",
        "eventName": event,
        "s3": {"bucket": {"name": bucket, "arn": "…"}, "object": {"key": key, "size": 7, "eTag": "x"}},
    }


def notification(*records: dict[str, object]) -> bytes:
    return json.dumps({"EventName": "s3:ObjectCreated:Put", "Records": records}).encode()


def test_a_notification_names_the_objects_that_were_written() -> None:
    """However they were written, with or without the prefix of AWS's bridges; what was removed is no news."""
    given = notification(
        record("s3:ObjectCreated:Put", "in/a.csv"),
        record("ObjectCreated:CompleteMultipartUpload", "in/it%27s+50%25+%C3%A9%2Bx.csv"),
        record("s3:ObjectRemoved:Delete", "in/gone.csv"),
        record("s3:ObjectAccessed:Get", "in/read.csv"),
        record("s3:ObjectCreated:Copy", "b.csv", "other"),
    )
    assert created(given) == ("s3://shop/in/a.csv", "s3://shop/in/it's 50% é+x.csv", "s3://other/b.csv")
    assert created(notification()) == ()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\x00",
        b"null",
        b"[]",
        b'{"Records": {}}',
        b'{"Service": "Amazon S3", "Event": "s3:TestEvent"}',
        notification(record("s3:ObjectCreated:Put", "a"), {"eventName": "s3:ObjectCreated:Put"}),
        b'{"Records": [{"eventName": 1, "s3": {"bucket": {"name": "a"}, "object": {"key": "b"}}}]}',
    ],
    ids=["tombstone", "empty", "bytes", "null", "list", "records", "test event", "cut off", "number"],
)
def test_what_is_no_notification_is_told(value: bytes | None) -> None:
    """Whatever else is in the topic is one kind of error, which a listener can pass over."""
    with pytest.raises(ValueError, match="no notification of an object store"):
        created(value)
