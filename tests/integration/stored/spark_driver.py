"""A Spark driver in a process of its own, as its environment is: that of a session which has begun says nothing of a store that comes later.

    python -m tests.integration.stored.spark_driver run PIPELINE          runs a pipeline
    python -m tests.integration.stored.spark_driver insert URI APP COUNT  lets Spark's Delta append rows, a commit for each
    python -m tests.integration.stored.spark_driver merge URI APP COUNT   merges rows as a stage does, a commit for each

It says `ready` when its session is there, and begins when it is told to by a line.
"""

import sys
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
from podium_lakehouse.engines.spark_session import spark_session
from podium_runtime.requests import request


def run(file: str) -> None:
    opened = open_pipeline(Path(file))
    lakehouse = replace(opened.lakehouse, engine=EngineName.SPARK)
    host.run(opened.pipeline, lakehouse, request(opened.pipeline))


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


if __name__ == "__main__":
    spark_session()
    print("ready", flush=True)
    sys.stdin.readline()
    {"run": run, "insert": insert, "merge": merge}[sys.argv[1]](*sys.argv[2:])
