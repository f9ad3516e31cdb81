"""Law 5 for whole pipelines: from files to Gold, both engines make the same tables, ledgers and verdicts, also in turn."""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from podium_contracts.events.v1 import LayerCompleted, QualityEvaluated
from podium_contracts.names import EngineName

from tests.benchmarks.sameness import FROM_THE_RUN, figures, unequal
from tests.integration.conftest import REAL_FILE, RETAIL, Line, Shop
from tests.integration.test_batches import GOLD, real_lines

pytestmark = [pytest.mark.spark, pytest.mark.integration, pytest.mark.timeout(600)]
TABLES = ("bronze/sales", "silver/sales", "quarantine/sales", *GOLD)
DUCKDB, SPARK = EngineName.DUCKDB, EngineName.SPARK
KEYED_BY_LINE = (
    "keys: [sale_id], order: [invoice_date]",
    "keys: [invoice_no, stock_code], order: [invoice_date]",
)
DIRT: list[Line] = [
    ["489999", "85048", "LATE DAY", "3", "2009-12-01 09:00:00", "2.5", "13085.0", "EIRE"],
    ["489998", "85048", "NO NUMBER", "x", "2009-12-01 09:00:00", "2.5", "13085.0", "France"],
    ["489997", "85048", "NO SUCH COUNTRY", "1", "2009-12-02 09:00:00", "2.5", "", "Atlantis"],
    ["489996", "85048", " ßtraße 😀 ", "-7", "2009-12-03 23:59:59.999999", "0.001", "13085", "Germany"],
    ["C489995", "79323p", "", "-1", "2010-02-28", "0", "", "United Kingdom"],
    [
        "489994",
        "POST",
        'FRAME 7" "SINGLE',
        "100000",
        "2010-02-29 10:00:00",
        "6.95",
        "13085.0",
        "United Kingdom",
    ],
    [
        "489993",
        "POST",
        "two\nlines",
        "1",
        "2010-01-01 00:00:00",
        "999999999.999",
        "13085.0",
        "United Kingdom",
    ],
    ["489434", "85048", "CORRECTED", "99", "2009-12-31 07:45:00", "1.25", "13085.0", "United Kingdom"],
    ["too few", "values"],
]


VERSIONED = 200
"""Generated cases of deduplication and merging: invoice lines that come in several versions."""


def versions(seed: int) -> list[Line]:
    """Return one to four versions of each case, of few days and quantities, so that they repeat, tie, and come late."""
    chance = random.Random(seed)
    lines = [
        [f"5{case:05}", "POST", "VERSION", str(chance.randint(1, 3)), f"2010-03-0{chance.randint(1, 3)} 09:00:00",
         chance.choice(["1.5", "1.50", "2"]), "13085.0", chance.choice(["EIRE", "Eire", "France"])]
        for case in range(VERSIONED)
        for _ in range(chance.randint(1, 4))
    ]  # fmt: skip
    chance.shuffle(lines)
    return lines


def deliveries() -> list[list[Line]]:
    """Return two deliveries: rows come, then repeats, corrections, late days and every kind of refusal."""
    lines = real_lines(600)
    return [[*lines[:400], *DIRT[:5], *versions(1)], [*lines[300:], *DIRT[3:], *versions(2)]]


@dataclass(frozen=True)
class Variant:
    """A pipeline made from the retail example by replacing parts of its file."""

    changes: tuple[tuple[str, str], ...] = ()

    def apply(self, shop: Shop) -> None:
        text = shop.file.read_text()
        for old, new in self.changes:
            assert old in text, old
            text = text.replace(old, new)
        shop.file.write_text(text)


