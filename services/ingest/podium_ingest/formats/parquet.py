"""Parquet files, a batch of a row group after the other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from podium_contracts.errors import BadSource
from podium_contracts.names import storable_name
from podium_lakehouse.schemas.kinds import Kinds, kind_of

from podium_ingest.formats.arrow_texts import texts_of
from podium_ingest.formats.portions import Portion, check_names

BATCH_ROWS = 65_536
BUFFER_BYTES = 1 << 20
"""Of a column that are read at a time: neither the file nor a row group is held as a whole."""
_DAMAGED = (pa.ArrowException, OSError, ValueError)


class Parquet:
    """The rows of a file; its footer says how many there are."""

    def __init__(self, file: pq.ParquetFile, name: str) -> None:
        self._file = file
        self._name = name
        names = file.schema_arrow.names
        check_names(name, names)
        self.columns: Mapping[str, str] = {storable_name(column): column for column in names}
        self.kinds: Kinds = {storable_name(field.name): kind_of(field.type) for field in file.schema_arrow}
        self.rows = int(file.metadata.num_rows)

    @classmethod
    @contextmanager
    def open(cls, path: Path, name: str) -> Iterator["Parquet"]:
        """Open a file that Bronze calls by a name.

        Raises:
            BadSource: it is not Parquet, or two of its columns would be one.
        """
        try:
            file = pq.ParquetFile(
                path, coerce_int96_timestamp_unit="us", buffer_size=BUFFER_BYTES, pre_buffer=False
            )
        except _DAMAGED as error:
            raise _unreadable(name, error) from error
        with file:
            yield cls(file, name)

    def portions(self) -> Iterator[Portion]:
        """See `Records`."""
        place = 1
        try:
            for batch in self._file.iter_batches(BATCH_ROWS):
                columns = map(texts_of, batch.columns)
                places = range(place, place + batch.num_rows)
                yield Portion(dict(zip(self.columns, columns, strict=True)), places)
                place += batch.num_rows
        except TypeError as error:
            raise BadSource(f"{self._name}: {error}", hint="write such a column as text") from error
        except _DAMAGED as error:
            raise _unreadable(self._name, error) from error


def _unreadable(name: str, error: Exception) -> BadSource:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return BadSource(
        f"{name} cannot be read as Parquet: {reason}",
        hint="check `format` in the source, and that the file is complete",
    )
