"""Which version of a table readers see: the last one that is completed and, for Silver and Gold, not judged `failed`."""

from collections.abc import Sequence
from datetime import datetime

from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, TableVersion
from podium_contracts.names import Layer, Stage

from podium_lakehouse.delta.folders import tables_in
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope


def certified_tables(
    lakehouse: Lakehouse, pipeline: str, datasets: Sequence[str], at: datetime | None = None
) -> dict[str, TableVersion]:
    """Return every certified table of a pipeline by name (`silver.sales`): now, or as runs that were requested up to a time had left them."""
    events: list[CloudEvent | None] = []
    for name in datasets:
        ingest = Scope(pipeline=pipeline, stage=Stage.INGEST, subject=f"{Layer.BRONZE}.{name}")
        silver = Scope(pipeline=pipeline, stage=Stage.QUALITY, subject=f"{Layer.SILVER}.{name}")
        events += [lakehouse.completions.last(ingest, at), lakehouse.completions.certified(silver, at)]
    gold = Scope(pipeline=pipeline, stage=Stage.QUALITY, subject=Layer.GOLD)
    events.append(lakehouse.completions.certified(gold, at))
    return {
        table.name: table
        for event in events
        if event is not None and isinstance(event.data, LayerCompleted | QualityEvaluated)
        for table in event.data.tables
    }


def table_names(lakehouse: Lakehouse) -> list[str]:
    """Return every table that lies in the lakehouse, certified or not, Podium's own records last."""
    homes = [*Layer, "quarantine", "_podium"]
    return [f"{home}.{name}" for home in homes for name in tables_in(f"{lakehouse.uri}/{home}")]


def table_uri(lakehouse: Lakehouse, name: str) -> str:
    """Return where a table named as people name it lies: `silver.sales`, `quarantine.sales`, `_podium.runs`.

    Raises:
        TerminalError: the name is not of that form.
    """
    layer, _, table = name.partition(".")
    known = [*Layer, "quarantine", "_podium"]
    if layer not in known or not table.replace("_", "").isalnum():
        raise TerminalError(
            f"{name!r} names no table", hint=f"write LAYER.TABLE, where LAYER is one of {', '.join(known)}"
        )
    return f"{lakehouse.uri}/{layer}/{table}"
