"""Which caches pay for a table, by the reference's thresholds: how often it is asked, how large it is, how often it changes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

SPARK_QUERIES, SPARK_MB = 100, 1_000
REDIS_QUERIES, REDIS_MB, REDIS_UPDATES = 500, 100, 10
DELTA_QUERIES, DELTA_MB = 50, 1_000
"""More queries an hour than this; smaller, for Delta's cache larger, than so many MB; fewer updates a day."""
SPARK_LEVEL = "MEMORY_AND_DISK_SER"
REDIS_SECONDS = 3_600


@dataclass(frozen=True)
class Access:
    """How a table is used; what is not known counts as 0."""

    queries_per_hour: float = 0
    data_size_mb: float = 0
    updates_per_day: float = 0


@dataclass(frozen=True)
class CacheStrategy:
    """The caches that pay, more than one perhaps: Spark's with its storage level, Redis with seconds to live, Delta's on local disks."""

    spark_cache: bool = False
    redis_cache: bool = False
    delta_cache: bool = False
    cache_level: str | None = None
    ttl: int | None = None

    def report(self) -> dict[str, object]:
        """Return it under the reference's names."""
        return asdict(self)

    def messages(self, table: str) -> Iterator[str]:
        """Yield what to do, a sentence for each cache."""
        if self.spark_cache:
            yield f"keep {table} in Spark's cache, at {self.cache_level}, in a session that asks it often"
        if self.redis_cache:
            yield f"serve {table} from Redis, for {self.ttl:,} s at a time"
        if self.delta_cache:
            yield f"keep the files of {table} on local disks of those who ask it (Delta's disk cache)"


def cache_strategy(access: Access) -> CacheStrategy:
    """Return the caches that pay for a table."""
    asked, size = access.queries_per_hour, access.data_size_mb
    in_spark = asked > SPARK_QUERIES and size < SPARK_MB
    in_redis = asked > REDIS_QUERIES and size < REDIS_MB and access.updates_per_day < REDIS_UPDATES
    return CacheStrategy(
        spark_cache=in_spark,
        redis_cache=in_redis,
        delta_cache=asked > DELTA_QUERIES and size > DELTA_MB,
        cache_level=SPARK_LEVEL if in_spark else None,
        ttl=REDIS_SECONDS if in_redis else None,
    )
