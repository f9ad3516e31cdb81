"""The real file, as `make run` takes it."""

import shutil
from pathlib import Path

from deltalake import DeltaTable
from podium_contracts.events.v1 import QualityEvaluated

from tests.integration.checker import recount
from tests.integration.conftest import REAL_FILE, RETAIL, Shop


def test_an_independent_recount_agrees(retail: Shop) -> None:
    """Bronze, Silver, quarantine, Gold and the ledgers hold what other SQL counts in the raw file."""
    assert recount(retail.folder / "data" / REAL_FILE, retail.folder / "lakehouse") == []


def test_the_recount_notices_a_lost_row(retail: Shop, tmp_path: Path) -> None:
    """The checker itself can fail: against a lakehouse that lacks rows it says so."""
    damaged = tmp_path / "lakehouse"
    shutil.copytree(retail.folder / "lakehouse", damaged)
    DeltaTable(str(damaged / "gold" / "fact_sale")).delete("quantity = 12")
    assert any(
        problem.startswith("facts") for problem in recount(retail.folder / "data" / REAL_FILE, damaged)
    )


def test_bronze_has_the_metadata_columns(retail: Shop) -> None:
    """Every Bronze row says when, from which file, in which ingestion and from which system it came."""
    table = DeltaTable(str(retail.folder / "lakehouse/bronze/sales"))
    names = [field.name for field in table.schema().fields]
    assert names[:8] == [
        "Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer_ID", "Country"
    ]  # fmt: skip
    columns = ("source_file", "ingestion_batch_id", "ingestion_source", "source_system", "data_quality_score")
    found = table.to_pyarrow_table(columns=[*columns, "ingestion_timestamp"]).slice(0, 1).to_pylist()[0]
    assert found.pop("ingestion_timestamp") is not None
    assert found == {
        "source_file": f"data/{REAL_FILE}",
        "ingestion_batch_id": "retail.sales.000001",
        "ingestion_source": "file",
        "source_system": "file_upload",
        "data_quality_score": None,
    }


def test_the_catalogue_keeps_original_names(retail: Shop) -> None:
    """A name that Delta refuses is stored under another; the catalogue knows what it was."""
    opened = retail.open()
    assert opened.lakehouse.catalogue.source_names("bronze", "sales")["Customer_ID"] == "Customer ID"


def test_silver_has_its_change_feed_from_the_first_commit(retail: Shop) -> None:
    """Every row of Silver can be read as a change from version 1 on."""
    table = DeltaTable(str(retail.folder / "lakehouse/silver/sales"))
    feed = table.load_cdf(starting_version=1, columns=["sale_id", "_change_type"])
    kinds = {
        row["_change_type"] for batch in feed for row in [{"_change_type": batch["_change_type"][0].as_py()}]
    }
    assert kinds == {"insert"}


def test_the_rules_accept_what_is_valid(retail: Shop) -> None:
    """Of the real lines, 99.5 % and more pass every rule: all but three."""
    events = retail.open().lakehouse.completions.all("retail")
    (judged,) = (
        event.data
        for event in events
        if event.subject == "silver.sales" and isinstance(event.data, QualityEvaluated)
    )
    (check,) = (check for check in judged.checks if check.metric == "validation_success_percentage")
    assert (check.actual, check.threshold, check.passed) == (99.99, 99.5, True)


def test_keys_are_the_same_after_a_rebuild(retail: Shop) -> None:
    """A lakehouse made anew has the same surrogate keys and sale ids."""
    again = Shop(retail.folder.parent / "again")
    shutil.copy(RETAIL / "data" / REAL_FILE, again.folder / "data" / REAL_FILE)
    again.run()
    for table in ("gold/dim_customer", "gold/dim_product", "gold/dim_country"):
        assert again.rows(table) == retail.rows(table)
