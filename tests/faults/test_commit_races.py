"""`commit_once` with several writers at once, in threads and in processes: each identifier is in the table exactly once."""

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from podium_contracts.errors import CommitConflict
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import TRANSACTION_KEY, Committed, TransactionId, commit_once
from podium_lakehouse.delta.tables import ensure
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine

from tests.faults.killed_run import PATIENCE_SECONDS, processes

pytestmark = pytest.mark.faults

WRITERS = 3
SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64())])

Commit = Callable[[DuckDbEngine, str, TransactionId, int], Committed]


def append_rows(_: DuckDbEngine, uri: str, transaction: TransactionId, base: int) -> Committed:
    """Commit as Podium's records are committed."""

    def change(table: DeltaTable, properties: CommitProperties) -> None:
        row = {"key": str(transaction), "number": transaction.number}
        batch = pa.Table.from_pylist([row], schema=SCHEMA)
        write_deltalake(table, batch, mode="append", commit_properties=properties)

    return commit_once(uri, transaction, change, base=base)


def append_files(engine: DuckDbEngine, uri: str, transaction: TransactionId, base: int) -> Committed:
    """Commit as Bronze and quarantine are committed: files written before, listed by the commit."""
    folder = engine.write(uri, _rows(transaction))
    return append_once(uri, [folder], transaction, base=base, metadata={})


def merge(engine: DuckDbEngine, uri: str, transaction: TransactionId, base: int) -> Committed:
    """Commit as corrections are committed: a row of one's own, and one that every writer changes."""
    rows = f"{_rows(transaction)} UNION ALL SELECT 'shared', {transaction.number}::BIGINT"
    return engine.merge(uri, rows, ["key"], transaction, base=base, metadata={})


def _rows(transaction: TransactionId) -> str:
    return f"SELECT '{transaction}' AS key, {transaction.number}::BIGINT AS number"


WAYS: Mapping[str, Commit] = {"append rows": append_rows, "append files": append_files, "merge": merge}


@dataclass(frozen=True)
class Writer:
    """A writer's identifiers, in the order in which it commits them, and how it commits."""

    uri: str
    way: str
    transactions: tuple[TransactionId, ...]


_meeting: list[Any] = []
"""Where the writers wait for each other; set once in every thread's or worker's process."""


def take_place(meeting: Any) -> None:
    """Remember where to wait."""
    _meeting[:] = [meeting]


def write(writer: Writer) -> dict[str, bool]:
    """Commit all of a writer's identifiers; return which it was told are in the table, and whether by its own commit."""
    _meeting[0].wait(PATIENCE_SECONDS)
    told: dict[str, bool] = {}
    with duckdb_engine() as engine:
        for transaction in writer.transactions:
            committed = _commit(engine, writer, transaction)
            if committed is not None:
                told[str(transaction)] = told.get(str(transaction), False) or not committed.repeated
    return told


def _commit(engine: DuckDbEngine, writer: Writer, transaction: TransactionId) -> Committed | None:
    """Commit against the table as it is, again whenever it has changed; None if a later number came first."""
    while True:
        base = DeltaTable(writer.uri).version()
        try:
            return WAYS[writer.way](engine, writer.uri, transaction, base)
        except CommitConflict:
            last = DeltaTable(writer.uri).transaction_version(transaction.app_id)
            if last is not None and last > transaction.number:
                return None


@pytest.fixture(scope="module", params=["threads", "processes"])
def writers(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Threads of this process, or processes of their own."""
    if request.param == "threads":
        with ThreadPoolExecutor(
            WRITERS, initializer=take_place, initargs=(threading.Barrier(WRITERS),)
        ) as pool:
            yield pool
    else:
        context = processes()
        meeting = context.Barrier(WRITERS)
        with ProcessPoolExecutor(WRITERS, context, take_place, (meeting,)) as pool:
            yield pool


transaction_ids = st.builds(TransactionId, st.sampled_from(["a", "b"]), st.integers(1, 4))
plans = st.lists(
    st.lists(transaction_ids, min_size=1, max_size=4).map(tuple), min_size=WRITERS, max_size=WRITERS
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(plan=plans, way=st.sampled_from(sorted(WAYS)))
def test_each_identifier_is_committed_once(
    writers: Executor, plan: list[tuple[TransactionId, ...]], way: str
) -> None:
    """Whatever identifiers race in whatever order, each commit is there once with its rows, or was refused as overtaken."""
    with tempfile.TemporaryDirectory() as folder:
        uri = str(Path(folder) / "layer" / "table")
        race(writers, uri, plan, way)


def race(writers: Executor, uri: str, plan: list[tuple[TransactionId, ...]], way: str) -> None:
    """Let writers commit their identifiers to a new table at the same time; check what is in it then."""
    ensure(uri, SCHEMA)
    told = list(writers.map(write, [Writer(uri, way, transactions) for transactions in plan]))
    table = DeltaTable(uri)
    made = [entry[TRANSACTION_KEY] for entry in table.history() if TRANSACTION_KEY in entry]
    keys = Counter(table.to_pyarrow_table()["key"].to_pylist())
    shared = keys.pop("shared", 0)
    assert shared == (1 if way == "merge" else 0)
    assert set(keys.values()) <= {1}
    assert sorted(keys) == sorted(made)
    assert set(made) == {name for answer in told for name in answer}
    assert Counter(name for answer in told for name, own in answer.items() if own) == Counter(made)
    last = {app: max(number for name, number in pairs(made) if name == app) for app, _ in pairs(made)}
    refused = {item for transactions in plan for item in transactions if str(item) not in made}
    assert all(item.number < last[item.app_id] for item in refused)


def pairs(made: list[str]) -> list[tuple[str, int]]:
    """Return identifiers as application and number."""
    return [(name, int(number)) for name, number in (text.split("#") for text in made)]
