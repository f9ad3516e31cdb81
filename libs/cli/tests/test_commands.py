"""The commands as people and scripts meet them: what they print, where, and with which exit code."""

import contextlib
import io
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from podium.cli import app
from typer.main import get_command

from libs.cli.tests.conftest import Answer, Terminal

pytestmark = pytest.mark.integration

READING = {
    "tables": ("tables",),
    "show": ("show", "silver.sales"),
    "sql": ("sql", "from silver.sales"),
    "explain": (
        "explain",
        "select id from silver.sales where price > 1 and id in (from bronze.sales select id)",
    ),
    "explain of cleansing": ("explain", "silver.sales"),
    "advise": ("advise", "--table", "silver.sales"),
    "history": ("history", "silver.sales"),
    "ledger": ("ledger",),
    "events": ("events",),
    "quarantine ls": ("quarantine", "ls"),
    "quarantine show": ("quarantine", "show", "sales"),
    "validate": ("validate",),
    "compile": ("compile",),
    "lineage": ("lineage", "silver.sales"),
    "baseline": ("baseline", "sales.price"),
    "schema show": ("schema", "show", "silver.sales"),
    "schema history": ("schema", "history"),
    "audit": ("audit",),
}


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command of a group, and of the groups in it, by its words."""
    for name, command in group.commands.items():
        inside = hasattr(command, "commands")
        yield from commands(command, (*words, name)) if inside else [(*words, name)]


@pytest.mark.parametrize("command", READING.values(), ids=READING.keys())
def test_every_reading_command_answers_scripts(finished: Terminal, command: tuple[str, ...]) -> None:
    """With `--output json` a command prints one JSON value, and nothing on standard error."""
    answer = finished.podium(*command, "--output", "json")
    assert (answer.code, answer.err) == (0, "")
    assert isinstance(answer.json, list | dict)


@pytest.mark.parametrize("command", READING.values(), ids=READING.keys())
def test_output_fits_eighty_columns(finished: Terminal, command: tuple[str, ...]) -> None:
    """Without a terminal the width is 80 columns: no table is cut off and none is wider; SQL for files is as it is."""
    answer = finished.podium(*command)
    assert answer.code == 0
    assert answer.out
    assert "…" not in answer.out
    if command != ("compile",):
        assert max(len(line) for line in answer.out.splitlines()) <= 80


def test_the_version_is_the_package_s(terminal: Terminal) -> None:
    """Asked for by itself, without a command."""
    assert terminal.podium("--version") == Answer(0, f"podium {version('podium')}\n", "")


@pytest.mark.parametrize("command", [*commands(get_command(app))], ids=" ".join)
def test_help_has_an_example_of_the_command(terminal: Terminal, command: tuple[str, ...]) -> None:
    """Every command's help shows how it is typed."""
    answer = terminal.podium(*command, "--help")
    assert answer.code == 0
    assert re.search(rf"Examples:\s+podium {' '.join(command)}", answer.out)


