"""Objects of a store that speaks S3, by obstore.

It reads the AWS_… variables that delta-rs reads, lists objects with their ETags, and gets one in a single answer. (pyarrow's S3 file system
lists without ETags, and reads an object in pieces that may be of two contents.)
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, InvalidPathError
from obstore.store import S3Store
from podium_contracts.errors import BadSource, PodiumError, TransientError
from podium_contracts.pipeline import ObjectPattern
from podium_contracts.pipeline.objects import SCHEME

from podium_ingest.listed import Listed

CHUNK_BYTES = 8 << 20
RETRIES = 3
RETRY_SECONDS = 20.0
"""How long a request is tried again; then whoever called tries again, or a person does."""

KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_TROUBLES = (
    (
        r"Missing \w*Key|/latest/api/token|//169\.254\.",
        "there is nobody to ask the store as",
        f"set {KEYS}, or AWS_SKIP_SIGNATURE=true for a public bucket",
    ),
    ("NoSuchBucket", "there is no bucket {bucket}", "create it, correct `path`, or set AWS_ENDPOINT_URL to its store"),
    (
        "InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|401 Unauthorized",
        "the store does not let you in",
        f"correct {KEYS} (and AWS_SESSION_TOKEN, where it is temporary)",
    ),
    (
        "PermanentRedirect|AuthorizationHeaderMalformed|30[1278] ",
        "bucket {bucket} lies in another region",
        "set AWS_REGION to its region",
    ),
    (
        "AccessDenied|403 Forbidden",
        "the store forbids it",
        "let this user list the bucket (s3:ListBucket) and get its objects (s3:GetObject)",
    ),
    ("BadScheme", "the store is not asked without TLS", "give AWS_ENDPOINT_URL as https://…, or set AWS_ALLOW_HTTP=true"),
    ("InvalidCertificate", "the store shows no certificate to trust", "let SSL_CERT_FILE name the certificates to trust, PEM"),
)  # fmt: skip
"""What is found in an error of the store or its client; what it means; what to do."""


def matching(pattern: ObjectPattern) -> list[Listed]:
    """Return the objects of a pattern, sorted; there may be none.

    Raises:
        BadSource: the store refuses; the message says why.
        TransientError: no store answers.
    """
    if pattern.is_single:
        found = look(f"{SCHEME}{pattern.bucket}/{'/'.join(pattern.parts)}")
        return [found] if found else []
    folder = pattern.folder or None
    with _in_words(f"{SCHEME}{pattern.bucket}/{pattern.folder}"):
        store = _store(pattern.bucket)
        if pattern.is_flat:
            metas = list(obstore.list_with_delimiter(store, folder)["objects"])
        else:
            metas = [meta for batch in obstore.list(store, folder) for meta in batch]
    listed = (_listed(pattern.bucket, meta) for meta in metas)
    return sorted(found for found in listed if pattern.names(found.name))


def look(uri: str) -> Listed | None:
    """Return an object as it is now, None where there is none; raises as `matching`."""
    bucket, key = _place(uri)
    with _in_words(uri):
        try:
            return _listed(bucket, obstore.head(_store(bucket), key))
        except FileNotFoundError:
            return None


def fetch(uri: str, target: Path) -> Listed | None:
    """Copy an object into a file; return what was copied, None where there is no object.

    Raises:
        BadSource: the store refuses; the message says why.
        TransientError: no store answers, or it stops in the middle.
    """
    bucket, key = _place(uri)
    with _in_words(uri):
        try:
            got = obstore.get(_store(bucket), key)
        except FileNotFoundError:
            return None
        with target.open("wb") as file:
            for chunk in got.stream(min_chunk_size=CHUNK_BYTES):
                file.write(chunk)
    found = _listed(bucket, got.meta)
    if target.stat().st_size != found.size:
        raise TransientError(f"{uri} came cut off", hint="run it again")
    return found


def _place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    return bucket, key


@lru_cache(maxsize=16)
def _store(bucket: str) -> S3Store:
    """Return a client for a bucket, set up by the environment."""
    patience: obstore.store.S3Config = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "1d"}  # type: ignore[typeddict-unknown-key]
    retries: obstore.store.RetryConfig = {
        "max_retries": RETRIES,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
    }
    return S3Store(bucket, config=patience, retry_config=retries)


def _listed(bucket: str, meta: "obstore.ObjectMeta") -> Listed:
    microseconds = int(meta["last_modified"].timestamp() * 1_000_000)
    return Listed(f"{SCHEME}{bucket}/{meta['path']}", meta["size"], microseconds * 1000, meta["e_tag"] or "")


@contextmanager
def _in_words(uri: str) -> Iterator[None]:
    """Let errors of the client through as what they mean to people: its own hold half of the request."""
    try:
        yield
    except InvalidPathError as error:
        raise BadSource(
            f"{uri}: {str(error).splitlines()[0]}",
            hint="rename the object: an empty part, `.`, `..` or a control character in a key cannot be read",
        ) from None
    except BaseError as error:
        raise _trouble(uri, str(error)) from None


def _trouble(uri: str, said: str) -> PodiumError:
    bucket, _ = _place(uri)
    address = re.search(r"https?://[^/ ]+", said)
    where = f"{uri} at {address[0]}" if address else uri
    for signs, meaning, hint in _TROUBLES:
        if re.search(signs, said):
            return BadSource(f"{where}: {meaning.format(bucket=bucket)}", hint=hint)
    reason = re.search(r" - ([^<\n]*\w)", said)
    return TransientError(
        f"{where}: no object store answers{': ' if reason else ''}{reason[1] if reason else ''}",
        hint="start it, or set AWS_ENDPOINT_URL to where it is",
    )
