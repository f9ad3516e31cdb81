"""The benchmark itself, on the real file as it is and one round; how long anything takes is not asserted."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tests.benchmarks.sameness import differences
from tests.benchmarks.scaled import COPIES_PER_SUFFIX, scale

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

REAL = Path(__file__).parents[2] / "examples/retail/data/online_retail_2009_2010.csv.gz"
HEADER = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch folder of one round, with its figures in `figures.json`."""
    scratch = tmp_path_factory.mktemp("bench")
    options = ["--rows", "525461", "--rounds", "1", "--scratch", scratch, "--json", scratch / "figures.json"]
    program = Path(__file__).with_name("retail.py")
    done = subprocess.run([sys.executable, program, *options], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (scratch / "told.txt").write_text(done.stdout)
    return scratch


def test_both_sides_make_the_same_tables(bench: Path) -> None:
    """Podium and the scripts by hand make the same rows and measures of the real file, and each has its figures."""
    figures = json.loads((bench / "figures.json").read_text())
    assert figures["rows"] == 525_461
    for side in ("podium", "handwritten", "polars"):
        assert all(value > 0 for value in figures["rounds"][0][side].values())
    for side in ("handwritten", "polars"):
        assert differences(bench / "podium/lakehouse", bench / f"{side}/lakehouse") == []


@pytest.mark.parametrize(
    ("table", "update", "told"),
    [
        ("gold/fact_sale", {"quantity": "quantity + 1"}, ['"quantity"', "whole rows"]),
        ("quarantine/sales", {"raw": "'{}'"}, ['"raw"', "whole rows"]),
    ],
    ids=["a changed fact", "a changed refusal"],
)
def test_a_changed_value_is_a_difference(
    bench: Path, tmp_path: Path, table: str, update: dict[str, str], told: list[str]
) -> None:
    """The comparison names the table and the column in which the two sides differ."""
    changed = shutil.copytree(bench / "handwritten/lakehouse", tmp_path / "changed")
    DeltaTable(str(changed / table)).update(update)
    found = differences(bench / "podium/lakehouse", changed)
    assert [line.split(": ")[:2] for line in found] == [[table, name] for name in told]


@pytest.mark.parametrize("layer", ["bronze", "silver", "gold"])
def test_each_layer_saves_seventy_percent_of_the_bytes(bench: Path, layer: str) -> None:
    """Each layer of the real file, its Delta log included, takes less than 30 % of the bytes of the CSV."""
    figures = json.loads((bench / "figures.json").read_text())
    assert figures["rounds"][0]["podium"][f"{layer}_bytes"] < 0.3 * figures["csv_bytes"]


def test_what_it_comes_to_by_the_hour_and_day(bench: Path) -> None:
    """Rows and bytes of CSV over the median of the seconds by the clock, beside what the reference asks for."""
    figures = json.loads((bench / "figures.json").read_text())
    seconds = figures["rounds"][0]["podium"]["wall_seconds"]
    assert figures["rows_an_hour"] == pytest.approx(525_461 / seconds * 60 * 60)
    assert figures["csv_bytes_a_day"] == pytest.approx(figures["csv_bytes"] / seconds * 60 * 60 * 24)
    assert "the reference asks for 10 million rows an hour, 50 GB a day" in (bench / "told.txt").read_text()


def test_each_target_has_a_figure(bench: Path, tmp_path: Path) -> None:
    """Every target is measured, is met or missed, and a few bytes of Bronze are left of many appends."""
    lines = tmp_path / "real.csv"
    scale(REAL, 1, lines, 0, 20_000)
    figures = tmp_path / "targets.json"
    options: list[str | Path] = [
        "--retail",
        bench / "figures.json",
        "--rows",
        "20000",
        "--real",
        lines,
        "--appends",
        "10",
        "--rounds",
        "1",
    ]
    program = Path(__file__).with_name("targets.py")
    command = [sys.executable, program, *options, "--scratch", tmp_path, "--json", figures]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {target["name"]: target for target in json.loads(figures.read_text())}
    assert len(found) == 9
    for target in found.values():
        assert target["met"] == (target["measured"] <= target["most"])
    assert 0 < found["Bronze of the CSV, 10 appends and a compaction"]["measured"] < 100


def test_copies_share_no_invoice(tmp_path: Path) -> None:
    """Scaling keeps every line, its letter and its day of the year, and gives each copy its own invoices and year."""
    lines = [
        ["489434", "85048", 'FRAME 7" "SINGLE', "12", "2009-12-01 07:45:00", "6.95", "13085.0", "France"],
        ["C538171", "POST", "", "-1", "2010-12-09 20:01:00", "0.10", "", "United Kingdom"],
    ]
    with (tmp_path / "real.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *lines])
    copies = 2 * COPIES_PER_SUFFIX
    scale(tmp_path / "real.csv", copies, tmp_path / "scaled.csv")
    with (tmp_path / "scaled.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == HEADER
    assert len({row[0] for row in rows}) == len(rows) == copies * len(lines)
    assert rows[:2] == lines
    assert rows[3] == ["C587171", *lines[1][1:4], "2011-12-09 20:01:00", *lines[1][5:]]
