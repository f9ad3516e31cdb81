"""Law 5 for dates and timestamps as sources write them: both engines read the same moments, and refuse the same texts."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from podium_contracts.pipeline import Dataset
from podium_lakehouse.cleansing.moments import in_iso
from podium_lakehouse.cleansing.staging import typed
from podium_lakehouse.expressions.dialects import Dialect

from tests.conformance.conftest import Engines, Lowered

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
DATES = (
    "dd.MM.yyyy",
    "d.M.yyyy",
    "MM/dd/yyyy",
    "M/d/yyyy",
    "yyyyMMdd",
    "yyyy-MM-dd '00:00:00'",
    "d'. of 'M', 'yyyy",
)
TIMESTAMPS = (
    "dd.MM.yyyy HH:mm",
    "M/d/yyyy H:mm",
    "yyyy-MM-dd HH:mm:ss",
    "yyyyMMdd'T'HHmmss.SSS",
    "yyyy(MM)dd|HH$mm^ss",
    "yyyy.M.d H:mm:ss.SSSSSS",
)
TEXTS = (
    "01.12.2009", "1.2.2009", "31.12.9999", "30.02.2010", "29.02.2024", "01.13.2009", "01.12.09", " 01.12.2009", "01.12.2009\n", "",
    "03/04/2010", "3/4/2010", "12/31/9999", "13/01/2010", "20091201", "2009-12-01 00:00:00", "2009-12-01 00:00:01", "1. of 2, 2009",
    "01.12.2009 07:45", "01.12.2009 24:00", "12/1/2009 7:45", "2/28/2010 17:05", "2/29/2010 17:05", "20091201T074500.250", "2009(12)01|07$45^00",
    "2009.1.2 3:04:05.000001", "9999.12.31 23:59:59.999999", "0100.1.1 0:00:00.000000", "0001.1.1 0:00:00.000000", "1\u0662/1/2009 7:45",
    "2009-12-01", "2009-12-01T07:45:00Z", "2009-12-01 07:45", "yesterday", None,
)  # fmt: skip
DATASET = Dataset.model_validate(
    {
        "sources": [
            {"files": {"path": "a", "source_system": "till", "timestamp_format": "MM/dd/yyyy"}},
            {"files": {"path": "b", "source_system": "o'till", "timestamp_format": "dd/MM/yyyy"}},
            {"files": {"path": "c", "source_system": "web"}},
        ],
        "columns": {
            **{f"d{n}": {"type": "date", "timestamp_format": form} for n, form in enumerate(DATES)},
            **{f"t{n}": {"type": "timestamp", "timestamp_format": form} for n, form in enumerate(TIMESTAMPS)},
            "of_source": {"type": "timestamp"},
        },
    }
)


def lowered(name: str) -> Lowered:
    """Return how an engine reads a column from the texts, as cleansing does."""

    def sql(dialect: Dialect) -> str:
        return typed(dialect, in_iso(dialect, DATASET, name, "text"), DATASET.columns[name].type)

    return sql


def test_both_engines_read_the_same_moments(engines: Engines) -> None:
    """Every text in every format, of a column and of a source: the same moment, or none on either."""
    pairs = [(text, system) for text in TEXTS for system in ("till", "o'till", "web")]
    rows = pa.table({"text": [text for text, _ in pairs], "source_system": [system for _, system in pairs]})
    found = engines.same(rows, {name: lowered(name) for name in DATASET.columns})
    assert all(0 < rows.num_rows - found[name].null_count < rows.num_rows for name in DATASET.columns)
    read = {
        pair: moment for pair, moment in zip(pairs, found["of_source"].to_pylist(), strict=True) if moment
    }
    assert read["03/04/2010", "till"] == datetime(2010, 3, 4, tzinfo=UTC)
    assert read["03/04/2010", "o'till"] == datetime(2010, 4, 3, tzinfo=UTC)
    assert read["2009-12-01T07:45:00Z", "web"] == datetime(2009, 12, 1, 7, 45, tzinfo=UTC)
    assert ("2009-12-01", "till") not in read
