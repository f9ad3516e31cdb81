"""`kubectl podium`, as far as it needs no cluster."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from podium.ending import EXIT_TRANSIENT
from podium.kubectl.accounts import whole
from podium.kubectl.commands import call
from podium.kubectl.completion import completions
from podium.kubectl.connection import in_words
from podium.kubectl.lines import readable
from podium.kubectl.logs import _waits
from podium.kubectl.planning import steps
from podium.kubectl.waiting import failed
from podium_contracts.errors import QualityHold, TerminalError, TransientError
from podium_contracts.events.routing import origin
from podium_contracts.pipeline import PipelineDocument
from podium_contracts.resources import Condition, ConditionType, PipelineRunStatus, Reason, StageRun
from podium_contracts.resources.conditions import EXPLANATIONS
from podium_contracts.resources.pipeline_run import summed
from podium_lakehouse.lakehouse import Lakehouse
from podium_runtime.cluster import Refused
from podium_runtime.job import outcomes
from ruamel.yaml import YAML

from libs.cli.tests.conftest import PIPELINE, Terminal

COMMANDS = ("plan", "wait", "logs", "ledger", "quarantine", "lineage")
NOBODY = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me, namespace: sales}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: me, user: {token: none}}]
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_fits_eighty_columns(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command's help shows how it is typed, as a command of kubectl's."""
    assert call([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"Examples:\s+kubectl podium {command}", said)
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said.replace("AWS_…", "")


def test_the_program_lists_its_commands() -> None:
    """Under the name that makes it kubectl's."""
    program = Path(sys.executable).parent / "kubectl-podium"
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert [name for name in COMMANDS if f"│ {name} " in done.stdout] == list(COMMANDS)


WITHOUT_CLIENT = """
import importlib.util
importlib.util.find_spec = lambda name: None
from podium.kubectl import main
main()
"""


def test_without_the_client_of_kubernetes_it_says_how_to_get_it() -> None:
    """On one machine it is not needed, so it is an extra."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_CLIENT], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'podium[kubernetes]'" in done.stderr


def kubectl_podium(folder: Path, config: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = folder / "kubeconfig"
    if config is not None:
        path.write_text(config)
    program = Path(sys.executable).parent / "kubectl-podium"
    environment = {**os.environ, "KUBECONFIG": str(path), "COLUMNS": "500"}
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, check=False)


def test_a_cluster_that_does_not_answer_may_answer_later(tmp_path: Path) -> None:
    """The message has its address, the exit code says that it may pass."""
    done = kubectl_podium(tmp_path, NOBODY, "ledger", "retail-1")
    assert done.returncode == EXIT_TRANSIENT
    assert "the API server at http://127.0.0.1:9 does not answer" in done.stderr
    assert "kubectl get nodes" in done.stderr


@pytest.mark.parametrize(("config", "arguments"), [(None, ()), (NOBODY, ("--context", "elsewhere"))])
def test_no_cluster_is_told_with_the_next_step(
    tmp_path: Path, config: str | None, arguments: tuple[str, ...]
) -> None:
    """No kubeconfig, or a context that is not in it."""
    done = kubectl_podium(tmp_path, config, "ledger", "retail-1", *arguments)
    assert done.returncode == 1
    assert "error: no cluster" in done.stderr
    assert "let KUBECONFIG name a kubeconfig" in done.stderr
    assert "Traceback" not in done.stderr


REFUSALS = [
    (401, TerminalError, "does not know who you are"),
    (403, TerminalError, "says: no"),
    (404, TerminalError, "has no Podium"),
    (422, TerminalError, "says: no"),
    (429, TransientError, "says: no"),
    (503, TransientError, "says: no"),
]


@pytest.mark.parametrize(("status", "kind", "words"), REFUSALS)
def test_a_refusal_is_put_into_words(status: int, kind: type[Exception], words: str) -> None:
    """And is an error that may pass, or one that does not."""
    error = in_words(Refused(status, "", "no"), "sales")
    assert type(error) is kind
    assert words in str(error)


def condition(reason: Reason, status: Any = "False") -> Condition:
    return Condition.model_validate(
        {
            "type": ConditionType.SUCCEEDED,
            "status": status,
            "reason": reason,
            "last_transition_time": "2026-01-01T00:00:00Z",
        }
    )


def test_the_whole_account_of_a_run_is_read_from_its_completions(after_a_run: Path) -> None:
    """What did not fit into the last words of its drivers, by what they announced; what another run completed is not in it."""
    events = Lakehouse(str(after_a_run / "lakehouse")).completions.all("stall")
    told = {origin(event): outcomes.done([event], before={}) for event in events}
    bounded = {
        "cleanse": told["cleanse"].model_copy(
            update={"ledger": summed(told["cleanse"].ledger), "tables": ()}
        ),
        "quality": told["quality"].model_copy(update={"verdicts": ()}),
    }
    again = {
        "ingest": outcomes.done([event for event in events if origin(event) == "ingest"], {"bronze.sales": 1})
    }
    stages = [
        StageRun.model_validate(
            {
                "metadata": {"name": name},
                "spec": {
                    "pipelineRun": {"name": "r", "uid": "0" * 36},
                    "stage": name,
                    "subject": "x",
                    "event": "{}",
                },
                "status": {"outcome": outcome},
            }
        )
        for name, outcome in {**again, **bounded}.items()
    ]
    status = PipelineRunStatus(run="r", left_out=("ledger", "tables", "verdicts"))
    found = whole(status, stages, events)
    assert found.ledger == told["cleanse"].ledger
    assert found.tables == told["cleanse"].tables
    assert found.verdicts == told["quality"].verdicts
    assert (found.run, found.left_out) == ("r", ())


PASSES = {
    *(Reason.SECRET_NOT_FOUND, Reason.CONFIG_MAP_NOT_FOUND, Reason.IMAGE_UNAVAILABLE),
    *(Reason.UNSCHEDULABLE, Reason.QUOTA_EXCEEDED),
    *(Reason.FORBIDDEN, Reason.START_TIMED_OUT, Reason.TIMED_OUT, Reason.FENCED, Reason.OUT_OF_MEMORY),
    *(Reason.DRIVER_LOST, Reason.EXECUTOR_LOST, Reason.STORAGE_UNAVAILABLE),
}


@pytest.mark.parametrize("reason", Reason)
def test_a_run_that_failed_is_an_error_with_advice(reason: Reason) -> None:
    """Whether another run may pass is told by the class of the failure; a verdict is an error of its own."""
    error = failed("retail-1", condition(reason))
    expected = QualityHold if reason == Reason.QUALITY_FAILED else TerminalError
    assert type(error) is (TransientError if reason in PASSES else expected)
    assert error.hint == EXPLANATIONS[reason].advice
    assert EXPLANATIONS[reason].meaning in str(error)
    assert failed("retail-1", condition(reason, "True")) is None


LINES = {
    "a line of a driver": (
        json.dumps(
            {
                "stage": "quality",
                "event": "retry",
                "level": "warning",
                "logger": "podium",
                "timestamp": "2026-11-26T20:11:21.5Z",
                "run": "r",
                "attempt": 2,
                "reason": "CommitConflict",
            }
        ),
        "20:11:21 warning  retry  attempt=2  reason=CommitConflict",
    ),
    "an exception": (
        '{"event": "failed", "level": "error", "timestamp": "2026-11-26T20:11:21Z", "exception": "Traceback\\n  x"}',
        "20:11:21 error    failed\nTraceback\n  x",
    ),
    "no JSON": ("WARN NativeCodeLoader: {}", "WARN NativeCodeLoader: {}"),
    "JSON of somebody else's": ('{"a": 1}', '{"a": 1}'),
    "a number": ("17", "17"),
}


@pytest.mark.parametrize(("line", "shown"), LINES.values(), ids=LINES)
def test_a_line_of_a_log_is_readable(line: str, shown: str) -> None:
    """What each line repeats is left out; what is not Podium's is as it is."""
    assert readable(line) == shown


PODS: dict[str, tuple[dict[str, Any], str]] = {
    "not scheduled": (
        {"conditions": [{"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}]},
        "no node takes it: Insufficient cpu",
    ),
    "just made": ({"phase": "Pending"}, "it is being made"),
    "no image": (
        {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no x"}}}]},
        "ImagePullBackOff: no x",
    ),
    "evicted": ({"phase": "Failed"}, ""),
    "at work": ({"containerStatuses": [{"state": {"running": {}}}]}, ""),
}


@pytest.mark.parametrize(("status", "waits"), PODS.values(), ids=PODS)
def test_a_pod_says_why_it_has_not_begun(status: dict[str, Any], waits: str) -> None:
    """In the cluster's words."""
    assert _waits({"status": status}) == waits


def test_a_plan_has_the_stages_in_order() -> None:
    """Gold and what serves it only where there is a model."""
    written = YAML(typ="safe").load(PIPELINE)
    spec = PipelineDocument.model_validate(written).spec
    assert [f"{step.stage} {step.subject}" for step in steps(spec)] == [
        "ingest bronze",
        "cleanse silver.sales",
        "quality silver.sales",
    ]
    written["spec"] |= {"model": {"dbt": "dbt"}, "publish": {"duckdb": {"path": "/x"}}}
    spec = PipelineDocument.model_validate(written).spec
    assert [f"{step.stage} {step.subject}" for step in steps(spec)][3:] == [
        "model gold",
        "quality gold",
        "publish gold",
    ]


def test_a_file_is_planned_before_it_is_applied(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is new in its sources: before a run everything, after it what has come since."""
    terminal.deliver("one.csv", "a,1,1.00")
    capsys.readouterr()
    assert call(["plan", "-f", "pipeline.yaml", "-o", "json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["news"] == [
        {"dataset": "sales", "source": "in/*.csv", "files": ["in/one.csv"], "bytes": 21, "unseen": ""}
    ]
    terminal.podium("run", "-q")
    terminal.deliver("two.csv", "b,1,1.00")
    assert call(["plan", "-f", "pipeline.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "1 file(s), 21 bytes: in/two.csv" in shown
    assert "cleanse  silver.sales" in shown


def test_a_plan_is_of_one_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the cluster, or of a file."""
    assert call(["plan"]) == 2
    assert "give the name of a Pipeline" in " ".join(capsys.readouterr().err.split())


COMPLETIONS = [
    (["l"], ["logs", "ledger", "lineage"]),
    (["w"], ["wait"]),
    (
        ["logs", "--"],
        ["--follow", "--attempt", "--executor", "--namespace", "--context", "--output"],
    ),
    (["ledger", "-o", ""], ["table", "json"]),
    (["plan", "retail", ""], []),
    (["nope", ""], []),
]


@pytest.mark.parametrize(("words", "offered"), COMPLETIONS, ids=str)
def test_words_are_completed(words: list[str], offered: list[str]) -> None:
    """Commands, options and their values, without a cluster."""
    assert [line.partition("\t")[0] for line in completions(words)] == offered
