"""Files that are not CSV and that an intent has pinned, into data files of Bronze."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
from podium_contracts import ledger as ledgers
from podium_contracts.errors import PodiumError
from podium_contracts.events.v1 import Flow, Ledger
from podium_contracts.names import Layer
from podium_contracts.pipeline import FileSource
from podium_lakehouse.cleansing.columns import BATCH, CORRUPT_REASON, CORRUPT_RECORD, ROW
from podium_lakehouse.delta.folders import discard, filling, new_folder
from podium_lakehouse.engines.scratch import scratch_folder
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, SourceFile
from podium_lakehouse.schemas.kinds import Kinds
from podium_lakehouse.store.copies import at_hand

from podium_ingest.data_files import DataFiles
from podium_ingest.files import Files
from podium_ingest.formats import Portion, Records, open_records
from podium_ingest.rows import SCORE, Names, Rows, bronze_schema, bronze_table, merged_names

INGESTION_SOURCE = "file"


@dataclass(frozen=True)
class _File:
    """A file to read: where it is, and what was pinned of it."""

    path: Path
    pinned: SourceFile


@dataclass(frozen=True)
class _Part:
    """What came of files: a folder with their rows, by file their columns and more as in `Rows`, and why one of them could not be read, if so."""

    folder: str
    names: dict[str, Names] = field(default_factory=dict)
    rows_in: int = 0
    rows: int = 0
    kinds: dict[str, Kinds] = field(default_factory=dict)
    rows_of: dict[str, int] = field(default_factory=dict)
    failed: PodiumError | None = None


def read_records(
    intent: Intent, source: FileSource, dataset: str, uri: str, files: Files, lakehouse: Lakehouse
) -> Rows:
    """Read the pinned files, each as one task of the engine, and hold what each says that it has against the rows that were written.

    Raises:
        BadSource: a file cannot be read as declared, or is not what was pinned; nothing is left behind.
        LedgerImbalance: rows were lost or made up.
    """
    known = lakehouse.catalogue.source_names(Layer.BRONZE, dataset)
    inputs = [_File(files.readable(pinned), pinned) for pinned in intent.files]
    with lakehouse.open_engine() as engine:
        size = max(1, len(inputs) // (engine.parallelism * TASKS_EACH))
        shares = [inputs[start : start + size] for start in range(0, len(inputs), size)]
        parts = engine.each(partial(_read_share, intent, source, known, uri), shares)
    try:
        names = _checked(parts, known)
        for file in inputs:
            files.check_read(file.pinned)
        flow = Flow(rows_in=sum(part.rows_in for part in parts), inserted=sum(part.rows for part in parts))
        ledgers.check(Ledger(flow=flow))
    except PodiumError:
        discard([part.folder for part in parts])
        raise
    kinds = {file: found for part in parts for file, found in part.kinds.items()}
    rows_of = {file: rows for part in parts for file, rows in part.rows_of.items()}
    return Rows(tuple(part.folder for part in parts), names, flow, kinds, rows_of)


TASKS_EACH = 4
"""Tasks for each that runs at the same time, so that a slow one keeps nobody waiting."""


def _checked(parts: Sequence[_Part], known: Names) -> dict[str, str]:
    """Return the columns that Bronze has with those of all files.

    Raises:
        PodiumError: a file could not be read, or two columns would be one.
    """
    for part in parts:
        if part.failed:
            raise part.failed
    merged = dict(known)
    for part in parts:
        for file, names in part.names.items():
            merged = merged_names(file, merged, names)
    return merged


def _read_share(intent: Intent, source: FileSource, known: Names, uri: str, inputs: Sequence[_File]) -> _Part:
    """Read files into a folder of data files; an error is returned, so that it comes whole out of another process."""
    folder = new_folder(uri)
    names, rows_in = dict[str, Names](), 0
    kinds: dict[str, Kinds] = {}
    rows_of: dict[str, int] = {}
    try:
        with filling(folder) as draft, DataFiles(draft) as data, scratch_folder() as scratch:
            for index, file in enumerate(inputs):
                pinned = file.pinned
                path = at_hand(file.path, pinned.path, pinned.etag, scratch / str(index))
                with open_records(path, pinned.path, source, known) as records:
                    before, filled = data.rows, set[str]()
                    for portion in records.portions():
                        merged_names(pinned.path, known, records.columns)
                        table = _table(portion, pinned.path, intent, source)
                        filled |= {name for name in portion.columns if table[name].null_count < len(table)}
                        data.write(table)
                    names[pinned.path] = records.columns
                    kinds[pinned.path] = _kinds(records, source, known, filled)
                    rows_of[pinned.path] = records.rows
                    rows_in += records.rows
                    if records.rows != data.rows - before:
                        ledgers.check(Ledger(flow=Flow(rows_in=records.rows, inserted=data.rows - before)))
    except PodiumError as error:
        return _Part(folder, failed=error)
    return _Part(folder, names, rows_in, data.rows, kinds, rows_of)


def _kinds(records: Records, source: FileSource, known: Names, filled: Collection[str]) -> Kinds:
    """Return a file's columns with their kinds, as far as it says them. An object of JSON need not have a field: one without a value is none."""
    if source.format in {"json", "ndjson"}:
        return {name: "" for name in records.columns if name in filled or name not in known}
    return {name: records.kinds.get(name, "") for name in records.columns}


def _table(portion: Portion, name: str, intent: Intent, source: FileSource) -> pa.Table:
    """Return the rows of Bronze for a portion of a file."""
    rows = len(portion.places)
    refused = [portion.refused.get(index) for index in range(rows)] if portion.refused else None
    same: dict[str, object] = {
        "ingestion_timestamp": intent.time,
        "source_file": name,
        "ingestion_batch_id": intent.batch_id,
        "ingestion_source": INGESTION_SOURCE,
        "source_system": source.source_system,
        SCORE: None,
        BATCH: intent.sequence,
        CORRUPT_RECORD: None,
        CORRUPT_REASON: None,
    }
    each: dict[str, object] = {**portion.columns, ROW: portion.places}
    if refused:
        each[CORRUPT_RECORD] = [found and found[0] for found in refused]
        each[CORRUPT_REASON] = [found and found[1] for found in refused]
    return bronze_table(bronze_schema(portion.columns, kafka=False), rows, each, same)
