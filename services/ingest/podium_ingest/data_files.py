"""Data files of Bronze, written a table of rows at a time."""

from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
from podium_lakehouse.delta.parquet import COMPRESSION_LEVEL

FILE_BYTES = 64_000_000


class DataFiles:
    """Parquet files of one folder: a new one where the columns change, and where one is large enough."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0
        self._count = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, table: pa.Table) -> None:
        """Write rows."""
        if self._writer is None or self._writer.schema != table.schema or self._is_large():
            self._close()
            path = self.folder / f"part-{self._count}.parquet"
            self._writer = pq.ParquetWriter(
                path, table.schema, compression="zstd", compression_level=COMPRESSION_LEVEL
            )
            self._count += 1
        self._writer.write_table(table)
        self.rows += table.num_rows

    def _is_large(self) -> bool:
        path = self.folder / f"part-{self._count - 1}.parquet"
        return path.stat().st_size > FILE_BYTES

    def _close(self) -> None:
        if self._writer:
            self._writer.close()
