"""`podium lineage`: of which columns a column is made, down to the source."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from libs.cli.tests.conftest import Terminal

pytestmark = pytest.mark.integration

SVG = "{http://www.w3.org/2000/svg}"
RETAIL = str(Path(__file__).parents[3] / "examples" / "retail" / "pipeline.yaml")


def edges(terminal: Terminal, what: str) -> dict[str, list[str]]:
    found = terminal.podium("lineage", what, "-f", RETAIL, "-o", "json").json
    return {item["column"]: item["from"] for item in found}


def test_a_gold_column_is_traced_to_its_source(terminal: Terminal) -> None:
    """Through dbt's models, the cleansing and Bronze; to nothing that it is not made of."""
    assert edges(terminal, "gold.agg_daily_sales_summary.daily_revenue") == {
        "gold.agg_daily_sales_summary.daily_revenue": ["gold.fact_sale.total_amount"],
        "gold.fact_sale.total_amount": ["silver.sales.total_amount"],
        "silver.sales.total_amount": ["bronze.sales.Price", "bronze.sales.Quantity"],
        "bronze.sales.Price": ["source.sales.Price"],
        "bronze.sales.Quantity": ["source.sales.Quantity"],
    }


def test_every_column_of_gold_is_traced(terminal: Terminal) -> None:
    """Joins, aggregates over a window of days, and columns that no column goes into."""
    fact = edges(terminal, "gold.fact_sale")
    assert fact["gold.fact_sale.customer_key"] == ["gold.dim_customer.customer_key"]
    assert fact["gold.dim_customer.customer_key"] == ["silver.sales.customer_id"]
    assert fact["gold.fact_sale.profit_amount"] == [
        "gold.dim_product.unit_cost",
        "silver.sales.quantity",
        "silver.sales.unit_price",
    ]
    assert fact["gold.fact_sale.tax_amount"] == []
    assert fact["gold.dim_country.country_key"] == ["lookup.countries.country_name"]


def test_a_lookup_and_a_flag_are_traced_in_silver(terminal: Terminal) -> None:
    """A standardised column is made of the lookup, too; a name with a space is the source's own."""
    silver = edges(terminal, "silver.sales")
    assert silver["silver.sales.country"] == ["bronze.sales.Country", "lookup.countries.country_name"]
    assert silver["silver.sales.customer_id_is_null_flag"] == ["bronze.sales.Customer_ID"]
    assert silver["bronze.sales.Customer_ID"] == ["source.sales.Customer ID"]
    assert silver["silver.sales.created_at"] == []


def test_without_a_table_it_is_all_of_gold(terminal: Terminal) -> None:
    """A part for each table, and the picture has them all."""
    lines = terminal.podium("lineage", "-f", RETAIL).out.splitlines()
    models = sorted({path.stem for path in Path(RETAIL).parent.glob("dbt/models/*.sql")} - {"dim_region"})
    assert sorted(line for line in lines if line.startswith("gold.")) == [f"gold.{name}" for name in models]
    assert "  daily_revenue ← gold.fact_sale.total_amount" in lines


def test_without_a_model_it_is_all_of_silver(finished: Terminal) -> None:
    """What a layer is made of may be asked for by its name, too."""
    answer = finished.podium("lineage")
    assert answer.out.startswith("silver.sales\n")
    assert (
        answer.out
        == finished.podium("lineage", "silver").out
        == finished.podium("lineage", "silver.sales").out
    )


def test_lineage_of_one_column_is_a_tree(terminal: Terminal) -> None:
    """For people."""
    assert terminal.podium("lineage", "silver.sales.total_amount", "-f", RETAIL).out.splitlines() == [
        "silver.sales.total_amount",
        "├── bronze.sales.Price",
        "│   └── source.sales.Price",
        "└── bronze.sales.Quantity",
        "    └── source.sales.Quantity",
    ]


