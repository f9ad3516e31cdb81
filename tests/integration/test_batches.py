"""Law 6: however the input is cut into batches, Silver and Gold are the same."""

import csv
import gzip
import random
import tempfile
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium_contracts.errors import PodiumError
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.ledger import imbalances

from tests.integration.conftest import RETAIL, Line, Shop

GOLD = (
    "gold/fact_sale",
    "gold/dim_customer",
    "gold/dim_product",
    "gold/dim_country",
    "gold/dim_date",
    "gold/dim_time",
    "gold/agg_daily_sales",
    "gold/agg_monthly_customer",
    "gold/agg_product_performance",
    "gold/agg_daily_sales_summary",
)

dirty_line = st.tuples(
    st.sampled_from(["489434", "489435", "C489436", " 489437", "48943", "A489438", ""]),
    st.sampled_from(["85048", "79323p", "79323P", "POST", "?", ""]),
    st.sampled_from(["PINK LIGHTS", " PINK LIGHTS ", "", 'FRAME 7" "SINGLE', "two\nlines", "ßtraße"]),
    st.sampled_from(["12", "-12", "0", "1.0", "1.5", "abc", "", "99999999999"]),
    st.sampled_from(["2009-12-01 07:45:00", "2010-02-29 10:00:00", "2010-02-28 10:00", "yesterday", ""]),
    st.sampled_from(["6.95", "0", "-11.5", "0.001", "1e3", "6,95", ""]),
    st.sampled_from(["13085.0", "13085", "", "17850.0"]),
    st.sampled_from(["United Kingdom", "EIRE", "Ireland", "Atlantis", ""]),
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Line], list[list[Line]]]:
    """Lines, and the same lines in another order and cut into files."""
    lines = draw(st.lists(dirty_line, min_size=1, max_size=25))
    shuffled = draw(st.permutations(lines))
    cuts = sorted(draw(st.lists(st.integers(0, len(lines)), max_size=3)))
    edges = [0, *cuts, len(lines)]
    return list(lines), [list(shuffled[a:b]) for a, b in pairwise(edges) if a < b]


def real_lines(count: int) -> list[Line]:
    """Return the first lines of the real file."""
    with gzip.open(RETAIL / "data/online_retail_2009_2010.csv.gz", "rt", newline="") as file:
        return list(islice(csv.reader(file), 1, count + 1))


def balanced(shop: Shop) -> bool:
    """Whether every ledger of a lakehouse balances."""
    opened = shop.open()
    events = opened.lakehouse.completions.all(opened.pipeline.name)
    ledgers = [event.data.ledger for event in events if isinstance(event.data, LayerCompleted)]
    return bool(ledgers) and not [problem for book in ledgers if book for problem in imbalances(book)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deliveries())
def test_any_cut_and_order_gives_the_same_silver(case: tuple[list[Line], list[list[Line]]]) -> None:
    """Dirty rows in one file, and shuffled over several runs, end in the same Silver; every row is accounted for."""
    lines, files = case
    with tempfile.TemporaryDirectory() as folder:
        whole, cut = Shop(Path(folder) / "whole", gold=False), Shop(Path(folder) / "cut", gold=False)
        whole.deliver("all.csv", lines)
        run_even_if_held(whole)
        for number, part in enumerate(files):
            cut.deliver(f"part{number}.csv", part)
            run_even_if_held(cut)
        assert balanced(whole)
        assert balanced(cut)
        assert cut.rows("silver/sales") == whole.rows("silver/sales")


def run_even_if_held(shop: Shop) -> None:
    """Run; thresholds are not what is tested here."""
    text = shop.file.read_text()
    head, _, tail = text.partition("  quality:\n")
    if tail:
        shop.file.write_text(head + "  publish: {}\n")
    shop.run()


def test_gold_from_increments_equals_gold_from_scratch(shop: Callable[..., Shop]) -> None:
    """Three deliveries with repeats, late days and refused lines make the same Gold as one delivery."""
    lines = real_lines(3000)
    late = [["489999", "85048", "LATE", "3", "2009-12-01 09:00:00", "2.5", "13085.0", "EIRE"]]
    refused = [["489998", "85048", "BAD", "x", "2009-12-01 09:00:00", "2.5", "13085.0", "France"]]
    whole, cut = shop(), shop()
    whole.deliver("all.csv", lines + late + refused)
    whole.run()
    for number, part in enumerate((lines[:1500], lines[1000:2500] + refused, lines[2500:] + late)):
        cut.deliver(f"part{number}.csv", part)
        cut.run()
    assert cut.rows("silver/sales") == whole.rows("silver/sales")
    for table in GOLD:
        assert cut.rows(table) == whole.rows(table), table
    assert balanced(cut)


