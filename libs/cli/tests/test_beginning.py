"""`podium init`: what it makes of files, and what it says of those that it cannot use."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from podium.beginning.names import column_name, dataset_name, pipeline_name
from podium_contracts.pipeline import Dataset
from ruamel.yaml import YAML

SALES = (
    "Invoice No;Größe (cm);SoldAt;Unit Price;Qty;Customer ID;Country;order\n"
    "A1;1,5;2024-01-31 10:00:00;2.50;3;17850.0;UK;x\n"
    "A2;2,25;2024-02-01 11:30:00;10.25;-1;;DE;x\n"
    "A3;2,25;2024-02-01 11:30:00;1.00;4;13085.0;DE;x\n"
)


def written(folder: Path) -> Any:
    """Return the pipeline file of a folder."""
    return YAML(typ="safe").load((folder / "pipeline.yaml").read_text())


def uncommented(folder: Path) -> str:
    """Return the pipeline file with every example taken into use."""
    return re.sub(r"^( *)#(?=[a-z])", r"\1", (folder / "pipeline.yaml").read_text(), flags=re.MULTILINE)


@pytest.fixture
def prompt(terminal: Any) -> Any:
    """Return a prompt in a folder without a pipeline."""
    (terminal.folder / "pipeline.yaml").unlink()
    return terminal


def put(prompt: Any, name: str, content: str | bytes) -> None:
    """Put a file into the folder."""
    path = prompt.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_columns_types_keys_and_order_are_those_of_the_files(prompt: Any) -> None:
    """Names become names of columns, values decide types, what is unique is the key; whoever runs it again finds next year's file, too."""
    put(prompt, "data/sales_2023.csv", SALES)
    put(prompt, "data/sales_2024.csv", SALES.replace("\nA", "\nB"))
    answer = prompt.podium("init", "data/*.csv", "--name", "My Shop!")
    assert answer.code == 0, answer.err
    spec = written(prompt.folder)
    dataset = spec["spec"]["datasets"]["sales"]
    assert spec["metadata"]["name"] == "my-shop"
    assert dataset["sources"] == [
        {"files": {"path": "data/sales_*.csv", "format": "csv", "csv": {"delimiter": ";"}}}
    ]
    assert {name: (column["from"], column["type"]) for name, column in dataset["columns"].items()} == {
        "invoice_no": ("Invoice No", "string"),
        "grosse_cm": ("Größe (cm)", "string"),
        "sold_at": ("SoldAt", "timestamp"),
        "unit_price": ("Unit Price", "decimal(14,2)"),
        "qty": ("Qty", "integer"),
        "customer_id": ("Customer ID", "integer"),
        "country": ("Country", "string"),
        "order_column": ("order", "string"),
    }
    assert dataset["duplicates"] == {"keys": ["invoice_no"], "order": ["sold_at"]}
    text = (prompt.folder / "pipeline.yaml").read_text()
    assert "# text here: numbers are read with a point, as 1234.50" in text
    assert "qty_range: {type: range_check, column: qty, min: -1, max: 4}" in text
    assert "2 file(s), 6 rows" in text


def test_every_example_in_the_file_may_be_used(prompt: Any) -> None:
    """Without the # before them they are valid, too."""
    put(prompt, "sales.csv", SALES)
    put(prompt, "stock.tsv", "shop\titem\tcount\nA\t1\t5\nA\t2\t\nB\t1\t7\n")
    assert prompt.podium("init", "sales.csv", "stock.tsv").code == 0
    text = uncommented(prompt.folder)
    (prompt.folder / "pipeline.yaml").write_text(text)
    assert prompt.podium("validate").code == 0, prompt.podium("validate").err
    dataset = written(prompt.folder)["spec"]["datasets"]["sales"]
    assert set(dataset) == {*Dataset.model_fields} - {"standardise", "owner", "steps"}
    assert set(written(prompt.folder)["spec"]["quality"]["thresholds"]) == {"sales", "stock"}


def test_a_single_file_with_a_number_stands_for_those_to_come(prompt: Any) -> None:
    """Whatever number or date its name ends in; a name without one is itself."""
    put(prompt, "in/retail_2009_2010.csv", "id\n1\n")
    put(prompt, "in/towns.csv", "name\nBath\n")
    assert prompt.podium("init", "in").code == 0
    datasets = written(prompt.folder)["spec"]["datasets"]
    assert [item["sources"][0]["files"]["path"] for item in datasets.values()] == [
        "in/retail_*.csv",
        "in/towns.csv",
    ]


