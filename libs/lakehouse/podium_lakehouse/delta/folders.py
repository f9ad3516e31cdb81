"""Folders of new data files inside a table's folder, which no commit knows yet.

On a local path an engine writes into the folder itself. On S3 DuckDB writes a draft on this machine, from which the folder is filled: so rows
can be counted before anything is sent, and a file is there as a whole or not at all. What a killed try has left there no commit lists.
"""

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from podium_contracts.pipeline import is_object
from podium_contracts.pipeline.objects import SCHEME

from podium_lakehouse.engines.scratch import scratch_folder
from podium_lakehouse.store import objects
from podium_lakehouse.store.files import ObjectFile, exists

PARQUET = ".parquet"


@dataclass(frozen=True)
class NewFile:
    """A Parquet file of a folder: its path below the folder, its size in bytes, when it was written in milliseconds."""

    folder: str
    name: str
    size: int
    modified_ms: int

    @property
    def uri(self) -> str:
        """Where it lies."""
        return f"{self.folder}/{self.name}"

    def footer(self) -> pq.FileMetaData:
        """Read its footer."""
        with opened(self.uri) as parquet:
            return parquet.metadata

    def exists(self) -> bool:
        """Whether it is still there."""
        return exists(self.uri)

    def delete(self) -> None:
        """Take it away."""
        objects.delete([self.uri]) if is_object(self.uri) else Path(self.uri).unlink()


def opened(uri: str) -> pq.ParquetFile:
    """Open a Parquet file, to be closed by `with`."""
    return pq.ParquetFile(ObjectFile(uri) if is_object(uri) else uri)


def new_folder(table_uri: str) -> str:
    """Return the path or URI of a folder that does not exist yet, inside a table's."""
    home = f"{table_uri}/data"
    if not is_object(home):
        Path(home).mkdir(parents=True, exist_ok=True)
    return f"{home}/{uuid.uuid4().hex[:12]}"


@contextmanager
def filling(folder: str) -> Iterator[Path]:
    """Lend a folder of this machine for the data files of a new folder; it has them afterwards, unless something failed: then it has none."""
    if not is_object(folder):
        with ExitStack() as undoing:
            undoing.callback(discard, [folder])
            yield Path(folder)
            undoing.pop_all()
        return
    with scratch_folder() as scratch:
        draft = scratch / "draft"
        yield draft
        fill(folder, draft)


def fill(folder: str, draft: Path) -> None:
    """Send the files of a draft into a folder on S3: those with rows, or one that says what the columns are."""
    files = parquet_files(str(draft))
    full = [file for file in files if file.footer().num_rows]
    objects.put_all([(Path(file.uri), f"{folder}/{file.name}") for file in full or files[:1]])


def parquet_files(folder: str) -> list[NewFile]:
    """Return the Parquet files of a folder, sorted; there may be none."""
    if is_object(folder):
        _, key = objects.bucket_and_key(folder)
        return [
            NewFile(
                folder,
                meta["path"].removeprefix(f"{key}/"),
                meta["size"],
                int(meta["last_modified"].timestamp() * 1000),
            )
            for meta in objects.below(folder)
            if meta["path"].endswith(PARQUET)
        ]
    home = Path(folder)
    found = ((path, path.stat()) for path in sorted(home.rglob(f"*{PARQUET}")))
    return [
        NewFile(folder, path.relative_to(home).as_posix(), stat.st_size, stat.st_mtime_ns // 1_000_000)
        for path, stat in found
    ]


def tables_in(folder: str) -> list[str]:
    """Return the names of the Delta tables that lie directly in a folder, sorted."""
    if is_object(folder):
        return [name for name in objects.folders_in(folder) if objects.below(f"{folder}/{name}/_delta_log")]
    return sorted(log.parent.name for log in Path(folder).glob("*/_delta_log"))


def discard(folders: Iterable[str]) -> None:
    """Take away data files that no commit will list."""
    for folder in folders:
        if is_object(folder):
            bucket, _ = objects.bucket_and_key(folder)
            objects.delete([f"{SCHEME}{bucket}/{meta['path']}" for meta in objects.below(folder)])
        else:
            shutil.rmtree(folder, ignore_errors=True)
