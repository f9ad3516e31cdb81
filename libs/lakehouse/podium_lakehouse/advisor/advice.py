"""Advice for the tables of a lakehouse: how each is asked, and what that and its data recommend."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable
from podium_contracts.names import Layer

from podium_lakehouse.advisor.caching import Access, CacheStrategy, cache_strategy
from podium_lakehouse.advisor.findings import Finding, Kind, Priority
from podium_lakehouse.advisor.partitioning import (
    COUNTRY,
    CUSTOMER,
    DATE,
    How,
    Layout,
    Partitioning,
    Profile,
    by_filters,
    by_profile,
)
from podium_lakehouse.advisor.patterns import Patterns, days_asked, patterns_of, share_by
from podium_lakehouse.delta.commits import is_maintenance, said
from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.ordering import LEAST_BYTES
from podium_lakehouse.delta.tables import Snapshot, column_names
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.records.queries import Query

DAY_FORM = "%Y%m%d"
DAY = timedelta(days=1)
PARTITIONS, ORDER = "`partition_by` in its model", "`cluster_by` in its model"
SETTINGS = {How.PARTITION: PARTITIONS, How.CLUSTER: ORDER, How.Z_ORDER: "`zorder_by` in its model"}


@dataclass(frozen=True)
class Advice:
    """What is known of a table, and what it recommends."""

    table: str
    size_bytes: int
    files: int
    patterns: Patterns
    profile: Profile
    partitioning: Partitioning
    layout: Layout
    access: Access
    findings: tuple[Finding, ...] = ()

    @property
    def caches(self) -> CacheStrategy:
        """The caches that pay."""
        return cache_strategy(self.access)

    def report(self) -> dict[str, object]:
        """Return it under the reference's names."""
        return {
            "table": self.table,
            "bytes": self.size_bytes,
            "files": self.files,
            "queries": self.patterns.queries,
            **self.patterns.report(),
            "data_profile": vars(self.profile),
            **self.partitioning.report(),
            **self.layout.report(),
            "access_patterns": vars(self.access),
            "cache_strategy": self.caches.report(),
            "recommendations": [finding.report() for finding in self.findings],
        }


def advise(table: str, snapshot: Snapshot, queries: Sequence[Query]) -> Advice:
    """Return the advice for a table at a version, from the queries of the lakehouse."""
    opened = snapshot.open()
    sizes = pa.table(opened.get_add_actions(flatten=True))["size_bytes"].to_pylist()
    patterns = patterns_of(table, queries)
    profile = replace(
        profile_of(snapshot, opened), customer_query_frequency=share_by(table, CUSTOMER, queries)
    )
    access = Access(patterns.query_volume_per_hour, round(sum(sizes) / 1e6, 1), updates_per_day(opened))
    advice = Advice(
        table,
        sum(sizes),
        len(sizes),
        patterns,
        profile,
        by_filters(patterns.filters),
        by_profile(profile),
        access,
    )
    asked = days_asked(table, DATE, queries)
    return replace(advice, findings=tuple(_findings(advice, opened, asked)))


def updates_per_day(table: DeltaTable) -> float:
    """Return how often a table's rows change: commits from the first to the last that its log has, over a day at least."""
    times = [
        timedelta(milliseconds=int(str(commit["timestamp"])))
        for commit in map(said, history_of(table))
        if commit["operation"] != "CREATE TABLE" and not is_maintenance(commit)
    ]
    days = (max(times) - min(times)) / DAY if times else 0
    return round(len(times) / max(days, 1), 1)