def test_files_are_put_together_by_their_columns(prompt: Any) -> None:
    """Whatever their names, and apart where they differ; a pattern names no file that is not meant."""
    put(prompt, "in/jan.csv", "id,x\n1,2\n")
    put(prompt, "in/feb.csv", "x,id\n3,4\n")
    put(prompt, "in/towns.csv", "id,name\nb,Bath\n")
    put(prompt, "in/.hidden", "nothing")
    assert prompt.podium("init", "in").code == 0
    datasets = written(prompt.folder)["spec"]["datasets"]
    paths = {name: [source["files"]["path"] for source in item["sources"]] for name, item in datasets.items()}
    assert paths == {"data": ["in/feb.csv", "in/jan.csv"], "towns": ["in/towns.csv"]}


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ("shop,item,n\nA,1,5\nA,2,5\nB,1,5\n", ["shop", "item"]),
        ("price,name\n1.5,a\n2.5,b\n", ["name"]),
        ("name,customer_id\na,1\nb,2\n", ["customer_id"]),
        ("a,b\n1,1\n1,1\n", ["row_id"]),
        ("a,row_id\n1,1\n1,1\n", ["row_id_hash"]),
        ("a,b\n", ["row_id"]),
    ],
)
def test_keys_are_what_tells_all_rows_apart(prompt: Any, content: str, keys: list[str]) -> None:
    """A column, identifiers by name first and never an amount; or two; or a hash of all of them."""
    put(prompt, "x.csv", content)
    assert prompt.podium("init", "x.csv").code == 0
    assert written(prompt.folder)["spec"]["datasets"]["x"]["duplicates"]["keys"] == keys


def test_other_formats_are_read_as_a_run_reads_them(prompt: Any) -> None:
    """Parquet, JSON in both forms, Latin-1 and UTF-16: types are told by the values that Bronze gets."""
    table = pa.table({"Order Id": [1, 2], "at": [date(2026, 1, 1), None], "sum": [1.5, 2.0]})
    (prompt.folder / "in").mkdir()
    pq.write_table(table, prompt.folder / "in" / "orders_1.parquet")
    pq.write_table(table, prompt.folder / "in" / "orders_2.parquet")
    put(prompt, "in/events.ndjson", '{"id": "a", "n": 1}\n{"id": "b", "n": 2, "ok": true}\n')
    put(prompt, "in/towns.json", '[\n {"town": "Bath",\n "people": 94000}]')
    put(prompt, "in/latin.csv", "id;straße\n1;für\n".encode("latin-1"))
    put(prompt, "in/wide.csv", "id\tname\n1\té\n".encode("utf-16"))
    answer = prompt.podium("init", "in")
    assert answer.code == 0, answer.err
    datasets = written(prompt.folder)["spec"]["datasets"]
    sources = {name: dataset["sources"][0]["files"] for name, dataset in datasets.items()}
    types = {
        name: {column: item["type"] for column, item in dataset["columns"].items()}
        for name, dataset in datasets.items()
    }
    assert types["orders"] | {"row_id": "string"} == {
        "row_id": "string",
        "order_id": "integer",
        "at_column": "date",
        "sum": "decimal(13,1)",
    }
    assert types["events"] == {"id": "string", "n": "integer", "ok": "boolean"}
    assert types["towns"] == {"town": "string", "people": "integer"}
    assert (sources["orders"]["path"], sources["orders"]["format"]) == ("in/orders_*.parquet", "parquet")
    assert (sources["events"]["format"], sources["towns"]["format"]) == ("ndjson", "json")
    assert sources["latin"]["encoding"] == "windows-1252"
    assert (sources["wide"]["encoding"], sources["wide"]["csv"]) == ("utf-16", {"delimiter": "\t"})
    assert prompt.podium("validate").code == 0


def test_lines_that_do_not_parse_are_counted(prompt: Any) -> None:
    """They are no reason to write nothing: a run keeps them in quarantine."""
    put(prompt, "x.csv", "id,n\n1,2\n3,4,5\n")
    answer = prompt.podium("init", "x.csv")
    assert answer.code == 0
    assert "1 lines do not parse" in (prompt.folder / "pipeline.yaml").read_text()


@pytest.mark.parametrize(("last", "times"), [("", 1), ("2024-01-02", 0)])
def test_rows_without_a_day_are_told_of(prompt: Any, last: str, times: int) -> None:
    """The first model sums up by day: what it leaves out stands above it."""
    put(prompt, "a.csv", f"id,sold,n\n1,2024-01-01,5\n2,{last},6\n")
    assert prompt.podium("init", "a.csv").code == 0
    text = (prompt.folder / "dbt" / "models" / "a_by_day.sql").read_text()
    assert text.count("-- Rows count where sold is not null; the others are of no day.\n") == times


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (("31.12.2025", "1.2.2026"), 'type: date, timestamp_format: "d.M.yyyy"}'),
        (("01/02/2026", "13/02/2026"), 'type: date, timestamp_format: "d/M/yyyy"}'),
        (("01/02/2026 9:05", "02/13/2026 23:59"), 'type: timestamp, timestamp_format: "M/d/yyyy H:mm"}'),
        (("01/02/2026", "02/01/2026"), '`timestamp_format: "d/M/yyyy" or "M/d/yyyy"` says it'),
        (("13/01/2026", "01/13/2026"), "`timestamp_format` says how others are written"),
        (("31.12.25", "01.02.26"), "days are read with all digits of the year"),
    ],
)
def test_days_in_another_form_are_days_where_that_is_certain(
    prompt: Any, days: tuple[str, str], said: str
) -> None:
    """By the one format that all values have; what two may read, or none, is text with what to write."""
    put(prompt, "x.csv", f"id,sold on\n1,{days[0]}\n2,{days[1]}\n3,\n")
    assert prompt.podium("init", "x.csv").code == 0
    [line] = re.findall("sold_on: {from.*", (prompt.folder / "pipeline.yaml").read_text())
    assert said in line
    assert ("type: string" in line) is ("text here" in line)


