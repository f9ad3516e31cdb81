"""The catalogue: each table's columns, their types, and the names they had in the source."""

from dataclasses import dataclass

import pyarrow as pa

from podium_lakehouse.records.table import RecordTable

SCHEMA = pa.schema(
    [
        ("layer", pa.string()),
        ("dataset", pa.string()),
        ("sequence", pa.int64()),
        ("position", pa.int32()),
        ("column_name", pa.string()),
        ("source_name", pa.string()),
    ]
)


@dataclass(frozen=True)
class Catalogue:
    """The table of columns: one set of rows per layer, dataset and ingestion that brought a new column."""

    table: RecordTable

    def put(self, layer: str, dataset: str, sequence: int, names: dict[str, str]) -> None:
        """Record the columns of a table, once per number; `names` maps stored names to source names."""
        rows = [
            {
                "layer": layer,
                "dataset": dataset,
                "sequence": sequence,
                "position": position,
                "column_name": stored,
                "source_name": source,
            }
            for position, (stored, source) in enumerate(names.items())
        ]
        self.table.put(f"{layer}/{dataset}", sequence, list(rows))

    def source_names(self, layer: str, dataset: str) -> dict[str, str]:
        """Return the source name of every stored column, as last recorded."""
        rows = self.table.rows(layer=layer, dataset=dataset)
        ordered = sorted(rows, key=lambda row: (row["sequence"], row["position"]))
        return {str(row["column_name"]): str(row["source_name"]) for row in ordered}
