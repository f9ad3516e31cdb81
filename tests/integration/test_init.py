"""What `podium init` writes runs as it is, from several files at once, and again with what is new."""

import json
from pathlib import Path

import pytest
from podium.cli import call

SALES = "Invoice No;SoldAt;Unit Price;Qty;Customer ID;group\n"


def sales(*numbers: int) -> str:
    """Return a file of sales with semicolons, two days and three groups."""
    lines = [
        f"S{number:04d};2024-0{1 + number % 2}-15 10:00:00;{number}.50;{number % 7 - 1};{'' if number % 5 else '17850.0'};g{number % 3}"
        for number in numbers
    ]
    return SALES + "\n".join(lines) + "\n"


def test_files_become_gold_without_a_line_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Odd headers, dates, decimals, semicolons, tabs, equal rows; a day, a category and a list; then one more file."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "sales_2023.csv").write_text(sales(*range(20)))
    (folder / "sales_2024.csv").write_text(sales(*range(20, 40)))
    (folder / "customers.csv").write_bytes(
        '\ufeffcustomer,Näme,zip\r\nC1,"Ä, 1",01234\r\nC2,,00001\r\n'.encode()
    )
    (folder / "stock.tsv").write_text(
        "shop\titem\tcount\n" + "".join(f"{s}\t{i}\t5\n" for s in "AB" for i in range(4))
    )
    (folder / "log.txt").write_text("level|message\n" + "a|same\n" * 3 + "b|other\n")

    assert call(("init", "data", "--name", "shop")) == 0
    assert call(("run", "--quiet")) == 0
    by_day = _rows(capsys, "gold.sales_by_day")
    assert [(row["day"], row["row_count"], row["total_qty"]) for row in by_day] == [
        ("2024-01-15", 20, "38"),
        ("2024-02-15", 20, "37"),
    ]
    assert [row["total_count"] for row in _rows(capsys, "gold.stock_by_shop")] == ["20", "20"]
    assert [row["zip"] for row in _rows(capsys, "gold.customers_list")] == ["01234", "00001"]
    assert len(_rows(capsys, "silver.log")) == 2
    (folder / "sales_2025.csv").write_text(sales(*range(40, 43)))
    assert call(("run", "--quiet")) == 0
    assert [row["row_count"] for row in _rows(capsys, "gold.sales_by_day")] == [22, 21]


def test_a_wide_file_reaches_gold_and_is_told_column_by_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """300 columns: each has its value in Silver, and its own origin."""
    monkeypatch.chdir(tmp_path)
    names = [f"c{number}" for number in range(298)]
    rows = [["id", "day", *names], *([str(n), "2024-01-15", *(f"{n}.5" for _ in names)] for n in range(30))]
    (tmp_path / "wide.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    assert call(("init", "wide.csv", "--name", "wide")) == 0
    assert call(("run", "--quiet")) == 0
    (first,) = [row for row in _rows(capsys, "silver.wide") if row["id"] == 0]
    assert {first[name] for name in names} == {"0.5"}
    assert call(("lineage", "silver.wide", "-o", "json")) == 0
    origins = {item["column"]: item["from"] for item in json.loads(capsys.readouterr().out)}
    assert all(
        (origins[f"silver.wide.{name}"], origins[f"bronze.wide.{name}"])
        == ([f"bronze.wide.{name}"], [f"source.wide.{name}"])
        for name in names
    )


def _rows(capsys: pytest.CaptureFixture[str], table: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert call(("show", table, "-o", "json")) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return sorted(rows, key=lambda row: str(next(iter(row.values()))))
