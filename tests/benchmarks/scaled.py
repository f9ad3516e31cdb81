"""The real file many times over: a larger file of the same shape, made once and kept.

    python tests/benchmarks/scaled.py REAL COPIES TARGET [FIRST [ROWS]]

Copy n has other invoice numbers (moved by 49,000 n within six digits, where the real ones span 48,738, and after 20 copies with a
suffix) and happens n years later, so no two copies share an invoice, and a day has as many lines as in the real file. Everything
else is as it is: customers and products come back, repeated lines stay repeated. FIRST is the number of the first copy, 0 unless
given; ROWS cuts the file off.
"""

import sys
from pathlib import Path

import duckdb

INVOICE_STEP = 49_000
COPIES_PER_SUFFIX = 1_000_000 // INVOICE_STEP
COPY = """
    select regexp_extract(Invoice, '[A-Z]*') || lpad(((regexp_extract(Invoice, '[0-9]+')::int + {place} * {step}) % 1000000)::varchar, 6, '0')
             || '{suffix}' as Invoice,
           StockCode, Description, Quantity, (InvoiceDate[:4]::int + {n})::varchar || InvoiceDate[5:] as InvoiceDate,
           Price, "Customer ID", Country
    from raw
"""


def scale(real: Path, copies: int, target: Path, first: int = 0, rows: int | None = None) -> None:
    """Write `copies` copies of the real file, from the one numbered `first` on, below one header; at most so many rows."""
    draft = target.with_suffix(".draft")
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(target.parent)}) as db:
        db.execute(f"create table raw as from read_csv('{real}', all_varchar = true, header = true)")
        selects = " union all ".join(_copy(n) for n in range(first, first + copies))
        limit = f" limit {rows}" if rows is not None else ""
        db.execute(f"copy ({selects}{limit}) to '{draft}' (format csv, header true)")
    draft.replace(target)


def _copy(n: int) -> str:
    round_, place = divmod(n, COPIES_PER_SUFFIX)
    return COPY.format(n=n, place=place, step=INVOICE_STEP, suffix=f"-{round_}" if round_ else "")


if __name__ == "__main__":
    scale(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:6]))
