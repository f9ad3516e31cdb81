"""The pipeline file: how it is read, and how its mistakes are shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium_contracts.errors import InvalidPipeline, Problem
from podium_contracts.errors import Path as Place
from podium_runtime.bundles import pack, unbundled
from podium_runtime.pipeline_file import load
from podium_runtime.texts import Text
from ruamel.yaml import YAML

VALID = """\
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: retail}
spec:
  lakehouse: {uri: ./lakehouse}
  lookups:
    countries: {path: countries.csv, key: variant, value: name}
  datasets:
    sales:
      sources:
        - files: {path: data/*.csv}
      columns:
        id: {from: Id, type: string}
        amount: {type: "decimal(12,2)"}
      nulls:
        id: {strategy: flag}
      rules:
        in_range: {type: range_check, column: amount, min: 0}
      duplicates: {keys: [id]}
      scoring:
        deductions:
          no_id: {condition: is_null, column: id, deduction: 10}
  quality:
    thresholds:
      sales:
        total_records: {type: minimum, value: 1}
  publish: {duckdb: {path: retail.duckdb}}
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a pipeline file and return its path."""

    def writing(text: str) -> Path:
        path = tmp_path / "pipeline.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return writing


def mistakes(path: Path) -> list[Problem]:
    """Return the mistakes of a file; the test fails if it has none."""
    with pytest.raises(InvalidPipeline) as refused:
        load(path)
    assert refused.value.file == str(path)
    return refused.value.problems


def replaced(old: str, new: str) -> str:
    """Return the valid file with one part of it written differently."""
    assert VALID.count(old) == 1
    return VALID.replace(old, new)


def test_a_valid_file_is_read(write: Write) -> None:
    """The pipeline has the file's name and specification, and starts at its folder."""
    path = write(VALID)
    pipeline = load(path).pipeline()
    assert (pipeline.name, pipeline.root) == ("retail", path.parent)
    assert list(pipeline.spec.datasets["sales"].columns) == ["id", "amount"]
    assert pipeline.lakehouse_uri == str(path.parent / "lakehouse")


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    """Nothing can be shown of a file that is not there."""
    hint = "name one with -f, as `-f pipeline.yaml`"
    assert mistakes(tmp_path / "nothing.yaml") == [Problem((), "no such file", hint)]


def test_a_folder_is_told_from_a_missing_file(tmp_path: Path) -> None:
    """What is there is a folder, whatever its name."""
    assert mistakes(tmp_path) == [Problem((), "this is a folder", "name a file in it with -f")]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("kind: Pipeline\nspec: [1, 2\n", 3, "not YAML: expected ',' or ']', but got '<stream end>'"),
        ("kind: Pipeline\n\tspec: 1\n", 2, "not YAML: found character '\\t' that cannot start any token"),
        ("kind: Pipeline\nspec:\n  uri: a\n  uri: b\n", 4, 'not YAML: found duplicate key "uri"'),
        ("kind: a\n---\nkind: b\n", 2, "not YAML: but found another document"),
        ("kind: *unknown\n", 1, "not YAML: found undefined alias 'unknown'"),
        ("a: 2009-99-01\n", 1, "not YAML: month must be in 1..12"),
        ("a: \0\n", 1, "not YAML: unacceptable character #x0000"),
        ("[" * 1000, 1, "not YAML: maximum recursion depth exceeded"),
        ("", 1, "not a mapping"),
        ("- a\n- b\n", 1, "not a mapping"),
        ("retail\n", 1, "not a mapping"),
    ],
    ids=[
        "open bracket",
        "tab",
        "duplicate key",
        "two documents",
        "alias",
        "date",
        "control character",
        "too deep",
        "empty",
        "list",
        "text",
    ],
)
def test_a_text_that_is_no_pipeline_is_refused_with_its_line(
    write: Write, text: str, line: int, message: str
) -> None:
    """One mistake is shown where reading stopped; nothing after it could be understood."""
    [problem] = mistakes(write(text))
    assert problem.message.startswith(message)
    assert (problem.path, problem.line) == ((), line)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """Only UTF-8 is read: a guess could change names."""
    path = tmp_path / "pipeline.yaml"
    path.write_bytes("kind: Pipeline\nname: Größe".encode("latin-1"))
    [problem] = mistakes(path)
    assert problem == Problem((), "not UTF-8: byte 0xf6", "save the file as UTF-8", 2)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("a:\n\tb: 1\n", "indent with spaces"), ("a: 1\na: 2\n", "leave one of them"), ("a: [\n", "")],
    ids=["tab", "duplicate key", "another"],
)
def test_a_mistake_of_yaml_says_what_to_do(write: Write, text: str, hint: str) -> None:
    """Where the parser's own words say only what it found."""
    [problem] = mistakes(write(text))
    assert problem.hint.startswith(hint)
    assert bool(problem.hint) == bool(hint)


@given(st.text(st.sampled_from(list("ab:-[]{}&*!|>'\"#%@? \n\t01.~<,x_\0é")), max_size=40))
@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_the_file_holds_its_mistakes_are_listed(write: Write, text: str) -> None:
    """No text makes reading fail in another way."""
    assert mistakes(write(text))


# One mistake: where it is, what stands there, what would be right.


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(
            "podium.dev/v1alpha1",
            "podium.dev/v2",
            Problem(("apiVersion",), "'podium.dev/v2' is not known here", "write 'podium.dev/v1alpha1'", 1),
            id="another version",
        ),
        pytest.param(
            "kind: Pipeline\n",
            "",
            Problem((), "field 'kind' is missing", line=1),
            id="a field of the document is missing",
        ),
        pytest.param(
            "name: retail",
            "name: Retail",
            Problem(
                ("metadata", "name"),
                "'Retail' is no name here: write lower-case letters, digits and - between them, at most 53 characters",
                line=3,
            ),
            id="a pipeline's name",
        ),
        pytest.param(
            "{uri: ./lakehouse}",
            '{uri: ""}',
            Problem(("spec", "lakehouse", "uri"), "it is empty", line=5),
            id="an empty text",
        ),
        pytest.param(
            "{uri: ./lakehouse}",
            "{uri: s3://key:SECRET@lake/retail}",
            Problem(
                ("spec", "lakehouse", "uri"),
                "secrets and addresses of an object store belong into AWS_… variables, not here",
                line=5,
            ),
            id="a secret in the lakehouse",
        ),
        pytest.param(
            "  lookups:",
            "  lookup:",
            Problem(("spec", "lookup"), "unknown field 'lookup'", "did you mean 'lookups'?", 6),
            id="a misspelt field",
        ),
        pytest.param(
            "{path: countries.csv,",
            "{path: countries.csv, sheet: 1,",
            Problem(
                ("spec", "lookups", "countries", "sheet"),
                "unknown field 'sheet'",
                "possible here: path, key, value",
                7,
            ),
            id="an unknown field",
        ),
        pytest.param(
            "path: countries.csv",
            "path: 3",
            Problem(
                ("spec", "lookups", "countries", "path"),
                "a text belongs here, not 3",
                "put it in quotes",
                7,
            ),
            id="a number for a text",
        ),
        pytest.param(
            "path: countries.csv",
            "path: ",
            Problem(("spec", "lookups", "countries", "path"), "a text belongs here, not nothing", line=7),
            id="nothing for a text",
        ),
        pytest.param(
            "countries: {path",
            "Countries: {path",
            Problem(
                ("spec", "lookups", "Countries"),
                "'Countries' is no name here: write lower-case letters, digits and _, a letter first, "
                "at most 63 characters",
                line=7,
            ),
            id="a name that is a key",
        ),
        pytest.param(
            "- files: {path: data/*.csv}",
            "- ftp: {host: sales}\n        - files: {path: data/*.csv}",
            Problem(
                ("spec", "datasets", "sales", "sources", 0, "ftp"),
                "unknown field 'ftp'",
                "possible here: files, kafka",
                11,
            ),
            id="an item of a list",
        ),
        pytest.param(
            "- files: {path: data/*.csv}",
            "- files: {path: data/*.csv, csv: {delimiter: ';;'}}",
            Problem(
                ("spec", "datasets", "sales", "sources", 0, "files", "csv", "delimiter"),
                "';;' is too long",
                "at most 1 character(s)",
                11,
            ),
            id="a long text in a list",
        ),
        pytest.param(
            "{from: Id, type: string}",
            "{source: Id, type: string}",
            Problem(
                ("spec", "datasets", "sales", "columns", "id", "source"),
                "unknown field 'source'",
                "possible here: type, from, expression, timestamp_format, description",
                13,
            ),
            id="a name that only the code knows",
        ),
        pytest.param(
            "{from: Id, type: string}",
            "string",
            Problem(
                ("spec", "datasets", "sales", "columns", "id"),
                "a mapping belongs here, not 'string'",
                "possible here: type, from, expression, timestamp_format, description",
                13,
            ),
            id="a text for a mapping",
        ),
        pytest.param(
            "type: string",
            "type: text",
            Problem(
                ("spec", "datasets", "sales", "columns", "id", "type"),
                "'text' is no type; use one of string, boolean, integer, bigint, date, timestamp, decimal(p,s)",
                line=13,
            ),
            id="a type",
        ),
        pytest.param(
            "amount: {type",
            "7: {type",
            Problem(
                ("spec", "datasets", "sales", "columns", "7"),
                "'7' is no name here: write lower-case letters, digits and _, a letter first, at most 63 characters",
                line=14,
            ),
            id="a number for a key",
        ),
        pytest.param(
            "{strategy: flag}",
            "{strategy: flags}",
            Problem(
                ("spec", "datasets", "sales", "nulls", "id", "strategy"),
                "'flags' is not known here",
                "write 'drop', 'default', 'flag' or 'interpolate'",
                16,
            ),
            id="a word",
        ),
        pytest.param(
            "{strategy: flag}",
            "{strategy: flag, default_value: 1.5}",
            Problem(
                ("spec", "datasets", "sales", "nulls", "id", "default_value"),
                "write a text in quotes, a whole number, true or false",
                line=16,
            ),
            id="one of several types",
        ),
        pytest.param(
            "type: range_check",
            "type: rang_check",
            Problem(
                ("spec", "datasets", "sales", "rules", "in_range", "type"),
                "'rang_check' is not known here",
                "did you mean 'range_check'?",
                18,
            ),
            id="a kind of rule",
        ),
        pytest.param(
            "type: range_check, ",
            "",
            Problem(
                ("spec", "datasets", "sales", "rules", "in_range"),
                "field 'type' is missing",
                "possible here: range_check, format_validation, reference_data_check, custom_logic",
                18,
            ),
            id="a rule without a kind",
        ),
        pytest.param(
            "min: 0}",
            "min: low}",
            Problem(
                ("spec", "datasets", "sales", "rules", "in_range", "min"),
                "a number belongs here, not 'low'",
                line=18,
            ),
            id="a text for a number, in a kind of rule",
        ),
        pytest.param(
            "min: 0}",
            "min: 0, mx: 1}",
            Problem(
                ("spec", "datasets", "sales", "rules", "in_range", "mx"),
                "unknown field 'mx'",
                "did you mean 'max'?",
                18,
            ),
            id="a misspelt field in a kind of rule",
        ),
        pytest.param(
            "min: 0}",
            "minimum: 0, pattern: a}",
            Problem(
                ("spec", "datasets", "sales", "rules", "in_range", "pattern"),
                "unknown field 'pattern'",
                "possible here: on_failure, correction, required, type, column, min, max",
                18,
            ),
            id="a field of another kind of rule",
        ),
        pytest.param(
            ", min: 0}",
            "}",
            Problem(("spec", "datasets", "sales", "rules", "in_range"), "give `min`, `max` or both", line=18),
            id="fields that belong together",
        ),
        pytest.param(
            "{keys: [id]}",
            "{keys: id}",
            Problem(
                ("spec", "datasets", "sales", "duplicates", "keys"),
                "a list belongs here, not 'id'",
                "write [id]",
                19,
            ),
            id="a text for a list",
        ),
        pytest.param(
            "{keys: [id]}",
            "{keys: []}",
            Problem(
                ("spec", "datasets", "sales", "duplicates", "keys"), "it is empty", "give at least 1", 19
            ),
            id="an empty list",
        ),
        pytest.param(
            "deduction: 10}",
            "deduction: 200}",
            Problem(
                ("spec", "datasets", "sales", "scoring", "deductions", "no_id", "deduction"),
                "200 is too much",
                "it may be 100 at most",
                22,
            ),
            id="too much",
        ),
        pytest.param(
            "deduction: 10}",
            "deduction: 0}",
            Problem(
                ("spec", "datasets", "sales", "scoring", "deductions", "no_id", "deduction"),
                "0 is too little",
                "it must be more than 0",
                22,
            ),
            id="too little",
        ),
        pytest.param(
            "deduction: 10}",
            "deduction: 1.25}",
            Problem(
                ("spec", "datasets", "sales", "scoring", "deductions", "no_id", "deduction"),
                "1.25 is too precise",
                "at most 1 digit(s) after the point",
                22,
            ),
            id="too precise",
        ),
        pytest.param(
            "thresholds:\n      sales:",
            "thresholds:\n      Sales:",
            Problem(
                ("spec", "quality", "thresholds", "Sales"),
                "'Sales' is no name here: write lower-case letters, digits and _, a letter first, "
                "at most 63 characters",
                line=25,
            ),
            id="a key in a mapping of mappings",
        ),
        pytest.param(
            "value: 1}",
            "value: .nan}",
            Problem(
                ("spec", "quality", "thresholds", "sales", "total_records", "value"),
                "a number belongs here, not nan",
                line=26,
            ),
            id="not a number",
        ),
        pytest.param(
            "{duckdb: {path: retail.duckdb}}",
            "{duckdb: {}}",
            Problem(("spec", "publish", "duckdb"), "field 'path' is missing", line=27),
            id="a field of an optional part is missing",
        ),
    ],
)
def test_a_mistake_says_where_what_and_what_would_be_right(
    write: Write, old: str, new: str, problem: Problem
) -> None:
    """Path and line lead to it; the words are those of the file, not of Python."""
    assert problem in mistakes(write(replaced(old, new)))


def test_no_message_speaks_of_python(write: Write) -> None:
    """A file in which everything is of the wrong kind is refused without a class, a tuple or a regular expression."""
    for wrong in ("3", "text", "[1]", "true", "{a: {b: 1}}", "1.5", "2009-12-01"):
        lines = [
            f"{line.split(':')[0]}: {wrong}" if line.startswith("  ") and "- " not in line else line
            for line in VALID.splitlines()
            if not line.startswith("    ")
        ]
        for problem in mistakes(write("\n".join(lines))):
            text = problem.message + problem.hint
            assert not any(
                word in text.lower() for word in ("tuple", "dict", "instance", "input", "pattern", "tag")
            )


def test_all_mistakes_are_shown_at_once(write: Write) -> None:
    """Each has its own line; nobody mends a file mistake by mistake."""
    text = VALID
    for old, new in (
        ("kind: Pipeline", "kind: Pipe"),
        ("key: variant", "kye: variant"),
        ("type: string", "type: text"),
        ("type: minimum", "type: minimal"),
    ):
        text = text.replace(old, new)
    assert {(item.where, item.line) for item in mistakes(write(text))} == {
        ("kind", 2),
        ("spec.lookups.countries.kye", 7),
        ("spec.lookups.countries", 7),
        ("spec.datasets.sales.columns.id.type", 13),
        ("spec.quality.thresholds.sales.total_records.type", 26),
    }


def test_a_list_of_wrong_items_is_not_called_empty(write: Write) -> None:
    """Each item's mistake is shown, and no other that only follows from it."""
    problems = mistakes(write(replaced("- files: {path: data/*.csv}", "- files: {}")))
    assert [(item.where, item.message) for item in problems] == [
        ("spec.datasets.sales.sources[0].files", "field 'path' is missing")
    ]


# Lines.


TREE = """\
first: 1
spec:
  base: &base
    shared:
      deep: 1
  list:
    - a
    -
      b: 1
  one: {x: {y: 1},
        z: 2}
  merged:
    <<: *base
    own: 1
  7: {a: 1}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("first",), 1),
        (("spec",), 2),
        (("spec", "list", 0), 7),
        (("spec", "list", 1, "b"), 9),
        (("spec", "one", "x", "y"), 10),
        (("spec", "one", "z"), 11),
        (("spec", "merged", "own"), 14),
        (("spec", "merged", "shared"), 12),
        (("spec", "merged", "shared", "deep"), 5),
        (("spec", "7", "a"), 15),
        (("spec", "list", 2), 6),
        (("spec", "list", "b"), 6),
        (("spec", "missing", "first"), 2),
        (("first", "deeper"), 1),
        (("nowhere", "spec"), 1),
    ],
    ids=str,
)
def test_a_path_has_the_line_of_its_deepest_part(path: Place, line: int) -> None:
    """What is missing is shown where it belongs; what is merged in, at the mapping that it is merged into."""
    assert Text(Path(), YAML(typ="rt").load(TREE)).place(path)[1] == line


# Fingerprints.


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A pipeline file with a lookup and a dbt project beside it."""
    return lay_out(tmp_path / "here")


def lay_out(folder: Path, text: str = VALID) -> Path:
    """Write a pipeline and what it refers to into a folder, and return the path of the file."""
    files = {
        "pipeline.yaml": replaced_model(text),
        "countries.csv": "variant,name\nUK,United Kingdom\n",
        "data/sales.csv": "Id\n1\n",
        "dbt/dbt_project.yml": "name: retail\n",
        "dbt/models/fact_sale.sql": "select 1",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder / "pipeline.yaml"


def replaced_model(text: str) -> str:
    """Return a pipeline file with a dbt project."""
    return text.replace("  quality:", "  model: {dbt: dbt}\n  quality:")


def fingerprint(path: Path) -> str:
    """Return the fingerprint of a pipeline file."""
    return load(path).pipeline().fingerprint


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("countries.csv", "variant,name\nUK,Great Britain\n"),
        ("dbt/models/fact_sale.sql", "select 2"),
        ("dbt/models/dim_date.sql", "select 1"),
        ("dbt/macros/deep/er/one.sql", ""),
        ("pipeline.yaml", replaced_model(VALID.replace("min: 0", "min: 1"))),
    ],
)
def test_a_fingerprint_changes_with_what_makes_the_tables(project: Path, file: str, content: str) -> None:
    """The document, lookups and the dbt project decide what the tables hold."""
    before = fingerprint(project)
    (project.parent / file).parent.mkdir(parents=True, exist_ok=True)
    (project.parent / file).write_text(content)
    assert fingerprint(project) != before


def test_a_fingerprint_changes_when_a_model_is_renamed_or_removed(project: Path) -> None:
    """A model's name is its table's, so the same texts under other names are another pipeline."""
    before = fingerprint(project)
    model = project.parent / "dbt" / "models" / "fact_sale.sql"
    renamed = model.rename(model.with_name("fact_return.sql"))
    after = fingerprint(project)
    renamed.unlink()
    assert len({before, after, fingerprint(project)}) == 3


@pytest.mark.parametrize("file", ["dbt/models/logs/clicks.sql", "dbt/dbt_packages/other/macros/sum.sql"])
def test_a_fingerprint_changes_with_every_file_of_the_dbt_project(project: Path, file: str) -> None:
    """Packages are a part of the project, and so is a folder of models that happens to be named `logs`."""
    before = fingerprint(project)
    (project.parent / file).parent.mkdir(parents=True, exist_ok=True)
    (project.parent / file).write_text("select 1")
    assert fingerprint(project) != before


def test_two_files_are_not_taken_for_one(project: Path) -> None:
    """Where one file ends and the next begins is part of the fingerprint."""
    models = project.parent / "dbt" / "models"
    (models / "a.sql").write_text("1")
    (models / "b.sql").write_text("2")
    before = fingerprint(project)
    (models / "b.sql").unlink()
    (models / "a.sql").write_text("1\0dbt/models/b.sql\x002")
    assert fingerprint(project) != before


@pytest.mark.parametrize(
    "file",
    [
        "dbt/target/manifest.json",
        "dbt/logs/dbt.log",
        "dbt/profiles.yml",
        "data/sales.csv",
        "lakehouse/silver/sales/part.parquet",
        "README.md",
    ],
)
def test_a_fingerprint_does_not_change_with_what_a_run_reads_or_leaves(project: Path, file: str) -> None:
    """Data, tables, what dbt writes while it works and how a person's own dbt connects are no part of the pipeline."""
    before = fingerprint(project)
    (project.parent / file).parent.mkdir(parents=True, exist_ok=True)
    (project.parent / file).write_text("changed")
    assert fingerprint(project) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: Pipeline", "# a comment\nkind: Pipeline  # another"),
        ("metadata: {name: retail}", "metadata:\n  name: 'retail'\n"),
        (
            "apiVersion: podium.dev/v1alpha1\nkind: Pipeline",
            "kind: Pipeline\napiVersion: podium.dev/v1alpha1",
        ),
        ("path: data/*.csv", "path: data/*.csv, format: csv"),
        (
            "no_id: {condition: is_null, column: id, deduction: 10}",
            "no_id:\n            <<: {condition: is_null, column: id}\n            deduction: 10",
        ),
        ("in_range: {type: range_check, column: amount", "in_range: {type: &r range_check, column: amount"),
    ],
    ids=["comments", "style", "order", "a default written out", "merge key", "anchor"],
)
def test_a_fingerprint_does_not_change_with_how_the_file_is_written(
    tmp_path: Path, old: str, new: str
) -> None:
    """Files that mean the same are the same pipeline."""
    written = lay_out(tmp_path / "one")
    rewritten = lay_out(tmp_path / "other", replaced(old, new))
    assert fingerprint(rewritten) == fingerprint(written)


def test_a_fingerprint_does_not_change_with_the_place(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy elsewhere is the same pipeline, however its path is written."""
    elsewhere = lay_out(tmp_path / "a" / "longer way" / "there")
    monkeypatch.chdir(elsewhere.parent)
    assert fingerprint(project) == fingerprint(elsewhere) == fingerprint(Path("pipeline.yaml"))


@pytest.mark.parametrize("above", ["../shared/countries.csv", "{folder}/shared/countries.csv"])
def test_a_lookup_may_lie_outside_the_folder(tmp_path: Path, above: str) -> None:
    """Shared reference data is part of the fingerprint wherever it lies."""
    shared = tmp_path / "shared" / "countries.csv"
    shared.parent.mkdir()
    shared.write_text("variant,name\n")
    path = lay_out(tmp_path / "here", replaced("countries.csv", above.format(folder=tmp_path)))
    before = fingerprint(path)
    shared.write_text("variant,name\nUK,United Kingdom\n")
    assert fingerprint(path) != before


@pytest.mark.parametrize(
    ("flag", "value"), [("&yes true", True), ("&no false", False), ("&n 3", 3), ('&t "x"', "x")]
)
def test_an_anchor_leaves_a_value_what_it_is(write: Write, flag: str, value: Any) -> None:
    """A value that is used twice is read as if it stood there twice."""
    text = replaced("id: {strategy: flag}", f"id: {{strategy: default, default_value: {flag}}}")
    read = load(write(text)).document.spec.datasets["sales"].nulls["id"].default_value
    assert (read, isinstance(read, bool)) == (value, isinstance(value, bool))


# Schemas of messages.


TOPICS = """\
        - kafka: {topic: a, format: avro, schema: schemas/sale.avsc}
        - kafka: {topic: b, format: protobuf, schema: schemas/sale.proto, message: shop.Sale}
"""
SCHEMAS = {
    "schemas/sale.avsc": "{}",
    "schemas/sale.proto": """\
        // import "commented.proto";
        import "google/protobuf/timestamp.proto";
        import public "parts/line.proto";""",
    "schemas/parts/line.proto": 'import weak "colours.proto";',
    "schemas/colours.proto": 'import "sale.proto";',
}


@pytest.fixture
def topics(tmp_path: Path) -> Path:
    """A pipeline file that reads topics by schemas."""
    path = lay_out(tmp_path / "here", replaced("      columns:\n", TOPICS + "      columns:\n"))
    for name, content in {**SCHEMAS, "schemas/other.proto": "", "parts/line.proto": ""}.items():
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).write_text(content)
    return path


def test_a_pipeline_has_its_schemas_and_what_they_import(topics: Path) -> None:
    """By the paths that the file gives; what Protobuf imports lies in the schema's folder, however deep, and is read once."""
    schemas = load(topics).pipeline().schemas
    assert {name: content.decode() for name, content in schemas.items()} == SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_fingerprint_changes_with_each_schema(topics: Path, name: str) -> None:
    """They decide what the same messages are."""
    before = fingerprint(topics)
    (topics.parent / name).write_text(SCHEMAS[name] + " ")
    assert fingerprint(topics) != before


def test_a_fingerprint_does_not_change_with_what_no_schema_imports(topics: Path) -> None:
    """Nor with a file of the same name in another folder."""
    before = fingerprint(topics)
    for name in ("schemas/other.proto", "parts/line.proto"):
        (topics.parent / name).write_text("changed")
    assert fingerprint(topics) == before


def test_a_schema_that_is_missing_is_shown_where_it_is_named(topics: Path) -> None:
    """With its line, beside whatever else is missing."""
    (topics.parent / "schemas" / "sale.proto").unlink()
    (topics.parent / "countries.csv").unlink()
    file = load(topics)
    problems = {item.where: (item.message, item.line) for item in file.invalid(file.missing()).problems}
    assert problems == {
        "spec.lookups.countries.path": ("countries.csv does not exist", 7),
        "spec.datasets.sales.sources[2].kafka.schema": ("schemas/sale.proto does not exist", 13),
    }


def test_a_folder_in_the_place_of_a_file_is_told(topics: Path) -> None:
    """Its name is there, so "does not exist" would send nobody the right way."""
    (topics.parent / "countries.csv").unlink()
    (topics.parent / "countries.csv").mkdir()
    (problem,) = load(topics).missing()
    assert problem.message == "countries.csv is a folder, not a file"


SUITE = "  quality:\n    expectations: {sales: expectations/sales.json}\n"


@pytest.fixture
def expecting(tmp_path: Path) -> Path:
    """A pipeline file that declares a suite of expectations."""
    path = lay_out(tmp_path / "here", replaced("  quality:\n", SUITE))
    (path.parent / "expectations").mkdir()
    (path.parent / "expectations" / "sales.json").write_text("{}")
    return path


def test_a_pipeline_has_its_suites_by_table(expecting: Path) -> None:
    """Which are part of its fingerprint, and of its bundle."""
    pipeline = load(expecting).pipeline()
    assert pipeline.expectations == {"sales": b"{}"}
    packed = pack(load(expecting))
    (expecting.parent / "expectations" / "sales.json").write_text("[]")
    assert fingerprint(expecting) != pipeline.fingerprint
    assert pack(load(expecting)) != packed


def test_a_suite_that_is_missing_is_shown_where_it_is_named(expecting: Path) -> None:
    """With its line; nor does a pod have one that lies outside of the bundle, or without a bundle."""
    (expecting.parent / "expectations" / "sales.json").unlink()
    file = load(expecting)
    (problem,) = file.invalid(file.missing()).problems
    line = expecting.read_text().splitlines().index("    expectations: {sales: expectations/sales.json}") + 1
    assert (problem.where, problem.line) == ("spec.quality.expectations.sales", line)
    assert problem.message == "expectations/sales.json does not exist"
    assert problem.where in {item.where for item in unbundled(file.document.spec)}
