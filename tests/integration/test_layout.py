"""A Gold table's files lie as its model declares, on both engines, and its rows are the same however they lie."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from podium import host
from podium.opening import open_pipeline
from podium_contracts.errors import ModelFailed
from podium_contracts.events.v1 import LayerCompleted
from podium_contracts.names import EngineName
from podium_lakehouse.delta import ordering
from podium_model.layout import Partitioning
from podium_runtime.requests import request

from tests.integration.test_gold import BY_TOWN, PIPELINE, Stall

LAID_OUT = """{{ config(
  unique_key='id', affect_key='id', affected_from={'sales': 'id'}, partition_by=PARTITIONS, cluster_by=['town', 'price'],
  zorder_by=['price'],
) }}
select id, town, price, day, {{ podium.run_time() }} as created_at, {{ podium.run_time() }} as updated_at
from {{ source('silver', 'sales') }}
{% if podium.incremental() %}where id in {{ podium.affected() }}{% endif %}
"""
MONTHLY = "{'field': 'day', 'data_type': 'date', 'granularity': 'month', 'least_mb': 0}"
SEVERAL = (
    "a,1,Wells,9.00,2010-01-05",
    "b,1,Bath,2.00,2010-01-31",
    "c,1,BTH,1.00,2010-02-01",
    "d,1,Bath,4.00,",
)
ENGINES = [EngineName.DUCKDB, pytest.param(EngineName.SPARK, marks=[pytest.mark.spark, pytest.mark.slow])]


class LaidOut(Stall):
    """The stall, whose fact has a day and declares a layout."""

    def __init__(self, folder: Path, partitions: str = MONTHLY) -> None:
        super().__init__(folder)
        dated = PIPELINE.replace("      standardise", "        day: {type: date}\n      standardise")
        (folder / "pipeline.yaml").write_text(dated)
        self.declare(partitions)
        self.write("by_town.sql", BY_TOWN)

    def declare(self, partitions: str) -> None:
        self.write("fact.sql", LAID_OUT.replace("PARTITIONS", partitions))

    def run(self, *lines: str, engine: EngineName = EngineName.DUCKDB) -> host.Outcome:
        """Deliver a file and run on an engine."""
        number = len(list((self.folder / "in").iterdir()))
        (self.folder / "in" / f"{number}.csv").write_text("\n".join(["id,at,town,price,day", *lines]) + "\n")
        opened = open_pipeline(self.folder / "pipeline.yaml")
        lakehouse = replace(opened.lakehouse, engine=engine)
        return host.run(opened.pipeline, lakehouse, request(opened.pipeline))

    @property
    def fact(self) -> DeltaTable:
        return DeltaTable(str(self.folder / "lakehouse" / "gold" / "fact"))

    def months(self) -> dict[str, list[str | None]]:
        """Return the keys of the fact by their month."""
        rows = sorted(self.fact.to_pyarrow_table().to_pylist(), key=lambda row: row["id"])
        found: dict[str, list[str | None]] = {}
        for row in rows:
            found.setdefault(str(row["day_month"]), []).append(row["id"])
        return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_is_partitioned_by_month(tmp_path: Path, engine: EngineName) -> None:
    """A row lies in the folder of its month, follows it when its day is corrected, and what reads the table finds all rows."""
    stall = LaidOut(tmp_path / "stall")
    stall.run(*SEVERAL, engine=engine)
    assert stall.fact.metadata().partition_columns == ["day_month"]
    assert stall.months() == {"2010-01-01": ["a", "b"], "2010-02-01": ["c"], "None": ["d"]}
    january = stall.fact.file_uris(file_pruning_predicate="day_month = '2010-01-01'")
    assert january
    assert all("day_month=2010-01-01" in uri for uri in january)
    stall.run("b,2,Bath,3.00,2010-02-03", "e,2,Wells,1.00,2010-03-01", engine=engine)
    assert stall.months() == {
        "2010-01-01": ["a"],
        "2010-02-01": ["b", "c"],
        "2010-03-01": ["e"],
        "None": ["d"],
    }
    assert stall.prices() == {"Wells": 10.0, "Bath": 8.0}


def test_a_changed_model_keeps_its_partitions(tmp_path: Path) -> None:
    """A project that changes makes its rows anew, in the partitions that the table has."""
    stall = LaidOut(tmp_path / "stall")
    stall.run(*SEVERAL)
    stall.write(
        "fact.sql", LAID_OUT.replace("PARTITIONS", MONTHLY).replace("id, town", "id, upper(town) as town")
    )
    stall.run("e,2,Wells,1.00,2010-03-01")
    assert set(stall.months()) == {"2010-01-01", "2010-02-01", "2010-03-01", "None"}
    assert {row["town"] for row in stall.gold("fact").values()} == {"BATH", "WELLS"}


def test_small_partitions_are_refused_with_a_reason(tmp_path: Path) -> None:
    """A table whose partitions would be small is made without them, and the completion says why; later runs do not repeat it."""
    stall = LaidOut(tmp_path / "stall", "{'field': 'day', 'granularity': 'day'}")
    notes = [
        event.data.notes
        for event in stall.run(*SEVERAL).fresh
        if isinstance(event.data, LayerCompleted) and event.data.layer == "gold"
    ]
    assert stall.fact.metadata().partition_columns == []
    reason = (
        "gold.fact is not partitioned by day of day: 3 partitions would hold 0 MB each, "
        "and 128 MB is the least that pays"
    )
    assert notes == [(reason,)]
    again = stall.run("e,2,Wells,1.00,2010-03-01").fresh
    assert not any(event.data.notes for event in again if isinstance(event.data, LayerCompleted))


def test_partitions_of_128_mb_are_made() -> None:
    """The size that decides is the mean of the partitions."""
    monthly = Partitioning("sold_at", "month")
    assert monthly.column == "sold_at_month"
    assert monthly.refusal("gold.fact", 256_000_000, 2) is None
    assert monthly.refusal("gold.fact", 255_999_999, 2) is not None


@pytest.mark.parametrize(
    "declared", ["'day'", "{'granularity': 'day'}", "{'field': 'day', 'granularity': 'hour'}"]
)
def test_partitions_of_another_form_are_named(tmp_path: Path, declared: str) -> None:
    """A declaration that Podium cannot read is an error with the file and what would be right."""
    stall = LaidOut(tmp_path / "stall", declared)
    with pytest.raises(ModelFailed, match=r"fact.sql: partition_by is"):
        stall.run(*SEVERAL)


def test_rows_are_written_in_the_declared_order(tmp_path: Path) -> None:
    """`cluster_by` is the order of the rows that a build writes."""
    stall = LaidOut(tmp_path / "stall", "none")
    stall.run(*SEVERAL)
    rows = stall.fact.to_pyarrow_table().to_pylist()
    assert [row["id"] for row in rows] == ["c", "b", "d", "a"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_large_table_is_z_ordered_while_enough_of_it_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    """A build Z-orders a table of some size once a fifth of its rows are new; the completion names the ordered version."""
    stall = LaidOut(tmp_path / "stall", "none")
    stall.run(*SEVERAL, engine=engine)
    assert not any(_is_ordered(stall))
    monkeypatch.setattr(ordering, "LEAST_BYTES", 0)
    outcome = stall.run("e,2,Wells,1.00,", "f,2,Wells,1.00,", engine=engine)
    assert next(_is_ordered(stall))
    gold = next(
        e.data for e in outcome.fresh if isinstance(e.data, LayerCompleted) and e.data.layer == "gold"
    )
    versions = {table.name: table.to_version for table in gold.tables}
    assert versions["gold.fact"] == stall.fact.version()
    stall.run("g,3,Wells,1.00,", engine=engine)
    assert not next(_is_ordered(stall))
    assert sorted(stall.gold("fact")) == list("abcdefg")
    assert stall.prices() == {"Wells": 12.0, "Bath": 7.0}


def _is_ordered(stall: LaidOut) -> Iterator[bool]:
    """Whether each commit Z-ordered the table, the last one first."""
    return map(ordering.is_ordering, stall.fact.history())


BY_MONTH = """{{ config(
  unique_key=['town', 'month'], affect_key='month', affected_from={'sales': 'cast(month(day) as integer)'}, file_rows=2,
) }}
select cast(month(day) as integer) as month, town, cast(sum(price) as decimal(20,3)) as price, count(*) as lines
from {{ source('silver', 'sales') }}
{% if podium.incremental() %}where cast(month(day) as integer) in {{ podium.affected() }}{% endif %}
group by 1, 2
"""


def _by_file(table: DeltaTable) -> dict[str, list[int]]:
    """Return the months of each of a table's files."""
    return {uri: sorted(pq.read_table(uri)["month"].to_pylist()) for uri in table.file_uris()}