EVERY_RULE = (
    ("missing: quarantine", "missing: keep"),
    ("customer_id: {strategy: flag}", "customer_id: {strategy: flag, default_value: none}"),
    (
        "price_not_negative: {type: range_check, column: unit_price, min: 0}",
        """price_not_negative: {type: range_check, column: unit_price, min: 0.01, on_failure: correct}
        known_country: {type: reference_data_check, column: country, lookup: countries, on_failure: correct, correction: "'France'"}
        country_is_known: {type: reference_data_check, column: country, lookup: countries, required: true}
        few: {type: range_check, column: quantity, min: -10, max: 24, on_failure: warn}
        whole_parcel: {type: custom_logic, expression: "quantity * unit_price < 50 or quantity > 11", on_failure: warn}
        no_post: {type: custom_logic, expression: "stock_code <> 'POST' or quantity < 2"}
        never: {type: custom_logic, expression: "quantity > -99999999", on_failure: fail}
        named: {type: format_validation, column: description, pattern: "[A-Z].*", on_failure: correct, correction: "upper(description)"}""",
    ),
    (
        "      scoring:",
        """      scoring:
        details: true""",
    ),
    (
        "bulk: {condition",
        """odd_price: {condition: robust_z_score, column: unit_price, median: 2.1, mad: 1.26, threshold: 3.5, deduction: 7.5}
          bulk: {condition""",
    ),
)
"""Every kind of rule, every outcome, every condition of a score."""
SHORT = {"keyed by line, every rule": Variant((KEYED_BY_LINE, *EVERY_RULE))}
VARIANTS = {
    "as shipped": Variant(),
    **SHORT,
    "keyed by line": Variant((KEYED_BY_LINE,)),
    "customers dropped": Variant((("customer_id: {strategy: flag}", "customer_id: {strategy: drop}"),)),
    "customers filled in": Variant(
        (("customer_id: {strategy: flag}", "customer_id: {strategy: default, default_value: '0'}"),)
    ),
    "countries kept": Variant((("missing: quarantine", "missing: keep"),)),
    "the first kept": Variant(
        (("keys: [sale_id], order: [invoice_date], strategy: keep_latest", "keys: [invoice_no, stock_code], order: [invoice_date], strategy: keep_first"),)
    ),
    "merged": Variant(
        (
            (
                "keys: [sale_id], order: [invoice_date], strategy: keep_latest",
                """keys: [invoice_no, stock_code], order: [invoice_date], strategy: merge,
        merge: {quantity: max, unit_price: min, description: longest, country: first}""",
            ),
            ("customer_id: {strategy: flag}", "customer_id: {strategy: flag, default_value: none}"),
        )
    ),
    "filled in, nearly the same": Variant(
        (
            (
                "customer_id: {strategy: flag}",
                """customer_id: {strategy: interpolate, method: forward, partition_by: [country], order_by: [invoice_date], default_value: "0"}
        quantity: {strategy: interpolate, method: median, partition_by: [stock_code]}
        unit_price: {strategy: interpolate, method: linear, partition_by: [stock_code], order_by: [invoice_date]}""",
            ),
            (
                "keys: [sale_id], order: [invoice_date], strategy: keep_latest",
                "keys: [sale_id], order: [invoice_date], fuzzy: {block: [invoice_no], column: description, threshold: 0.8, max_block_rows: 4}",
            ),
        )
    ),
    "no order of versions": Variant((("keys: [sale_id], order: [invoice_date]", "keys: [invoice_no, stock_code]"),)),
    "ordered by two columns": Variant(
        (("keys: [sale_id], order: [invoice_date]", "keys: [invoice_no, stock_code], order: [quantity, invoice_date]"),)
    ),
    "ordered by an amount": Variant(
        (("keys: [sale_id], order: [invoice_date]", "keys: [invoice_no, stock_code], order: [total_amount]"),)
    ),
    "wide numbers": Variant(
        (
            ("quantity: {from: Quantity, type: integer}", 'quantity: {from: Quantity, type: "decimal(12,2)"}'),
            ('type: "decimal(22,3)"', 'type: "decimal(28,5)"'),
        )
    ),
    "other texts": Variant(
        (
            ("expression: trim(description)", "expression: \"replace(upper(trim(description)), 'ẞ', 'SS')\""),
            ("upper(trim(stock_code))", "lower(trim(stock_code))"),
            ('pattern: "[A-Z0-9][A-Z0-9_ ]*"', 'pattern: "[a-z0-9][a-z0-9_ ]*"'),
        )
    ),
    "strict rules": Variant(
        (
            ("min: -100000, max: 100000", "min: 1, max: 50"),
            ("{type: range_check, column: unit_price, min: 0}", "{type: range_check, column: unit_price, min: 0.5, max: 20}"),
            ("value: 90, severity: CRITICAL", "value: 50, severity: CRITICAL"),
        )
    ),
    "harsh scores": Variant(
        (
            ("min_value: 0.001, deduction: 20", "min_value: 3.5, deduction: 44.5"),
            ("min_value: -1000, max_value: 1000, deduction: 5", "min_value: 2, max_value: 10, deduction: 60"),
            ("value: 90, severity: CRITICAL", "value: 1, severity: CRITICAL"),
        )
    ),
}  # fmt: skip


