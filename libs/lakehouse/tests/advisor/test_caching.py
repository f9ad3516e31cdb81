"""Which caches pay, at the reference's thresholds."""

import pytest
from podium_lakehouse.advisor.caching import Access, CacheStrategy, cache_strategy


@pytest.mark.parametrize(
    "access",
    [
        Access(),
        Access(queries_per_hour=100, data_size_mb=10),
        Access(queries_per_hour=101, data_size_mb=1_000),
        Access(queries_per_hour=50, data_size_mb=1_001),
    ],
)
def test_at_a_threshold_no_cache_pays(access: Access) -> None:
    """Nor for a table of which nothing is known."""
    assert cache_strategy(access).report() == {
        "spark_cache": False,
        "redis_cache": False,
        "delta_cache": False,
        "cache_level": None,
        "ttl": None,
    }


@pytest.mark.parametrize(
    ("access", "strategy"),
    [
        (Access(101, 999), CacheStrategy(spark_cache=True, cache_level="MEMORY_AND_DISK_SER")),
        (Access(51, 1_001), CacheStrategy(delta_cache=True)),
        (
            Access(501, 99, 9),
            CacheStrategy(spark_cache=True, redis_cache=True, cache_level="MEMORY_AND_DISK_SER", ttl=3_600),
        ),
    ],
)
def test_above_it_does(access: Access, strategy: CacheStrategy) -> None:
    """More than one may."""
    assert cache_strategy(access) == strategy
    assert (
        len(list(strategy.messages("gold.fact_sale")))
        == strategy.spark_cache + strategy.redis_cache + strategy.delta_cache
    )


@pytest.mark.parametrize("access", [Access(500, 99, 9), Access(501, 100, 9), Access(501, 99, 10)])
def test_redis_is_for_what_is_small_asked_very_often_and_rarely_changed(access: Access) -> None:
    """At each of its three thresholds it is not."""
    assert not cache_strategy(access).redis_cache
