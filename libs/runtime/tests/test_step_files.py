"""The files of custom steps: part of the pipeline, of its fingerprint and its bundle, and looked at without being run."""

import io
import zipfile
from pathlib import Path

import pytest
from podium_runtime import step_files
from podium_runtime.bundles import pack
from podium_runtime.pipeline_file import load

from libs.runtime.tests.test_pipeline_file import VALID, fingerprint, lay_out

STEPS = """\
      steps:
        mend:
          columns: [quantity]
          polars: steps/clean.py:mend
          spark: steps/clean.py:mend_on_spark
"""
CODE = "def mend(rows):\n    return rows\n\ndef mend_on_spark(rows):\n    return rows\n"
PLACE = "spec.datasets.sales.steps.mend."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A pipeline file with a step."""
    path = lay_out(tmp_path / "here", VALID.replace("      columns:\n", STEPS + "      columns:\n", 1))
    write(path, CODE)
    return path


def write(path: Path, code: str) -> None:
    """Write the file of the step."""
    (path.parent / "steps").mkdir(exist_ok=True)
    (path.parent / "steps/clean.py").write_text(code)


def found(path: Path) -> list[tuple[str, str, str]]:
    """Return place, message and hint of each mistake."""
    file = load(path)
    problems = step_files.problems(file.document.spec, file.steps())
    return [(item.where, item.message, item.hint) for item in problems]


def test_a_step_is_part_of_the_pipeline(path: Path) -> None:
    """Its content goes along, and another content is another pipeline."""
    before = fingerprint(path)
    assert load(path).pipeline().steps == {"steps/clean.py": CODE.encode()}
    write(path, CODE + "# changed\n")
    assert fingerprint(path) != before


def test_a_bundle_brings_the_step(path: Path) -> None:
    """Under the path that the pipeline file gives."""
    with zipfile.ZipFile(io.BytesIO(pack(load(path)))) as opened:
        assert opened.read("steps/clean.py") == CODE.encode()


def test_a_step_without_mistake_has_no_problem(path: Path) -> None:
    """What is at the top of the file is enough, and nothing of it is run."""
    write(path, CODE + "raise SystemError\n")
    assert found(path) == []
    assert load(path).missing() == []


def test_a_file_that_is_missing_is_shown_where_it_is_named(path: Path) -> None:
    """With its line, once for each function."""
    (path.parent / "steps/clean.py").unlink()
    file = load(path)
    told = file.invalid(file.missing()).problems
    assert [item.where for item in told] == [PLACE + "polars", PLACE + "spark"]
    lines = path.read_text().splitlines()
    assert ["steps/clean.py:" in lines[item.line - 1] for item in told] == [True, True]


def test_a_function_that_is_missing_is_told_with_those_that_are_there(path: Path) -> None:
    """A method or a name that is imported is none."""
    write(path, "from x import mend\n\nclass A:\n    def mend_on_spark(rows): ...\n\ndef other(): ...\n")
    hint = "functions at the top of the file are: other"
    assert found(path) == [
        (PLACE + "polars", "steps/clean.py defines no function 'mend'", hint),
        (PLACE + "spark", "steps/clean.py defines no function 'mend_on_spark'", hint),
    ]


def test_a_file_that_is_no_python_is_told(path: Path) -> None:
    """With the line of the file that cannot be read."""
    write(path, "def mend(rows)\n    return rows\n")
    (place, message, _), _ = found(path)
    assert place == PLACE + "polars"
    assert "steps/clean.py is no Python: expected ':' (clean.py, line 1)" in message