AGE = "_lag_hours"


def made(shop: Shop, variant: Variant, engines: Sequence[EngineName]) -> Shop:
    """Run the deliveries, one after the other, each on its engine."""
    variant.apply(shop)
    for number, (lines, engine) in enumerate(zip(deliveries(), engines, strict=True)):
        shop.deliver(f"part{number}.csv", lines)
        shop.run(engine)
    return shop


def accounts(shop: Shop) -> list[object]:
    """Return every ledger and every metric of a lakehouse, in the order of its stages, but for the age of rows: it grows from run to run."""
    opened = shop.open()
    found: list[object] = []
    for event in opened.lakehouse.completions.all(opened.pipeline.name):
        match event.data:
            case LayerCompleted(ledger=ledger, tables=tables):
                found += [ledger, [(table.name, table.rows, table.schema_fingerprint) for table in tables]]
            case QualityEvaluated(checks=checks, verdict=verdict):
                found += [[check for check in checks if not check.metric.endswith(AGE)], verdict]
    return found


def check_same(one: Shop, other: Shop) -> None:
    """Compare every table, row for row, and every account."""
    for table in TABLES:
        assert one.rows(table) == other.rows(table), table
    assert accounts(one) == accounts(other)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", SHORT)
def test_a_pipeline_makes_the_same_tables(tmp_path: Path, name: str) -> None:
    """A first batch and one with repeats, updates, refusals and late days end alike on both engines."""
    ours, theirs = (made(Shop(tmp_path / engine), VARIANTS[name], [engine] * 2) for engine in (DUCKDB, SPARK))
    check_same(ours, theirs)
    assert ours.rows("quarantine/sales") != []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("spark")
def test_the_real_file_makes_the_same_tables(tmp_path: Path) -> None:
    """525,461 real lines end alike on both engines, in every table, ledger and metric."""
    shops = {engine: Shop(tmp_path / engine) for engine in (DUCKDB, SPARK)}
    for engine, shop in shops.items():
        shutil.copy(RETAIL / "data" / REAL_FILE, shop.folder / "data")
        shop.run(engine)
    for table in TABLES:
        ours, theirs = (figures(shop.folder / "lakehouse" / table, FROM_THE_RUN) for shop in shops.values())
        assert unequal(ours, theirs) == [], table
    assert accounts(shops[DUCKDB]) == accounts(shops[SPARK])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in SHORT])
def test_any_pipeline_makes_the_same_tables(tmp_path: Path, name: str) -> None:
    """Whatever the pipeline file says, both engines end alike."""
    ours, theirs = (made(Shop(tmp_path / engine), VARIANTS[name], [engine] * 2) for engine in (DUCKDB, SPARK))
    check_same(ours, theirs)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("order", [(DUCKDB, SPARK), (SPARK, DUCKDB)], ids=" then ".join)
def test_a_lakehouse_may_change_engine(tmp_path: Path, order: tuple[EngineName, EngineName]) -> None:
    """What one engine began the other goes on with, and the tables are those of one engine alone."""
    variant = Variant((KEYED_BY_LINE,))
    alone = made(Shop(tmp_path / "alone"), variant, [DUCKDB, DUCKDB])
    check_same(alone, made(Shop(tmp_path / "changed"), variant, order))


def test_the_variants_differ() -> None:
    """No two pipelines of the list are the same, and there are sixteen of them."""
    assert len({variant.changes for variant in VARIANTS.values()}) == len(VARIANTS) == 16
