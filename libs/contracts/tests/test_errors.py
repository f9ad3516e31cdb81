"""Errors tell the reader where, what, and what to do next."""

import pytest
from podium_contracts.errors import (
    BadSource,
    CommitConflict,
    InvalidPipeline,
    LedgerImbalance,
    MalformedEvent,
    ModelFailed,
    Path,
    PodiumError,
    Problem,
    QualityHold,
    StepFailed,
    TerminalError,
    TransientError,
)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ((), ""),
        (("kind",), "kind"),
        (("spec", "datasets", "sales", "sources", 0, "files"), "spec.datasets.sales.sources[0].files"),
        (("keys", 1, 2), "keys[1][2]"),
        (("columns", "Customer ID"), "columns.Customer ID"),
    ],
)
def test_a_path_reads_as_people_write_it(path: Path, where: str) -> None:
    """Keys are joined by points, places in a list are in brackets, from 0."""
    assert Problem(path, "is wrong").where == where


@pytest.mark.parametrize(
    ("file", "message"),
    [("", "the pipeline has 2 mistake(s)"), ("p.yaml", "p.yaml has 2 mistake(s)")],
)
def test_an_invalid_pipeline_holds_every_mistake(file: str, message: str) -> None:
    """The message counts the mistakes, and all of them can be shown."""
    problems = [Problem(("kind",), "is missing"), Problem(("spec",), "is missing", line=3)]
    error = InvalidPipeline(problems, file=file)
    assert (str(error), error.problems, error.file) == (message, problems, file)


@pytest.mark.parametrize(
    "kind",
    [BadSource, LedgerImbalance, MalformedEvent, ModelFailed, QualityHold, StepFailed, InvalidPipeline],
)
def test_a_terminal_error_is_not_retried(kind: type[PodiumError]) -> None:
    """A retry asks the type, never the text."""
    assert issubclass(kind, TerminalError)
    assert not issubclass(kind, TransientError)


def test_a_conflict_with_another_writer_may_be_retried() -> None:
    """A new intent can pass where this one could not."""
    assert issubclass(CommitConflict, TransientError)
    assert not issubclass(CommitConflict, TerminalError)


def test_an_error_carries_its_hint() -> None:
    """The hint is the next step, apart from the message; without one it is empty."""
    error = BadSource("sales.csv is empty", hint="remove the file")
    assert (str(error), error.hint) == ("sales.csv is empty", "remove the file")
    assert QualityHold("held").hint == ""