WITHOUT_KAFKA = """
import sys
sys.modules["confluent_kafka"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "confluent_kafka" else found(name)
from podium.cli import call
sys.exit(call(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "command", ["request --wait -f pipeline.yaml", "dead-letters replay 17", "dead-letters --help"]
)
def test_what_needs_kafkas_clients_says_how_to_get_them(command: str) -> None:
    """On one machine they are not needed, so they are an extra; the other commands do without."""
    program = [sys.executable, "-c", WITHOUT_KAFKA, *command.split()]
    answer = subprocess.run(program, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "clients are not installed" in answer.stderr
    assert "pip install 'podium[kafka]'" in answer.stderr


MISTAKES = {
    "no pipeline file": (("tables", "-f", "nowhere.yaml"), 2, "nowhere.yaml", "no such file"),
    "an unknown command": (("frobnicate",), 2, "No such command", ""),
    "an unknown dataset": (("quarantine", "show", "nope"), 1, "no dataset 'nope'", "the datasets are: sales"),
    "an unknown dataset to compile": (("compile", "-d", "nope"), 1, "no dataset 'nope'", "the datasets are: sales"),
    "an unknown step": (("compile", "-s", "nope"), 1, "no step 'nope'", "the steps are: source, schema"),
    "no layer": (("show", "sales"), 1, "'sales' names no table", "LAYER.TABLE"),
    "an unknown table": (("show", "silver.nope"), 1, "there is no table silver.nope", "podium tables -f"),
    "an unknown table's history": (("history", "gold.nope"), 1, "there is no table gold.nope", "podium tables -f"),
    "an unknown version": (("show", "silver.sales", "-v", "99"), 1, "has no version 99", "the newest is 1"),
    "no time": (("show", "silver.sales", "--at", "noon"), 1, "'noon' is no time", "2026-11-23T14:00:00"),
    "an early time": (("show", "silver.sales", "--at", "2001-01-01"), 1, "did not exist", "podium history"),
    "two versions": (("show", "silver.sales", "-v", "1", "--latest"), 2, "give one of --version, --at", ""),
    "an unknown column": (("show", "silver.sales", "-w", "x = 1"), 1, '"x" not found', "columns: id, at, price"),
    "a condition that reads files": (
        ("show", "silver.sales", "-w", "id in (select content from read_text('/etc/hostname'))"),
        1,
        "error: ",
        "write a condition",
    ),
    "a place that cannot be written": (("report", "--to", "/proc/nope/page.html"), 1, "/proc/nope", ""),
    "a folder that cannot be written": (("report", "--to", "/proc/page.html"), 1, "error: /proc: ", ""),
    "a folder for a page": (("report", "--to", "."), 1, ". is a folder", "name a file in it, as report.html"),
    "a page for data": (("report", "--to", "x.json", "-o", "json"), 2, "--to is for the page", ""),
    "too many days": (("report", "--days", "9999999"), 2, "less than or equal to 36525", ""),
    "days before dates": (
        ("report", "--days", "3", "--until", "0001-01-01"), 1, "not 3 days up to 0001-01-01", "fewer days"
    ),
    "a period after all days": (("report", "--from", "2999-01-01"), 1, "begins on 2999-01-01", "choose a first day"),
}  # fmt: skip


@pytest.mark.parametrize(("command", "code", "what", "hint"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_the_next_step(
    finished: Terminal, command: tuple[str, ...], code: int, what: str, hint: str
) -> None:
    """What went wrong and what to do is on standard error, in words; standard output stays empty."""
    answer = finished.podium(*command)
    assert (answer.code, answer.out) == (code, "")
    said = " ".join(answer.err.split())
    assert what in said
    assert hint in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [("run",), ("tables",), ("report",)], ids=" ".join)
def test_a_lakehouse_out_of_reach_is_an_error(
    terminal: Terminal, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is valid, and the command says which store does not answer, and how to go on."""
    file = terminal.folder / "pipeline.yaml"
    file.write_text(file.read_text().replace("uri: lakehouse", "uri: s3://bucket/lakehouse"))
    assert terminal.podium("validate").code == 0
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "podium")
    answer = terminal.podium(*command)
    assert answer.code == 75
    assert "s3://bucket/lakehouse" in answer.err
    assert "next: start it, or set AWS_ENDPOINT_URL" in answer.err


def test_a_pipeline_file_that_is_no_text_is_an_error(terminal: Terminal) -> None:
    """A file that cannot be read as text is named, without a traceback."""
    (terminal.folder / "pipeline.yaml").write_bytes(b"\xff\xfe\x00")
    answer = terminal.podium("validate")
    assert answer.code == 2
    assert answer.err.startswith("pipeline.yaml:1")


def test_validate_reads_suites_of_expectations(terminal: Terminal) -> None:
    """What is no suite is told with the line where it is declared, before anything runs."""
    file, suite = terminal.folder / "pipeline.yaml", terminal.folder / "sales.json"
    file.write_text(f"{file.read_text()}  quality:\n    expectations:\n      sales: sales.json\n")
    line = len(file.read_text().splitlines())
    for content, said in (
        (None, "sales.json does not exist"),
        ("{", "sales.json is not JSON"),
        ('{"expectations": [{}]}', "sales.json: expectations[0] is no expectation"),
    ):
        if content:
            suite.write_text(content)
        answer = terminal.podium("validate")
        assert answer.code == 2
        assert f"pipeline.yaml:{line}" in answer.err
        assert said in answer.err
    suite.write_text('{"expectations": []}')
    assert terminal.podium("validate").code == 0


