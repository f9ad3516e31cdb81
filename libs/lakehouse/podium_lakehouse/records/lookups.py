"""Lookups: reference data from a CSV file, kept as a Delta table so that an intent can pin its version."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_contracts.errors import BadSource
from podium_contracts.pipeline import Lookup

from podium_lakehouse.delta.commits import TransactionId, commit_once
from podium_lakehouse.delta.tables import ensure

CONTENT_KEY = "podium.lookup.sha256"


@dataclass(frozen=True)
class LookupTable:
    """The Delta table of one lookup."""

    name: str
    uri: str

    def load(self, path: Path, lookup: Lookup) -> int:
        """Bring the table up to the file's content; return the version that holds it.

        Raises:
            BadSource: the file is missing, ragged, lacks a declared column, or names a variant twice.
        """
        rows = _read(path, lookup)
        schema = pa.schema([(column, pa.string()) for column in rows[0]])
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        table = ensure(self.uri, schema)
        if table.history(1)[0].get(CONTENT_KEY) == content:
            return table.version()

        def replace(table: DeltaTable, properties: CommitProperties) -> None:
            batch = pa.Table.from_pylist(rows, schema=schema)
            write_deltalake(
                table, batch, mode="overwrite", schema_mode="overwrite", commit_properties=properties
            )

        app_id = f"lookup/{self.name}"
        number = (table.transaction_version(app_id) or 0) + 1
        return commit_once(
            self.uri, TransactionId(app_id, number), replace, metadata={CONTENT_KEY: content}
        ).version


def _read(path: Path, lookup: Lookup) -> list[dict[str, str]]:
    if not path.is_file():
        raise BadSource(
            f"lookup file {path} does not exist", hint="correct `spec.lookups` in the pipeline file"
        )
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        rows = list(reader)
    columns = set(reader.fieldnames or ())
    if missing := {lookup.key, lookup.value} - columns:
        raise BadSource(
            f"{path} has no column {', '.join(sorted(missing))}; it has {', '.join(sorted(columns))}"
        )
    if not rows:
        raise BadSource(f"{path} has no rows")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise BadSource(f"{path}:{number}: not as many values as columns")
        if row[lookup.key] in seen:
            raise BadSource(f"{path}:{number}: {lookup.key} {row[lookup.key]!r} stands there twice")
        seen.add(row[lookup.key])
    return rows
