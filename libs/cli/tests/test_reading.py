"""Certified tables read from Python and in SQL, and the record of what was read."""

import io
import json
import shutil
from pathlib import Path

import podium
import polars as pl
import pytest
from deltalake import DeltaTable
from podium_contracts.errors import TerminalError, VersionGone
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.queries import Query, Usage

from libs.cli.tests.conftest import Terminal

pytestmark = pytest.mark.integration

HALVES = "select id, price / 2 as half from silver.sales where price > 1 order by id"


@pytest.fixture
def place(terminal: Terminal, after_a_run: Path) -> Path:
    """Return the lakehouse of a copy of a shop after a run, which the prompt is at."""
    shutil.copytree(after_a_run, terminal.folder, dirs_exist_ok=True)
    shutil.rmtree(terminal.folder / "lakehouse" / "_podium" / "queries", ignore_errors=True)
    return terminal.folder / "lakehouse"


def recorded(place: Path) -> list[Query]:
    return Lakehouse(str(place)).queries.all()


def test_a_table_is_scanned_at_its_certified_version(place: Path) -> None:
    """From a pipeline file or the lakehouse itself, as it was given or found."""
    wanted = {"id": ["a", "b"], "price": [1.0, 2.0]}
    for found in (
        podium.scan("silver.sales"),
        podium.scan("silver.sales", file="pipeline.yaml"),
        podium.scan("silver.sales", lakehouse=place),
        podium.scan("silver.sales", lakehouse="lakehouse/"),
        podium.scan("silver.sales", version=1),
        podium.scan("silver.sales", at="2100-01-01"),
    ):
        assert isinstance(found, pl.LazyFrame)
        rows = found.select("id", pl.col("price").cast(float)).sort("id").collect()
        assert rows.to_dict(as_series=False) == wanted


def test_what_was_certified_at_a_time_is_read(place: Path, terminal: Terminal) -> None:
    """Before anything was, nothing is; between two runs, what the first left."""
    with pytest.raises(TerminalError, match="was certified at 2001"):
        podium.scan("silver.sales", at="2001-01-01")
    between = Lakehouse(str(place)).runs.all("stall")[-1]["requested_at"]
    terminal.deliver("two.csv", "d,1,4.00")
    assert terminal.podium("run", "--quiet").code == 0
    assert podium.scan("silver.sales").collect().height == 3
    assert podium.scan("silver.sales", at=str(between)).collect().height == 2
    assert len(terminal.podium("sql", "from silver.sales", "--at", str(between), "-o", "json").json) == 2


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"table": "silver.nope"}, "there is no table silver.nope"),
        ({"table": "sales"}, "names no table"),
        ({"table": "silver.sales", "version": 9}, "no version 9"),
        ({"table": "silver.sales", "version": 1, "at": "2026-01-01"}, "a version and a time"),
        ({"table": "silver.sales", "lakehouse": "nowhere"}, "no lakehouse"),
        ({"table": "silver.sales", "lakehouse": "lakehouse", "file": "pipeline.yaml"}, "a lakehouse and"),
    ],
)
def test_what_cannot_be_scanned_is_told(place: Path, asked: dict[str, object], reason: str) -> None:
    """At once, before anything is collected, with what to do."""
    del place
    with pytest.raises(TerminalError, match=reason) as caught:
        podium.scan(**asked)  # type: ignore[arg-type]
    assert caught.value.hint


def test_a_scan_reads_what_is_asked_and_records_it(place: Path) -> None:
    """The columns that were filtered, and the rows that the table gave; nothing before it is collected."""
    frame = podium.scan("silver.sales").filter(pl.col("price") > 1).select("id")
    assert recorded(place) == []
    assert frame.collect()["id"].to_list() == ["b"]
    (query,) = recorded(place)
    assert (query.reader, query.engine, query.tables, query.rows) == (
        "scan",
        "polars",
        {"silver.sales": 1},
        1,
    )
    assert query.usage == Usage(filtered=("silver.sales.price",))


def test_certified_tables_are_asked_in_sql(place: Path, terminal: Terminal) -> None:
    """The answer is the same as a table, as JSON and as CSV; each time it is recorded what was read."""
    assert terminal.podium("sql", HALVES).out.split() == ["id", "half", "b", "1.0"]
    assert terminal.podium("sql", HALVES, "-o", "json").json == [{"id": "b", "half": 1.0}]
    assert terminal.podium("sql", HALVES, "-o", "csv").out == "id,half\nb,1.0\n"
    queries = recorded(place)
    assert len(queries) == 3
    assert (
        queries[0].statement == "SELECT id, price / ? AS half FROM silver.sales WHERE price > ? ORDER BY id"
    )
    assert queries[0].usage.filtered == ("silver.sales.price",)


