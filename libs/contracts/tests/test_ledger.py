"""The equations of a ledger: what balances passes, what is off by a row is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium_contracts.errors import LedgerImbalance, TerminalError
from podium_contracts.events.v1 import ControlTotal, Flow, Ledger, QuarantineStock, Stock
from podium_contracts.ledger import accounted, check, imbalances

ROWS = st.integers(0, 10**12)
OUTCOMES = ("inserted", "updated", "unchanged", "deduplicated", "late", "quarantined", "deletes")
outcomes = st.fixed_dictionaries(dict.fromkeys(OUTCOMES, ROWS))


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Draw a flow that balances."""
    went = draw(outcomes)
    dropped = draw(st.dictionaries(st.text(min_size=1, max_size=5), ROWS, max_size=3))
    return Flow(rows_in=sum(went.values()) + sum(dropped.values()), dropped=dropped, **went)


@st.composite
def stocks(draw: st.DrawFn) -> Stock:
    """Draw a table's stock that balances."""
    before, inserted, removed = draw(ROWS), draw(ROWS), draw(ROWS)
    after = before + inserted - removed
    return Stock(table="silver.sales", before=before, inserted=inserted, removed=removed, after=after)


@st.composite
def quarantines(draw: st.DrawFn) -> QuarantineStock:
    """Draw a quarantine's stock that balances."""
    opening, added, replayed, rejected = (draw(ROWS) for _ in range(4))
    closing = opening + added - replayed - rejected
    return QuarantineStock(
        opening=opening, added=added, replayed=replayed, rejected=rejected, closing=closing
    )


totals = st.decimals(allow_nan=False, allow_infinity=False).map(
    lambda value: ControlTotal(name="revenue", expected=str(value), actual=str(value))
)
balanced = st.builds(
    Ledger,
    flow=st.none() | flows(),
    stocks=st.lists(stocks(), max_size=3).map(tuple),
    quarantine=st.none() | quarantines(),
    control_totals=st.lists(totals, max_size=2).map(tuple),
)
off_by = st.integers(-(10**12), 10**12).filter(bool)


@given(balanced)
def test_a_ledger_that_balances_passes(ledger: Ledger) -> None:
    """The same ledger comes back, so that it can be written."""
    assert check(ledger) is ledger


@pytest.mark.parametrize("field", ["rows_in", *OUTCOMES])
@given(flow=flows(), rows=off_by)
def test_a_row_that_came_in_goes_somewhere_once(field: str, flow: Flow, rows: int) -> None:
    """However a flow is off, in what came in or in one of the ways out, both sides are named."""
    broken = flow.model_copy(update={field: getattr(flow, field) + rows})
    assert list(imbalances(Ledger(flow=broken))) == [
        f"{broken.rows_in} rows came in and {accounted(broken)} are accounted for"
    ]
    assert abs(broken.rows_in - accounted(broken)) == abs(rows)


@given(flow=flows(), rows=off_by)
def test_rows_that_a_rule_drops_count_by_rule(flow: Flow, rows: int) -> None:
    """A rule that drops more or fewer rows than are missing is noticed."""
    broken = flow.model_copy(update={"dropped": {**flow.dropped, "a rule of its own": rows}})
    assert accounted(broken) == flow.rows_in + rows
    assert list(imbalances(Ledger(flow=broken)))


@pytest.mark.parametrize("field", ["before", "inserted", "removed", "after"])
@given(stock=stocks(), rows=off_by)
def test_a_table_holds_what_it_held_and_what_changed(field: str, stock: Stock, rows: int) -> None:
    """A stock that is off names its table, what it should hold and what it holds."""
    broken = stock.model_copy(update={field: getattr(stock, field) + rows})
    expected = broken.before + broken.inserted - broken.removed
    assert list(imbalances(Ledger(stocks=(stock, broken)))) == [
        f"silver.sales should hold {expected} rows and holds {broken.after}"
    ]


@pytest.mark.parametrize("field", ["opening", "added", "replayed", "rejected", "closing"])
@given(stock=quarantines(), rows=off_by)
def test_a_quarantine_keeps_what_nobody_resolved(field: str, stock: QuarantineStock, rows: int) -> None:
    """A quarantine that is off says what it should hold and what it holds."""
    broken = stock.model_copy(update={field: getattr(stock, field) + rows})
    expected = broken.opening + broken.added - broken.replayed - broken.rejected
    assert list(imbalances(Ledger(quarantine=broken))) == [
        f"the quarantine should hold {expected} rows and holds {broken.closing}"
    ]


def test_an_aggregate_equals_its_facts() -> None:
    """A control total that differs in the last digit is named with both values."""
    total = ControlTotal(name="agg_daily.revenue", expected="10206.850", actual="10206.851")
    assert list(imbalances(Ledger(control_totals=(total,)))) == [
        "agg_daily.revenue should be 10206.850 and is 10206.851"
    ]


def test_every_broken_equation_is_reported_at_once() -> None:
    """Nothing is completed; the error lists all imbalances and says what to do."""
    ledger = Ledger(
        flow=Flow(rows_in=3, inserted=2),
        stocks=(Stock(table="gold.fact_sale", after=1), Stock(table="gold.dim_date")),
        quarantine=QuarantineStock(closing=5),
        control_totals=(ControlTotal(name="quantity", expected="1", actual="2"),),
    )
    with pytest.raises(LedgerImbalance) as refused:
        check(ledger)
    assert str(refused.value) == (
        "the ledger does not balance: 3 rows came in and 2 are accounted for; "
        "gold.fact_sale should hold 0 rows and holds 1; "
        "the quarantine should hold 0 rows and holds 5; quantity should be 1 and is 2"
    )
    assert "podium ledger" in refused.value.hint
    assert isinstance(refused.value, TerminalError)
