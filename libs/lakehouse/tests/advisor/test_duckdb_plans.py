"""DuckDB's plans as they are today: if an operator or a key is called differently tomorrow, this fails."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from podium_lakehouse.advisor.analysis import Analysis, analyse
from podium_lakehouse.advisor.duckdb_plans import duckdb_plan
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine

FACT = pa.table(
    {"id": range(6000), "country": [number % 3 for number in range(6000)], "day": ["a", "b", "c"] * 2000}
)
DIM = pa.table({"country": [0, 1, 2], "name": ["x", "y", "z"]})


class Asked:
    """A partitioned fact and a dimension in DuckDB."""

    def __init__(self, engine: DuckDbEngine, folder: Path) -> None:
        self.engine = engine
        write_deltalake(str(folder / "fact"), FACT, partition_by=["day"])
        write_deltalake(str(folder / "dim"), DIM)
        self.tables = {f"gold.{name}": Snapshot(str(folder / name), 0) for name in ("fact", "dim")}
        engine.execute("CREATE SCHEMA gold")
        for name, snapshot in self.tables.items():
            engine.offer_table(name, snapshot)

    def analysis(self, statement: str, *filtered: str, run: bool = False) -> Analysis:
        asked = [f"gold.{name}" for name in filtered]
        return analyse(duckdb_plan(self.engine, statement, self.tables, asked, run=run))


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    """Return them."""
    with duckdb_engine() as engine:
        yield Asked(engine, tmp_path)


@pytest.mark.parametrize("run", [False, True])
def test_joins_and_scans_are_told(asked: Asked, *, run: bool) -> None:
    """One machine exchanges nothing; rows are known of a plan that was run."""
    found = asked.analysis(
        "select name, count(*) from gold.fact join gold.dim using (country) group by 1", run=run
    )
    report = found.report()
    assert (report["joins"], report["scan_operations"], report["exchange_operations"]) == (["hash"], 2, 0)
    assert report["recommendations"] == []
    rows = {operator.rows for operator in found.plan.root.walk() if operator.join}
    assert rows == ({6000} if run else {None})


@pytest.mark.parametrize(
    ("join", "kind"),
    [
        ("gold.fact d on f.id < d.id", "sort merge"),
        ("gold.dim d on true", "nested loop"),
        ("gold.dim d on f.id * 2 = d.country or f.id = 3", "nested loop"),
        ("(values (1), (2)) d (n) on f.id <> d.n", "nested loop"),
    ],
)
def test_joins_without_an_equality_are_told(asked: Asked, join: str, kind: str) -> None:
    """By the operator that DuckDB takes."""
    found = asked.analysis(f"select count(*) from gold.fact f join {join}")
    assert found.joins == [kind]
    assert [finding.kind for finding in found.findings] == ["join"] * (kind == "nested loop")


@pytest.mark.parametrize(
    ("join", "kind"),
    [
        ("asof join gold.dim d on f.country = d.country and f.id >= d.country", "as of"),
        ("positional join gold.dim d", "positional"),
    ],
)
def test_joins_of_their_own_kind_are_told(asked: Asked, join: str, kind: str) -> None:
    """They are no products."""
    found = asked.analysis(f"select count(*) from gold.fact f {join}")
    assert (found.joins, found.findings) == ([kind], ())


@pytest.mark.parametrize("run", [False, True])
@pytest.mark.parametrize(
    "condition",
    [
        "id > (select avg(country) from gold.dim)",
        "id > 9 or id > (select max(name) = 'z' from gold.dim)::int",
        "id > (select count(*) from gold.dim where name > 'x' having count(*) > 1)",
    ],
)
def test_a_comparison_with_one_row_is_no_product(asked: Asked, condition: str, *, run: bool) -> None:
    """A scalar subquery without groups, whose row DuckDB compares in nested loops."""
    found = asked.analysis(f"select count(*) from gold.fact where {condition}", run=run)
    assert "nested loop" in found.joins
    assert found.findings == ()


def test_a_table_is_named_where_it_is_scanned(asked: Asked) -> None:
    """By its columns, before a run perhaps as one of several; what the statement itself holds is no table's."""
    statement = "select count(*) from gold.fact f join gold.dim d using (country) join (values (1), (2)) v (n) on v.n < f.id"
    assert sorted(scans(asked.analysis(statement))) == ["", "gold.fact", "gold.fact or gold.dim"]
    assert sorted(scans(asked.analysis(statement, run=True))) == ["", "gold.dim", "gold.fact"]


def test_of_two_tables_the_one_that_is_asked_is_named(asked: Asked) -> None:
    """Though a scan may be either's: the condition on the other one is DuckDB's own."""
    statement = "select count(*) from gold.fact f join gold.dim d using (country) where f.country > 0"
    found = asked.analysis(statement, "fact.country")
    assert scans(found) == ["gold.fact or gold.dim"] * 2
    assert [finding.message.split(":")[0] for finding in found.findings] == [
        "a condition leaves out no file of gold.fact"
    ]


def scans(found: Analysis) -> list[str]:
    """Return the tables of a plan's scans."""
    return [operator.scan.table for operator in found.plan.root.walk() if operator.scan]


def test_a_condition_on_partitions_prunes(asked: Asked) -> None:
    """The plan says which files are left."""
    found = asked.analysis("select sum(id) from gold.fact where day = 'b' and id > 5", "fact.day", "fact.id")
    (scan,) = [operator.scan for operator in found.plan.root.walk() if operator.scan]
    assert (scan.table, scan.partition_columns, scan.files_read, scan.files_total) == (
        "gold.fact",
        ("day",),
        1,
        3,
    )
    assert found.report()["has_partition_pruning"]
    assert found.findings == ()


@pytest.mark.parametrize("run", [False, True])
def test_a_condition_on_others_does_not(asked: Asked, *, run: bool) -> None:
    """The finding names the table, how many files are read, and the partition column."""
    (found,) = asked.analysis("select sum(id) from gold.fact where id > 5", "fact.id", run=run).findings
    assert found.kind == "partitioning"
    assert "filter on day" in found.message
    assert found.evidence.startswith("3 of 3 files are read")


def test_conditions_that_duckdb_concludes_do_not_count(asked: Asked) -> None:
    """It asks a dimension only for the keys that the fact may hold."""
    statement = "select sum(id) from gold.fact join gold.dim using (country) where id > 5"
    (found,) = asked.analysis(statement, "fact.id").findings
    assert "gold.fact" in found.message


def test_spills_are_told_of_a_run(asked: Asked) -> None:
    """What went to disk because memory was short."""
    asked.engine.execute("SET memory_limit = '30MB'")
    asked.engine.execute("SET threads = 1")
    sort = "select max(b) from (select md5(range::varchar) as b, range as c from range(1500000) order by b limit 1400000)"
    found = asked.analysis(sort, run=True)
    assert found.plan.spilled_bytes > 0
    assert "memory" in {finding.kind for finding in found.findings}
