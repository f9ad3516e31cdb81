"""Where the files of tables are, and objects as files: Parquet, which nobody changes, by the ranges that are asked for."""

import io
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import obstore
from podium_contracts.pipeline import is_object

from podium_lakehouse.store import objects
from podium_lakehouse.store.objects import bucket_and_key, client

TAIL_BYTES = 64 << 10
"""Of an object are fetched with its size: the footer of a Parquet file, as a rule, or a small file as a whole."""
KEPT_TAILS = 512


def place(uri: str) -> str:
    """Return a URI of delta-rs as the path of this machine that it names, or as it is, of an object."""
    return uri if is_object(uri) else unquote(uri.removeprefix("file://"))


def exists(place: str) -> bool:
    """Whether there is a file of this machine, or an object."""
    return objects.head(place) is not None if is_object(place) else Path(place).exists()


class ObjectFile(io.RawIOBase):
    """An object that is read in ranges; its end is at hand."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._uri = uri
        self._size, self._end = tail(uri)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def read(self, length: int | None = -1, /) -> bytes:
        """Return so many bytes, or all that are left."""
        left = max(self._size - self._position, 0)
        length = left if length is None or length < 0 else min(length, left)
        start = self._position - (self._size - len(self._end))
        found = self._end[start : start + length] if start >= 0 else self._range(length)
        self._position += length
        return found

    def _range(self, length: int) -> bytes:
        bucket, key = bucket_and_key(self._uri)
        return bytes(obstore.get_range(client(bucket), key, start=self._position, length=length))


@lru_cache(KEPT_TAILS)
def tail(uri: str) -> tuple[int, bytes]:
    """Return an object's size and its end, in one request."""
    bucket, key = bucket_and_key(uri)
    found = obstore.get(client(bucket), key, options={"range": {"suffix": TAIL_BYTES}})
    return found.meta["size"], bytes(found.bytes())
