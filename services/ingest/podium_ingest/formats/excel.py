"""Excel workbooks: the rows of one sheet below the row that names the columns.

A workbook is held as a whole while it is read; a sheet has at most 1,048,576 rows. Numbers in it are binary ones of 64 bits: they are
written with the fewest digits that mean the same, without a point where they are whole. What a formula gave when the workbook was saved is
its value; one that was saved without a value has none.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import fastexcel
import pyarrow as pa
import pyarrow.compute as pc
from podium_contracts.errors import BadSource
from podium_contracts.names import storable_name
from podium_contracts.pipeline import ExcelTable
from podium_lakehouse.schemas.kinds import Kinds

from podium_ingest.formats.excel_texts import texts_of
from podium_ingest.formats.portions import AT_ONCE, Portion, check_names

_WHICH_ROW = "say which row names them, as excel: {header_row: 3} in the source"


class Workbook:
    """The table of a sheet; rows without any value are none. `_row` counts from the first row below the names."""

    def __init__(self, table: pa.RecordBatch, name: str, header_row: int | None) -> None:
        self._table = table
        self._header_row = header_row = header_row or _first_row(table)
        texts = [None if text is None else str(text) for text in _row(table, header_row - 1)]
        self._used = [
            index
            for index, text in enumerate(texts)
            if text is not None or table.column(index).null_count < len(table)
        ]
        names = [texts[index] or "" for index in self._used]
        if not any(name.strip() for name in names):
            raise BadSource(
                f"{name} names no columns in row {header_row}",
                hint=_WHICH_ROW,
            )
        if "" in names:
            raise BadSource(
                f"{name}: column {self._used[names.index('')] + 1} has no name in row {header_row}",
                hint=f"name it in the file, or {_WHICH_ROW}",
            )
        check_names(name, names)
        self.columns: Mapping[str, str] = {storable_name(text): text for text in names}
        self.kinds: Kinds = {}
        self.rows = 0

    @classmethod
    def open(cls, path: Path, name: str, wanted: ExcelTable | None) -> "Workbook":
        """Read the sheet that is wanted of a file that Bronze calls by a name.

        Raises:
            BadSource: it is no workbook, has no such sheet, or its columns cannot be told apart.
        """
        wanted = wanted or ExcelTable()
        try:
            book = fastexcel.read_excel(path)
        except fastexcel.FastExcelError as error:
            raise _unreadable(name, error) from error
        sheets = book.sheet_names
        if wanted.sheet is not None and wanted.sheet not in sheets:
            raise BadSource(
                f"{name} has no sheet {wanted.sheet!r}", hint=f"its sheets are: {', '.join(sheets)}"
            )
        try:
            table = texts_of(book, wanted.sheet or 0)
        except fastexcel.FastExcelError as error:
            raise _unreadable(name, error) from error
        return cls(table, name, wanted.header_row)

    def portions(self) -> Iterator[Portion]:
        """See `Records`."""
        body = self._table.slice(self._header_row)
        columns = [_values(body.column(index)) for index in self._used]
        places = pa.array(range(1, len(body) + 1), pa.int64())
        there = columns[0].is_valid()
        for column in columns[1:]:
            there = pc.or_(there, column.is_valid())
        rows = pa.table([*columns, places], names=[*self.columns, ""]).filter(there)
        self.rows = rows.num_rows
        for batch in rows.to_batches(AT_ONCE):
            yield Portion(dict(zip(self.columns, batch.columns, strict=False)), batch.columns[-1])


def _first_row(table: pa.RecordBatch) -> int:
    """Return the first row (from 1) that has any value, 1 where none has."""
    firsts = [pc.index(column.is_valid(), True).as_py() for column in table.columns]
    return min((first for first in firsts if first >= 0), default=0) + 1


def _row(table: pa.RecordBatch, index: int) -> list[object]:
    return [column[index].as_py() for column in table.columns] if index < len(table) else []


def _values(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), None, column)


def _unreadable(name: str, error: Exception) -> BadSource:
    return BadSource(
        f"{name} cannot be read as an Excel workbook: {str(error).splitlines()[0]}",
        hint="check `format` in the source, and that the file is complete; a workbook with a password is not read",
    )
