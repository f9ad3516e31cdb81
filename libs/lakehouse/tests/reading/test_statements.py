"""What a person may type: one SELECT over tables. Nothing that reads a file, a setting or another database gets past the parser."""

import pytest
from podium_contracts.errors import TerminalError
from podium_lakehouse.reading.statements import tables_of

ALLOWED = {
    "select 1": [],
    "from gold.fact": ["gold.fact"],
    'SELECT * FROM GOLD."Fact" f JOIN silver.sales s USING (id)': ["gold.fact", "silver.sales"],
    "with f as (from gold.fact) select * from f, unnest([1, 2])": ["gold.fact"],
    "select (select max(id) from silver.sales) from range(3)": ["silver.sales"],
    "from gold.fact union all (from gold.other where id in (from gold.third))": [
        "gold.fact",
        "gold.other",
        "gold.third",
    ],
    "from '/etc/passwd'": ["/etc/passwd"],
}
REFUSED = {
    "selec": "this is no SQL",
    "": "these are 0 statements",
    "select 1; select 2": "these are 2 statements",
    "copy gold.fact to 'x.csv'": "only SELECT",
    "drop table gold.fact": "only SELECT",
    "attach 'x.db'": "only SELECT",
    "set memory_limit = '9GB'": "only SELECT",
    "call pragma_version()": "only SELECT",
    "show tables": "show or describe",
    "describe gold.fact": "show or describe",
    "select * from read_csv('/etc/passwd')": "read_csv",
    "from READ_TEXT('/etc/passwd')": "read_text",
    "from gold.fact where id in (select content from read_blob('x'))": "read_blob",
    "from glob('/*')": "glob",
    "from query('from x')": "query",
    "from duckdb_settings()": "duckdb_settings",
    "from gold.fact at (version => 1)": "AT is not understood",
}


@pytest.mark.parametrize(("statement", "tables"), ALLOWED.items())
def test_a_select_names_its_tables(statement: str, tables: list[str]) -> None:
    """Wherever they stand in it; a CTE is none, and a file is a table that nobody has."""
    assert tables_of(statement) == tables


@pytest.mark.parametrize(("statement", "reason"), REFUSED.items())
def test_anything_else_is_refused(statement: str, reason: str) -> None:
    """With a reason and what to write instead."""
    with pytest.raises(TerminalError, match=reason) as caught:
        tables_of(statement)
    assert caught.value.hint