def test_validate_refuses_the_quality_of_tables_that_there_will_not_be(terminal: Terminal) -> None:
    """Its thresholds would never be held against anything; what Gold's tables are called, the files of the models say."""
    file, project = terminal.folder / "pipeline.yaml", terminal.folder / "dbt"
    (terminal.folder / "suite.json").write_text('{"expectations": []}')
    written = (
        f"{file.read_text()}  quality:\n"
        "    thresholds:\n      by_town: {total_records: {type: minimum, value: 1}}\n"
        "    references:\n      by_town: {id: sales.id}\n"
        "    expectations:\n      by_town: suite.json\n"
    )
    lines = [at for at, line in enumerate(written.splitlines(), 1) if "by_town" in line]
    file.write_text(written)
    answer = terminal.podium("validate", "-o", "json")
    assert answer.code == 2
    assert [(item["line"], item["message"], item["hint"]) for item in answer.json] == [
        (line, "no dataset 'by_town'", "the tables are: sales") for line in lines
    ]

    file.write_text(f"{written}  model: {{dbt: dbt}}\n")
    (project / "models").mkdir(parents=True)
    assert [item["message"] for item in terminal.podium("validate", "-o", "json").json] == [
        "dbt/dbt_project.yml does not exist"
    ]
    (project / "dbt_project.yml").write_text("name: shop\n")
    assert [item["message"] for item in terminal.podium("validate", "-o", "json").json] == [
        "no dataset or model 'by_town'"
    ] * 3
    (project / "models" / "by_town.sql").write_text("select 1")
    assert terminal.podium("validate").code == 0


def test_validate_reads_what_lookups_have(terminal: Terminal) -> None:
    """A column that the file has not is told with its line, and with those that are there."""
    file = terminal.folder / "pipeline.yaml"
    file.write_text(
        f"{file.read_text()}  lookups:\n    towns: {{path: towns.csv, key: variant, value: town}}\n"
    )
    line = len(file.read_text().splitlines())
    for content, said in (
        (None, "towns.csv does not exist"),
        ("Variant;town\nBTH;Bath\n", "no column 'town' in towns.csv"),
        ("variant,City\nBTH,Bath\n", "its columns are: variant, City"),
    ):
        if content:
            (terminal.folder / "towns.csv").write_text(content)
        answer = terminal.podium("validate")
        assert answer.code == 2
        assert f"pipeline.yaml:{line} spec.lookups.towns." in answer.err
        assert said in answer.err
    for right in (
        "variant,town\nBTH,Bath\n",
        "variant,town\rBTH,Bath\r",
        '"a\nb",variant,town\n1,BTH,Bath\n',
    ):
        (terminal.folder / "towns.csv").write_bytes(right.encode())
        assert terminal.podium("validate").code == 0


def test_validate_reads_the_schemas_of_messages(terminal: Terminal) -> None:
    """A mistake in one has the line of the source, and the place in the schema."""
    file, schema = terminal.folder / "pipeline.yaml", terminal.folder / "sale.avsc"
    source = "{kafka: {topic: sales, format: avro, schema: sale.avsc}}"
    file.write_text(file.read_text().replace("{files: {path: in/*.csv}}", source))
    for content, said in (
        (None, "sale.avsc does not exist"),
        ("{\n]", "sale.avsc:2:1: not JSON: Expecting property name"),
        (
            '{"type": "record", "name": "S", "fields": [{"name": "a", "type": "x"}]}',
            "sale.avsc: there is no type x",
        ),
    ):
        if content:
            schema.write_text(content)
        answer = terminal.podium("validate")
        assert answer.code == 2
        assert answer.err.startswith("pipeline.yaml:9 spec.datasets.sales.sources[0].kafka.schema\n  ")
        assert said in answer.err
    schema.write_text('{"type": "record", "name": "S", "fields": [{"name": "a", "type": "int"}]}')
    assert terminal.podium("validate").code == 0


