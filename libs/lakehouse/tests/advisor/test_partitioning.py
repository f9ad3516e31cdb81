"""Recommendations of the reference's query optimiser and of its Gold optimiser, at their thresholds."""

import pytest
from podium_lakehouse.advisor.partitioning import Profile, by_filters, by_profile
from podium_lakehouse.advisor.patterns import Pattern


def test_columns_count_by_the_frequency_of_their_patterns() -> None:
    """A pattern without a frequency counts one, one without columns only among all queries."""
    found = by_filters([Pattern(("a", "b"), 6), Pattern(("b",)), Pattern((), 3)])
    assert found.shares == {"b": 0.7, "a": 0.6}
    assert found.recommended_partition_columns == ("b", "a")
    assert found.reasoning == (
        "Column 'b' is filtered in 7 queries (70.0%)",
        "Column 'a' is filtered in 6 queries (60.0%)",
    )


@pytest.mark.parametrize(("queries", "recommended"), [(30, ()), (31, ("a",))])
def test_partitions_are_in_over_30_percent_of_the_queries(queries: int, recommended: tuple[str, ...]) -> None:
    """Not in exactly so many."""
    found = by_filters([Pattern(("a",), queries), Pattern((), 100 - queries)])
    assert found.recommended_partition_columns == recommended
    assert len(found.reasoning) == len(recommended)


@pytest.mark.parametrize(("queries", "recommended"), [(20, ()), (21, ("c",))])
def test_clusters_are_in_over_20_percent_of_the_queries(queries: int, recommended: tuple[str, ...]) -> None:
    """Of the third to the fifth column."""
    found = by_filters([Pattern(("a", "b"), 100 - queries), Pattern(("a", "b", "c"), queries)])
    assert found.recommended_partition_columns == ("a", "b")
    assert found.recommended_clustering_columns == recommended


def test_ranks_decide_before_shares() -> None:
    """Two are the most partitions, three the most clusters, however often others are filtered; ties go by name."""
    found = by_filters([Pattern(tuple("gfedcba"), 10)])
    assert found.report() == {
        "recommended_partition_columns": ["a", "b"],
        "recommended_clustering_columns": ["c", "d", "e"],
        "reasoning": [f"Column '{name}' is filtered in 10 queries (100.0%)" for name in "ab"],
    }


def test_no_queries_recommend_nothing() -> None:
    """Without a division by nothing."""
    assert by_filters([]).report() == {
        "recommended_partition_columns": [],
        "recommended_clustering_columns": [],
        "reasoning": [],
    }


@pytest.mark.parametrize(
    ("below", "above", "list_of", "column"),
    [
        ({"date_range_days": 90}, {"date_range_days": 91}, "partition_columns", "date_key"),
        ({"country_cardinality": 10}, {"country_cardinality": 11}, "cluster_columns", "country_key"),
        (
            {"customer_query_frequency": 0.3},
            {"customer_query_frequency": 0.31},
            "z_order_columns",
            "customer_key",
        ),
    ],
)
def test_a_profile_recommends_above_its_thresholds(
    below: dict[str, float], above: dict[str, float], list_of: str, column: str
) -> None:
    """Each with one reason; what is not known counts as 0."""
    nothing = {"partition_columns": [], "cluster_columns": [], "z_order_columns": [], "reasons": []}
    assert by_profile(Profile()).report() == by_profile(Profile(**below)).report() == nothing  # type: ignore[arg-type]
    found = by_profile(Profile(**above)).report()  # type: ignore[arg-type]
    assert found[list_of] == [column]
    assert isinstance(found["reasons"], list)
    assert len(found["reasons"]) == 1