def test_news_of_some_keys_leaves_the_files_of_others(tmp_path: Path) -> None:
    """A table of many rows is written in ranges of affected keys, and a merge writes only the files of those with news."""
    stall = LaidOut(tmp_path / "stall", "none")
    stall.write("by_month.sql", BY_MONTH)
    months = [(number, town) for number in range(1, 9) for town in ("Bath", "Wells")]
    stall.run(*(f"{number}{town},1,{town},1.00,2010-{number:02}-01" for number, town in months))
    table = DeltaTable(str(tmp_path / "stall" / "lakehouse" / "gold" / "by_month"))
    before = _by_file(table)
    assert sorted(before.values()) == [[number, number] for number in range(1, 9)]
    stall.run("8Bath,2,Bath,5.00,2010-08-02", "9Wells,2,Wells,7.00,2010-09-03")
    table.update_incremental()
    after = _by_file(table)
    kept = {uri: held for uri, held in before.items() if held != [8, 8]}
    assert kept.items() <= after.items()
    assert not (before.keys() - kept.keys()) & after.keys()
    rows = {(row["month"], row["town"]): float(row["price"]) for row in table.to_pyarrow_table().to_pylist()}
    assert rows == dict.fromkeys(months, 1.0) | {(8, "Bath"): 5.0, (9, "Wells"): 7.0}
