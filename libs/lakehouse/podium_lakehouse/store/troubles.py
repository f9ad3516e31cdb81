"""What the errors of a store and of its clients mean to people: obstore's, delta-rs's, DuckDB's and Spark's hold half of the request.

A store that refuses is a terminal error, one that does not answer a transient one; so are a disk without permission, and one that is full.
A data file of a table that is damaged or gone is a terminal one.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
from deltalake.exceptions import DeltaError
from obstore.exceptions import BaseError, InvalidPathError
from podium_contracts.errors import BadSource, DataFileUnreadable, PodiumError, TerminalError, TransientError

from podium_lakehouse.store.objects import bucket_and_key

KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_TROUBLES = (
    (
        r"Missing \w*Key|/latest/api/token|//169\.254\.|Unable to load credentials|No AWS Credentials",
        "there is nobody to ask the store as",
        f"set {KEYS}, or AWS_SKIP_SIGNATURE=true for a public bucket",
    ),
    (
        "NoSuchBucket",
        "there is no bucket {bucket}",
        "create it, correct {named}, or set AWS_ENDPOINT_URL to its store",
    ),
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
        "AccessDenied|403 Forbidden|Status Code: 403",
        "the store forbids it",
        "let this user {rights}",
    ),
    (
        "BadScheme|URL scheme is not allowed",
        "the store is not asked without TLS",
        "give AWS_ENDPOINT_URL as https://…, or set AWS_ALLOW_HTTP=true",
    ),
    (
        "InvalidCertificate|invalid peer certificate|PKIX path",
        "the store shows no certificate to trust",
        "let SSL_CERT_FILE name the certificates to trust, PEM",
    ),
    (
        "NotImplemented|501 Not Implemented",
        "the store does not know what it is asked for",
        "take a store that knows conditional puts (If-None-Match) and multipart uploads",
    ),
)  # fmt: skip
"""What is found in an error of the store or its client; what it means; what to do."""
_OF_A_DISK: tuple[tuple[str, type[PodiumError], str], ...] = (
    ("No space left on device", TransientError, "make room on the disk, then run it again"),
    ("Read-only file system", TerminalError, "let this user write there, or name another place"),
    ("Permission denied", TerminalError, "let this user read and write there, or name another place"),
)
"""What the operating system says, or DuckDB and delta-rs after it; what it means; what to do."""
ANEW = "where nobody has them, give spec.lakehouse.uri a new place: everything is made anew there"
_DAMAGED = re.compile(r"magic bytes|too small to be a Parquet|Failed to read file|No files found")
"""What DuckDB's errors hold where a data file is damaged or gone."""
_DATA_FILE = re.compile(r"[\"']([^\"'\n]*\.parquet)[\"'](?:: )?")
_DAMAGED_TO_SPARK = re.compile(
    r"\[FAILED_READ_FILE\.[^\n]*? reading file ([^\n]*?\.parquet)\.(?s:.*)Caused by: [\w.$]+: ([^\n]*)"
)
_PATH = re.compile(r"/[^\s\"\\]+")
_OF_A_STORE = re.compile(
    r"S3 error|lacked the necessary privileges to complete for path|obstore\.exceptions|awssdk|s3a|S3A"
)
"""What the errors of other libraries hold when they speak of a store."""
_COLOURED = re.compile(r"\x1b\[\d+m")
_STEP = re.compile(r"\n\s*↳ ")


@dataclass(frozen=True)
class Use:
    """What a store is used for: where people name it, the rights that it needs, and what a refusal is."""

    named: str
    rights: str
    refusal: type[TerminalError]


SOURCE = Use(
    "`path`", "list the bucket (s3:ListBucket) and get its objects (s3:GetObject)", refusal=BadSource
)
LAKEHOUSE = Use(
    "spec.lakehouse.uri",
    "list the bucket (s3:ListBucket) and get, put and delete its objects (s3:GetObject, s3:PutObject, s3:DeleteObject)",
    refusal=TerminalError,
)


@contextmanager
def in_words(place: str = "the object store", use: Use = LAKEHOUSE) -> Iterator[None]:
    """Let errors of a store through as what they mean, and any other as it is; `place` is what was looked for, a URI where it is known."""
    try:
        yield
    except InvalidPathError as error:
        raise use.refusal(
            f"{place}: {str(error).splitlines()[0]}",
            hint="rename the object: an empty part, `.`, `..` or a control character in a key cannot be read",
        ) from None
    except Exception as error:
        if isinstance(error, PodiumError):
            raise
        if refused := _refused_by_a_disk(place, error):
            raise refused from error
        if _is_of_a_store(error):
            raise _trouble(place, _plain(error), use) from None
        if damaged := _unreadable(place, error):
            raise damaged from error
        raise


def _refused_by_a_disk(place: str, error: Exception) -> PodiumError | None:
    if not isinstance(error, DeltaError | duckdb.Error):
        return None
    for words, refusal, hint in _OF_A_DISK:
        if words in str(error):
            path = _PATH.search(str(error))
            return refusal(f"{path[0] if path else place}: {words}", hint=hint)
    return None


def _unreadable(place: str, error: Exception) -> DataFileUnreadable | None:
    if _is_sparks(error):
        found = _DAMAGED_TO_SPARK.search(str(error))
        return unreadable(found[1], found[2]) if found else None
    if not isinstance(error, duckdb.Error):
        return None
    said = "".join(filter(str.isprintable, str(error).split("\n", 1)[0]))
    if type(error) is duckdb.Error:  # of what reads Parquet's headers for DuckDB, which knows of no file
        return unreadable(place, said)
    file = _DATA_FILE.search(said)
    if not file or not _DAMAGED.search(said):
        return None
    return unreadable(file[1], said[file.end() :] or said[: file.start()])


def unreadable(file: str, reason: str) -> DataFileUnreadable:
    """Return the error that a data file of a table cannot be read, for a reason."""
    return DataFileUnreadable(
        f"{file}: a table's data file cannot be read: {reason.strip(' :')}",
        hint=f"bring its files back as they were; {ANEW}",
    )


def after_refusal(error: OSError) -> str:
    """Return what to do where the operating system refuses; nothing where that is not known."""
    return next((hint for words, _, hint in _OF_A_DISK if words == error.strerror), "")


def _is_of_a_store(error: Exception) -> bool:
    if isinstance(error, BaseError):
        return True
    foreign = isinstance(error, OSError | DeltaError | duckdb.Error) or _is_sparks(error)
    return foreign and bool(_OF_A_STORE.search(str(error)))


def _is_sparks(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] in {"py4j", "pyspark"}


def _plain(error: Exception) -> str:
    """Return what an error says, without colours and in one line, as obstore writes it."""
    return _STEP.sub(" - ", _COLOURED.sub("", str(error)))


def _trouble(place: str, said: str, use: Use) -> PodiumError:
    bucket, _ = bucket_and_key(place)
    address = re.search(r"https?://[^/ ]+", said)
    where = f"{place} at {address[0]}" if address else place
    for signs, meaning, hint in _TROUBLES:
        if re.search(signs, said):
            return use.refusal(
                f"{where}: {meaning.format(bucket=bucket)}",
                hint=hint.format(named=use.named, rights=use.rights),
            )
    reason = re.findall(r" - ([^<\n]*?\w[^<\n]*?)(?= - |<|\n|$)", said)
    return TransientError(
        f"{where}: no object store answers{': ' if reason else ''}{reason[-1] if reason else ''}",
        hint="start it, or set AWS_ENDPOINT_URL to where it is",
    )