FIRST = (
    ("489001", "85048", "LAMP", "1", "2009-12-01 09:00:00", "2.00", "13085", "United Kingdom"),
    ("489002", "79323", "CUP", "2", "2009-12-02 09:00:00", "3.00", "13086", "France"),
    ("489003", "22041", "BOX", "1", "2009-12-03 09:00:00", "1.00", "", "France"),
    ("489004", "21232", "PEN", "5", "2009-12-09 09:00:00", "0.50", "13085", "France"),
    ("489005", "21232", "PEN", "9", "2008-06-01 09:00:00", "0.50", "13085", "EIRE"),
    ("489006", "85048", "LAMP", "1", "2009-12-03 11:00:00", "2.00", "13085", "France"),
)
MOVED = (
    ("489002", "79323", "CUP", "2", "2009-12-05 10:00:00", "3.00", "13087", "EIRE"),
    ("489001", "85048", "LAMP", "1", "2009-12-01 10:00:00", "2.50", "", "United Kingdom"),
    ("489005", "21232", "PEN", "9", "2009-12-04 09:00:00", "0.50", "13085", "France"),
)
"""France loses its only sale of 2 December, customer 13086 all sales, 2008 its only day; 13085's sale is nobody's now."""
MOVED_AGAIN = (
    ("489003", "22041", "BOX", "-1", "2010-01-01 09:00:00", "1.00", "13088", "France"),
    ("489002", "79323", "CUP", "2", "2009-12-06 10:00:00", "3.00", "13086", "France"),
    ("489004", "21232", "PEN", "7", "2009-12-08 09:00:00", "0.50", "13085", "France"),
)
"""The last of these is older than what it would replace."""


def test_gold_follows_corrected_rows(shop: Callable[..., Shop]) -> None:
    """Rows that move between days, countries and customers leave no trace where they were: Gold is the same as from scratch."""
    whole, cut = shop(), shop()
    for made in (whole, cut):
        text = made.file.read_text().replace("keys: [sale_id]", "keys: [invoice_no, stock_code]")
        made.file.write_text(text.partition("  quality:\n")[0])
    whole.deliver("all.csv", FIRST + MOVED + MOVED_AGAIN)
    whole.run()
    for number, part in enumerate((FIRST, MOVED, MOVED_AGAIN)):
        cut.deliver(f"part{number}.csv", part)
        cut.run()
    assert cut.rows("silver/sales") == whole.rows("silver/sales")
    for table in GOLD:
        assert cut.rows(table) == whole.rows(table), table
    assert len(cut.rows("gold/agg_daily_sales_summary")) == 6
    assert balanced(cut)


def spread_lines(every: int) -> list[Line]:
    """Return every so manieth of the real lines, of all days and countries."""
    with gzip.open(RETAIL / "data/online_retail_2009_2010.csv.gz", "rt", newline="") as file:
        return list(islice(csv.reader(file), 1, None, every))


def check_shuffles(shop: Callable[..., Shop], lines: list[Line], seeds: range, *, cuts: int) -> None:
    """Deliver the lines at once, and for each seed in another order and cut; compare every row of Silver and Gold."""
    whole = shop()
    whole.deliver("all.csv", lines)
    whole.run()
    expected = {table: whole.rows(table) for table in ("silver/sales", *GOLD)}
    for seed in seeds:
        chance, cut = random.Random(seed), shop()
        shuffled = chance.sample(lines, len(lines))
        edges = [0, *sorted(chance.sample(range(1, len(lines)), cuts)), len(lines)]
        for number, (start, end) in enumerate(pairwise(edges)):
            cut.deliver(f"part{number}.csv", shuffled[start:end])
            cut.run()
        for table, rows in expected.items():
            assert cut.rows(table) == rows, f"{table} of seed {seed}"
        assert balanced(cut)


@pytest.mark.timeout(400)
def test_shuffled_runs_make_the_same_gold(shop: Callable[..., Shop]) -> None:
    """Lines of all days in any order, in two runs: the same customers' scores, ranks, growth and averages."""
    check_shuffles(shop, spread_lines(211), range(3), cuts=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_shuffled_runs_make_the_same_gold(shop: Callable[..., Shop]) -> None:
    """Ten times, of more lines and in four runs each."""
    check_shuffles(shop, spread_lines(53), range(100, 110), cuts=3)


def test_a_second_run_without_news_changes_nothing(shop: Callable[..., Shop]) -> None:
    """A run with nothing new writes no intent, no commit and no completion."""
    made = shop()
    made.deliver("one.csv", real_lines(200))
    made.run()
    tables = [
        *GOLD,
        "bronze/sales",
        "silver/sales",
        "quarantine/sales",
        "_podium/intents",
        "_podium/completions",
    ]
    before = {table: made.version(table) for table in tables}
    assert made.run().fresh == []
    assert {table: made.version(table) for table in tables} == before


def test_one_more_file_is_the_only_one_read(shop: Callable[..., Shop]) -> None:
    """Once ingested, a file may even be gone: the next run reads only the new one."""
    made = shop(gold=False)
    made.deliver("one.csv", real_lines(200))
    made.run()
    made.deliver("two.csv", real_lines(300)[200:])
    (made.folder / "data" / "one.csv").unlink()
    outcome = made.run()
    assert [event.data.ledger.flow.rows_in for event in outcome.fresh if isinstance(event.data, LayerCompleted)
            and event.data.ledger and event.data.ledger.flow] == [100, 100]  # fmt: skip


def test_a_truncated_file_is_named_and_nothing_is_taken(shop: Callable[..., Shop]) -> None:
    """A gzip file that was cut off is an error with its name; Bronze does not get a part of it."""
    made = shop(gold=False)
    made.deliver("one.csv", real_lines(200))
    whole = (made.folder / "data" / "one.csv").read_bytes()
    (made.folder / "data" / "one.csv").unlink()
    (made.folder / "data" / "cut.csv.gz").write_bytes(gzip.compress(whole)[:-200])
    with pytest.raises(PodiumError, match=r"cut\.csv\.gz is not a complete gzip file"):
        made.run()
    assert not (made.folder / "lakehouse" / "bronze").exists()
