"""The cells of a sheet as texts.

What fastexcel writes as text is rounded to nine decimals, and tells neither a text `1899-12-31 10:00:00` from a time of day nor a length
of time from a date. It is asked again for what the cells are underneath: once for numbers, and once more only where a text may be a time
that has no day.
"""

import re
from functools import partial
from typing import Protocol

import fastexcel
import pyarrow as pa
import pyarrow.compute as pc

from podium_ingest.payloads.texts import fractions

_ERRORS = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}
_TRUTHS = pa.array(["true", "false"])
_DAYS_OF_TIMES = "^(?:18|19)[0-9]{2}-[0-9]{2}-[0-9]{2} "
"""Days from which fastexcel counts what has no day of its own, as far as a length of time may reach."""
_FIRST_DAY = re.compile("1899-12-(?:30|31) ")
_TIME_CELL = re.compile(
    r"Expected boolean but got 'DateTime\(ExcelDateTime \{ value: ([^,]+), datetime_type: (\w+)"
)
DAY_MILLISECONDS = 86_400_000


class _Read(Protocol):
    """What reads the sheet with its cells as one type; a cell that is none of that type is null, and an error if errors are asked for."""

    def __call__(
        self, *, dtypes: fastexcel.DType, use_columns: list[int] | None = None
    ) -> fastexcel.ExcelSheet: ...


def texts_of(book: fastexcel.ExcelReader, sheet: str | int) -> pa.RecordBatch:
    """Return a sheet's columns as texts, an empty cell as null: nothing in it is taken for a name.

    Raises:
        fastexcel.FastExcelError: the sheet cannot be read.
    """
    read: _Read = partial(book.load_sheet, sheet, header_row=None, skip_rows=0)
    written = read(dtypes="string")
    table, errors = written.to_arrow_with_errors()
    places = [column.absolute_index for column in written.selected_columns]
    columns = _timed(_numbered(_named(table.columns, errors), read), places, read)
    return pa.RecordBatch.from_arrays(columns, table.schema.names)


def _named(columns: list[pa.Array], errors: "fastexcel.CellErrors | None") -> list[pa.Array]:
    """Put the names of errors where cells hold them: they are no values, and not nothing either."""
    if errors is None:
        return columns
    texts = [column.to_pylist() for column in columns]
    for error in errors.errors:
        row, column = error.position
        kind = error.detail.rpartition("Error(")[2].rstrip(")'\"")
        texts[column][row] = _ERRORS.get(kind, error.detail)
    return [pa.array(column, pa.string()) for column in texts]


def _numbered(columns: list[pa.Array], read: _Read) -> list[pa.Array]:
    """Put the fewest digits that mean the same number where cells hold one: those that are true or false, and no truth."""
    numbers, truths = read(dtypes="float").to_arrow(), read(dtypes="boolean").to_arrow()
    return [
        pc.if_else(pc.and_(truth.is_valid(), pc.invert(pc.is_in(column, _TRUTHS))), _digits(number), column)
        for column, number, truth in zip(columns, numbers.columns, truths.columns, strict=True)
    ]


def _digits(numbers: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(fractions(numbers), "[.]0$", "")


def _timed(columns: list[pa.Array], places: list[int], read: _Read) -> list[pa.Array]:
    """Take the day from times that have none, which only an error tells from texts: a time of day, and a length of time."""
    early = [
        index
        for index, column in enumerate(columns)
        if pc.any(pc.match_substring_regex(column, _DAYS_OF_TIMES)).as_py()
    ]
    if not early:
        return columns
    chosen = [places[index] for index in early]
    _, errors = read(dtypes="boolean", use_columns=chosen).to_arrow_with_errors()
    texts = {index: columns[index].to_pylist() for index in early}
    for error in errors.errors if errors else ():
        row, column = error.position
        if time := _TIME_CELL.match(error.detail):
            texts[column][row] = _time(texts[column][row], *time.groups())
    return [
        pa.array(texts[index], pa.string()) if index in texts else column
        for index, column in enumerate(columns)
    ]


def _time(text: str, days: str, kind: str) -> str:
    return _length(float(days)) if kind == "TimeDelta" else _FIRST_DAY.sub("", text)


def _length(days: float) -> str:
    """Return hours, however many, minutes and seconds."""
    seconds, milliseconds = divmod(round(abs(days) * DAY_MILLISECONDS), 1000)
    sign, fraction = "-" if days < 0 else "", f".{milliseconds:03}" if milliseconds else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