def test_no_column_of_an_answer_is_lost(place: Path, terminal: Terminal) -> None:
    """Columns of one name are told apart in every form, and JSON is JSON whatever numbers and bytes there are."""
    del place
    statement = (
        "select id, id, 1 as id_1, 'nan'::double as n, [1e400] as l, '\\x00'::blob as b from silver.sales"
    )
    answer = terminal.podium("sql", statement, "-o", "json")
    assert json.loads(answer.out, parse_constant=pytest.fail)[0] == {
        "id": "a", "id_2": "a", "id_1": 1, "n": "nan", "l": ["inf"], "b": "00"
    }  # fmt: skip
    assert terminal.podium("sql", statement, "-o", "csv").out.startswith("id,id_2,id_1,n,l,b\n")
    assert terminal.podium("sql", f"{statement} where false", "-o", "json").json == []


def test_a_long_name_leaves_room_for_its_value(place: Path, terminal: Terminal) -> None:
    """DuckDB names a column after the whole of what it computes."""
    del place
    computed = "count(*) filter (where price > 0.01 and price < 123456 and id is not null and id <> 'nobody')"
    assert " 2" in terminal.podium("sql", f"select {computed} from silver.sales").out


def test_a_statement_may_come_by_standard_input(
    place: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For those that are longer than a line."""
    del place
    monkeypatch.setattr("sys.stdin", io.StringIO("select count(*) as n\nfrom silver.sales"))
    assert terminal.podium("sql", "-", "-o", "json").json == [{"n": 2}]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("from silver.nope", "no certified table silver.nope"),
        ("from read_csv('pipeline.yaml')", "read_csv may not"),
        ("from 'pipeline.yaml'", "no certified table pipeline.yaml"),
        ('select (with "in/one.csv" as (select 1) select 1), * from "in/one.csv"', "Cannot access file"),
        ("select nope from silver.sales", 'column "nope" not found'),
        ("from _podium.runs", "no certified table _podium.runs"),
    ],
)
def test_nothing_else_is_asked(place: Path, terminal: Terminal, statement: str, said: str) -> None:
    """No file, no table without a verdict; the message says what may be, and nothing is recorded."""
    answer = terminal.podium("sql", statement)
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err
    assert "next: " in answer.err
    assert recorded(place) == []


def test_what_is_shown_is_recorded_but_for_records(place: Path, terminal: Terminal) -> None:
    """A look at Podium's own records leaves none."""
    terminal.podium("show", "silver.sales", "--where", "price = 2")
    terminal.podium("show", "_podium.runs")
    (query,) = recorded(place)
    assert (query.reader, query.rows, query.usage.filtered) == ("show", 1, ("silver.sales.price",))


def test_a_read_that_cannot_be_recorded_is_read(place: Path, terminal: Terminal) -> None:
    """Of a lakehouse that cannot be written; a warning says so."""
    (place / "_podium" / "queries").write_text("in the way")
    answer = terminal.podium("sql", HALVES, "-o", "csv")
    assert (answer.code, answer.out) == (0, "id,half\nb,1.0\n")
    assert "warning: this read is not recorded" in answer.err
    with pytest.warns(UserWarning, match="not recorded"):
        assert podium.scan("silver.sales").collect().height == 2


def test_a_version_that_was_vacuumed_says_so(place: Path, terminal: Terminal) -> None:
    """To whoever scans, asks or shows it: not that some file is missing."""
    terminal.deliver("two.csv", "a,2,9.00")
    assert terminal.podium("run", "--quiet").code == 0
    table = DeltaTable(str(place / "silver" / "sales"))
    table.optimize.compact()
    table.vacuum(0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(VersionGone, match=r"silver.sales at version 1 was vacuumed: .* files are gone"):
        podium.scan("silver.sales", version=1).collect()
    answer = terminal.podium("show", "silver.sales", "--version", "1")
    assert "error: silver.sales at version 1 was vacuumed" in answer.err


def test_a_plan_is_explained_with_findings(place: Path, terminal: Terminal) -> None:
    """The statement's, or of each statement that cleanses a dataset; nothing is recorded, as nothing is read."""
    found = terminal.podium("explain", HALVES, "-o", "json").json["statement"]
    assert (found["engine"], found["scan_operations"]) == ("duckdb", 1)
    assert found["recommendations"][0]["priority"] == "MEDIUM"
    for name in ("sales", "silver.sales"):
        steps = terminal.podium("explain", name, "--run", "-o", "json").json
        assert list(steps) == ["staged", "repeated", "exceptions"]
        assert "4 rows" in steps["staged"]["plan"][-1]
    assert recorded(place) == []
    assert terminal.podium("explain", "nothing").code == 1
    assert '`podium explain "from bronze.sales limit 10"`' in terminal.podium("explain", "bronze.sales").err


@pytest.mark.usefixtures("place")
def test_cleansing_with_a_custom_step_is_explained_without_it(terminal: Terminal) -> None:
    """The function is not called; what has no plan is named."""
    steps = '      steps: {mend: {columns: [price], polars: "clean.py:mend", spark: "clean.py:mend"}}\n'
    file = terminal.folder / "pipeline.yaml"
    file.write_text(file.read_text().replace("      rules:\n", f"{steps}      rules:\n"))
    (terminal.folder / "clean.py").write_text("def mend(rows):\n    raise AssertionError\n")
    answer = terminal.podium("explain", "silver.sales", "--run", "-o", "json")
    assert list(answer.json) == ["staged", "repeated", "exceptions"]
    assert answer.err == "custom steps have no plan, and are not called: mend\n"


def test_queries_that_were_recorded_are_advised_on(place: Path, terminal: Terminal) -> None:
    """By how often their columns are used; a small table gains little."""
    del place
    assert "no query of it is recorded" in terminal.podium("advise", "-t", "silver.sales").out
    for _ in range(2):
        terminal.podium("sql", HALVES)
    (advice,) = terminal.podium("advise", "-t", "silver.sales", "-o", "json").json
    assert (advice["queries"], advice["most_filtered_columns"]) == (2, ["price"])
    assert advice["recommended_partition_columns"] == ["price"]
    assert advice["recommendations"][0]["priority"] == "LOW"
    assert advice["access_patterns"] == {"queries_per_hour": 2.0, "data_size_mb": 0.0, "updates_per_day": 1.0}
    assert advice["cache_strategy"]["cache_level"] is None
    assert "gain: little as long as it is" in terminal.podium("advise").out


def test_tables_are_optimised_and_readers_have_the_good_of_it(place: Path, terminal: Terminal) -> None:
    """By the columns that are given, in the reference's order; what is certified is read as it lies now."""
    actions = terminal.podium("optimize", "silver.sales", "--zorder-by", "price,id", "-o", "json").json
    assert [action["action"] for action in actions] == ["z_order", "vacuum", "statistics", "compaction"]
    assert actions[0]["columns"] == ["price", "id"]
    assert "z_order" in terminal.podium("show", "_podium.maintenance", "-o", "json").out
    assert podium.scan("silver.sales").collect()["id"].to_list() == ["a", "b"]
    assert recorded(place)[-1].tables == {"silver.sales": 2}
    assert terminal.podium("history", "silver.sales", "-o", "json").json[1]["certified"]
    assert "nothing to do: 3 tables are in order" in terminal.podium(
        "optimize", "--retain", "200"
    ).out.replace("\n", " ")


def test_a_vacuum_spares_what_is_certified(place: Path, terminal: Terminal) -> None:
    """Whatever its age; a dry run says what would go, and nothing goes."""
    for number in (2, 3):
        terminal.deliver(f"{number}.csv", f"a,{number},{number}.00")
        assert terminal.podium("run", "--quiet").code == 0
    terminal.podium("optimize", "silver.sales", "--zorder-by", "id")
    would = terminal.podium("vacuum", "silver.sales", "--retain", "0", "--dry-run")
    assert "would go" in would.out
    assert "still needed" in would.out
    assert podium.scan("silver.sales", version=1).collect().height == 2
    (action,) = terminal.podium("vacuum", "silver.sales", "--retain", "0", "-o", "json").json
    assert action["files_before"] > action["files_after"] > 0
    assert podium.scan("silver.sales", version=3).collect().height == 2
    with pytest.raises(VersionGone):
        podium.scan("silver.sales", version=1).collect()
    assert Lakehouse(str(place)).maintenance.all()[-1].retention_hours == 0


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("optimize", "silver.nope"), 1, "no table silver.nope"),
        (("vacuum", "nope"), 1, "no table nope"),
        (("optimize", "silver.sales", "--zorder-by", "nope"), 1, "has no column nope"),
        (("optimize", "--zorder-by", "id"), 2, "for one table"),
        (("vacuum", "--retain", "-1"), 2, "--retain"),
    ],
)
def test_what_cannot_be_maintained_is_told(
    place: Path, terminal: Terminal, command: tuple[str, ...], code: int, said: str
) -> None:
    """Before anything is done."""
    del place
    answer = terminal.podium(*command)
    assert answer.code == code
    assert said in answer.err
