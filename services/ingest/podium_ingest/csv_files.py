"""CSV files that an intent has pinned, into data files of Bronze."""

from podium_contracts import ledger as ledgers
from podium_contracts.errors import BadSource, PodiumError
from podium_contracts.events.v1 import Flow, Ledger
from podium_contracts.names import Layer, storable_name
from podium_contracts.pipeline import CsvDialect, FileSource
from podium_lakehouse.delta.folders import discard
from podium_lakehouse.engines.csv_text import long_line
from podium_lakehouse.engines.duckdb_csv import (
    CsvFile,
    Ingestion,
    Read,
    Written,
    check_line_ends,
    count_line_breaks,
    write_csv,
)
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, SourceFile

from podium_ingest.files import Files
from podium_ingest.header import header
from podium_ingest.rows import Rows, merged_names

LONGEST_BYTES = 2_000_000
"""Of a line that DuckDB reads for sure."""


def read_csv(
    intent: Intent, source: FileSource, dataset: str, uri: str, files: Files, lakehouse: Lakehouse
) -> Rows:
    """Read the pinned files, and hold each one's own lines against the rows that were written.

    Raises:
        BadSource: a file cannot be read as declared, or is not what was pinned; nothing is left behind.
        LedgerImbalance: rows were lost or made up.
    """
    inputs = _inputs(intent, source, files)
    names = lakehouse.catalogue.source_names(Layer.BRONZE, dataset)
    for file in inputs:
        names = merged_names(file.name, names, dict(zip(file.columns, file.header, strict=True)))
    mark = Ingestion(intent.time, intent.batch_id, intent.sequence, source.source_system)
    with lakehouse.open_engine() as engine:
        written = write_csv(engine, uri, inputs, list(names), source.csv, mark)
    try:
        flow = _flow(intent, inputs, written, source.csv, files)
    except PodiumError:
        discard(written.folders)
        raise
    kinds = {file.name: dict.fromkeys(file.columns, "") for file in inputs}
    rows_of = {name: given.rows + given.corrupt for name, given in written.counts.items()}
    return Rows(written.folders, names, flow, kinds, rows_of)


def _inputs(intent: Intent, source: FileSource, files: Files) -> list[CsvFile]:
    inputs = []
    for pinned in intent.files:
        path = files.readable(pinned)
        names = header(path, pinned.path, source.csv, source.encoding)
        columns = tuple(storable_name(name) for name in names)
        inputs.append(CsvFile(path, pinned.path, columns, tuple(names), pinned.etag, source.encoding))
    return inputs


def _flow(intent: Intent, inputs: list[CsvFile], written: Written, dialect: CsvDialect, files: Files) -> Flow:
    """Hold each file's own lines against the rows that were written, before they become part of Bronze.

    Raises:
        BadSource: they differ because the file has changed since it was pinned, its lines end in different ways, or its quotes
            are in disorder.
        LedgerImbalance: they differ otherwise.
    """
    flows = []
    for pinned, file in zip(intent.files, inputs, strict=True):
        files.check_read(pinned)
        given = written.counts[file.name]
        flow = Flow(rows_in=_lines_in(pinned, file, written), inserted=given.rows + given.corrupt)
        if flow.rows_in != flow.inserted:
            check_line_ends([file], dialect)
            _check_quotes(file, flow, given)
            _check_length(file)
            ledgers.check(Ledger(flow=flow))
        flows.append(flow)
    return Flow(rows_in=sum(flow.rows_in for flow in flows), inserted=sum(flow.inserted for flow in flows))


def _check_quotes(file: CsvFile, flow: Flow, read: Read) -> None:
    if read.corrupt:
        raise BadSource(
            f"{file.name}: {flow.rows_in} rows by its lines and {flow.inserted} as parsed; {read.corrupt} did not parse",
            hint="correct the quotes: each that opens a value needs one that closes it, before the delimiter",
        )


def _check_length(file: CsvFile) -> None:
    """Refuse a file with a line so long that DuckDB passes over it without a word."""
    if line := long_line(file.path, file.encoding, LONGEST_BYTES):
        raise BadSource(
            f"{file.name}:{line}: this line is longer than {LONGEST_BYTES:,} bytes",
            hint="correct the line; where it looks right, a quote before it is not closed and takes the lines after it",
        )


def _lines_in(pinned: SourceFile, file: CsvFile, written: Written) -> int:
    """Return the rows that a file holds by its own lines: without the header, blank lines and breaks inside values.

    Where there is one column only, a blank line is a row without a value.
    """
    one_column, read = len(file.columns) == 1, written.counts[file.name]
    lines, blank = (pinned.lines, pinned.blank) if read.lines is None else (read.lines, read.blank)
    rows = lines - 1 - (0 if one_column else blank)
    if rows == read.rows + read.corrupt:
        return rows
    breaks = count_line_breaks(written.folders, file.columns, file.name)
    return rows - breaks.breaks + (0 if one_column else breaks.blank)