def test_validate_lists_mistakes_for_scripts(terminal: Terminal) -> None:
    """Each mistake has its line, path, message and hint; the exit code is that of a wrong file."""
    file = terminal.folder / "pipeline.yaml"
    file.write_text(file.read_text().replace("column: price, min", "column: prize, min"))
    answer = terminal.podium("validate", "-o", "json")
    assert answer.code == 2
    (mistake,) = answer.json
    assert (mistake["line"], mistake["path"]) == (15, "spec.datasets.sales.rules.not_negative.column")
    assert mistake["message"] == "no column 'prize' here"


def test_a_run_says_what_it_did_and_what_to_type_next(terminal: Terminal) -> None:
    """The summary has rows per stage, the account, where things are, relative to here, and commands that work."""
    terminal.deliver("one.csv", "a,1,1.00", "b,1,-1.00")
    answer = terminal.podium("run")
    assert answer.code == 0
    assert re.search(r"cleanse +silver.sales +1 +\+1 +balanced", answer.out)
    assert "silver.sales: 2 in = 1 inserted + 1 quarantined" in answer.out
    assert "  tables  lakehouse\n  report  lakehouse/report.html\n" in answer.out
    following = answer.out.partition("next:\n")[2].splitlines()
    assert following == [
        "  podium show silver.sales -f pipeline.yaml",
        "  podium ledger -f pipeline.yaml",
        "  podium quarantine ls -f pipeline.yaml",
    ]
    for command in following:
        assert terminal.podium(*command.split()[1:]).code == 0


def test_progress_in_a_log_is_a_line_per_completion(terminal: Terminal) -> None:
    """Without a terminal nothing is drawn over: one line for each thing that was completed, and none with --quiet."""
    terminal.deliver("one.csv", "a,1,1.00")
    assert terminal.podium("run").err.splitlines() == [
        "bronze sales: 1 rows",
        "silver sales: 1 rows",
        "quality of silver sales: passed",
    ]
    terminal.deliver("two.csv", "b,1,1.00")
    assert terminal.podium("run", "--quiet").err == ""


def test_a_run_without_news_says_so(finished: Terminal) -> None:
    """The second run says that there was nothing to do, and why, to people and to scripts."""
    first = finished.podium("audit", "-o", "json").json[0]["run_id"]
    said, why = finished.podium("run").out.splitlines()
    assert said.startswith("Nothing new for stall")
    assert why.startswith(f"  sales: no new files in in/*.csv since run {first} of 20")
    again = finished.podium("run", "-o", "json").json
    assert (again["news"], again["run"], again["stages"]) == (False, None, [])
    assert again["skipped"] == {"sales": why.removeprefix("  sales: ")}


def test_long_accounts_break_between_their_terms(terminal: Terminal) -> None:
    """Where an equation does not fit in a line, a number stays beside its word."""
    terminal.deliver("one.csv", *(f"{n},1,1.00" for n in range(1000)))
    terminal.podium("run", "-q")
    terminal.deliver(
        "two.csv", *(f"{n},{1 + n % 3 - 1},1.00" for n in range(1000)), "0,1,1", "x,1,1", "y,1,-1"
    )
    account = terminal.podium("run", "-q").out.partition("  silver.sales: ")[2].partition("\n\n")[0]
    first, second = account.splitlines()
    assert first == "1,003 in = 1 inserted + 333 updated + 334 unchanged"
    assert second == "      + 1 deduplicated + 333 late + 1 quarantined"


def test_a_held_dataset_ends_with_its_own_exit_code(terminal: Terminal) -> None:
    """A failed verdict is exit code 3, names the breach, and readers are told that nothing is certified."""
    file = terminal.folder / "pipeline.yaml"
    threshold = "{total_records: {type: minimum, value: 9, severity: CRITICAL}}"
    file.write_text(file.read_text() + f"  quality: {{thresholds: {{sales: {threshold}}}}}\n")
    terminal.deliver("one.csv", "a,1,1.00")
    held = terminal.podium("run", "-q")
    assert held.code == 3
    assert "total_records (1) below threshold (9)" in held.err
    refused = terminal.podium("show", "silver.sales")
    assert (refused.code, refused.out) == (1, "")
    assert "no version of silver.sales is certified" in refused.err
    assert terminal.podium("show", "silver.sales", "--latest", "-o", "json").json[0]["id"] == "a"


