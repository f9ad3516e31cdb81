"""Gold is committed whole or not at all, and a model that could not be kept right is refused."""

from pathlib import Path

import pytest
from deltalake import DeltaTable
from podium import host
from podium.opening import open_pipeline
from podium_contracts.errors import LedgerImbalance, ModelFailed, TerminalError
from podium_contracts.events.v1 import LayerCompleted
from podium_model.project import DbtProject, _parsed
from podium_runtime.requests import request

PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: stall}
spec:
  lakehouse: {uri: lakehouse}
  lookups:
    towns: {path: towns.csv, key: variant, value: town}
  datasets:
    sales:
      sources: [{files: {path: in/*.csv}}]
      columns:
        id: {type: string}
        at: {type: integer}
        town: {type: string}
        price: {type: "decimal(9,2)"}
      standardise: {town: {lookup: towns}}
      duplicates: {keys: [id], order: [at]}
  model: {dbt: dbt}
"""
PROJECT = """
name: stall
version: "1.0.0"
profile: podium
model-paths: [models]
models: {stall: {+materialized: podium_delta}}
"""
SOURCES = """
sources:
  - {name: silver, schema: "{{ target.schema }}", tables: [{name: sales}]}
  - {name: lookup, schema: "{{ target.schema }}", tables: [{name: towns}]}
"""
FACT = """{{ config(unique_key='id', affect_key='id', affected_from={'sales': 'id'}) }}
select id, town, price, {{ podium.run_time() }} as created_at, {{ podium.run_time() }} as updated_at
from {{ source('silver', 'sales') }}
{% if podium.incremental() %}where id in {{ podium.affected() }}{% endif %}
"""
BY_TOWN = """{{ config(
  unique_key='town_key', affect_key='town', affected_from={'fact': 'town'},
  control_totals={'price': {'this': 'sum(price)', 'from': 'fact', 'equals': 'sum(price)'}},
) }}
select {{ podium.hash60('town') }} as town_key, town, cast(sum(price) as decimal(20,3)) as price
from {{ ref('fact') }}
{% if podium.incremental() %}where town in {{ podium.affected() }}{% endif %}
group by town
"""
DAY_ONE = ("a,1,Bath,1.00", "b,1,Wells,2.00", "c,1,BTH,4.00")


class Stall:
    """A pipeline with two small models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("in", "dbt/models"):
            (folder / name).mkdir(parents=True)
        (folder / "pipeline.yaml").write_text(PIPELINE)
        (folder / "towns.csv").write_text("variant,town\nBath,Bath\nBTH,Bath\nWells,Wells\n")
        (folder / "dbt" / "dbt_project.yml").write_text(PROJECT)
        self.write("schema.yml", SOURCES)
        self.write("fact.sql", FACT)
        self.write("by_town.sql", BY_TOWN)

    def write(self, model: str, text: str) -> None:
        (self.folder / "dbt" / "models" / model).write_text(text)

    def deliver(self, *lines: str) -> None:
        """Put one more file where the pipeline looks for it."""
        number = len(list((self.folder / "in").iterdir()))
        (self.folder / "in" / f"{number}.csv").write_text("\n".join(["id,at,town,price", *lines]) + "\n")

    def run(self, *lines: str) -> host.Outcome:
        """Deliver a file, if there are lines, and run."""
        if lines:
            self.deliver(*lines)
        opened = open_pipeline(self.folder / "pipeline.yaml")
        return host.run(opened.pipeline, opened.lakehouse, request(opened.pipeline))

    def gold(self, table: str) -> dict[str, dict[str, object]]:
        """Return a table's rows by their first text column."""
        rows = DeltaTable(str(self.folder / "lakehouse" / "gold" / table)).to_pyarrow_table().to_pylist()
        return {row["id" if table == "fact" else "town"]: row for row in rows}

    def versions(self) -> dict[str, int]:
        """Return the version of every Gold table there is."""
        folders = sorted((self.folder / "lakehouse" / "gold").glob("*/_delta_log"))
        return {log.parent.name: DeltaTable(str(log.parent)).version() for log in folders}

    def prices(self) -> dict[str, float]:
        return {town: float(str(row["price"])) for town, row in self.gold("by_town").items()}


@pytest.fixture
def stall(tmp_path: Path) -> Stall:
    return Stall(tmp_path / "stall")


def completed(outcome: host.Outcome) -> list[str]:
    """Return the layers that a run completed."""
    return [event.data.layer for event in outcome.fresh if isinstance(event.data, LayerCompleted)]


def data_files(stall: Stall) -> list[Path]:
    return list((stall.folder / "lakehouse" / "gold").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("unique_key='town_key', ", "by_town.sql: the model sets no unique_key"),
        ("affect_key='town', ", "by_town.sql: the model sets no affect_key"),
        ("affected_from={'fact': 'town'},", "by_town.sql: the model sets no affected_from"),
    ],
    ids=["unique_key", "affect_key", "affected_from"],
)
def test_a_model_without_a_setting_is_named(stall: Stall, setting: str, named: str) -> None:
    """What Podium must know of a model and the model does not say is an error with the file and the setting."""
    assert setting in BY_TOWN
    stall.write("by_town.sql", BY_TOWN.replace(setting, ""))
    with pytest.raises(ModelFailed, match=named):
        stall.run(*DAY_ONE)
    assert stall.versions() == {}


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (
            "'this': 'sum(price)'",
            "'this': 'sum(prise)'",
            r'sum\(prise\) over stage__by_town: .*"prise" not found',
        ),
        ("'from': 'fact'", "'from': 'facts'", r"sum\(price\) over facts: .*facts does not exist"),
        ("'equals': 'sum(price)'", "'equals': 'sum(town)'", r"sum\(town\) over fact: .*sum\(VARCHAR\)"),
        ("'equals': 'sum(price)'", "'equals': 'max(town)'", r"max\(town\) over fact gives Wells: no number"),
    ],
    ids=["an unknown column", "an unknown table", "a sum of texts", "no number"],
)
def test_a_control_total_that_cannot_be_computed_is_named(
    stall: Stall, right: str, wrong: str, words: str
) -> None:
    """With its model and what the engine says of it; nothing is committed, and nothing left behind."""
    assert right in BY_TOWN
    stall.write("by_town.sql", BY_TOWN.replace(right, wrong))
    with pytest.raises(ModelFailed, match=f"model by_town: no control total: {words}") as caught:
        stall.run(*DAY_ONE)
    assert "\n" not in str(caught.value)
    assert "control_totals in the model's config()" in caught.value.hint
    assert (stall.versions(), data_files(stall)) == ({}, [])


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (
            "'equals': 'sum(price)'",
            "",
            "by_town.sql: control total price is {'this': 'sum.price.', 'from': 'fact'",
        ),
        (
            "unique_key='town_key'",
            "unique_key='key'",
            "model by_town: unique_key names key, which the model does",
        ),
        (
            "unique_key=",
            "zorder_by=['x', 'town'], unique_key=",
            "model by_town: zorder_by names x, which the model",
        ),
        (
            "unique_key=",
            "partition_by={'field': 'day'}, unique_key=",
            "model by_town: partition_by names day, which",
        ),
    ],
    ids=["a control total", "unique_key", "zorder_by", "partition_by"],
)
def test_a_setting_that_the_model_does_not_bear_out_is_named(
    stall: Stall, right: str, wrong: str, words: str
) -> None:
    """Before any table is committed."""
    stall.write("by_town.sql", BY_TOWN.replace(right, wrong))
    with pytest.raises(ModelFailed, match=words):
        stall.run(*DAY_ONE)
    assert (stall.versions(), data_files(stall)) == ({}, [])


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        ("references: {by_town: {twon: sales.town}}", '"twon" not found'),
        ("thresholds: {by_town: {town_lag_hours: {type: maximum, value: 1}}}", "VARCHAR"),
    ],
    ids=["a reference of no column", "how old a text is"],
)
def test_what_is_asked_of_gold_and_is_not_there_is_an_error(stall: Stall, quality: str, words: str) -> None:
    """Of the table, with what the engine says and where to correct it: no verdict can be given."""
    file = stall.folder / "pipeline.yaml"
    file.write_text(f"{file.read_text().rstrip()}\n  quality: {{{quality}}}\n")
    with pytest.raises(TerminalError, match=f"gold.by_town cannot be measured: .*({words})") as caught:
        stall.run(*DAY_ONE)
    assert "correct by_town in quality.references and quality.thresholds" in caught.value.hint


