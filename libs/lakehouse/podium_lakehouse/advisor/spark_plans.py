"""Spark's plans, read from the objects of its physical plan, operator by operator; a statement's text, or the plan's, is not looked at."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from podium_lakehouse.advisor.operators import Join, Operator, Plan, Scan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

JOINS = {
    "BroadcastHashJoinExec": Join.BROADCAST_HASH,
    "ShuffledHashJoinExec": Join.SHUFFLED_HASH,
    "SortMergeJoinExec": Join.SORT_MERGE,
    "BroadcastNestedLoopJoinExec": Join.NESTED_LOOP,
    "CartesianProductExec": Join.NESTED_LOOP,
}
SKEW_JOINS = frozenset({"SortMergeJoinExec", "ShuffledHashJoinExec"})
THROUGH = frozenset(
    {"WholeStageCodegenExec", "InputAdapter", "ResultQueryStageExec", "BroadcastQueryStageExec"}
)
"""Operators that only hold another one."""
AGGREGATES = frozenset({"HashAggregateExec", "ObjectHashAggregateExec", "SortAggregateExec"})
FEWER = frozenset({"FilterExec", "ProjectExec", "BroadcastExchangeExec"})
"""Operators that hand on the rows of another one, or fewer."""
KNOWN_ROWS = "LocalTableScanExec"
"""Rows that Spark had before it planned: those of VALUES, and what Delta's statistics tell of a table."""
ALWAYS = "IsNotNull"
"""A condition that Spark adds by itself to the columns of a join."""
SPILL = "spillSize"


def spark_plan(frame: "DataFrame", tables: Mapping[str, str], *, run: bool = False) -> Plan:
    """Return the plan of a statement; `tables` are the names of tables by their URIs. `run` runs it, for the figures of the run."""
    jvm: Any = frame._jdf  # noqa: SLF001 - pyspark shows a plan as text only
    if run:
        frame.collect()
    return Plan("spark", _operator(jvm.queryExecution().executedPlan(), tables, run=run), was_run=run)


def _operator(node: Any, tables: Mapping[str, str], *, run: bool) -> Operator:
    kind = _class(node)
    held = _held(node, kind)
    if held is not None and kind != "ShuffleQueryStageExec":
        return _operator(held, tables, run=run)
    metrics = _metrics(node) if run else {}
    inputs = [held] if held is not None else list(_items(node.children()))
    if kind != "FileSourceScanExec":  # its conditions are its filter's, too
        inputs += [
            subquery.child() for subquery in _items(node.subqueries()) if _class(subquery) == "SubqueryExec"
        ]
    if kind == "ShuffleQueryStageExec":
        (inner,) = inputs
        below = _operator(inner, tables, run=run)
        return Operator(**{**vars(below), "partition_bytes": _partitions(node)})
    operators = tuple(_operator(item, tables, run=run) for item in inputs)
    return Operator(
        str(node.nodeName()).strip(),
        join=JOINS.get(kind),
        scan=_scan(node, kind, tables),
        is_exchange=kind == "ShuffleExchangeExec",
        is_single=_is_single(node, kind, operators),
        rows=metrics.get("numOutputRows", metrics.get("recordsRead")),
        spilled_bytes=metrics.get(SPILL, 0),
        split_for_skew=_splits(node, kind),
        detail=_detail(node, kind),
        inputs=operators,
    )


def _is_single(node: Any, kind: str, inputs: Sequence[Operator]) -> bool:
    if kind in AGGREGATES:
        return bool(node.groupingExpressions().isEmpty())
    if kind == KNOWN_ROWS:
        return int(node.rows().size()) <= 1
    return kind in FEWER and inputs[0].is_single


def _held(node: Any, kind: str) -> Any:
    """Return the operator that one stands for, None where it does something itself."""
    if kind == "AdaptiveSparkPlanExec":
        return node.executedPlan()
    if kind.endswith("QueryStageExec"):
        return node.plan()
    return node.child() if kind in THROUGH else None


def _scan(node: Any, kind: str, tables: Mapping[str, str]) -> Scan | None:
    if kind != "FileSourceScanExec":
        return Scan() if kind.endswith("ScanExec") else None
    location = node.relation().location()
    uri = str(location.rootPaths().head().toString()).removeprefix("file:").rstrip("/")
    conditions = [item for item in _items(node.dataFilters()) if _class(item) != ALWAYS]
    partitions = [item for item in _items(node.partitionFilters()) if _class(item) != ALWAYS]
    read = total = None
    if _class(location) == "PreparedDeltaFileIndex":
        prepared = location.preparedScan()
        read, total = (_option(size.files()) for size in (prepared.scanned(), prepared.total()))
    return Scan(
        table=tables.get(uri, tables.get(uri.replace("s3a://", "s3://"), "")),
        partition_columns=tuple(node.relation().partitionSchema().fieldNames()),
        partition_filters=tuple(_plain(item) for item in partitions),
        filters=tuple(_plain(item) for item in conditions),
        files_read=read,
        files_total=total,
    )


def _detail(node: Any, kind: str) -> str:
    if kind == "ShuffleExchangeExec":
        return str(node.outputPartitioning().toString())
    if kind in JOINS and kind != "CartesianProductExec":
        return str(node.joinType().toString())
    return ""


def _splits(node: Any, kind: str) -> bool:
    if kind in SKEW_JOINS:
        return bool(node.isSkewJoin())
    return kind == "AQEShuffleReadExec" and bool(node.hasSkewedPartition())


def _partitions(stage: Any) -> tuple[int, ...]:
    statistics = stage.mapStats()
    return tuple(statistics.get().bytesByPartitionId()) if statistics.isDefined() else ()


def _metrics(node: Any) -> dict[str, int]:
    metrics = node.metrics()
    return {str(key): int(metrics.apply(key).value()) for key in _iterated(metrics.keysIterator())}


def _plain(expression: Any) -> str:
    """Return an expression without the numbers that Spark gives to columns: `date_key#1053L`."""
    return re.sub(r"#\d+L?", "", str(expression.toString()))


def _option(value: Any) -> int | None:
    return int(value.get()) if value.isDefined() else None


def _class(node: Any) -> str:
    return str(node.getClass().getSimpleName())


def _items(sequence: Any) -> Iterator[Any]:
    return (sequence.apply(index) for index in range(sequence.size()))


def _iterated(iterator: Any) -> Iterator[Any]:
    while iterator.hasNext():
        yield iterator.next()
