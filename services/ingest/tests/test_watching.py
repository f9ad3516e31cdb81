"""Watched folders: a resident run takes files that nobody writes any more, and touches none of them."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from podium_contracts.names import Stage
from podium_contracts.watching import Look
from podium_lakehouse.records.intents import Scope

FIRST_RUN = datetime(2026, 1, 1, tzinfo=UTC)


def written(path: Path, before: timedelta) -> None:
    """Say that a file was written so long before the first run."""
    seconds = (FIRST_RUN - before).timestamp()
    os.utime(path, (seconds, seconds))


def test_a_file_is_taken_when_it_has_settled(make_shop: Any, tmp_path: Path) -> None:
    """One that was changed just now may still be written; it is taken in a later run."""
    shop = make_shop(tmp_path, watch_seconds=30, settled_seconds=10)
    written(shop.deliver("old.csv", b"id\n1\n"), timedelta(seconds=10))
    written(shop.deliver("new.csv", b"id\n2\n"), timedelta(seconds=9))
    assert len(shop.run("resident")) == 1
    assert shop.values("id") == [("1",)]
    assert len(shop.run("resident")) == 1
    assert shop.values("id") == [("1",), ("2",)]
    assert sorted(path.name for path in (tmp_path / "sales").iterdir()) == ["new.csv", "old.csv"]


def test_each_new_file_is_taken_by_one_run(make_shop: Any, tmp_path: Path) -> None:
    """Its intent names it as what is to be read, its rows and the audit say which run that was; files that come together share one."""
    shop = make_shop(tmp_path, watch_seconds=30)
    for names in (("one",), ("two",), ("three", "four"), ()):
        for name in names:
            written(shop.deliver(f"{name}.csv", f"id\n{name}\n".encode()), timedelta(hours=1))
        shop.run("resident")
    scope = Scope(pipeline="shop", stage=Stage.INGEST, subject="bronze.sales")
    taken = [
        (intent.run.id, [file.path for file in intent.files]) for intent in shop.lakehouse.intents.all(scope)
    ]
    assert taken == [
        ("run-1", ["sales/one.csv"]),
        ("run-2", ["sales/two.csv"]),
        ("run-3", ["sales/four.csv", "sales/three.csv"]),
    ]
    read = [row for row in shop.lakehouse.audit.all("shop") if row["action"] == "read"]
    assert [(row["run_id"], row["object"]) for row in read] == [
        (run, path) for run, paths in taken for path in paths
    ]
    assert shop.values("source_file", "id", "_batch") == [
        ("sales/one.csv", "one", 1),
        ("sales/two.csv", "two", 2),
        ("sales/four.csv", "four", 3),
        ("sales/three.csv", "three", 3),
    ]


def test_a_resident_run_without_news_says_nothing(make_shop: Any, tmp_path: Path) -> None:
    """An empty folder is no mistake, and what is known is not announced again."""
    shop = make_shop(tmp_path, watch_seconds=30)
    assert shop.run("resident") == []
    written(shop.deliver("one.csv", b"id\n1\n"), timedelta(hours=1))
    assert len(shop.run("resident")) == 1
    assert shop.run("resident") == []


def test_a_folder_that_is_not_watched_is_left_to_jobs(make_shop: Any, tmp_path: Path) -> None:
    """Without `watch_seconds` a resident run looks for no files."""
    shop = make_shop(tmp_path)
    written(shop.deliver("one.csv", b"id\n1\n"), timedelta(hours=1))
    assert shop.run("resident") == []
    assert len(shop.run()) == 1


def test_a_folder_is_listed_when_the_watch_says_so(make_shop: Any, tmp_path: Path) -> None:
    """A look in between, as for messages or at named objects, leaves it alone."""
    shop = make_shop(tmp_path, watch_seconds=30)
    written(shop.deliver("one.csv", b"id\n1\n"), timedelta(hours=1))
    assert shop.run("resident", Look(sweep=False, objects=("s3://shop/one.csv",))) == []
    assert len(shop.run("resident", Look(sweep=True))) == 1