def test_a_control_total_is_of_a_source_that_has_the_key_in_other_columns(stall: Stall) -> None:
    """Its affected rows are found by the expression of `affected_from`, also by an increment."""
    stall.write(
        "by_initial.sql",
        """{{ config(
          unique_key='initial', affect_key='initial', affected_from={'sales': 'left(town, 1)'},
          control_totals={'price': {'this': 'sum(price)', 'from': 'sales', 'equals': 'sum(price)'}},
        ) }}
        select left(town, 1) as initial, cast(sum(price) as decimal(20,3)) as price
        from {{ source('silver', 'sales') }}
        {% if podium.incremental() %}where left(town, 1) in {{ podium.affected() }}{% endif %}
        group by left(town, 1)
        """,
    )
    stall.run(*DAY_ONE)
    stall.run("d,1,Wells,3.00")
    rows = DeltaTable(str(stall.folder / "lakehouse/gold/by_initial")).to_pyarrow_table().to_pylist()
    assert {row["initial"]: float(row["price"]) for row in rows} == {"B": 5.0, "W": 5.0}


def test_a_project_is_parsed_once(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later build takes what an earlier one has parsed, as good as new (ephemeral models are marked as injected), until the project changes."""
    commands: list[str] = []
    invoke = DbtProject._invoke
    monkeypatch.setattr(
        DbtProject, "_invoke", lambda self, command: commands.append(command) or invoke(self, command)
    )
    stall.write(
        "priced.sql", "{{ config(materialized='ephemeral') }} select town, price from {{ ref('fact') }}"
    )
    stall.write("by_town.sql", BY_TOWN.replace("from {{ ref('fact') }}", "from {{ ref('priced') }}"))
    stall.run(*DAY_ONE)
    stall.run("d,1,Wells,3.00")
    _parsed.clear()  # as a process of its own
    stall.run("e,1,Bath,8.00")
    assert stall.prices() == {"Bath": 13.0, "Wells": 5.0}
    assert commands == ["parse", "build", "build", "build"]
    stall.write(
        "priced.sql",
        "{{ config(materialized='ephemeral') }} select town, 2 * price as price from {{ ref('fact') }}",
    )
    stall.write(
        "by_town.sql",
        BY_TOWN.replace("from {{ ref('fact') }}", "from {{ ref('priced') }}").replace(
            "'equals': 'sum(price)'", "'equals': '2 * sum(price)'"
        ),
    )
    stall.run()
    assert stall.prices() == {"Bath": 26.0, "Wells": 10.0}
    assert commands[4:] == ["parse", "build"]


def test_a_project_that_asks_the_environment_is_parsed_by_each_process(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it means is not what it meant for another process."""
    stall.write(
        "by_town.sql",
        BY_TOWN.replace("sum(price) as", "sum(price) * {{ env_var('RATE') }} as").replace(
            "'equals': 'sum(price)'", "'equals': env_var('RATE') ~ ' * sum(price)'"
        ),
    )
    for rate in ("2", "3"):
        monkeypatch.setenv("RATE", rate)
        _parsed.clear()
        stall.run(f"{rate},1,Wells,3.00")
    assert stall.prices() == {"Wells": 18.0}


REFUSED = {
    "a failing test": (
        "schema.yml",
        SOURCES + "models: [{name: by_town, columns: [{name: town, data_tests: [{accepted_values: {arguments: {values: [Bath]}}}]}]}]",
        ModelFailed,
        "test accepted_values_by_town",
    ),
    "SQL that does not run": ("by_town.sql", BY_TOWN.replace("sum(price) as", "sum(prize) as"), ModelFailed, "model by_town"),
    "keys that collide": (
        "by_town.sql",
        BY_TOWN.replace("podium.hash60('town')", "podium.hash60('left(town, 0)')"),
        ModelFailed,
        "model by_town: town_key stands for several rows",
    ),
    "a key that is null": (
        "by_town.sql",
        BY_TOWN.replace(", town, cast", ", nullif(town, 'Bath') as town, cast"),
        ModelFailed,
        "model by_town: 1 row.s. where town_key or town is null",
    ),
    "totals that differ": (
        "by_town.sql",
        BY_TOWN.replace("from {{ ref('fact') }}", "from {{ ref('fact') }} where id <> 'a'"),
        LedgerImbalance,
        "by_town.price should be 7 and is 6",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("file", "text", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_nothing_is_committed_where_anything_is_refused(
    stall: Stall, file: str, text: str, error: type[Exception], message: str
) -> None:
    """One model, key, test or total that is not right keeps every Gold table as it was, and leaves no files behind."""
    stall.write(file, text)
    with pytest.raises(error, match=message):
        stall.run(*DAY_ONE)
    assert stall.versions() == {}
    assert data_files(stall) == []


def test_keys_that_collide_with_earlier_rows_are_refused(stall: Stall) -> None:
    """A new row whose surrogate key another row has already does not overwrite that row."""
    first_letter = BY_TOWN.replace("podium.hash60('town')", "podium.hash60('left(town, 1)')")
    stall.write("by_town.sql", first_letter)
    towns = stall.folder / "towns.csv"
    towns.write_text(towns.read_text() + "Wool,Wool\n")
    stall.run(*DAY_ONE)
    before = stall.versions()
    with pytest.raises(ModelFailed, match="town_key stands for several rows"):
        stall.run("d,1,Wool,8.00")
    assert stall.versions() == before
    assert stall.prices() == {"Bath": 5, "Wells": 2}


@pytest.mark.parametrize("key", ["town", "town_key"])
def test_rows_of_keys_that_are_not_affected_are_refused(stall: Stall, key: str) -> None:
    """A model that makes all rows anew would have those of other keys twice, whether the affected key is part of its key or not."""
    whole = BY_TOWN.replace(
        "{% if podium.incremental() %}where town in {{ podium.affected() }}{% endif %}\n", ""
    )
    stall.write("by_town.sql", whole.replace("unique_key='town_key'", f"unique_key='{key}'"))
    stall.run(*DAY_ONE)
    before = stall.versions()
    with pytest.raises(ModelFailed, match=f"{key} stands for several rows"):
        stall.run("d,1,Wells,8.00")
    assert stall.versions() == before


def test_rows_that_fail_a_test_can_be_corrected_by_a_delivery(stall: Stall) -> None:
    """The next run does not try the refused rows again for ever: it takes Silver as it is by then."""
    stall.write(
        "schema.yml",
        SOURCES
        + "models: [{name: fact, data_tests: [{podium.holds: {arguments: {condition: price < 100}}}]}]",
    )
    with pytest.raises(ModelFailed, match="holds_fact"):
        stall.run("a,1,Bath,100.00")
    assert completed(stall.run("a,2,Bath,1.00")) == ["bronze", "silver", "gold"]
    assert stall.prices() == {"Bath": 1}


def test_rows_of_a_key_that_is_gone_are_deleted(stall: Stall) -> None:
    """A town that lost its last sale loses its row; only rows that differ are written."""
    stall.run(*DAY_ONE)
    (_, _, gold) = [
        event.data for event in stall.run("b,2,Bath,2.00").fresh if isinstance(event.data, LayerCompleted)
    ]
    assert stall.prices() == {"Bath": 7}
    assert gold.ledger is not None
    assert {stock.table: (stock.before, stock.inserted, stock.removed) for stock in gold.ledger.stocks} == {
        "gold.fact": (3, 0, 0),
        "gold.by_town": (2, 0, 1),
    }
    written = {row["id"]: row["created_at"] == row["updated_at"] for row in stall.gold("fact").values()}
    assert written == {"a": True, "b": False, "c": True}


def test_columns_may_be_called_as_they_like(stall: Stall) -> None:
    """By words of SQL, and with spaces and capitals: also where rows that are there are replaced, and others are added."""
    named = FACT.replace("price,", 'price as "Total Price", town as "group", \'x\' as "desc",', 1)
    stall.write("fact.sql", named)
    stall.write(
        "by_town.sql",
        BY_TOWN.replace("sum(price) as", 'sum("Total Price") as').replace(
            "'equals': 'sum(price)'", "'equals': 'sum(\"Total Price\")'"
        ),
    )
    stall.run(*DAY_ONE)
    stall.run("a,2,Wells,8.00", "d,2,Bath,1.00")
    rows = stall.gold("fact")
    assert [(rows[key]["group"], str(rows[key]["Total Price"])) for key in "abcd"] == [
        ("Wells", "8.00"),
        ("Wells", "2.00"),
        ("Bath", "4.00"),
        ("Bath", "1.00"),
    ]


def test_a_changed_project_makes_every_row_anew(stall: Stall) -> None:
    """A column added to a model is there for all rows, and the table can go on from there."""
    stall.run(*DAY_ONE)
    stall.write(
        "fact.sql", FACT.replace("town, price,", "town, price, cast(price * 2 as decimal(9,2)) as twice,")
    )
    assert completed(stall.run()) == ["gold"]
    assert {name: float(str(row["twice"])) for name, row in stall.gold("fact").items()} == {
        "a": 2,
        "b": 4,
        "c": 8,
    }
    stall.run("d,1,Wells,8.00")
    assert float(str(stall.gold("fact")["d"]["twice"])) == 16


def test_a_changed_lookup_makes_gold_anew(stall: Stall) -> None:
    """A lookup that a model reads is a part of the pipeline: when its file changes, Gold follows without any new row."""
    stall.write(
        "towns_known.sql",
        "{{ config(unique_key='town', affect_key='town', affected_from={'towns': 'town'}) }}"
        "select distinct town from {{ source('lookup', 'towns') }}"
        "{% if podium.incremental() %} where town in {{ podium.affected() }}{% endif %}",
    )
    stall.run(*DAY_ONE)
    towns = stall.folder / "towns.csv"
    towns.write_text(towns.read_text().replace("Wells,Wells", "Wool,Wool"))
    stall.run()
    assert set(stall.gold("towns_known")) == {"Bath", "Wool"}
