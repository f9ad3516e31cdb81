"""Podium's errors: each is terminal (a person must act) or transient (the same call may pass later).

    PodiumError
    ├── TerminalError          a retry cannot help; the message says what to do
    │   ├── InvalidPipeline    the pipeline file; lists every problem with its place
    │   ├── MalformedEvent     a Kafka record that is none of Podium's events
    │   ├── MissingEvents      completions that were announced and did not reach a consumer
    │   ├── BadSource          a source that cannot be read as declared
    │   │   └── SchemaChanged  a source whose new schema the dataset's policy refuses
    │   ├── LedgerImbalance    rows in and rows accounted for differ
    │   ├── BundleUnreadable   a bundle that is not there, or is not the one that was asked for
    │   ├── DataFileUnreadable a data file of a table that is damaged, or gone
    │   ├── StepFailed         a custom step raised, or returned other rows than it may
    │   ├── QualityHold        a failed verdict holds the dataset
    │   ├── ModelFailed        dbt refused a model or one of its tests, or a model is not what its settings say
    │   └── VersionGone        a version of a table whose files VACUUM has taken away
    └── TransientError         a retry may help
        ├── CommitConflict     another writer changed a table after the intent had pinned it
        ├── OutOfMemory        the engine used more memory than it has
        └── ExecutorLost       the engine's executors were lost more often than it goes on

Each carries a hint: the next step for whoever reads it.
"""

from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake in a pipeline file: the path to it, what is wrong, and what would be right.

    `line` counts from 1; it is 0 where the file's text is not at hand. `file` is where it stands, if not in the pipeline file itself.
    """

    path: Path
    message: str
    hint: str = ""
    line: int = 0
    file: str = ""

    @property
    def where(self) -> str:
        """The path as people write it: `spec.datasets.sales.sources[0]`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
        return text.lstrip(".")


class PodiumError(Exception):
    """The root of Podium's errors; `hint` is the next step for the person who reads it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class TerminalError(PodiumError):
    """A retry cannot help: somebody must change something first."""


class TransientError(PodiumError):
    """The same call may pass later."""


class InvalidPipeline(TerminalError):
    """The pipeline file has mistakes; `problems` holds all of them."""

    def __init__(self, problems: list[Problem], *, file: str = "") -> None:
        super().__init__(f"{file or 'the pipeline'} has {len(problems)} mistake(s)")
        self.problems = problems
        self.file = file


class MalformedEvent(TerminalError):
    """A Kafka record that is not one of Podium's events; the message says which part and why."""


class MissingEvents(TerminalError):
    """Completions that were announced and did not reach a consumer; the message says whose, and which."""


class BadSource(TerminalError):
    """A source that cannot be read as the pipeline declares it."""


class SchemaChanged(BadSource):
    """A source's new schema cannot hold what the old one held, and the dataset's policy refuses such a change."""


class LedgerImbalance(TerminalError):
    """Rows that came in and rows accounted for differ; nothing has been completed."""


class BundleUnreadable(TerminalError):
    """A bundle that is not there, is not the one that was asked for, or holds what no bundle may."""


class DataFileUnreadable(TerminalError):
    """A data file of a table that is damaged, or gone."""


class StepFailed(TerminalError):
    """A custom step of cleansing raised, or returned what it may not; nothing has been written."""


class QualityHold(TerminalError):
    """A failed verdict holds the dataset until somebody acts."""


class ModelFailed(TerminalError):
    """dbt refused a model or one of its tests, or a model is not what its settings say; nothing has been committed."""


class VersionGone(TerminalError):
    """A version of a table that cannot be read any more: its files, or its log, are gone."""


class CommitConflict(TransientError):
    """Another writer changed a table after the intent had pinned it; a new intent is needed."""


class OutOfMemory(TransientError):
    """The engine used more memory than it has; nothing more can be asked of it in this process."""


class ExecutorLost(TransientError):
    """The engine's executors were lost more often than it goes on; nothing more can be asked of it in this process."""
