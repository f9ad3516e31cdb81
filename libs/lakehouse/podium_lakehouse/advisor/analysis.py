"""What a plan says of the statement and of its tables: joins, scans, exchanges, what is left out, spills, skew; and what would be better."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from podium_lakehouse.advisor.findings import Finding, Kind, Priority
from podium_lakehouse.advisor.operators import Join, Operator, Plan, Scan

MOST_EXCHANGES = 3
SKEW_FACTOR = 5
"""Spark's own measure: so much more than the median."""
SKEW_BYTES = 64_000_000
"""A task with fewer holds nobody up."""
SMALL_BYTES = 128_000_000
"""A smaller table is read in less time than it takes to look for what could be left out."""


@dataclass(frozen=True)
class Analysis:
    """What a plan does, and the findings about it."""

    plan: Plan
    findings: tuple[Finding, ...]

    @property
    def joins(self) -> list[str]:
        """The kind of each join."""
        return [str(operator.join) for operator in self.plan.root.walk() if operator.join]

    def report(self) -> dict[str, object]:
        """Return it under the reference's names."""
        operators = list(self.plan.root.walk())
        scans = [operator.scan for operator in operators if operator.scan]
        return {
            "engine": self.plan.engine,
            "has_broadcast_join": Join.BROADCAST_HASH in self.joins,
            "has_sort_merge_join": Join.SORT_MERGE in self.joins,
            "has_partition_pruning": any(scan.partition_filters for scan in scans),
            "scan_operations": len(scans),
            "exchange_operations": sum(operator.is_exchange for operator in operators),
            "joins": self.joins,
            "spilled_bytes": _spilled(self.plan),
            "recommendations": [finding.report() for finding in self.findings],
        }


def analyse(plan: Plan, sizes: Mapping[str, int] | None = None) -> Analysis:
    """Return what a plan says; `sizes` are the bytes of its tables by name, for what a change could gain."""
    found = [
        *_shuffles(plan),
        *_unpruned(plan, sizes or {}),
        *_products(plan),
        *_spills(plan),
        *_skews(plan),
    ]
    return Analysis(plan, tuple(sorted(found, key=lambda finding: list(Priority).index(finding.priority))))


def _shuffles(plan: Plan) -> Iterator[Finding]:
    exchanges = [operator for operator in plan.root.walk() if operator.is_exchange]
    if len(exchanges) > MOST_EXCHANGES:
        rows = [operator.rows for operator in exchanges if operator.rows is not None]
        moved = f", {sum(rows):,} rows in all" if rows else ""
        yield Finding(
            Kind.PERFORMANCE,
            Priority.HIGH,
            "rows are shuffled many times: repartition by the key that most steps share, or bucket the tables by it",
            evidence=f"{len(exchanges)} exchanges{moved}: {'; '.join(operator.detail for operator in exchanges)}",
            gain=f"each exchange that goes saves writing, sending and reading all of its rows; {MOST_EXCHANGES} are usual",
        )


def _unpruned(plan: Plan, sizes: Mapping[str, int]) -> Iterator[Finding]:
    for scan in dict.fromkeys(_filtered(plan.root)):
        if scan.partition_columns:
            advice = f"filter on {' or '.join(scan.partition_columns)}, by which it is partitioned"
        else:
            advice = "it has no partitions; `podium advise` says what it is filtered by most"
        files = (
            f"{scan.files_read} of {scan.files_total} files are read"
            if scan.files_total
            else "all files are read"
        )
        groups = f", {scan.groups_read} of {scan.groups_total} row groups" if scan.groups_total else ""
        yield Finding(
            Kind.PARTITIONING,
            Priority.MEDIUM,
            f"a condition leaves out no file of {scan.table}: {advice}",
            evidence=f"{files}{groups} for {', '.join(scan.filters)}",
            gain=_pruning_gain(scan, sizes.get(scan.table)),
        )


def _filtered(operator: Operator) -> Iterator[Scan]:
    """Yield the scans of tables whose rows a condition picks, though every file is read."""
    scans = [each.scan for each in operator.walk() if each.scan]
    for scan in (one for found in scans for one in found.either or (found,)):
        if scan.table and scan.filters and not scan.leaves_out:
            yield scan


def _pruning_gain(scan: Scan, size: int | None) -> str:
    if size is not None and size < SMALL_BYTES:
        return f"little: {scan.table} is {size / 1e6:,.1f} MB, which is read at once"
    whole = f" of {size / 1e6:,.0f} MB" if size is not None else ""
    return f"up to the share{whole} that holds no row of the answer"


def _products(plan: Plan) -> Iterator[Finding]:
    for operator in plan.root.walk():
        if operator.join == Join.NESTED_LOOP and not any(_is_single(each) for each in operator.inputs):
            rows = [f"{each.rows:,}" for each in operator.inputs if each.rows is not None]
            pairs = f", {' by '.join(rows)} rows" if len(rows) > 1 else ""
            yield Finding(
                Kind.JOIN,
                Priority.HIGH,
                "a join compares every row with every other: give it an equality of two columns",
                evidence=f"{operator.name} {operator.detail}".strip() + pairs,
                gain="as many comparisons as rows, not as pairs of rows",
            )


def _is_single(operator: Operator) -> bool:
    """Return whether an operator makes one row at most: comparing each row with that is no more than a condition."""
    return operator.is_single or (operator.rows is not None and operator.rows <= 1)


def _spills(plan: Plan) -> Iterator[Finding]:
    spilled = _spilled(plan)
    if spilled:
        where = [operator.name for operator in plan.root.walk() if operator.spilled_bytes]
        yield Finding(
            Kind.MEMORY,
            Priority.MEDIUM,
            "memory was too small, so that rows went to disk and back: read fewer columns or rows, or give it more memory",
            evidence=f"{spilled / 1e6:,.1f} MB were written"
            + (f" by {', '.join(dict.fromkeys(where))}" if where else ""),
            gain=f"{2 * spilled / 1e6:,.1f} MB of disk traffic",
        )


def _spilled(plan: Plan) -> int:
    return plan.spilled_bytes + sum(operator.spilled_bytes for operator in plan.root.walk())


def _skews(plan: Plan) -> Iterator[Finding]:
    for operator in plan.root.walk():
        sizes = [size for size in operator.partition_bytes if size]
        middle = median(sizes) if sizes else 0
        uneven = bool(sizes) and max(sizes) >= SKEW_BYTES and max(sizes) > SKEW_FACTOR * middle
        if uneven or operator.split_for_skew:
            figures = (
                f", {max(sizes) / 1e6:,.0f} MB against a median of {middle / 1e6:,.0f} MB" if sizes else ""
            )
            yield Finding(
                Kind.SKEW,
                Priority.HIGH,
                "one task has much more rows than the others: aggregate before the join, or handle its most frequent key by itself",
                evidence=f"{operator.name} {operator.detail}".strip() + figures,
                gain="up to the time by which the largest task outlasts the others",
            )