def profile_of(snapshot: Snapshot, table: DeltaTable) -> Profile:
    """Return what a table's data says: the days that `date_key` spans and the number of its countries, by reading these columns.

    A table with one row for each, as a dimension, has neither.
    """
    columns, rows = {DATE, COUNTRY}.intersection(column_names(table)), snapshot.rows()
    with duckdb_engine() as engine:
        engine.offer_table("profiled", snapshot)
        found = {
            column: [value for (value,) in engine.execute(f"SELECT DISTINCT {column} FROM profiled")]
            for column in columns
        }
    shared = {column: values for column, values in found.items() if len(values) < rows}
    days = [day for value in shared.get(DATE, ()) if (day := _day(value))]
    return Profile(
        date_range_days=(max(days) - min(days)).days + 1 if days else 0,
        country_cardinality=len(shared.get(COUNTRY, ())),
    )


def _day(value: object) -> date | None:
    """Return the day of a key such as 20101231, or of a date; a key such as -1 has none."""
    if isinstance(value, date):
        return value
    try:
        return datetime.strptime(str(value).zfill(8), DAY_FORM).date()  # noqa: DTZ007 - a day, wherever it is
    except ValueError:
        return None


def _findings(advice: Advice, table: DeltaTable, asked: float | None) -> Iterator[Finding]:
    laid_out, moments = table.metadata().partition_columns, _moments(table)
    reasons: dict[tuple[How, str], list[str]] = defaultdict(list)
    for suggestion in (*advice.partitioning.suggestions, *advice.layout.suggestions):
        reasons[suggestion.how, suggestion.column].append(suggestion.reason)
    small = advice.size_bytes < LEAST_BYTES
    for (how, column), shown in reasons.items():
        if how == How.PARTITION and any(name == column or name.startswith(f"{column}_") for name in laid_out):
            continue
        yield Finding(
            Kind.PARTITIONING if how == How.PARTITION else Kind.CLUSTERING,
            Priority.LOW if small else Priority.MEDIUM,
            f"{how} {advice.table} by {column}: {_where(advice.table, how, column, moments)}",
            evidence="; ".join(shown),
            gain=_little(advice) if small else _gain(advice, column, asked),
        )
    yield from _cached(advice)


def _moments(table: DeltaTable) -> set[str]:
    """Return the columns that a table can be partitioned by: dates and timestamps."""
    return {field.name for field in pa.schema(table.schema().to_arrow()) if pa.types.is_temporal(field.type)}


def _where(table: str, how: How, column: str, moments: set[str]) -> str:
    """Return where a way to lie is declared: partitions are days or months, and only Gold has models."""
    if not table.startswith(f"{Layer.GOLD}."):
        return "in a Gold model that is made for these queries"
    if how != How.PARTITION or column in moments:
        return SETTINGS[how]
    if column == DATE:
        return f"{PARTITIONS}, over a column with the date itself"
    return f"{ORDER}, as partitions are days or months"


def _cached(advice: Advice) -> Iterator[Finding]:
    access = advice.access
    for message in advice.caches.messages(advice.table):
        yield Finding(
            Kind.CACHING,
            Priority.LOW,
            message,
            evidence=f"{access.queries_per_hour:,g} queries an hour, {access.data_size_mb:,g} MB, {access.updates_per_day:,g} updates a day",
            gain=f"up to {advice.patterns.avg_query_latency_ms:,g} ms of each query, as far as reading is what takes them",
        )


def _little(advice: Advice) -> str:
    size = f"{advice.size_bytes / 1e6:,.1f} MB in {advice.files} file{'' if advice.files == 1 else 's'}"
    return f"little as long as it is {size}: below {LEAST_BYTES / 1e6:.0f} MB there is not much to leave out"


def _gain(advice: Advice, column: str, asked: float | None) -> str:
    size, days = f"{advice.size_bytes / 1e6:,.0f} MB", advice.profile.date_range_days
    if column == DATE and asked and days:
        left_out = max(1 - asked / days, 0)
        return f"queries ask for {asked:,.0f} of {days:,} days on average: about {left_out:.0%} of {size} is left out"
    share = advice.partitioning.shares.get(column)
    whose = "queries that ask by it" if share is None else f"{share:.0%} of the queries"
    return f"{whose} read only the files that hold what they ask for, of {size}"
