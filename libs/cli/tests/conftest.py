"""`podium` called in this process, on a pipeline that has no dbt project and so takes no time."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from podium.cli import call

PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: stall}
spec:
  lakehouse: {uri: lakehouse}
  datasets:
    sales:
      sources: [{files: {path: in/*.csv}}]
      columns:
        id: {type: string}
        at: {type: integer}
        price: {type: "decimal(9,2)"}
      rules:
        not_negative: {type: range_check, column: price, min: 0}
      duplicates: {keys: [id], order: [at]}
"""


def deliver(folder: Path, name: str, *lines: str) -> None:
    """Put a file where the pipeline in a folder looks for it."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_text("\n".join(["id,at,price", *lines]) + "\n")


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """A current folder with a pipeline, and a prompt."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def podium(self, *arguments: str) -> Answer:
        self.capsys.readouterr()
        code = call(arguments)
        out, err = self.capsys.readouterr()
        return Answer(code, out, err)

    def deliver(self, name: str, *lines: str) -> None:
        deliver(self.folder, name, *lines)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Return a prompt in a folder with a pipeline that has not been run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return Terminal(tmp_path, capsys)


@pytest.fixture(scope="module")
def after_a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder after a run: two rows in Silver, one in quarantine, one repeated."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    deliver(folder, "one.csv", "a,1,1.00", "b,1,2.00", "b,1,2.00", "c,1,-3.00")
    assert call(("run", "--quiet", "-f", str(folder / "pipeline.yaml"))) == 0
    return folder


@pytest.fixture
def finished(
    after_a_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """Return a prompt in the folder after a run, for commands that only look."""
    monkeypatch.chdir(after_a_run)
    return Terminal(after_a_run, capsys)