def test_of_very_many_columns_the_first_are_taken(prompt: Any) -> None:
    """As many as a dataset has room for beside a key that is made; which are left out is said, and the file is valid."""
    put(prompt, "x.csv", "".join(f"{','.join(f'{start}{n}' for n in range(501))}\n" for start in "c12"))
    answer = prompt.podium("init", "x.csv")
    assert answer.code == 0, answer.err
    assert "x has 501 columns, and a dataset takes 500: those after c498 are left out" in answer.err
    assert "c498" in (prompt.folder / "pipeline.yaml").read_text()
    assert "c499" not in (prompt.folder / "pipeline.yaml").read_text()


@pytest.mark.parametrize("content", ["1,anna,2026-01-01\n2,bert,2026-01-02\n", "7.50,x\n8.50,y\n"])
def test_a_first_line_that_looks_like_a_row_is_warned_of(prompt: Any, content: str) -> None:
    """A row that is taken for names would be lost without a word."""
    put(prompt, "x.csv", content)
    answer = prompt.podium("init", "x.csv")
    assert answer.code == 0, answer.err
    assert "warning: the first line of x.csv looks like a row" in answer.err
    assert "a line with the columns' names above it" in answer.err


@pytest.mark.parametrize(
    "content", ["id,day\n2,2026-01-02\n", "id,2024\n1,5\n", "anna,2024\nbert,\n", "a\nb\n"]
)
def test_names_are_no_row(prompt: Any, content: str) -> None:
    """Nor is a year among them."""
    put(prompt, "x.csv", content)
    assert "warning" not in prompt.podium("init", "x.csv").err


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("x.docx", b"x", "does not say what the file holds", "podium init reads"),
        ("x.csv", b"", "has no header line", "its first line must name the columns"),
        ("x.csv", b"a,,b\n", "column 2 of the header has no name", "name it in the file"),
        ("x.csv", b"a,A\n1,2\n", "would be the same column", "rename one of them"),
        ("x.csv.gz", b"not gzip", "cannot be read", "complete"),
        ("x.csv", b"id,n\n1,2\r\n3,4\n", "does not end as the first line does", "let all lines end alike"),
        ("x.parquet", b"no", "cannot be read as Parquet", "format"),
        ("x.xlsx", b"no", "x.xlsx", "format"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(
    prompt: Any, name: str, content: bytes, message: str, hint: str
) -> None:
    """And nothing is written."""
    put(prompt, name, content)
    answer = prompt.podium("init", name)
    assert (answer.code, message in " ".join(answer.err.split())) == (1, True), answer.err
    assert hint in " ".join(answer.err.split())
    assert not (prompt.folder / "pipeline.yaml").exists()


def test_files_that_are_not_there_are_named(prompt: Any) -> None:
    """As somebody typed them."""
    answer = prompt.podium("init", "gone/*.csv")
    assert (answer.code, "gone/*.csv names no file" in answer.err) == (1, True)


def test_nothing_is_overwritten(terminal: Any) -> None:
    """A pipeline file that is there stays as it is; another folder may be named."""
    before = (terminal.folder / "pipeline.yaml").read_text()
    put(terminal, "x.csv", "id\n1\n")
    answer = terminal.podium("init", "x.csv")
    assert (answer.code, "--to" in answer.err) == (1, True)
    assert (terminal.folder / "pipeline.yaml").read_text() == before
    assert terminal.podium("init", "x.csv", "--to", "other").code == 0
    assert written(terminal.folder / "other")["metadata"]["name"] == "other"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("InvoiceDate", "invoice_date"),
        ("Customer ID", "customer_id"),
        ("HTTPStatus", "httpstatus"),
        ("Größe (cm)", "grosse_cm"),
        ("2024", "c_2024"),
        ("價格", "unnamed"),
        ("select", "select_column"),
        ("source_file", "source_file_column"),
        ("taken", "taken_2"),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_column_gets_a_name_that_is_one(source: str, name: str) -> None:
    """Whatever the header says."""
    assert column_name(source, {"taken"}) == name


def test_datasets_and_pipelines_get_names() -> None:
    """Without numbers at the end, and never none."""
    assert [dataset_name(text, {"sales"}) for text in ("orders_2024_", "2024", "sales")] == [
        "orders",
        "c",
        "sales_2",
    ]
    assert [pipeline_name(text) for text in ("My Shop!", "Ünal & Söhne", "", "-")] == [
        "my-shop",
        "unal-sohne",
        "pipeline",
        "pipeline",
    ]
