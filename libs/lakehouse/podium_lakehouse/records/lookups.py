"""Lookups: reference data from a CSV file, kept as a Delta table so that an intent can pin its version."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from podium_contracts.errors import BadSource, Problem
from podium_contracts.names import collisions, storable_name
from podium_contracts.pipeline import Lookup, Spec

from podium_lakehouse.delta.commits import TransactionId, commit_once
from podium_lakehouse.delta.history import history_of
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
            BadSource: the file is missing, not CSV in UTF-8, ragged or empty, lacks a declared column, or names a column or a
                variant twice.
        """
        if not path.is_file():
            raise BadSource(
                f"lookup file {path} does not exist", hint="correct `spec.lookups` in the pipeline file"
            )
        content = path.read_bytes()
        rows = _read(path, content, lookup)
        schema = pa.schema([(column, pa.string()) for column in rows[0]])
        digest = hashlib.sha256(content).hexdigest()
        table = ensure(self.uri, schema)
        if history_of(table, 1)[0].get(CONTENT_KEY) == digest:
            return table.version()

        def replace(table: DeltaTable, properties: CommitProperties) -> None:
            batch = pa.Table.from_pylist(rows, schema=schema)
            write_deltalake(
                table, batch, mode="overwrite", schema_mode="overwrite", commit_properties=properties
            )

        app_id = f"lookup/{self.name}"
        number = (table.transaction_version(app_id) or 0) + 1
        return commit_once(
            self.uri, TransactionId(app_id, number), replace, metadata={CONTENT_KEY: digest}
        ).version


def problems(spec: Spec, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield a problem for each column that a lookup names and its file has not; `files` has their contents by name.

    What else is wrong with a file is told with its line when it is loaded.
    """
    for name, content in files.items():
        try:
            columns = _columns(_reader(content))
        except (UnicodeDecodeError, csv.Error):
            continue
        for field in ("key", "value"):
            if columns and (wanted := getattr(spec.lookups[name], field)) not in columns:
                path = ("spec", "lookups", name, field)
                yield Problem(
                    path,
                    f"no column {wanted!r} in {spec.lookups[name].path}",
                    f"its columns are: {', '.join(columns)}",
                )


def _read(path: Path, content: bytes, lookup: Lookup) -> list[dict[str, str]]:
    try:
        reader = _reader(content)
        columns = _columns(reader)
        lines = [(reader.line_num, list(row.values())) for row in reader]
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadSource(f"{path}:{line}: not UTF-8", hint="save the file as UTF-8") from error
    except csv.Error as error:
        raise BadSource(f"{path} cannot be read: {error}", hint="check its quotes") from error
    _check_columns(path, columns, lookup)
    if not lines:
        raise BadSource(f"{path} has no rows", hint="give each known variant a line")
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    for number, values in lines:
        if len(values) != len(columns) or None in values:
            raise BadSource(f"{path}:{number}: not as many values as columns", hint="correct the line")
        row = dict(zip(columns, values, strict=True))
        if row[lookup.key] in seen:
            raise BadSource(
                f"{path}:{number}: {lookup.key} {row[lookup.key]!r} stands there twice",
                hint="remove one of the lines",
            )
        seen.add(row[lookup.key])
        rows.append(row)
    return rows


def _reader(content: bytes) -> "csv.DictReader[str]":
    return csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)


def _columns(reader: "csv.DictReader[str]") -> list[str]:
    return [storable_name(name) for name in reader.fieldnames or ()]


def _check_columns(path: Path, columns: list[str], lookup: Lookup) -> None:
    if missing := {lookup.key, lookup.value} - set(columns):
        raise BadSource(
            f"{path} has no column {', '.join(sorted(missing))}; it has {', '.join(columns) or 'none'}",
            hint="correct `spec.lookups` in the pipeline file",
        )
    if clashes := collisions(columns):
        listed = "; ".join(" and ".join(group) for group in clashes)
        raise BadSource(f"{path}: {listed} would be the same column", hint="rename one of them in the file")
