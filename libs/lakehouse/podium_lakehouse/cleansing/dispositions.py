"""What becomes of the rows of a batch, and the relations that it is decided over."""

from podium_lakehouse.cleansing import columns as names

STAGED = "staged"
REPEATED = "repeated"
EXCEPTIONS = "exceptions"
BASE = "base"
DISPOSITION = "_disposition"

INSERT, UPDATE, UNCHANGED, LATE = "inserted", "updated", "unchanged", "late"
DEDUPLICATED, QUARANTINED, DROPPED = "deduplicated", "quarantined", "dropped"

ACCEPTED = f"NOT {names.REFUSED} AND {names.DROPPED_BY} IS NULL"
ROW_IDENTITY = ("source_file", "ingestion_batch_id", names.ROW)
"""What tells the rows of a batch apart: the same file may be read twice, in two ingestions."""