def test_what_holds_is_told_before_what_warns(terminal: Terminal) -> None:
    """In the order of gravity, whatever that of the metrics is; what is next can be done with data that are held."""
    file = terminal.folder / "pipeline.yaml"
    held = "price_completeness: {type: minimum, value: 100, severity: CRITICAL}"
    warned = "total_records: {type: minimum, value: 9}"
    file.write_text(file.read_text() + f"  quality: {{thresholds: {{sales: {{{warned}, {held}}}}}}}\n")
    terminal.deliver("one.csv", "a,1,1.00", "b,1,")
    answer = terminal.podium("run")
    assert answer.code == 3
    assert "failed: price_completeness (50) below threshold (100); total_records (2) below" in answer.err
    assert "  podium show silver.sales --latest -f pipeline.yaml\n" in answer.out


def test_a_warning_says_why(terminal: Terminal) -> None:
    """With the metric, what it is and what it should be; a table without rows is one."""
    file = terminal.folder / "pipeline.yaml"
    text = file.read_text()
    file.write_text(text + "  quality: {thresholds: {sales: {total_records: {type: minimum, value: 9}}}}\n")
    terminal.deliver("one.csv", "a,1,1.00")
    answer = terminal.podium("run")
    assert answer.code == 0
    assert "  silver.sales warned: total_records (1) below threshold (9)\n" in answer.out
    assert "  podium show silver.sales -f pipeline.yaml\n" in answer.out


def test_no_records_is_a_warning_that_says_so(terminal: Terminal) -> None:
    """Here each row was refused."""
    terminal.deliver("one.csv", "a,1,-1.00")
    assert "  silver.sales warned: no records found in silver.sales" in terminal.podium("run").out


def test_values_are_shown_as_they_are(terminal: Terminal) -> None:
    """Text that looks like markup stays text, and numbers of the data get no thousands separators."""
    terminal.deliver("one.csv", "[red]a,1234567,1.00")
    terminal.podium("run", "-q")
    shown = terminal.podium("show", "silver.sales").out
    assert "[red]a" in shown
    assert "1234567" in shown


def test_quarantine_is_counted_and_filtered_by_rule(terminal: Terminal) -> None:
    """A row that breaks two rules counts under both and is found by either."""
    terminal.deliver("one.csv", "a,x,-1", "b,1,-1", "c,1,1")
    terminal.podium("run", "-q")
    counted = terminal.podium("quarantine", "ls", "-o", "json").json
    assert {row["rule"]: row["rows"] for row in counted} == {
        "key.at": 1,
        "rule.not_negative": 2,
        "schema.at": 1,
    }
    found = terminal.podium("quarantine", "show", "sales", "-r", "schema.at", "-o", "json").json
    assert [(row["source_file"], row["source_row"]) for row in found] == [("in/one.csv", 1)]
    assert len(terminal.podium("quarantine", "show", "sales", "-n", "1", "-o", "json").json) == 1


def test_quarantine_names_the_rules_that_there_are(terminal: Terminal) -> None:
    """Where the one that was asked for has refused no row; a script gets none."""
    terminal.deliver("one.csv", "a,x,1", "b,1,-1", "c,1,1")
    terminal.podium("run", "-q")
    shown = terminal.podium("quarantine", "show", "sales", "--rule", "not_negative")
    assert " ".join(shown.out.split()) == (
        "no such row; the rules that refused rows are: key.at, rule.not_negative, schema.at"
    )
    assert terminal.podium("quarantine", "show", "sales", "-r", "not_negative", "-o", "json").json == []


def test_refused_rows_are_replayed_or_rejected(terminal: Terminal) -> None:
    """After the file is mended a replay brings them to Silver and judges it; what is rejected is gone, and the ledger says both."""
    terminal.deliver("one.csv", "a,1,1.00", "b,1,-1.00", "c,1,-2.00", "d,x,1.00")
    terminal.podium("run", "-q")
    file = terminal.folder / "pipeline.yaml"
    file.write_text(file.read_text().replace("min: 0}", "min: -1}"))
    replayed = terminal.podium("quarantine", "replay", "sales", "--rule", "rule.not_negative", "-o", "json")
    assert replayed.code == 0
    assert [stage["stage"] for stage in replayed.json["stages"]] == ["cleanse", "quality"]
    rejected = terminal.podium("quarantine", "reject", "sales", "--all", "--reason", "typed wrong")
    assert (rejected.code, "2 row(s) rejected: typed wrong" in rejected.out) == (0, True)
    books = terminal.podium("ledger").out
    assert "3 + 1 - 2 replayed = 2" in books
    assert "2 + 0 - 2 rejected = 0" in books
    assert terminal.podium("quarantine", "ls", "-o", "json").json == []
    assert {row["id"] for row in terminal.podium("show", "silver.sales", "-o", "json").json} == {"a", "b"}


