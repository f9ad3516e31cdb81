"""`podium` as people and scripts call it: a process, its output and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Shop
from tests.integration.test_batches import real_lines

REFUSED = ["A506401", "B", "Adjust bad debt", "1", "2010-04-29 13:36:00", "-53594.36", "", "United Kingdom"]


def podium(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call the command line in a process of its own."""
    command = [str(Path(sys.executable).parent / "podium"), *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={"COLUMNS": "200", **environment}
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop after its first run."""
    shop = Shop(tmp_path_factory.mktemp("cli") / "shop")
    shop.deliver("one.csv", [*real_lines(400), REFUSED])
    done = podium("run", "--output", "json", cwd=shop.folder)
    assert done.returncode == 0, done.stderr
    (shop.folder / "run.json").write_text(done.stdout)
    return shop


def test_run_reports_as_json(finished: Shop) -> None:
    """A script reads from the run's JSON what happened, and where things are."""
    result = json.loads((finished.folder / "run.json").read_text())
    assert result["news"] is True
    assert result["verdict"] == {"silver.sales": "passed", "gold.retail": "passed"}
    assert [stage["stage"] for stage in result["stages"]] == [
        "ingest", "cleanse", "quality", "model", "quality", "publish"
    ]  # fmt: skip
    assert Path(result["report"]).is_file()
    assert (finished.folder / "retail.duckdb").is_file()


def test_a_run_without_news_says_so(finished: Shop) -> None:
    """The second run says in words that there is nothing new, and does not claim to have done anything."""
    again = podium("run", cwd=finished.folder)
    assert again.returncode == 0
    assert "Nothing new for retail" in again.stdout
    assert "balanced" not in again.stdout


def test_tables_lists_certified_versions(finished: Shop) -> None:
    """Every certified table is listed with rows and bytes."""
    rows = json.loads(podium("tables", "-o", "json", cwd=finished.folder).stdout)
    sizes = {row["table"]: row["rows"] for row in rows}
    assert sizes["bronze.sales"] == 401
    assert sizes["gold.fact_sale"] == sizes["silver.sales"]
    assert all(row["bytes"] > 0 for row in rows)


def test_show_reads_any_version(finished: Shop) -> None:
    """`show` reads the certified version by default, an older one or a time by option, and filters."""
    found = json.loads(podium("show", "silver.sales", "-n", "3", "-o", "json", cwd=finished.folder).stdout)
    assert len(found) == 3
    assert "sale_id" in found[0]
    none = podium("show", "silver.sales", "--version", "0", "-o", "json", cwd=finished.folder)
    assert json.loads(none.stdout) == []
    early = podium("show", "silver.sales", "--at", "2001-01-01", cwd=finished.folder)
    assert early.returncode == 1
    assert "did not exist" in early.stderr
    some = podium("show", "silver.sales", "--where", "quantity > 10", "-o", "json", cwd=finished.folder)
    assert min(row["quantity"] for row in json.loads(some.stdout)) > 10


def test_a_bad_condition_is_an_error_with_its_reason(finished: Shop) -> None:
    """A condition that is no SQL, or reaches for a file, is refused."""
    for condition in ("nonsense(", "(select count(*) from read_text('/etc/hostname')) > 0"):
        refused = podium("show", "silver.sales", "--where", condition, cwd=finished.folder)
        assert refused.returncode == 1, condition
        assert "error:" in refused.stderr


def test_ledger_quarantine_events_and_history(finished: Shop) -> None:
    """The accounts are there for scripts: every row, every refusal, every event, every commit."""
    books = json.loads(podium("ledger", "-o", "json", cwd=finished.folder).stdout)
    flow = books[1]["ledger"]["flow"]
    assert flow["rows_in"] == 401
    assert flow["inserted"] + flow["deduplicated"] + flow["quarantined"] == 401
    assert json.loads(podium("quarantine", "ls", "-o", "json", cwd=finished.folder).stdout) == [
        {"dataset": "sales", "rule": "rule.price_not_negative", "rows": 1}
    ]
    row = json.loads(podium("quarantine", "show", "sales", "-o", "json", cwd=finished.folder).stdout)[0]
    assert (row["source_file"], row["source_row"]) == ("data/one.csv", 401)
    assert json.loads(row["raw"])["Price"] == "-53594.36"
    types = [
        event["type"] for event in json.loads(podium("events", "-o", "json", cwd=finished.folder).stdout)
    ]
    assert types == [
        "dev.podium.layer.completed.v1",
        "dev.podium.layer.completed.v1",
        "dev.podium.quality.evaluated.v1",
        "dev.podium.layer.completed.v1",
        "dev.podium.quality.evaluated.v1",
        "dev.podium.published.v1",
    ]
    commits = json.loads(podium("history", "gold.fact_sale", "-o", "json", cwd=finished.folder).stdout)
    assert [commit["certified"] for commit in commits] == [True, False]


def test_compile_prints_a_step_for_either_engine(finished: Shop) -> None:
    """The SQL of any step can be read, for both engines."""
    for engine in ("duckdb", "spark"):
        printed = podium("compile", "--step", "rules", "--engine", engine, cwd=finished.folder)
        assert printed.returncode == 0
        assert "unit_price" in printed.stdout


def test_validate_shows_every_mistake_with_its_line(finished: Shop) -> None:
    """Mistakes of names, types and expressions are shown at once, each with line, path and what would be right."""
    text = finished.file.read_text()
    bad = finished.folder / "bad.yaml"
    bad.write_text(
        text.replace("column: quantity, min: -100000", "column: quantiti, min: -100000")
        .replace("upper(trim(stock_code))", "read_csv('/etc/passwd')")
        .replace('type: "decimal(22,3)"', 'type: "decimal(5,1)"')
        .replace("{lookup: countries, missing: quarantine}", "{lookup: nations}")
    )
    refused = podium("validate", "-f", "bad.yaml", cwd=finished.folder)
    assert refused.returncode == 2
    assert "4 mistake(s) in bad.yaml" in refused.stderr
    line = next(n for n, row in enumerate(bad.read_text().splitlines(), 1) if "quantiti" in row)
    assert f"bad.yaml:{line}" in refused.stderr
    assert "no column 'quantiti' here" in refused.stderr
    assert "no function 'read_csv'" in refused.stderr
    assert "the lookups are: countries" in refused.stderr


def test_a_failed_verdict_holds_the_dataset(tmp_path: Path) -> None:
    """A critical breach ends with exit code 3, leaves Gold unmade, and is judged anew when the threshold is changed."""
    shop = Shop(tmp_path / "held")
    shop.deliver("one.csv", real_lines(3000))
    strict = shop.file.read_text()
    shop.file.write_text(strict.replace("value: 90, severity: CRITICAL", "value: 99.9, severity: CRITICAL"))
    held = podium("run", cwd=shop.folder)
    assert held.returncode == 3, held.stderr
    assert "average_quality_score" in held.stderr
    assert not (shop.folder / "lakehouse" / "gold").exists()
    assert podium("show", "silver.sales", cwd=shop.folder).returncode == 1
    shop.file.write_text(strict)
    assert podium("run", cwd=shop.folder).returncode == 0
    assert (shop.folder / "retail.duckdb").is_file()


def test_the_report_of_a_period_is_data(finished: Shop) -> None:
    """As JSON, of the days that were asked for, and no page is written; a period that ends before it begins is a mistake."""
    written = (finished.folder / "lakehouse" / "report.html").stat().st_mtime_ns
    found = podium("report", "-o", "json", cwd=finished.folder)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["overall_quality"]["processing_days"] == 1
    assert told["layer_quality"]["silver"]["tables"]["silver.sales"]["sale_id_completeness"] == 100
    assert [day["layer"] for day in told["trend_analysis"]["daily_quality_scores"]] == [
        "bronze",
        "silver",
        "gold",
    ]
    before = podium(
        "report", "--from", "2020-01-01", "--until", "2020-01-31", "-o", "json", cwd=finished.folder
    )
    assert json.loads(before.stdout)["report_period"] == "2020-01-01 to 2020-01-31"
    assert json.loads(before.stdout)["overall_quality"]["total_records_processed"] == 0
    assert (finished.folder / "lakehouse" / "report.html").stat().st_mtime_ns == written
    refused = podium("report", "--from", "2026-02-01", "--until", "2026-01-31", cwd=finished.folder)
    assert refused.returncode == 1
    assert "the period begins on 2026-02-01 and ends on 2026-01-31" in refused.stderr


def test_auto_says_which_engine_and_why(tmp_path: Path) -> None:
    """A few lines stay on one machine, and the run says so."""
    shop = Shop(tmp_path / "shop", gold=False)
    shop.deliver("one.csv", real_lines(50))
    done = podium("run", "--engine", "auto", cwd=shop.folder)
    assert done.returncode == 0, done.stderr
    assert "engine duckdb: 0.0 GB of new text" in done.stderr


@pytest.mark.spark
@pytest.mark.timeout(600)
def test_a_terminal_hears_of_spark_what_podium_says(tmp_path: Path) -> None:
    """No line of Spark, its gateway or DuckDB stands between or after the progress, but the JVM's own first one."""
    shop = Shop(tmp_path / "shop")
    shop.deliver("one.csv", real_lines(100))
    done = podium("run", "--engine", "spark", cwd=shop.folder, **os.environ)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "incubator" not in line]
    assert lines[0].startswith("bronze sales: ")
    assert lines[-1].startswith("published to duckdb: ")
    assert not (shop.folder / "spark-warehouse").exists()


def test_without_java_spark_says_what_to_install(finished: Shop) -> None:
    """Nothing is run, and the message names Java and the other engine."""
    finished.deliver("more.csv", real_lines(20))
    refused = podium("run", "--engine", "spark", cwd=finished.folder, JAVA_HOME="/nowhere")
    (finished.folder / "data" / "more.csv").unlink()
    assert refused.returncode == 1
    assert "engine spark needs Java, and there is none" in refused.stderr
    assert "--engine duckdb" in refused.stderr
