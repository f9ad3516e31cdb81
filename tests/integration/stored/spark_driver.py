"""A Spark driver in a process of its own, which has the environment of its test: a session that began before knows no store of it.

It does what the lines on its standard input say, and answers each with a line:

    run PIPELINE          runs a pipeline
    run_apart PIPELINE    does, and notices what comes to lie in this machine's scratch folder that tasks would need
    insert URI APP COUNT  lets Spark's Delta append rows, a commit for each
    merge URI APP COUNT   merges rows as a stage does, a commit for each
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from deltalake import DeltaTable
from podium import host
from podium.opening import open_pipeline
from podium_contracts.errors import CommitConflict
from podium_contracts.names import EngineName
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.engines.opening import open_engine
from podium_lakehouse.lakehouse import Observer, nobody
from podium_lakehouse.store.objects import below
from podium_runtime.requests import request


def run(file: str, observer: Observer = nobody) -> None:
    opened = open_pipeline(Path(file), observer)
    lakehouse = replace(opened.lakehouse, engine=EngineName.SPARK)
    host.run(opened.pipeline, lakehouse, request(opened.pipeline))


def run_apart(file: str) -> None:
    home = open_pipeline(Path(file)).lakehouse.uri
    here, there = set[Path](), set[str]()

    def look(_: str) -> None:
        here.update(Path(tempfile.gettempdir()).rglob("*.parquet"))
        there.update(meta["path"] for meta in below(f"{home}/_podium/scratch"))

    run(file, look)
    assert not here, here
    assert there
    assert not [meta for meta in below(f"{home}/_podium/scratch") if meta["size"]]


def insert(uri: str, app: str, count: str) -> None:
    with open_engine(EngineName.SPARK) as engine:
        for number in range(int(count)):
            engine.execute(f"INSERT INTO delta.`{uri}` VALUES ('{app}#{number}', {number})")


def merge(uri: str, app: str, count: str) -> None:
    with open_engine(EngineName.SPARK) as engine:
        for number in range(1, int(count) + 1):
            while not _merged(engine, uri, TransactionId(app, number)):
                pass


def _merged(engine: Engine, uri: str, transaction: TransactionId) -> bool:
    """Merge a row of one's own, and one that every writer changes; return False where the table had changed."""
    rows = f"SELECT '{transaction}' AS key, {transaction.number}L AS number UNION ALL SELECT 'shared', 0L"
    try:
        base = DeltaTable(uri).version()
        engine.merge(uri, rows, ["key"], transaction, base=base, metadata={})
    except CommitConflict:
        return False
    return True


COMMANDS: Mapping[str, Callable[..., None]] = {
    "run": run,
    "run_apart": run_apart,
    "insert": insert,
    "merge": merge,
}


def main() -> None:
    """Do what is asked until nothing more is."""
    for line in sys.stdin:
        name, *arguments = line.split()
        COMMANDS[name](*arguments)
        print("done", flush=True)


if __name__ == "__main__":
    main()
