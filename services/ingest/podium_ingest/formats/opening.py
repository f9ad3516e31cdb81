"""A file opened by the format that its source declares."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from podium_contracts.errors import BadSource
from podium_contracts.pipeline import FileSource
from podium_lakehouse.engines.text_files import open_bytes, open_text

from podium_ingest.formats.excel import Workbook
from podium_ingest.formats.json_documents import Documents
from podium_ingest.formats.json_lines import Lines
from podium_ingest.formats.parquet import Parquet
from podium_ingest.formats.portions import Records
from podium_ingest.rows import Names
from podium_ingest.text import check_plain


@contextmanager
def open_records(path: Path, name: str, source: FileSource, known: Names) -> Iterator[Records]:
    """Open a file that Bronze calls by a name. JSON begins with the columns that Bronze knows.

    Raises:
        BadSource: it is not of the declared format, or what reads that is not installed.
    """
    if source.is_text:
        check_plain(path, name)
    match source.format:
        case "ndjson":
            with open_text(path, source.encoding) as file:
                yield Lines(file, name, known)
        case "json":
            with open_text(path, source.encoding) as file:
                yield Documents(file, name, known)
        case "parquet":
            with Parquet.open(path, name) as parquet:
                yield parquet
        case "avro":
            with open_bytes(path) as file:
                yield _avro().Container(file, name)
        case _:
            yield Workbook.open(path, name, source.excel)


def _avro() -> ModuleType:
    try:
        return import_module("podium_ingest.formats.avro")
    except ModuleNotFoundError as error:
        raise BadSource(
            f"format avro needs {error.name}, which is not installed", hint="pip install 'podium[avro]'"
        ) from error
