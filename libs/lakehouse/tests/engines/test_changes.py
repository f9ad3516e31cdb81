"""What changed between two versions of a table, as relations."""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium_lakehouse.delta.commits import TransactionId
from podium_lakehouse.delta.tables import CHANGE_FEED, Snapshot, ensure
from podium_lakehouse.engines.changes import offer_changes, offer_signed
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine

SCHEMA = pa.schema([("id", pa.int64()), ("n", pa.int64())])
Rows = dict[int, int]


def apply(engine: DuckDbEngine, uri: str, number: int, change: dict[int, int | None]) -> None:
    """Commit a version: new and changed rows by id, None for one that goes."""
    lines = ", ".join(f"({key}, {0 if n is None else n}, {n is None})" for key, n in change.items())
    statement = (
        f"SELECT id::BIGINT AS id, n::BIGINT AS n, gone AS _gone FROM (VALUES {lines}) AS v(id, n, gone)"
    )
    engine.merge(
        uri,
        statement,
        ["id"],
        TransactionId("app", number),
        base=number - 1,
        metadata={},
        delete_where="s._gone",
    )


def after(rows: Rows, change: dict[int, int | None]) -> Rows:
    """Return the rows that a change makes of others."""
    merged = {**rows, **change}
    return {key: n for key, n in merged.items() if n is not None}


histories = st.lists(
    st.dictionaries(st.integers(0, 4), st.integers(0, 3) | st.none(), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories, st.data())
def test_signed_changes_lead_from_one_version_to_another(
    changes: list[dict[int, int | None]], data: st.DataObject
) -> None:
    """The rows of a version, and the signed changes since, add up to the rows of a later one."""
    versions: list[Rows] = [{}]
    with tempfile.TemporaryDirectory() as folder, duckdb_engine() as engine:
        uri = f"{folder}/t"
        ensure(uri, SCHEMA, CHANGE_FEED)
        for number, change in enumerate(changes, start=1):
            apply(engine, uri, number, change)
            versions.append(after(versions[-1], change))
        now = data.draw(st.integers(1, len(changes)), label="now")
        since = data.draw(st.integers(-1, now), label="since")
        offer_signed(engine, "news", Snapshot(uri, now), since)
        found = engine.execute("SELECT id, n, _sign FROM news")
    old = versions[since] if since >= 0 else {}
    total = Counter(dict.fromkeys(old.items(), 1))
    for key, n, sign in found:
        assert isinstance(key, int)
        assert isinstance(n, int)
        assert isinstance(sign, int)
        total[key, n] += sign
    assert {row for row, count in total.items() if count} == set(versions[now].items())
    assert set(total.values()) <= {0, 1}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories, st.data())
def test_changes_hold_the_images_of_every_changed_row(
    changes: list[dict[int, int | None]], data: st.DataObject
) -> None:
    """Old and new image of each row that differs between two versions are among the changes since the first."""
    versions: list[Rows] = [{}]
    with tempfile.TemporaryDirectory() as folder, duckdb_engine() as engine:
        uri = f"{folder}/t"
        ensure(uri, SCHEMA, CHANGE_FEED)
        for number, change in enumerate(changes, start=1):
            apply(engine, uri, number, change)
            versions.append(after(versions[-1], change))
        now = data.draw(st.integers(1, len(changes)), label="now")
        since = data.draw(st.integers(-1, now), label="since")
        engine.offer_table("t", Snapshot(uri, now))
        offer_changes(engine, "changed__t", Snapshot(uri, now), since)
        found = set(engine.execute("SELECT id, n FROM changed__t"))
    old = versions[since] if since >= 0 else {}
    assert old.items() ^ versions[now].items() <= found
    assert since != now or not found


def test_without_a_change_feed_both_versions_are_changed(engine: DuckDbEngine, tmp_path: Path) -> None:
    """A lookup is replaced as a whole: every row of before and after counts as changed."""
    uri = str(tmp_path / "lookup")
    ensure(uri, pa.schema([("a", pa.string())]))
    write_deltalake(uri, pa.table({"a": ["old", "same"]}), mode="overwrite")
    write_deltalake(uri, pa.table({"a": ["new", "same"]}), mode="overwrite")
    offer_changes(engine, "changed__lookup", Snapshot(uri, 2), 1)
    assert sorted(engine.execute("SELECT a FROM changed__lookup")) == [
        ("new",),
        ("old",),
        ("same",),
        ("same",),
    ]


@pytest.mark.parametrize("since", [1, 2])
def test_compacting_a_table_is_no_news(engine: DuckDbEngine, tmp_path: Path, since: int) -> None:
    """Files that were rewritten without changing a row bring neither changes nor signed rows."""
    uri = str(tmp_path / "t")
    ensure(uri, SCHEMA, CHANGE_FEED)
    for number in (1, 2):
        apply(engine, uri, number, {number: number})
    DeltaTable(uri).optimize.compact()
    now = DeltaTable(uri).version()
    assert now == 3
    engine.offer_table("t", Snapshot(uri, now))
    offer_signed(engine, "news", Snapshot(uri, now), since)
    offer_changes(engine, "changed__t", Snapshot(uri, now), since)
    expected = [(2, 2)] if since == 1 else []
    assert engine.execute("SELECT id, n FROM news") == expected
    assert engine.execute("SELECT id, n FROM changed__t") == expected
