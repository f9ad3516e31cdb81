"""Objects of a store that speaks S3, by obstore, which reads the AWS_… variables that delta-rs reads.

Errors are the client's own, and FileNotFoundError where there is no object; `troubles` puts them into words.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import obstore
from obstore.store import S3Store
from podium_contracts.errors import TransientError
from podium_contracts.pipeline.objects import SCHEME

RETRIES = 3
RETRY_SECONDS = 20.0
"""How long a request is tried again; then whoever called tries again, or a person does."""
CHUNK_BYTES = 8 << 20
THREADS = 4
"""Requests of one call at the same time."""


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an object."""
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    return bucket, key


@lru_cache(maxsize=16)
def client(bucket: str) -> S3Store:
    """Return a client for a bucket, set up by the environment."""
    patience: obstore.store.S3Config = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "1d"}  # type: ignore[typeddict-unknown-key]
    retries: obstore.store.RetryConfig = {
        "max_retries": RETRIES,
        "retry_timeout": timedelta(seconds=RETRY_SECONDS),
    }
    return S3Store(bucket, config=patience, retry_config=retries)


def head(uri: str) -> "obstore.ObjectMeta | None":
    """Return what the store says of an object, None where there is none."""
    bucket, key = bucket_and_key(uri)
    try:
        return obstore.head(client(bucket), key)
    except FileNotFoundError:
        return None


def get(uri: str) -> bytes:
    """Return an object's content."""
    bucket, key = bucket_and_key(uri)
    return bytes(obstore.get(client(bucket), key).bytes())


def fetch(uri: str, target: Path) -> "obstore.ObjectMeta | None":
    """Copy an object into a file; return what the store says of what was copied, None where there is no object.

    Raises:
        TransientError: it stops in the middle.
    """
    bucket, key = bucket_and_key(uri)
    try:
        got = obstore.get(client(bucket), key)
    except FileNotFoundError:
        return None
    with target.open("wb") as file:
        for chunk in got.stream(min_chunk_size=CHUNK_BYTES):
            file.write(chunk)
    if target.stat().st_size != got.meta["size"]:
        raise TransientError(f"{uri} came cut off", hint="run it again")
    return got.meta


def put(uri: str, content: bytes | Path) -> None:
    """Write an object; it appears when it is whole. A large file goes in parts."""
    bucket, key = bucket_and_key(uri)
    obstore.put(client(bucket), key, content)


def put_all(files: Iterable[tuple[Path, str]]) -> None:
    """Write files as the objects with these URIs."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda file: put(file[1], file[0]), files))


def put_new(uri: str, content: bytes) -> bool:
    """Write an object unless there is one; return whether this call wrote it."""
    bucket, key = bucket_and_key(uri)
    try:
        obstore.put(client(bucket), key, content, mode="create", use_multipart=False)
    except obstore.exceptions.AlreadyExistsError:
        return False
    return True


def below(uri: str) -> "list[obstore.ObjectMeta]":
    """Return the objects below a folder, sorted by key."""
    bucket, key = bucket_and_key(uri)
    metas = [meta for batch in obstore.list(client(bucket), key) for meta in batch]
    return sorted(metas, key=lambda meta: meta["path"])


def folders_in(folder: str) -> list[str]:
    """Return the names of the folders directly below a folder, sorted."""
    bucket, key = bucket_and_key(folder)
    found = obstore.list_with_delimiter(client(bucket), key)["common_prefixes"]
    return sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in found)


def delete(uris: Iterable[str]) -> None:
    """Take objects of one bucket away; those that are gone are no error."""
    places = [bucket_and_key(uri) for uri in uris]
    if places:
        obstore.delete(client(places[0][0]), [key for _, key in places])
