"""Which version of a table readers see, and where a table that people name lies."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, Run, TableVersion
from podium_contracts.names import Layer, Stage, Verdict
from podium_lakehouse.certified import certified_tables, table_uri
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Intent, Scope

RUN = Run(pipeline="shop", id="run-1", requested_at=datetime(2026, 1, 2, tzinfo=UTC))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Shop:
    """A lakehouse whose records are written by hand."""

    def __init__(self, folder: Path) -> None:
        self.lakehouse = Lakehouse(str(folder / "lake"))

    def complete(self, stage: Stage, subject: str, version: int, verdict: str | None = None) -> None:
        """Complete a stage with one table at a version; the quality stage says its verdict."""
        scope = Scope(pipeline="shop", stage=stage, subject=subject)
        sequence = self.lakehouse.completions.last_sequence(scope) + 1
        intent = Intent(
            scope=scope,
            sequence=sequence,
            after=self.lakehouse.completions.last_sequence(scope),
            run=RUN,
            traceparent=TRACE,
            fingerprint="f",
            answers=("e",),
        )
        layer, _, name = subject.partition(".")
        table = TableVersion(name=subject if name else f"{subject}.fact", to_version=version)
        data = (
            QualityEvaluated(run=RUN, layer=layer, subject=name, verdict=verdict, tables=(table,))
            if verdict
            else LayerCompleted(run=RUN, layer=layer, subject=name, tables=(table,))
        )
        self.lakehouse.complete(intent, data)

    @property
    def certified(self) -> dict[str, int]:
        """The certified version of every table."""
        tables = certified_tables(self.lakehouse, "shop", ["sales", "other"])
        return {name: table.to_version for name, table in tables.items()}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a shop where nothing has happened."""
    return Shop(tmp_path)


def test_nothing_is_certified_before_anything_is_complete(shop: Shop) -> None:
    """An empty lakehouse has no certified table."""
    assert shop.certified == {}


def test_bronze_is_certified_when_it_is_complete(shop: Shop) -> None:
    """Raw data is not judged: its last completion counts."""
    shop.complete(Stage.INGEST, "bronze.sales", 1)
    shop.complete(Stage.INGEST, "bronze.sales", 4)
    assert shop.certified == {"bronze.sales": 4}


def test_silver_is_not_certified_by_its_completion(shop: Shop) -> None:
    """Cleansed but not judged is not yet for readers."""
    shop.complete(Stage.CLEANSE, "silver.sales", 1)
    assert shop.certified == {}


@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.WARNED])
def test_a_verdict_that_is_not_failed_certifies(shop: Shop, verdict: Verdict) -> None:
    """A warning is for people; readers get the version."""
    shop.complete(Stage.QUALITY, "silver.sales", 3, verdict)
    shop.complete(Stage.QUALITY, Layer.GOLD, 2, verdict)
    assert shop.certified == {"silver.sales": 3, "gold.fact": 2}


@pytest.mark.parametrize("subject", ["silver.sales", "gold"])
def test_a_failed_verdict_leaves_the_version_before(shop: Shop, subject: str) -> None:
    """Readers keep the last version that was not failed, however many have failed since."""
    for version, verdict in enumerate(
        [Verdict.PASSED, Verdict.WARNED, Verdict.FAILED, Verdict.FAILED], start=1
    ):
        shop.complete(Stage.QUALITY, subject, version, verdict)
    assert list(shop.certified.values()) == [2]
    shop.complete(Stage.QUALITY, subject, 5, Verdict.PASSED)
    assert list(shop.certified.values()) == [5]


def test_a_table_that_only_ever_failed_is_not_certified(shop: Shop) -> None:
    """There is no version to fall back to."""
    shop.complete(Stage.QUALITY, "silver.sales", 1, Verdict.FAILED)
    assert shop.certified == {}


@pytest.mark.parametrize("layer", ["bronze", "silver", "gold", "quarantine", "_podium"])
def test_a_table_is_named_by_layer_and_name(shop: Shop, layer: str) -> None:
    """People write `silver.sales`, also for quarantines and Podium's own records."""
    assert table_uri(shop.lakehouse, f"{layer}.fact_sale") == f"{shop.lakehouse.uri}/{layer}/fact_sale"


@pytest.mark.parametrize(
    "name",
    [
        "sales",
        "",
        ".",
        "silver.",
        ".sales",
        "Silver.sales",
        "copper.sales",
        "silver..",
        "silver...",
        "silver.a.b",
        "silver.a/b",
        "silver./etc/passwd",
        "silver.../../etc",
        "silver.a\\b",
        "silver.a b",
        "silver.*",
        "silver.a\0",
        "silver.___",
        "../silver.sales",
    ],
)
def test_a_name_that_is_no_table_is_refused(shop: Shop, name: str) -> None:
    """No name leads out of its layer's folder; the error says how names are written."""
    with pytest.raises(TerminalError, match="names no table") as caught:
        table_uri(shop.lakehouse, name)
    assert "LAYER.TABLE" in caught.value.hint


@pytest.mark.parametrize("folder", ["what?", "a#b", "100%20", "a[1]", "a]", "a|b", "a*", "a^b", "a\\b"])
def test_a_folder_that_a_url_would_misread_is_refused(tmp_path: Path, folder: str) -> None:
    """Delta tables are addressed by URL: such a folder would be another one, so it is refused at once."""
    with pytest.raises(TerminalError, match="cannot lie below a folder") as caught:
        Lakehouse(str(tmp_path / folder / "lake"))
    assert "rename the folder" in caught.value.hint


@pytest.mark.parametrize("place", ["lake", "lake/in/it"])
def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path, place: str) -> None:
    """No try later would find a folder there."""
    (tmp_path / "lake").write_text("")
    with pytest.raises(TerminalError, match="lake is a file, and a lakehouse is a folder"):
        Lakehouse(str(tmp_path / place))


def test_a_lakehouse_in_a_store_has_no_folder() -> None:
    """What only works on local files can tell."""
    assert Lakehouse("s3://bucket/lake").path is None


def test_a_lakehouse_where_none_can_be_is_refused() -> None:
    """Whoever made it: what the pipeline file may not say, nobody may."""
    with pytest.raises(TerminalError, match="Azure storage \\(abfss://\\) holds no lakehouse") as caught:
        Lakehouse("abfss://lake@account.dfs.core.windows.net/retail")
    assert "spec.lakehouse.uri" in caught.value.hint
