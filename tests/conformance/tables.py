"""Tables as two engines have made them: without what tells one run from another, in an order that is the same for both."""

from pathlib import Path

from deltalake import DeltaTable

from tests.integration.conftest import PER_INTENT


def rows(folder: Path, table: str) -> list[dict[str, object]]:
    """Return what a table of a folder's lakehouse says, without when it came."""
    found = DeltaTable(str(folder / "lakehouse" / table)).to_pyarrow_table()
    found = found.drop_columns([name for name in found.column_names if name in PER_INTENT])
    return sorted(
        found.to_pylist(), key=lambda row: repr([row.get("id"), row.get("source_row"), row.get("raw")])
    )