@pytest.mark.parametrize("reason", ["", " ", "x" * 2001], ids=["none", "blank", "too long"])
def test_rows_are_not_rejected_without_a_reason(terminal: Terminal, reason: str) -> None:
    """A reason that says nothing is none: the rows stay where they are."""
    terminal.deliver("one.csv", "a,1,-1.00")
    terminal.podium("run", "-q")
    refused = terminal.podium("quarantine", "reject", "sales", "--all", "--reason", reason)
    assert (refused.code, "--reason has 1 to 2,000 characters" in refused.err) == (2, True)
    assert [row["rows"] for row in terminal.podium("quarantine", "ls", "-o", "json").json] == [1]


@pytest.mark.parametrize("words", [(), ("--all", "--rule", "rule.not_negative")], ids=["none", "two ways"])
def test_a_decision_names_its_rows_in_one_way(terminal: Terminal, words: tuple[str, ...]) -> None:
    """Nothing is decided on rows that nobody meant."""
    assert terminal.podium("quarantine", "replay", "sales", *words).code == 2


class PressesCtrlC(io.StringIO):
    """A log at the sight of whose first line somebody presses Ctrl-C, once: the console writes a line that was cut off again."""

    def write(self, text: str) -> int:
        first = "bronze sales" not in self.getvalue()
        written = super().write(text)
        if first and "bronze sales" in text:
            signal.raise_signal(signal.SIGINT)
        return written


def test_an_interrupted_run_goes_on_where_it_stopped(terminal: Terminal) -> None:
    """Ctrl-C is exit code 130 and says what to type; the same command then does the rest only."""
    terminal.deliver("one.csv", "a,1,1.00")
    log = PressesCtrlC()
    with contextlib.redirect_stderr(log):
        assert terminal.podium("run").code == 130
    assert log.getvalue().endswith("interrupted: `podium run -f pipeline.yaml` goes on where it stopped\n")
    rest = terminal.podium("run", "-o", "json").json
    assert [stage["stage"] for stage in rest["stages"]] == ["cleanse", "quality"]


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_reader_that_has_seen_enough_is_no_error(terminal: Terminal, form: str) -> None:
    """`podium show … | head -1` prints a line and no traceback, however much there was to print."""
    terminal.deliver("many.csv", *(f"{n},1,1.00" for n in range(3000)))
    terminal.podium("run", "-q")
    program = Path(sys.executable).parent / "podium"
    command = f"{program} show silver.sales -n 3000 -o {form} 2>errors | head -1 >line"
    assert subprocess.run(command, shell=True, cwd=terminal.folder, check=False).returncode == 0
    assert len((terminal.folder / "line").read_text().splitlines()) == 1
    assert "Error" not in (terminal.folder / "errors").read_text()


def test_a_baseline_is_the_median_and_the_distance_from_it(terminal: Terminal) -> None:
    """Both are values of certified Silver, as the pipeline file wants them; a column that has none is told."""
    terminal.deliver(
        "one.csv", *(f"{place},1,{price}" for place, price in enumerate(["1", "2", "4", "9.50", ""]))
    )
    assert terminal.podium("run", "--quiet").code == 0
    answer = terminal.podium("baseline", "sales.price")
    assert answer.out.splitlines() == [
        "condition: robust_z_score",
        "column: price",
        "median: 2.00",
        "mad: 1.00",
    ]
    assert terminal.podium("baseline", "sales.price", "-o", "json").json == {
        "rows": 4,
        "median": "2.00",
        "mad": "1.00",
    }
    refused = terminal.podium("baseline", "sales.id")
    assert (refused.code, "those are: at, price" in refused.err) == (1, True)
