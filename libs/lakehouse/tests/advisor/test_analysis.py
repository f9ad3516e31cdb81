"""Findings about plans that are made by hand, and the report under the reference's names."""

from dataclasses import replace

from podium_lakehouse.advisor.analysis import MOST_EXCHANGES, analyse
from podium_lakehouse.advisor.findings import Finding
from podium_lakehouse.advisor.operators import Join, Operator, Plan, Scan

EXCHANGE = Operator("Exchange", "hashpartitioning(a)", is_exchange=True, rows=10)
SCAN = Scan("gold.fact", ("day",), (), ("a > 1",), files_read=12, files_total=12)


def plan(*operators: Operator, spilled: int = 0) -> Plan:
    return Plan("spark", Operator("Project", inputs=operators), spilled_bytes=spilled)


def of_scan(scan: Scan) -> Plan:
    return plan(Operator("Scan parquet", scan=scan))


def only(plan: Plan, **sizes: int) -> Finding:
    """Return the one finding about a plan."""
    (found,) = analyse(plan, {f"gold.{name}": size for name, size in sizes.items()}).findings
    assert found.evidence
    assert found.gain
    return found


def test_the_report_has_the_references_names() -> None:
    """Told by the operators, whatever they are called."""
    joined = Operator("J", join=Join.SORT_MERGE, inputs=(EXCHANGE, Operator("S", scan=Scan("gold.dim"))))
    top = Operator(
        "J",
        join=Join.BROADCAST_HASH,
        inputs=(joined, Operator("S", scan=Scan("gold.fact", ("day",), ("day = 1",)))),
    )
    assert analyse(plan(top)).report() == {
        "engine": "spark",
        "has_broadcast_join": True,
        "has_sort_merge_join": True,
        "has_partition_pruning": True,
        "scan_operations": 2,
        "exchange_operations": 1,
        "joins": ["broadcast hash", "sort merge"],
        "spilled_bytes": 0,
        "recommendations": [],
    }


def test_more_than_three_exchanges_are_many() -> None:
    """Three are usual, the fourth is a finding."""
    assert analyse(plan(*[EXCHANGE] * MOST_EXCHANGES)).findings == ()
    report = only(plan(*[EXCHANGE] * 4)).report()
    assert (report["type"], report["priority"]) == ("performance", "HIGH")
    assert "repartition" in str(report["message"])
    assert str(report["evidence"]).startswith("4 exchanges, 40 rows in all: hashpartitioning(a)")


def test_a_filter_without_pruning_is_a_finding() -> None:
    """With the partition columns that would prune, or the advice how to find some."""
    report = only(of_scan(SCAN), fact=500_000_000).report()
    assert (report["type"], report["priority"]) == ("partitioning", "MEDIUM")
    assert "filter on day" in str(report["message"])
    assert report["evidence"] == "12 of 12 files are read for a > 1"
    assert "of 500 MB" in str(report["expected_gain"])
    assert "podium advise" in only(of_scan(replace(SCAN, partition_columns=()))).message


def test_a_small_table_gains_little() -> None:
    """And the finding says so."""
    assert only(of_scan(SCAN), fact=8_000_000).gain.startswith("little: gold.fact is 8.0 MB")


def test_what_is_pruned_or_not_filtered_is_none() -> None:
    """By partitions or by the files' statistics; nor is what is no table."""
    for scan in (
        replace(SCAN, partition_filters=("day = 1",)),
        replace(SCAN, files_read=3),
        replace(SCAN, filters=()),
        replace(SCAN, table=""),
    ):
        assert analyse(of_scan(scan)).findings == ()


def test_a_join_without_an_equality_is_a_finding() -> None:
    """With the pairs of rows that it compares."""
    found = only(plan(Operator("CROSS_PRODUCT", join=Join.NESTED_LOOP, inputs=(EXCHANGE, EXCHANGE))))
    assert (found.kind, found.priority) == ("join", "HIGH")
    assert found.evidence == "CROSS_PRODUCT, 10 by 10 rows"


def test_a_comparison_with_one_row_is_none() -> None:
    """It is a condition on each row: where one side makes one row always, or made no more in a run."""
    for one in (Operator("UNGROUPED_AGGREGATE", is_single=True), replace(EXCHANGE, rows=1)):
        joined = Operator("NESTED_LOOP_JOIN", join=Join.NESTED_LOOP, inputs=(EXCHANGE, one))
        assert analyse(plan(joined)).findings == ()


def test_a_scan_of_either_table_is_told_of_each() -> None:
    """With each one's size; what one of them would leave out is no finding."""
    one, other = replace(SCAN, table="gold.one"), replace(SCAN, table="gold.other")
    pruned = replace(SCAN, table="gold.third", files_read=3)
    scan = replace(SCAN, table="gold.one or gold.other or gold.third", either=(one, other, pruned))
    found = analyse(of_scan(scan), {"gold.one": 1_000_000, "gold.other": 500_000_000}).findings
    assert [finding.message.split(":")[0] for finding in found] == [
        "a condition leaves out no file of gold.one",
        "a condition leaves out no file of gold.other",
    ]
    assert ["gold.one is 1.0 MB" in found[0].gain, "of 500 MB" in found[1].gain] == [True, True]


def test_a_plan_names_its_tables() -> None:
    """At their scans."""
    assert list(of_scan(SCAN).lines()) == ["Project", "  Scan parquet gold.fact"]


def test_spills_are_a_finding() -> None:
    """The operators' own and the plan's."""
    found = only(plan(replace(EXCHANGE, spilled_bytes=2_000_000), spilled=1_000_000))
    assert (found.kind, found.priority) == ("memory", "MEDIUM")
    assert found.evidence == "3.0 MB were written by Exchange"


def test_a_task_with_much_more_rows_is_a_finding() -> None:
    """Five times the median and large, or split by the engine; small ones are nobody's concern."""
    large = 100_000_000
    found = only(plan(replace(EXCHANGE, partition_bytes=(1, 1_000_000, 2_000_000, large))))
    assert (found.kind, found.priority) == ("skew", "HIGH")
    assert "100 MB against a median of 2 MB" in found.evidence
    assert only(plan(Operator("SortMergeJoin", split_for_skew=True))).kind == "skew"
    assert analyse(plan(replace(EXCHANGE, partition_bytes=(1000, 1000, 9000)))).findings == ()
    assert analyse(plan(replace(EXCHANGE, partition_bytes=(large, large)))).findings == ()


def test_the_urgent_comes_first() -> None:
    """HIGH before MEDIUM."""
    found = analyse(plan(Operator("Scan", scan=SCAN), *[EXCHANGE] * 4)).findings
    assert [finding.priority for finding in found] == ["HIGH", "MEDIUM"]
