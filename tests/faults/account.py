"""Whether the books of a pipeline are right, and whether its tables are those of another one that had a quiet day."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
from deltalake import DeltaTable
from podium.opening import Opened
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import LayerCompleted, Ledger
from podium_contracts.ledger import imbalances
from podium_contracts.names import Layer, Stage
from podium_lakehouse.hosting import scopes

from tests.benchmarks.sameness import FROM_THE_RUN, Figures, figures, tables_of, unequal

BY_BATCH = FROM_THE_RUN - {"source_file"}
"""Columns that name a batch, a run or a time; the file or partition that a row came from is none of them."""


def completed(shop: Opened) -> dict[str, list[CloudEvent]]:
    """Return all completions, oldest first, by what they are counted for."""
    return {
        scope.key: shop.lakehouse.completions.after(scope, 0)
        for stage in Stage
        for scope in scopes(stage, shop.pipeline)
    }


def misnumbered(shop: Opened) -> list[str]:
    """Return the scopes whose completions are not numbered 1, 2, 3 …, in the order of their intents."""
    numbers = {key: [int(event.sequence) for event in found] for key, found in completed(shop).items()}
    return [
        f"{key}: the completions are numbered {found}"
        for key, found in numbers.items()
        if found != list(range(1, len(found) + 1))
    ]


def miscounted(shop: Opened, sold: int) -> list[str]:
    """Return what is wrong with the ledgers.

    Each must balance and begin where the one before it ended; the last must say what is there; and what came into Bronze and Silver
    must be what was sold.
    """
    mistakes: list[str] = []
    for key, found in completed(shop).items():
        data = [event.data for event in found if isinstance(event.data, LayerCompleted)]
        ledgers = [item.ledger for item in data if item.ledger]
        mistakes += [f"{key}: {problem}" for ledger in ledgers for problem in imbalances(ledger)]
        mistakes += [f"{key}: {problem}" for problem in _broken_chain(shop, ledgers)]
        flows = [ledger.flow for ledger in ledgers if ledger.flow]
        if flows and (came := sum(flow.rows_in for flow in flows)) != sold:
            mistakes.append(f"{key}: {came} rows came in, and {sold} were sold")
    return mistakes


def _broken_chain(shop: Opened, ledgers: Sequence[Ledger]) -> Iterator[str]:
    rows: Counter[str] = Counter()
    for number, ledger in enumerate(ledgers, start=1):
        stocks = [(stock.table, stock.before, stock.after) for stock in ledger.stocks]
        if ledger.quarantine:
            stocks.append(("quarantine.sales", ledger.quarantine.opening, ledger.quarantine.closing))
        for table, before, after in stocks:
            if before != rows[table]:
                yield f"ledger {number}: {table} begins with {before} rows, and ended with {rows[table]}"
            rows[table] = after
    for table, said in rows.items():
        there = DeltaTable(f"{shop.lakehouse.uri}/{table.replace('.', '/')}").count()
        if there != said:
            yield f"{table} holds {there} rows, and its last ledger says {said}"


def differences(shop: Opened, quiet: Opened) -> list[str]:
    """Return in what the tables, the measures of their quality, and what is published differ from those of another lakehouse."""
    ours, theirs = Path(shop.lakehouse.uri), Path(quiet.lakehouse.uri)
    found = [
        f"{table}: {difference}"
        for table in sorted({*tables_of(ours), *tables_of(theirs)})
        for difference in unequal(figures(ours / table, BY_BATCH), figures(theirs / table, BY_BATCH))
    ]
    found += [f"measures: {line}" for line in unequal(_measures(shop), _measures(quiet))]
    return found + list(_published_differently(shop))


def _measures(shop: Opened) -> Figures:
    """Return the measures of the last verdict on each table, without those of its last batch: hosts that cross share the rows out otherwise."""
    last = [
        shop.lakehouse.metrics.read(scope, shop.lakehouse.completions.last_sequence(scope))
        for scope in scopes(Stage.QUALITY, shop.pipeline)
    ]
    return {
        f"{table} {name}": value
        for found in last
        for table, values in found.items()
        for name, value in values.items()
        if not name.startswith("batch.")
    }


def _published_differently(shop: Opened) -> Iterator[str]:
    """Yield the published tables that are not row for row those of Gold."""
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{shop.file.with_name('shop.duckdb')}' AS served (READ_ONLY)")
        for table in tables_of(Path(shop.lakehouse.uri)):
            if table.startswith(Layer.GOLD):
                gold = f"read_parquet({DeltaTable(f'{shop.lakehouse.uri}/{table}').file_uris()})"
                served = f"served.{table.partition('/')[2]}"
                rows = (
                    f"(FROM {gold} EXCEPT ALL FROM {served}) UNION ALL (FROM {served} EXCEPT ALL FROM {gold})"
                )
                if different := db.sql(f"SELECT count(*) FROM ({rows})").fetchall()[0][0]:
                    yield f"{different} rows of {table} are not what is published"
