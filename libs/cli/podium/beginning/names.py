"""Names for datasets, columns and pipelines, made of whatever files and headers say."""

import re
import unicodedata
from collections.abc import Container
from functools import lru_cache

import duckdb
from podium_lakehouse.cleansing.columns import BRONZE_POSITION, SILVER_METADATA

LONGEST = 60


def column_name(source: str, taken: Container[str]) -> str:
    """Return the name of a column of Silver: `InvoiceDate` is `invoice_date`, `Größe (cm)` is `grosse_cm`."""
    return _free(_words(re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", source)) or "unnamed", taken)


def dataset_name(text: str, taken: Container[str]) -> str:
    """Return the name of a dataset: without the numbers and dates at the end of a file's name."""
    return _free(re.sub(r"[\d_]+$", "", _words(text)) or "data", taken)


def pipeline_name(text: str) -> str:
    """Return the name of a pipeline."""
    return _words(text).replace("_", "-")[:50].strip("-") or "pipeline"


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:LONGEST].strip("_")
    return f"c_{name}" if name[:1].isdigit() else name


def _free(name: str, taken: Container[str]) -> str:
    name = f"{name}_column" if name in _reserved() else name
    if name not in taken:
        return name
    return next(other for number in range(2, 10_000) if (other := f"{name}_{number}") not in taken)


@lru_cache(1)
def _reserved() -> frozenset[str]:
    """Return the names that are Podium's own, and the words that SQL does not take for a name without quotes."""
    words = duckdb.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    ).fetchall()
    return frozenset({*SILVER_METADATA, *BRONZE_POSITION, *(str(word) for (word,) in words)})
