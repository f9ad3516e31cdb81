"""`podium.scan`: any table of a lakehouse as a Polars LazyFrame."""

import os
import warnings
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from podium_contracts.errors import TerminalError
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.reading.frames import Source
from podium_lakehouse.reading.versions import Reader, moment
from podium_lakehouse.store.troubles import in_words
from podium_runtime.pipeline_file import load

if TYPE_CHECKING:
    import polars as pl

CALLER = 2
"""Frames from a warning to whoever collects: Polars's own lie between, so it is as good as any."""


def scan(
    table: str,
    *,
    file: str | Path | None = None,
    overlay: str | Path | None = None,
    lakehouse: str | Path | None = None,
    version: int | None = None,
    at: datetime | str | None = None,
) -> "pl.LazyFrame":
    """Return a table, such as `gold.fact_sale`, as a Polars LazyFrame: the certified version, unless another is asked for.

    Where it lies, `lakehouse` says, a folder or an `s3://…` URI, or a pipeline `file`, with its `overlay` if there is one; without either,
    $PODIUM_PIPELINE or `pipeline.yaml` does. `version` is a version of the table, certified or not; `at` a time (UTC, unless it says
    otherwise): the table as the runs that were requested up to then had left it, certified. An object store is found and entered by the
    AWS_… variables. Nothing is read before it is collected; what is read then goes into the lakehouse's `_podium/queries`, and where that
    cannot be written there is a warning.

    Raises:
        InvalidPipeline: the pipeline file has mistakes.
        TerminalError: there is no such lakehouse, table or version, or nothing of it was certified.
        VersionGone: files of that version were vacuumed.
    """
    if version is not None and at is not None:
        raise TerminalError("a version and a time were asked for", hint="give one of `version` and `at`")
    if lakehouse is not None and file is not None:
        raise TerminalError(
            "a lakehouse and a pipeline file were given", hint="give one of `lakehouse` and `file`"
        )
    with in_words(str(lakehouse or "the object store")):
        reader = Reader.at(_place(lakehouse)) if lakehouse is not None else _of_file(file, overlay)
        snapshot = reader.snapshot(table, version=version, at=None if at is None else moment(at))
        return Source(reader.lakehouse, table, snapshot, _warn).frame()


def _place(lakehouse: str | Path) -> str:
    text = str(lakehouse)
    return text if "://" in text else str(Path(text).absolute())


def _of_file(file: str | Path | None, overlay: str | Path | None) -> Reader:
    path = Path(file or os.environ.get("PODIUM_PIPELINE", "pipeline.yaml"))
    more = overlay or os.environ.get("PODIUM_OVERLAY")
    pipeline = load(path, Path(more) if more else None).pipeline()
    return Reader.of(pipeline, Lakehouse(pipeline.lakehouse_uri))


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=CALLER)
