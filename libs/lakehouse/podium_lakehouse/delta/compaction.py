"""Putting the small files of many commits into fewer. No row changes: for readers, ledgers and change feeds it is no news."""

from contextlib import suppress

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError

from podium_lakehouse.delta.tables import current

EVERY_COMMITS = 64
SMALL_BYTES = 16_000_000
"""Of a file. Larger ones are left alone, so that what a batch costs does not grow with the table."""
COMPACTION = {"podium.maintenance": "compaction"}
"""What such a commit says of itself."""


def compact(uri: str, since: int, small_bytes: int = SMALL_BYTES) -> None:
    """Compact a table that has had its next 64 commits since a version; a writer that is faster leaves it to the next time."""
    table = current(uri)
    if table is None or since < 0 or table.version() // EVERY_COMMITS == since // EVERY_COMMITS:
        return
    with suppress(CommitFailedError):
        DeltaTable(uri).optimize.compact(
            target_size=small_bytes, commit_properties=CommitProperties(custom_metadata=COMPACTION)
        )
