"""Objects of a store that speaks S3: named by a pattern as the files of a folder are (`s3://bucket/in/**/*.csv.gz`), or a lakehouse's."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

SCHEME = "s3://"
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_LAKEHOUSE_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LAKEHOUSE_PART = re.compile(r"[A-Za-z0-9._=-]+")
_WILD = re.compile(r"[*?\[]")
_DOTS = {"", ".", ".."}
_CLOUDS = {
    **dict.fromkeys(("abfs", "abfss", "adl", "az", "azure", "wasb", "wasbs"), "Azure storage"),
    **dict.fromkeys(("gs", "gcs"), "Google Cloud Storage"),
}


def is_object(path: str) -> bool:
    """Whether a path names objects of a store, not files of this machine."""
    return path.startswith(SCHEME)


def in_folder(path: str) -> str:
    """Return the pattern that a path is: one that ends in a slash names all that lies directly in a folder."""
    return f"{path}*" if path.endswith("/") else path


def known_path(path: str) -> str:
    """Return a path that can be read: of files, or of objects.

    Raises:
        ValueError: saying what is wrong with it; a path is not repeated where it may hold a secret.
    """
    if is_object(path):
        ObjectPattern.parse(path)
    else:
        _refuse_schemes(path, "is not read: write a path, or s3://bucket/key")
    return path


def known_lakehouse(uri: str) -> str:
    """Return where a lakehouse may lie: a path, or `s3://bucket/prefix`.

    The names of its tables become parts of URIs of Java, of Rust and of HTTP, so what one of them would write in another way is not taken.

    Raises:
        ValueError: saying what is wrong with it; a URI is not repeated where it may hold a secret.
    """
    if not is_object(uri):
        _refuse_schemes(uri, "holds no lakehouse: write a path, or s3://bucket/prefix")
        return uri
    bucket, *parts = uri.removeprefix(SCHEME).split("/")
    _refuse_secrets(bucket)
    if not _LAKEHOUSE_BUCKET.fullmatch(bucket):
        raise ValueError(
            f"{bucket!r} is no name of a bucket (3 to 63 small letters, digits, `.` and `-`): write s3://bucket/prefix"
        )
    if not _DOTS.isdisjoint(parts):
        raise ValueError("a part of the prefix is empty, `.` or `..`: write s3://bucket/prefix")
    for part in parts:
        if not _LAKEHOUSE_PART.fullmatch(part):
            raise ValueError(
                f"{part!r} cannot be a part of the prefix: write it with letters from A to Z, digits, `.`, `_`, `=` and `-`"
            )
    return uri


def _refuse_schemes(path: str, instead: str) -> None:
    if scheme := _SCHEME.match(path):
        name = scheme[1].lower()
        what = f"{_CLOUDS[name]} ({name}://)" if name in _CLOUDS else f"{name}://"
        raise ValueError(f"{what} {instead} for any object store that speaks S3")


def _refuse_secrets(bucket: str) -> None:
    if "@" in bucket or ":" in bucket:
        raise ValueError("secrets and addresses of an object store belong into AWS_… variables, not here")


@dataclass(frozen=True)
class ObjectPattern:
    """The objects of a bucket whose keys match a pattern, part by part; `*` and `**` pass over hidden parts, as in a shell."""

    bucket: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Return the pattern in a URI.

        Raises:
            ValueError: there is none.
        """
        bucket, _, key = in_folder(uri.removeprefix(SCHEME)).partition("/")
        _refuse_secrets(bucket)
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"{bucket!r} is no name of a bucket: write s3://bucket/key")
        parts = tuple(key.split("/"))
        if not _DOTS.isdisjoint(parts):
            raise ValueError("a part of the key is empty, `.` or `..`: write s3://bucket/folder/*.csv")
        return cls(bucket, (*parts, "*") if parts[-1] == "**" else parts)

    @property
    def folder(self) -> str:
        """What all its keys begin with, in whole parts."""
        wild = [index for index, part in enumerate(self.parts) if _WILD.search(part)]
        return "/".join(self.parts[: min([*wild, len(self.parts) - 1])])

    @property
    def is_single(self) -> bool:
        """Whether it names one object."""
        return not any(map(_WILD.search, self.parts))

    @property
    def is_flat(self) -> bool:
        """Whether all its objects lie directly in its folder."""
        return not any(map(_WILD.search, self.parts[:-1]))

    def names(self, uri: str) -> bool:
        """Whether an object is one of these."""
        start = f"{SCHEME}{self.bucket}/"
        return uri.startswith(start) and _match(self.parts, tuple(uri.removeprefix(start).split("/")))


def _match(patterns: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not patterns or not parts:
        return not patterns and not parts
    pattern, part = patterns[0], parts[0]
    hidden = part[:1] in {"", "."}
    if pattern == "**":
        return _match(patterns[1:], parts) or (not hidden and _match(patterns, parts[1:]))
    named = fnmatchcase(part, pattern) and (not hidden or pattern.startswith("."))
    return named and _match(patterns[1:], parts[1:])