@pytest.mark.parametrize(
    ("what", "words", "hint"),
    [
        ("silver.sales.prise", "silver.sales has no column 'prise'", "did you mean price?"),
        ("silver.sale", "there is no table 'silver.sale'", "did you mean silver.sales"),
        ("gold.x", "there is no table 'gold.x'", "there are: silver.sales, bronze.sales"),
    ],
)
def test_what_is_not_there_is_named(finished: Terminal, what: str, words: str, hint: str) -> None:
    """With what is near it."""
    answer = finished.podium("lineage", what)
    assert (answer.code, answer.out) == (1, "")
    assert words in answer.err
    assert hint in answer.err


def test_lineage_is_drawn(terminal: Terminal, tmp_path: Path) -> None:
    """One SVG with every table and column that a Gold table is made of, dbt's models among them, and a curve for each pair."""
    path = tmp_path / "fact.svg"
    assert terminal.podium("lineage", "gold.fact_sale", "-f", RETAIL, "--svg", str(path)).code == 0
    drawn = ET.fromstring(path.read_text(encoding="utf-8"))
    texts = {element.text for element in drawn.iter(f"{SVG}text")}
    assert {"source.sales", "bronze.sales", "silver.sales", "gold.dim_product", "gold.fact_sale"} <= texts
    curves = [element[0].text for element in drawn.iter(f"{SVG}path")]
    pairs = {(made, of) for made, origins in edges(terminal, "gold.fact_sale").items() for of in origins}
    assert sorted(curves) == sorted(f"{of} \u2192 {made}" for made, of in pairs)
    assert "href" not in path.read_text(encoding="utf-8")


def with_steps(folder: Path) -> None:
    """Give the pipeline in a folder two custom steps."""
    path = folder / "pipeline.yaml"
    steps = """\
      steps:
        mend: {columns: [price, at], polars: "steps/clean.py:mend", spark: "steps/clean.py:mend"}
        name: {columns: [id], polars: "steps/clean.py:mend", spark: "steps/clean.py:mend"}
"""
    column = '        double: {type: "decimal(10,2)", expression: price * 2}\n'
    text = path.read_text().replace("      rules:\n", f"{column}{steps}      rules:\n")
    path.write_text(text)
    (folder / "steps").mkdir()
    (folder / "steps" / "clean.py").write_text("def mend(rows):\n    return rows\n")


def test_a_custom_step_is_a_node_that_nobody_looks_into(terminal: Terminal) -> None:
    """Each of its columns is made of all that it gets, and of nothing else; what is derived later is made of the step's."""
    with_steps(terminal.folder)
    found = terminal.podium("lineage", "silver.sales", "-o", "json").json
    made = {item["column"]: item["from"] for item in found}
    expected = {
        "silver.sales.double": ["step.sales.mend.price"],
        "silver.sales.price": ["step.sales.mend.price"],
        "silver.sales.at": ["step.sales.mend.at"],
        "silver.sales.id": ["step.sales.name.id"],
        "step.sales.mend.price": ["bronze.sales.at", "bronze.sales.price"],
        "step.sales.mend.at": ["bronze.sales.at", "bronze.sales.price"],
        "step.sales.name.id": ["bronze.sales.id"],
        "bronze.sales.price": ["source.sales.price"],
    }
    assert {name: made.get(name) for name in expected} == expected
    assert terminal.podium("lineage", "silver.sales.double").out.splitlines() == [
        "silver.sales.double",
        "└── step.sales.mend.price (a custom step: of all that it gets)",
        "    ├── bronze.sales.at",
        "    │   └── source.sales.at",
        "    └── bronze.sales.price",
        "        └── source.sales.price",
    ]


def test_a_custom_step_is_drawn_between_bronze_and_silver(terminal: Terminal) -> None:
    """As a box of its own."""
    with_steps(terminal.folder)
    path = terminal.folder / "sales.svg"
    assert terminal.podium("lineage", "silver.sales", "--svg", str(path)).code == 0
    left = {
        element.text: float(element.attrib["x"])
        for element in ET.fromstring(path.read_text(encoding="utf-8")).iter(f"{SVG}text")
        if element.attrib.get("class") == "head"
    }
    assert left["bronze.sales"] < left["step.sales.mend"] == left["step.sales.name"] < left["silver.sales"]
