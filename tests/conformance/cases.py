"""Rows and texts that tempt engines to differ."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
from podium_contracts.pipeline import ColumnType
from podium_lakehouse.delta.tables import arrow_type

COLUMNS = {
    name: ColumnType.parse(kind)
    for name, kind in {
        "i": "integer",
        "b": "bigint",
        "d": "decimal(12,3)",
        "f": "decimal(5,5)",
        "w": "decimal(38,0)",
        "h": "decimal(34,10)",
        "x": "boolean",
        "y": "date",
        "z": "timestamp",
        "s": "string",
        "t": "string",
    }.items()
}
NINES = "9" * 38
_VALUES: dict[str, list[object]] = {
    "i": [0, 1, -1, 999_999_999, -999_999_999, 7, 12, -12, 100],
    "b": [0, 1, -1, 10**18 - 1, 1 - 10**18, 2**31, -(2**31), 60, 5],
    "d": ["0", "0.001", "-0.001", "999999999.999", "-999999999.999", "1.5", "2.5", "-2.5", "6.950"],
    "f": ["0", "0.00001", "-0.00001", "0.99999", "-0.99999", "0.5", "0.1", "0.12340", "-0.1"],
    "w": ["0", "1", "-1", NINES, f"-{NINES}", "1" + "0" * 37, "5", "-5", "1" + "0" * 18],
    "h": ["0", "0.0000000001", "-0.0000000001", f"{NINES[:24]}.{NINES[:10]}", f"-{NINES[:24]}.{NINES[:10]}", "1.5", "0.1", "2", "-2"],
    "x": [True, False, None, True, False, None, True, False, None],
    "y": [
        date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29), date(1582, 10, 4), date(1582, 10, 10),
        date(1970, 1, 1), date(1969, 12, 31), date(2000, 2, 29), date(1900, 2, 28),
    ],
    "z": [
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
        datetime(1582, 10, 10, 12, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2009, 12, 1, 7, 45, tzinfo=UTC),
        datetime(2010, 3, 28, 1, 30, tzinfo=UTC),
        datetime(1900, 1, 1, tzinfo=UTC),
    ],
    "s": ["", "a", "straße ß ẞ", "ΟΔΥΣΣΕΥΣ ὀδυσσεύς", "İ\u0131Ii", "e\u0301 é", "👩‍👩‍👧 🇩🇪 😀", "\u00a0 x\t\n \u3000", "A-1, $1 \\ 'q' \"r\" ${x}\x00"],
    "t": ["a", "", "ß", "Σ", "i", "\u0301", "😀", " ", "-1"],
}  # fmt: skip


def mixed_rows() -> pa.Table:
    """Return a hundred rows in which each column's values, and null, meet those of the others."""
    columns = {}
    for place, (name, values) in enumerate(_VALUES.items()):
        exact = [Decimal(value) if COLUMNS[name].name == "decimal" else value for value in values]  # type: ignore[arg-type]
        ring = [*exact, None]
        turned = [ring[(row + place * (row // 10)) % 10] for row in range(100)]
        columns[name] = pa.array(turned, arrow_type(COLUMNS[name]))
    return pa.table(columns)


def every_character() -> pa.Table:
    """Return all characters of Unicode but the surrogates, 64 a row."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(map(chr, codes[first : first + 64])) for first in range(0, len(codes), 64)]
    return pa.table({"s": pa.array(texts, pa.string())})


NUMBERS = [
    "", " ", "0", "-0", "+0", "1", "-1", " 12 ", "012", "1.", "1.0", "1.00", ".5", "1.5", "-0.5", "0.5", "00.5", "0.99999",
    "0.999990000", "1e3", "1E2", "0x1F", "1_000", "1,5", "-0.0", "NaN", "inf", "Infinity", "--1", "+-1", "1 2", "\t1", "1\n", "\u00a01",
    "٣", "\uff11", "1L", "1d", "1f", "1\x00", "9" * 9, "9" * 10, "9" * 18, "-" + "9" * 18, "9" * 19, NINES, "-" + NINES, "9" * 39,
    "0" * 60 + "7", "0" * 60 + "7." + "0" * 60, "1." + "0" * 60, "0." + "0" * 60, "2147483647", "2147483648", "-2147483648",
    "9223372036854775807", "-9223372036854775808", "0.12345", "-0.12345", "0.123456", "0.1234500",
    "0" * 40 + ".12345" + "0" * 40, "0." + "1" * 38, "9" * 36 + ".99", "0.00001", "99999.99999", "1." + "5" * 37,
]  # fmt: skip
TRUTHS = [
    "true",
    "TRUE",
    "False",
    " fAlSe ",
    "t",
    "yes",
    "on",
    "\ttrue",
    "tru\u0117",
    "TRUE\u0130",
    "true\x00",
]
DATES = [
    "2024-02-29", "2023-02-29", "2023-02-30", "2024-04-31", "1900-02-29", "2000-02-29", "0001-01-01", "0100-01-01", "0099-12-31",
    "1582-10-04", "1582-10-05", "1582-10-14", "1582-10-15", "9999-12-31", "10000-01-01", "-0001-01-01", "2024-2-9", "24-02-09",
    "2024/02/09", "2024-00-10", "2024-13-01", "2024-01-00", "2024-01-32", " 2024-02-29", "2024-02-29 ", "20240229", "2024-02-29 BC",
    "epoch", "now", "today", "infinity", "-infinity", "٢٠٢٤-02-29",
]  # fmt: skip
MOMENTS = [
    "2024-02-29 00:00", "2024-02-29T23:59", "2024-02-29 23:59:59", "2024-02-29 23:59:60", "2024-02-29 24:00:00",
    "2024-02-29 23:59:59.9", "2024-02-29 23:59:59.999999", "2024-02-29 23:59:59.9999999", "2024-02-29T23:59:59.1Z",
    "2024-02-29 23:59:59Z", "2024-02-29 23:59:59+00", "2024-02-29 23:59:59+0000", "2024-02-29 23:59:59+00:00",
    "2024-02-29 23:59:59-00:00", "2024-02-29 23:59:59+01:00", "2024-02-29 23:59:59 Z", "2024-02-29 23:59:59 UTC", "2024-02-29Z",
    "2024-02-29 1:02:03", "2023-02-29 10:00", "2023-02-30T10:00:00Z", "9999-12-31 23:59:59.999999", "0100-01-01 00:00:00.000001",
    "1582-10-10 12:00:00", "1969-12-31 23:59:59.999999Z", "2024-02-29 10:00Z", "2024-02-29T10:00+00", "2024-02-29T10:00+0000",
    "2024-02-29T10:00+00:00", "2024-02-29 10:00:00.", "2024-02-29T", "2010-03-28 02:30:00",
]  # fmt: skip


def texts() -> pa.Table:
    """Return texts that are, or look like, values of some type."""
    return pa.table({"t": pa.array([*NUMBERS, *TRUTHS, *DATES, *MOMENTS, "x\x00", None], pa.string())})
