"""The account of rows that a stage keeps, and the equations that must hold before it may complete."""

from collections.abc import Iterator

from podium_contracts.errors import LedgerImbalance
from podium_contracts.events.v1 import ControlTotal, Flow, Ledger, QuarantineStock, Stock


def check(ledger: Ledger) -> Ledger:
    """Return the ledger if every equation in it holds.

    Raises:
        LedgerImbalance: naming each equation that does not hold, with both sides.
    """
    broken = list(imbalances(ledger))
    if broken:
        raise LedgerImbalance(
            "the ledger does not balance: " + "; ".join(broken),
            hint="nothing was completed; please report this with the output of `podium ledger --output json`",
        )
    return ledger


def imbalances(ledger: Ledger) -> Iterator[str]:
    """Yield a sentence for each equation of the ledger that does not hold."""
    if ledger.flow is not None:
        yield from _flow(ledger.flow)
    for stock in ledger.stocks:
        yield from _stock(stock)
    if ledger.quarantine is not None:
        yield from _quarantine(ledger.quarantine)
    for total in ledger.control_totals:
        yield from _control_total(total)


def accounted(flow: Flow) -> int:
    """Return the rows of a flow that went somewhere, in rows."""
    named = flow.inserted + flow.updated + flow.unchanged + flow.deduplicated + flow.late
    return named + flow.quarantined + flow.deletes + sum(flow.dropped.values())


def _flow(flow: Flow) -> Iterator[str]:
    if flow.rows_in != accounted(flow):
        yield f"{flow.rows_in} rows came in and {accounted(flow)} are accounted for"


def _stock(stock: Stock) -> Iterator[str]:
    expected = stock.before + stock.inserted - (stock.removed or 0)
    if stock.after != expected:
        yield f"{stock.table} should hold {expected} rows and holds {stock.after}"


def _quarantine(stock: QuarantineStock) -> Iterator[str]:
    expected = stock.opening + stock.added - stock.replayed - stock.rejected - (stock.removed or 0)
    if stock.closing != expected:
        yield f"the quarantine should hold {expected} rows and holds {stock.closing}"


def _control_total(total: ControlTotal) -> Iterator[str]:
    if total.expected != total.actual:
        yield f"{total.name} should be {total.expected} and is {total.actual}"
