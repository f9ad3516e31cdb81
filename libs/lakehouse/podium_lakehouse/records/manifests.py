"""Manifests: dbt projects as they were parsed, so that a later process need not parse them again. Nothing is lost where there is none."""

from dataclasses import dataclass

import pyarrow as pa

from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema([("made_of", pa.string()), ("manifest", pa.binary())])


@dataclass(frozen=True)
class Manifests:
    """The table of manifests, by a digest of all that they depend on."""

    table: RecordTable

    def put(self, made_of: str, manifest: bytes) -> None:
        """Keep a manifest, once."""
        self.table.put(made_of, 1, [{"made_of": made_of, "manifest": manifest}])

    def get(self, made_of: str) -> bytes | None:
        """Return a manifest, None where none is kept."""
        if not self.table.last(made_of):
            return None
        content = self.table.rows(made_of=made_of)[0]["manifest"]
        assert isinstance(content, bytes)
        return content
