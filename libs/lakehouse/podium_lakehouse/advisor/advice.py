"""Advice for the tables of a lakehouse: how each is asked, and what that and its data recommend."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable

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
from podium_lakehouse.delta.ordering import LEAST_BYTES
from podium_lakehouse.delta.tables import Snapshot, column_names
from podium_lakehouse.engines.duckdb import duckdb_engine
from podium_lakehouse.records.queries import Query

DAY_FORM = "%Y%m%d"
DAY = timedelta(days=1)
SETTINGS = {How.PARTITION: "`partition_by`", How.CLUSTER: "`cluster_by`", How.Z_ORDER: "`zorder_by`"}


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
    laid_out = set(opened.metadata().partition_columns)
    return replace(advice, findings=tuple(_findings(advice, laid_out, days_asked(table, DATE, queries))))


def updates_per_day(table: DeltaTable) -> float:
    """Return how often a table's rows change: commits from the first to the last that its log has, over a day at least."""
    times = [
        timedelta(milliseconds=int(str(commit["timestamp"])))
        for commit in map(said, table.history())
        if commit["operation"] != "CREATE TABLE" and not is_maintenance(commit)
    ]
    days = (max(times) - min(times)) / DAY if times else 0
    return round(len(times) / max(days, 1), 1)


def profile_of(snapshot: Snapshot, table: DeltaTable) -> Profile:
    """Return what a table's data says: its days by the statistics of its files, its countries by reading that column.

    A table with one row for each, as a dimension, has neither.
    """
    columns, rows = column_names(table), snapshot.rows()
    days = _days(table) if DATE in columns else 0
    countries = 0
    if COUNTRY in columns:
        with duckdb_engine() as engine:
            engine.offer_table("profiled", snapshot)
            ((found,),) = engine.execute(f"SELECT count(DISTINCT {COUNTRY}) FROM profiled")
            countries = int(str(found))
    return Profile(
        date_range_days=days if days < rows else 0, country_cardinality=countries if countries < rows else 0
    )


def _days(table: DeltaTable) -> int:
    actions = pa.table(table.get_add_actions(flatten=True))
    found = [
        day
        for side in ("min", "max")
        for value in (
            actions[f"{side}.{DATE}"].to_pylist() if f"{side}.{DATE}" in actions.column_names else ()
        )
        if (day := _day(value))
    ]
    return (max(found) - min(found)).days + 1 if found else 0


def _day(value: object) -> date | None:
    """Return the day of a key such as 20101231, or of a date; a key such as -1 has none."""
    if isinstance(value, date):
        return value
    try:
        return datetime.strptime(str(value), DAY_FORM).date()  # noqa: DTZ007 - a day, wherever it is
    except ValueError:
        return None


def _findings(advice: Advice, laid_out: set[str], asked: float | None) -> Iterator[Finding]:
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
            f"{how} {advice.table} by {column}: {SETTINGS[how]} in its model",
            evidence="; ".join(shown),
            gain=_little(advice) if small else _gain(advice, column, asked),
        )
    yield from _cached(advice)


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
