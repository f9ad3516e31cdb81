"""What is needed of tables: certified and announced versions, what intents have pinned, and changes that a stage has yet to read."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated, Run, TableVersion
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline, Spec
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.maintenance.needed import Needed, needed
from podium_lakehouse.records.intents import Input, Intent, Scope

RUN = Run(pipeline="shop", id="run-1", requested_at=datetime(2026, 1, 2, tzinfo=UTC))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SPEC = Spec.model_validate(
    {
        "lakehouse": {"uri": "lake"},
        "datasets": {
            "sales": {
                "sources": [{"files": {"path": "in/*.csv"}}],
                "columns": {"id": {"type": "string"}},
                "duplicates": {"keys": ["id"]},
            }
        },
        "model": {"dbt": "dbt"},
    }
)


class Shop:
    """A lakehouse whose records are written by hand."""

    def __init__(self, folder: Path) -> None:
        self.lakehouse = Lakehouse(str(folder / "lake"))
        self.pipeline = Pipeline("shop", SPEC, folder, "f", {})

    def intend(self, stage: Stage, subject: str, *, base: int = -1, **inputs: tuple[int, int]) -> Intent:
        """Pin versions: from and to, by table as `silver_sales`; and a base of the subject's table."""
        scope = Scope(pipeline="shop", stage=stage, subject=subject)
        completed = self.lakehouse.completions.last_sequence(scope)
        uris = {name: self.uri(name.replace("_", ".", 1)) for name in inputs}
        return self.lakehouse.intents.put(
            Intent(
                scope=scope,
                sequence=(self.lakehouse.intents.table.last(scope.key) or 0) + 1,
                after=completed,
                run=RUN,
                traceparent=TRACE,
                fingerprint="f",
                answers=("e",),
                inputs={
                    name: Input(uri=uris[name], from_version=low, to_version=high)
                    for name, (low, high) in inputs.items()
                },
                bases={} if base < 0 else {self.uri(subject): base},
                lookups={"towns": 4} if stage == Stage.CLEANSE else {},
            )
        )

    def complete(self, intent: Intent, version: int, verdict: Verdict | None = None) -> None:
        """Complete an intent: its table, or that of Gold, is at a version."""
        layer, _, name = intent.scope.subject.partition(".")
        table = TableVersion(name=intent.scope.subject if name else f"{layer}.fact", to_version=version)
        data = (
            QualityEvaluated(run=RUN, layer=layer, subject=name, verdict=verdict, tables=(table,))
            if verdict
            else LayerCompleted(run=RUN, layer=layer, subject=name, tables=(table,))
        )
        self.lakehouse.complete(intent, data)

    def uri(self, name: str) -> str:
        return f"{self.lakehouse.uri}/{name.replace('.', '/')}"

    def needs(self, name: str) -> Needed:
        return needed(self.lakehouse, [self.pipeline]).get(self.uri(name), Needed())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a shop where nothing has happened."""
    return Shop(tmp_path)


def test_what_has_never_been_read_is_needed_from_its_first_change(shop: Shop) -> None:
    """A stage that was never called will read all of it."""
    shop.complete(shop.intend(Stage.INGEST, "bronze.sales"), 3)
    assert shop.needs("bronze.sales").changes_after == -1
    assert 3 in shop.needs("bronze.sales").versions
    assert shop.needs("silver.sales").changes_after == -1


def test_changes_are_needed_after_the_slowest_reader(shop: Shop) -> None:
    """Quality has judged version 5 of Silver, the model has come to 2."""
    shop.complete(shop.intend(Stage.QUALITY, "silver.sales", silver_sales=(2, 5)), 5, Verdict.PASSED)
    shop.complete(shop.intend(Stage.MODEL, Layer.GOLD, silver_sales=(-1, 2)), 1)
    assert shop.needs("silver.sales").changes_after == 2
    shop.complete(shop.intend(Stage.MODEL, Layer.GOLD, silver_sales=(2, 5)), 2)
    assert shop.needs("silver.sales").changes_after == 5


def test_the_last_certified_version_is_needed(shop: Shop) -> None:
    """Also when later ones were judged `failed`, which are announced."""
    for version, verdict in enumerate((Verdict.PASSED, Verdict.WARNED, Verdict.FAILED, Verdict.FAILED), 1):
        shop.complete(
            shop.intend(Stage.QUALITY, Layer.GOLD, gold_fact=(version - 1, version)), version, verdict
        )
    assert {2, 4} <= shop.needs("gold.fact").versions
    assert 1 not in shop.needs("gold.fact").versions


def test_a_restore_finds_what_it_would_go_back_to(shop: Shop) -> None:
    """What the stage made that is certified, not only what it made last."""
    for version, verdict in ((1, Verdict.PASSED), (2, Verdict.FAILED), (3, Verdict.FAILED)):
        shop.complete(
            shop.intend(Stage.CLEANSE, "silver.sales", bronze_sales=(version - 1, version)), version
        )
        shop.complete(
            shop.intend(Stage.QUALITY, "silver.sales", silver_sales=(version - 1, version)), version, verdict
        )
    assert shop.needs("silver.sales").versions >= {1, 3}
    assert 2 not in shop.needs("silver.sales").versions


def test_what_an_intent_has_pinned_is_needed_until_it_is_completed(shop: Shop) -> None:
    """Its inputs from and to, its bases and its lookups."""
    shop.complete(shop.intend(Stage.CLEANSE, "silver.sales", base=7, bronze_sales=(-1, 9)), 8)
    assert shop.needs("silver.sales").versions & {7, 8} == {8}
    pending = shop.intend(Stage.CLEANSE, "silver.sales", base=8, bronze_sales=(9, 12))
    assert {9, 12} <= shop.needs("bronze.sales").versions
    assert 8 in shop.needs("silver.sales").versions
    assert shop.needs("_podium.lookup_towns").versions == {4}
    shop.complete(pending, 9)
    assert 9 not in shop.needs("bronze.sales").versions
    assert shop.needs("_podium.lookup_towns").versions == set()


def test_a_pipeline_that_models_nothing_has_no_reader_of_silver_but_its_judge(shop: Shop) -> None:
    """So nothing is kept for a stage that will never come."""
    shop.pipeline = Pipeline("shop", SPEC.model_copy(update={"model": None}), shop.pipeline.root, "f", {})
    shop.complete(shop.intend(Stage.QUALITY, "silver.sales", silver_sales=(2, 5)), 5, Verdict.PASSED)
    assert shop.needs("silver.sales").changes_after == 5
