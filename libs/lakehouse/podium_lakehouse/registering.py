"""What a stage leaves in the catalogue and in the audit, after its commits and before its completion."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pyarrow as pa
from podium_contracts.events.v1 import LayerCompleted, TableVersion
from podium_contracts.names import Layer
from podium_contracts.pipeline import Pipeline

from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.catalogue import Entry, TableColumn
from podium_lakehouse.records.intents import Intent
from podium_lakehouse.schemas.kinds import Kinds, kind_of


def register(
    intent: Intent,
    data: LayerCompleted,
    pipeline: Pipeline,
    lakehouse: Lakehouse,
    *,
    source_names: Mapping[str, str] | None = None,
    source_schemas: Mapping[int, Kinds] | None = None,
    rows_of: Mapping[str, int] | None = None,
) -> None:
    """Record the tables of a layer as the intent leaves them, and what it has read and committed. A second try changes nothing.

    Of Bronze, `source_names` says what its columns are called in the source, `source_schemas` of which kind they are in each.
    """
    names, schemas = source_names or {}, source_schemas or {}
    lakehouse.catalogue.put(_entry(table, intent, data, pipeline, names, schemas) for table in data.tables)
    lakehouse.audit.put(intent, data, rows_of)


def register_return(intent: Intent, data: LayerCompleted, lakehouse: Lakehouse) -> None:
    """Record the tables of a layer as an intent has put them back: what was said of them then, at the versions of now."""
    assert intent.restores
    now = {table.name: table for table in data.tables}
    lakehouse.catalogue.put(
        replace(
            entry,
            version=now[entry.name].to_version,
            rows=now[entry.name].rows,
            schema_fingerprint=now[entry.name].schema_fingerprint,
            sequence=intent.sequence,
            run_id=intent.run.id,
            time=intent.time,
        )
        for entry in lakehouse.catalogue.at(f"{data.layer}.{data.subject}", intent.restores.sequence)
    )
    lakehouse.audit.put(intent, data)


def _entry(
    table: TableVersion,
    intent: Intent,
    data: LayerCompleted,
    pipeline: Pipeline,
    names: Mapping[str, str],
    schemas: Mapping[int, Kinds],
) -> Entry:
    dataset = pipeline.spec.datasets.get(data.subject) if data.layer != Layer.GOLD else None
    described = {name: column.description for name, column in dataset.columns.items()} if dataset else {}
    silver = data.layer == Layer.SILVER
    columns = tuple(
        TableColumn(
            name=field.name,
            type=kind_of(field.type),
            source_name=names.get(field.name),
            description=(described.get(field.name) or None) if silver else None,
        )
        for field in pa.schema(Snapshot(table.uri, table.to_version).open().schema().to_arrow())
    )
    return Entry(
        name=table.name,
        layer=table.name.split(".", 1)[0],
        pipeline=pipeline.name,
        owner=(dataset.owner if dataset else None) or pipeline.spec.owner,
        uri=table.uri,
        version=table.to_version,
        rows=table.rows,
        columns=columns,
        source_schemas=schemas,
        schema_fingerprint=table.schema_fingerprint,
        sources=tuple(_sources(intent)),
        subject=f"{data.layer}.{data.subject}",
        sequence=intent.sequence,
        run_id=intent.run.id,
        time=intent.time,
    )


def _sources(intent: Intent) -> Iterable[str]:
    yield from (file.path for file in intent.files)
    yield from (str(part.place) for part in intent.offsets if part.span)
    yield from (f"{table.uri}@{table.to_version}" for table in intent.inputs.values())
