"""What the commits of a table said of themselves."""

from typing import Any

from deltalake import DeltaTable

from podium_lakehouse.delta.stamps import stamp
from podium_lakehouse.store.files import place


def history_of(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
    """Return what the last commits up to the handle's version said, or all that the log still has, the newest first.

    delta-rs lists commits after that version, too, and numbers all of them down from it: it is asked by a handle that none has come after.
    """
    uri = place(table.table_uri.rstrip("/"))
    newest = table
    while True:
        found = newest.history(None if limit is None else limit + newest.version() - table.version())
        if stamp(uri, newest.version() + 1) is None:
            return [entry for entry in found if entry["version"] <= table.version()]
        newest = DeltaTable(table.table_uri)
