"""The real file many times over: a larger file of the same shape, made once and kept.

    python tests/benchmarks/scaled.py REAL COPIES TARGET

Copy n has other invoice numbers (moved by 49,000 n within six digits; the real ones span 48,738) and happens n years later, so
no two copies share an invoice, and a day has as many lines as in the real file. Everything else is as it is: customers and
products come back, repeated lines stay repeated.
"""

import sys
from pathlib import Path

import duckdb

INVOICE_STEP = 49_000
MOST_COPIES = 1_000_000 // INVOICE_STEP
COPY = """
    select regexp_extract(Invoice, '[A-Z]*') || lpad(((regexp_extract(Invoice, '[0-9]+')::int + {n} * {step}) % 1000000)::varchar, 6, '0')
             as Invoice,
           StockCode, Description, Quantity, (InvoiceDate[:4]::int + {n})::varchar || InvoiceDate[5:] as InvoiceDate,
           Price, "Customer ID", Country
    from raw
"""


def scale(real: Path, copies: int, target: Path) -> None:
    """Write `copies` copies of the real file below one header.

    Raises:
        SystemExit: so many copies would share invoices.
    """
    if copies > MOST_COPIES:
        raise SystemExit(
            f"{copies} copies would share invoice numbers of six digits: {MOST_COPIES} are possible"
        )
    draft = target.with_suffix(".draft")
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(target.parent)}) as db:
        db.execute(f"create table raw as from read_csv('{real}', all_varchar = true, header = true)")
        rows = " union all ".join(COPY.format(n=n, step=INVOICE_STEP) for n in range(copies))
        db.execute(f"copy ({rows}) to '{draft}' (format csv, header true)")
    draft.replace(target)


if __name__ == "__main__":
    scale(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
