"""`podium schema`, `audit` and the catalogue in `podium tables`, and files whose schema keeps them out of Silver."""

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder after two runs, the second with a file that lacks the price."""
    from podium.cli import call  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("changed")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / "in").mkdir()
    for number, text in enumerate(("id,at,price,note\na,1,1.00,7\n", "id,at\nb,2\n"), 1):
        (folder / "in" / f"{number}.csv").write_text(text)
        assert call(("run", "--quiet", "-f", str(folder / "pipeline.yaml"))) == 0
    return folder


PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: stall}
spec:
  owner: Till Team
  lakehouse: {uri: lakehouse}
  datasets:
    sales:
      on_schema_change: quarantine
      sources: [{files: {path: in/*.csv}}]
      columns:
        id: {type: string, description: The number of the receipt}
        at: {type: integer}
        price: {type: "decimal(9,2)"}
      duplicates: {keys: [id], order: [at]}
"""


@pytest.fixture
def stall(changed: Path, monkeypatch: pytest.MonkeyPatch, terminal: Any) -> Any:
    """Return a prompt in that folder."""
    monkeypatch.chdir(changed)
    return terminal


def test_rows_of_a_file_with_an_incompatible_schema_are_in_quarantine(stall: Any) -> None:
    """With the rule that says so and the reason, and not in Silver."""
    [row] = stall.podium("quarantine", "show", "sales", "-o", "json").json
    assert (row["rules"], row["reason"]) == (
        ["schema.incompatible-file"],
        "Field price removed; Field note removed",
    )
    assert row["source_file"] == "in/2.csv"
    assert [row["id"] for row in stall.podium("show", "silver.sales", "-o", "json").json] == ["a"]


def test_cleansing_under_such_a_policy_is_explained(stall: Any) -> None:
    """With the schemas that it looks at."""
    assert "staged" in stall.podium("explain", "silver.sales", "-o", "json").json


def test_rows_of_such_a_file_are_replayed_under_another_policy(terminal: Any) -> None:
    """Nothing about them changes in Bronze: with a policy that takes the file they are in Silver, and quarantine is empty."""
    (terminal.folder / "pipeline.yaml").write_text(PIPELINE)
    terminal.deliver("1.csv", "a,1,1.00")
    assert terminal.podium("run", "--quiet").code == 0
    (terminal.folder / "in" / "2.csv").write_text("id,at\nb,2\n")
    assert terminal.podium("run", "--quiet").code == 0
    taken = PIPELINE.replace("on_schema_change: quarantine", "on_schema_change: evolve")
    (terminal.folder / "pipeline.yaml").write_text(taken)
    assert terminal.podium("quarantine", "replay", "sales", "--rule", "schema.incompatible-file").code == 0
    rows = terminal.podium("show", "silver.sales", "-o", "json").json
    assert {row["id"]: row["price"] for row in rows} == {"a": "1.00", "b": None}
    assert terminal.podium("quarantine", "show", "sales", "-o", "json").json == []


def test_the_history_says_what_changed_in_the_references_words(stall: Any) -> None:
    """For people in signs, for scripts field by field."""
    first, second = stall.podium("schema", "history", "-o", "json").json
    assert first["added_fields"] == ["id", "at", "price", "note"]
    assert second["removed_fields"] == ["price", "note"]
    assert (second["is_compatible"], second["issues"]) == (
        False,
        ["Field price removed", "Field note removed"],
    )
    shown = stall.podium("schema", "history", "sales").out
    assert "-price, -note" in shown
    assert "quarantined, incompatible" in shown


def test_a_table_shows_its_columns_and_what_the_source_calls_them(stall: Any) -> None:
    """Of Bronze with the kinds of the source, of Silver with what the pipeline file says of them."""
    shown = stall.podium("schema", "show", "bronze.sales").out
    assert any(line.split() == ["note", "string", "note", "integer"] for line in shown.splitlines())
    silver = stall.podium("schema", "show", "silver.sales", "-o", "json").json
    assert (silver["owner"], silver["rows"]) == ("Till Team", 1)
    assert silver["columns"][0]["description"] == "The number of the receipt"
    answer = stall.podium("schema", "show", "silver.sale")
    assert (answer.code, "did you mean silver.sales" in answer.err) == (1, True)


def test_tables_say_whose_they_are_and_how_fresh(stall: Any) -> None:
    """From the catalogue; the place is in the title, or for scripts on each."""
    bronze, silver = stall.podium("tables", "-o", "json").json
    assert (bronze["table"], bronze["owner"], silver["owner"]) == ("bronze.sales", "Till Team", "Till Team")
    assert bronze["uri"].endswith("lakehouse/bronze/sales")
    assert bronze["updated"].startswith("20")
    assert "Till Team" in stall.podium("tables").out


def test_the_audit_tells_runs_apart(stall: Any) -> None:
    """What each read from where, and what it committed."""
    rows = stall.podium("audit", "-o", "json").json
    said = [(row["stage"], row["action"], row["object"], row["rows"]) for row in rows]
    assert said[:5] == [
        ("ingest", "read", "in/1.csv", 1),
        ("ingest", "committed", "bronze.sales", 1),
        ("cleanse", "read", "bronze.sales", None),
        ("cleanse", "committed", "quarantine.sales", 0),
        ("cleanse", "committed", "silver.sales", 1),
    ]
    last = rows[-1]["run_id"]
    shown = stall.podium("audit", "--run", last).out
    assert "in/2.csv" in shown
    assert "in/1.csv" not in shown
    assert "has done nothing" in stall.podium("audit", "--run", "another").out


def test_the_run_that_took_a_file_is_found_by_its_name(stall: Any) -> None:
    """And no other; a name that nothing has read is said."""
    first, second = (stall.podium("audit", "--object", f"in/{n}.csv", "-o", "json").json for n in (1, 2))
    assert [(row["stage"], row["action"], row["rows"]) for row in (*first, *second)] == [
        ("ingest", "read", 1),
        ("ingest", "read", 1),
    ]
    assert first[0]["run_id"] != second[0]["run_id"]
    assert "nothing was done with in/3.csv" in stall.podium("audit", "--object", "in/3.csv").out
