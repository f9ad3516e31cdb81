"""What becomes of the rows of a batch, and the relations that it is decided over."""

from podium_lakehouse.cleansing import columns as names

STAGED = "staged"
REPEATED = "repeated"
EXCEPTIONS = "exceptions"
BASE = "base"
PAIRS = "compared_pairs"
LARGE_BLOCKS = "large_blocks"
SIMILAR = "near_equal"
DISPOSITION = "_disposition"

INSERT, UPDATE, UNCHANGED, LATE = "inserted", "updated", "unchanged", "late"
DEDUPLICATED, QUARANTINED, DROPPED = "deduplicated", "quarantined", "dropped"

ACCEPTED = f"NOT {names.REFUSED} AND {names.DROPPED_BY} IS NULL"
ROW_IDENTITY = ("source_file", "ingestion_batch_id", names.ROW)
"""What tells the rows of a batch apart: the same file may be read twice, in two ingestions."""


def accepted(*, fuzzy: bool) -> str:
    """Return the condition that a staged row is accepted, and, where nearly equal ones were looked for, that no better one is alike enough."""
    if not fuzzy:
        return ACCEPTED
    same = " AND ".join(f"{SIMILAR}.{name} = {STAGED}.{name}" for name in ROW_IDENTITY)
    return f"{ACCEPTED} AND NOT EXISTS (SELECT 1 FROM {SIMILAR} WHERE {same})"
