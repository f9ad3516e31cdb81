"""Files that are not CSV, as portions of rows of text: what each format is read by, and what all of them have in common."""

from podium_ingest.formats.opening import open_records
from podium_ingest.formats.portions import Portion, Records

__all__ = ["Portion", "Records", "open_records"]
