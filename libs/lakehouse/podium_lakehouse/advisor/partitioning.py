"""By which columns to lay a table out: told by how often queries filter by them, and by what the columns hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from podium_lakehouse.advisor.patterns import Pattern

PARTITION_RANKS, PARTITION_SHARE = slice(0, 2), 0.3
CLUSTER_RANKS, CLUSTER_SHARE = slice(2, 5), 0.2
DATE, COUNTRY, CUSTOMER = "date_key", "country_key", "customer_key"
"""Columns of the star schema."""
MOST_DAYS, MOST_COUNTRIES, CUSTOMER_SHARE = 90, 10, 0.3


class How(StrEnum):
    """A way to lay out a table."""

    PARTITION = "partition"
    CLUSTER = "cluster"
    Z_ORDER = "Z-order"


@dataclass(frozen=True)
class Suggestion:
    """A way to lay out a table by a column, and why."""

    how: How
    column: str
    reason: str


@dataclass(frozen=True)
class Partitioning:
    """What the filters of queries recommend."""

    recommended_partition_columns: tuple[str, ...]
    recommended_clustering_columns: tuple[str, ...]
    reasoning: tuple[str, ...]
    """One sentence for each partition column."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """The share of queries that filter by each column, 0 to 1."""

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        """The same as suggestions."""
        by_how = {
            How.PARTITION: self.recommended_partition_columns,
            How.CLUSTER: self.recommended_clustering_columns,
        }
        return tuple(
            Suggestion(how, column, f"{self.shares[column]:.1%} of the queries filter by it")
            for how, columns in by_how.items()
            for column in columns
        )

    def report(self) -> dict[str, object]:
        """Return it under the reference's names."""
        return {
            "recommended_partition_columns": list(self.recommended_partition_columns),
            "recommended_clustering_columns": list(self.recommended_clustering_columns),
            "reasoning": list(self.reasoning),
        }


def by_filters(patterns: Sequence[Pattern]) -> Partitioning:
    """Return what the filters of queries recommend.

    Of the two columns that are filtered most those in over 30 % of all queries as partitions, of the next three those in over 20 % for
    clustering. A query that filters by nothing counts as one, too.
    """
    counts: Counter[str] = Counter()
    for pattern in patterns:
        counts.update(dict.fromkeys(pattern.where_columns, pattern.frequency))
    total = sum(pattern.frequency for pattern in patterns)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    partitions = [item for item in ranked[PARTITION_RANKS] if item[1] > PARTITION_SHARE * total]
    clusters = [item for item in ranked[CLUSTER_RANKS] if item[1] > CLUSTER_SHARE * total]
    return Partitioning(
        tuple(column for column, _ in partitions),
        tuple(column for column, _ in clusters),
        tuple(
            f"Column '{column}' is filtered in {count} queries ({count / total * 100:.1f}%)"
            for column, count in partitions
        ),
        {column: count / total for column, count in ranked},
    )


@dataclass(frozen=True)
class Profile:
    """What is known of a table's data and of its queries; a figure that is not known counts as 0."""

    date_range_days: int = 0
    """From the first to the last day of `date_key`, both counted."""
    country_cardinality: int = 0
    """Different values of `country_key`."""
    customer_query_frequency: float = 0.0
    """Share of the queries that filter or join by `customer_key`, 0 to 1."""


@dataclass(frozen=True)
class Layout:
    """What a profile recommends."""

    suggestions: tuple[Suggestion, ...]

    def report(self) -> dict[str, object]:
        """Return it under the reference's names."""
        return {
            "partition_columns": self._columns(How.PARTITION),
            "cluster_columns": self._columns(How.CLUSTER),
            "z_order_columns": self._columns(How.Z_ORDER),
            "reasons": [suggestion.reason for suggestion in self.suggestions],
        }

    def _columns(self, how: How) -> list[str]:
        return [suggestion.column for suggestion in self.suggestions if suggestion.how == how]


def by_profile(profile: Profile) -> Layout:
    """Return what a profile recommends, with a reason for each suggestion."""
    days, countries = profile.date_range_days, profile.country_cardinality
    customers = profile.customer_query_frequency
    suggestions = []
    if days > MOST_DAYS:
        suggestions.append(Suggestion(How.PARTITION, DATE, f"the dates span {days:,} days"))
    if countries > MOST_COUNTRIES:
        suggestions.append(Suggestion(How.CLUSTER, COUNTRY, f"there are {countries:,} countries"))
    if customers > CUSTOMER_SHARE:
        suggestions.append(
            Suggestion(How.Z_ORDER, CUSTOMER, f"{customers:.0%} of the queries ask by customer")
        )
    return Layout(tuple(suggestions))
