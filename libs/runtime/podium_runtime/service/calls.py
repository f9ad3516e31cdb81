"""What happens in the child process: find the pipeline, call the stage, and bring back events or the reason why not."""

import atexit
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

from podium_contracts.errors import InvalidPipeline, PodiumError, Problem, TerminalError, TransientError
from podium_contracts.events import CloudEvent
from podium_contracts.names import Stage
from podium_contracts.pipeline import Dataset, Pipeline, PipelineDocument, Spec
from podium_contracts.watching import Look

from podium_runtime.bundles import unpack
from podium_runtime.pipeline_file import PipelineFile, load, name_in, stamp
from podium_runtime.requests import with_fingerprint

Result = TypeVar("Result")
LEAST_SECONDS = 0.2
"""What a stream waits at least between two looks that found nothing."""
LONGEST_MESSAGE = 10_000
"""Characters that a failure says at most, so that the dead letter fits its topic."""
RECORDS = "_podium"
"""The folder of Podium's own records: what holds it is a lakehouse."""


class Hosted(Hashable, Protocol):
    """A stage as a service hosts it. It crosses to the child process, so it is a plain value."""

    @property
    def stage(self) -> Stage:
        """Which one."""

    def problems(self, spec: Spec) -> list[Problem]:
        """Return the mistakes in a pipeline that its schema does not show."""

    def fetch(self, uri: str) -> bytes:
        """Return the content of a bundle."""

    def answer(self, event: CloudEvent, pipeline: Pipeline) -> list[CloudEvent]:
        """Call the stage; return what is to be announced, oldest first."""

    def bring(self, event: CloudEvent, pipeline: Pipeline, look: Look) -> list[CloudEvent]:
        """Call the stage for the next batch of a stream, looking for files where it is told to; as `answer`."""

    def reached(self, pipeline: Pipeline) -> dict[str, int]:
        """Return the number of the stage's last completion of each subject."""

    def is_due(self, event: CloudEvent, pipeline: Pipeline) -> bool:
        """Whether the stage has what it waits for before it answers an event."""

    def outstanding(self, pipeline: Pipeline) -> list[CloudEvent]:
        """Return the completions of the stage that are still to be announced, oldest first."""

    def announced(self, pipeline: Pipeline, events: list[CloudEvent]) -> None:
        """Note that Kafka has these events."""


@dataclass(frozen=True)
class Failure:
    """Why there is no answer; `transient` means that the same call may pass later.

    `trace` is where in the code it happened, for a failure that nobody foresaw.
    """

    reason: str
    message: str
    transient: bool
    trace: str = ""

    @property
    def said(self) -> dict[str, str]:
        """What a line of the log says of it."""
        return {
            "reason": self.reason,
            "message": self.message,
            **({"trace": self.trace} if self.trace else {}),
        }


def answer(hosted: Hosted, folder: Path, event: CloudEvent) -> list[CloudEvent] | Failure:
    """Call a stage with an event."""
    return guarded(lambda: hosted.answer(event, find(hosted, folder, event.partitionkey)))


def announced(hosted: Hosted, folder: Path, events: list[CloudEvent]) -> list[CloudEvent] | Failure:
    """Note that the events of a pipeline are announced."""

    def note() -> list[CloudEvent]:
        hosted.announced(find(hosted, folder, events[0].partitionkey), events)
        return []

    return guarded(note)


def reached(hosted: Hosted, folder: Path, event: CloudEvent) -> dict[str, int] | Failure:
    """Return the number of the stage's last completion of each subject, in the pipeline of an event."""
    return guarded(lambda: hosted.reached(find(hosted, folder, event.partitionkey)))


def is_due(hosted: Hosted, path: Path, event: CloudEvent) -> bool | Failure:
    """Return whether a stage has what it waits for, of the pipeline in a file."""
    return guarded(lambda: hosted.is_due(event, Pipeline.alone(load(path).document, path.parent)))


@dataclass(frozen=True)
class Outstanding:
    """What is to be announced, and by its file why a pipeline could not be looked at."""

    events: tuple[CloudEvent, ...] = ()
    failures: tuple[tuple[str, Failure], ...] = ()


def outstanding(hosted: Hosted, folder: Path) -> Outstanding | Failure:
    """Return what the stage has completed in any pipeline and not announced; a pipeline with mistakes is left out."""

    def owed(path: Path) -> list[CloudEvent]:
        try:
            file = _checked(hosted, path)
        except InvalidPipeline:
            return []
        return hosted.outstanding(Pipeline.alone(file.document, file.root))

    def look() -> Outstanding:
        events: list[CloudEvent] = []
        failures: list[tuple[str, Failure]] = []
        for path in files(folder):
            found = guarded(partial(owed, path))
            if isinstance(found, Failure):
                failures.append((str(path), found))
            else:
                events += found
        return Outstanding(tuple(events), tuple(failures))

    return guarded(look)


@dataclass(frozen=True)
class Stream:
    """A dataset that is brought up to date without a request."""

    pipeline: str
    dataset: str
    poll_seconds: float | None = None
    """How often its topics are looked at; None without any."""
    sweep_seconds: float | None = None
    """How often its watched files are listed; None without any."""
    notified: tuple[tuple[str, str], ...] = ()
    """Topics of notifications, each with the objects it may tell of, as the pipeline file writes them."""


def streams(hosted: Hosted, folder: Path) -> list[Stream] | Failure:
    """Return the streams that the pipelines declare; a pipeline with mistakes has none."""

    def look() -> list[Stream]:
        found = []
        for path in files(folder):
            try:
                found += _streams(_checked(hosted, path).document)
            except InvalidPipeline:
                continue
        return found

    return guarded(look)


def _streams(pipeline: PipelineDocument) -> list[Stream]:
    found = (_stream(pipeline.metadata.name, *item) for item in pipeline.spec.datasets.items())
    return [stream for stream in found if stream.poll_seconds or stream.sweep_seconds]


def _stream(pipeline: str, name: str, dataset: Dataset) -> Stream:
    files = [source.files for source in dataset.sources if source.files]
    triggers = [source.kafka.trigger_seconds for source in dataset.sources if source.kafka]
    watched = [source.watch_seconds for source in files if source.watch_seconds is not None]
    return Stream(
        pipeline,
        name,
        poll_seconds=min(max(min(triggers) / 10, LEAST_SECONDS), 5.0) if triggers else None,
        sweep_seconds=max(min(watched), LEAST_SECONDS) if watched else None,
        notified=tuple((source.notifications.topic, source.path) for source in files if source.notifications),
    )


def bring(hosted: Hosted, folder: Path, event: CloudEvent, look: Look) -> list[CloudEvent] | Failure:
    """Call a stage for the next batch of a stream, as the run that an event requests."""

    def call() -> list[CloudEvent]:
        pipeline = find(hosted, folder, event.partitionkey)
        return hosted.bring(with_fingerprint(event, pipeline), pipeline, look)

    return guarded(call)


def files(folder: Path) -> list[Path]:
    """Return the files with a pipeline below a folder, or the one that is named; what is hidden is left out, and so is a lakehouse.

    Hidden are the copies that editors make, and the folders behind a volume's links in Kubernetes. A lakehouse beside its pipeline has
    thousands of folders, which come and go.

    Raises:
        TransientError: there is no such folder.
    """
    if not folder.exists():
        raise TransientError(
            f"there is no folder {folder} with pipeline files",
            hint="mount or make it, or set PODIUM_PIPELINES to where it is",
        )
    paths = [folder] if folder.is_file() else sorted(_below(folder))
    return [path for path in paths if path.is_file() and name_in(path)]


def _below(folder: Path) -> Iterator[Path]:
    for home, folders, names in os.walk(folder):
        folders[:] = [] if RECORDS in folders else [name for name in folders if not name.startswith(".")]
        yield from (Path(home, name) for name in names if name.endswith(".yaml") and not name.startswith("."))


def find(hosted: Hosted, folder: Path, name: str) -> Pipeline:
    """Return a pipeline by its name.

    Raises:
        InvalidPipeline: its file has mistakes.
        TerminalError: several files have a pipeline of that name, or its bundle cannot be used.
        TransientError: there is no such folder, or no file there has it yet, as files come to the services of a cluster at different times; or the
            store of its bundle does not answer.
    """
    found = [path for path in files(folder) if name_in(path) == name]
    if len(found) == 1:
        return _pipeline(hosted, found[0])
    then = "then replay the dead letter with `podium dead-letters replay`"
    if found:
        raise TerminalError(
            f"pipeline {name!r} is in {len(found)} files: {', '.join(map(str, found))}",
            hint=f"leave one of them there, {then}",
        )
    raise TransientError(f"no pipeline {name!r} in {folder}", hint=f"put its file there, {then}")


def _checked(hosted: Hosted, path: Path) -> PipelineFile:
    """Return a pipeline file without mistakes; what its bundle brings is not looked at."""
    file, mistakes = _read(hosted, path, stamp(path))
    mistakes = mistakes if file.document.spec.bundle else [*mistakes, *file.missing()]
    if mistakes:
        raise file.invalid(mistakes)
    return file


def _pipeline(hosted: Hosted, path: Path) -> Pipeline:
    file = _checked(hosted, path)
    if bundle := file.document.spec.bundle:
        file = replace(file, root=_unpacked(hosted, bundle.uri, bundle.sha256))
        if missing := file.missing():
            raise file.invalid(missing)
    return file.pipeline()


@lru_cache(maxsize=64)
def _read(hosted: Hosted, path: Path, _stamp: tuple[int, ...]) -> tuple[PipelineFile, list[Problem]]:
    """Read and check a file again only when it has changed."""
    file = load(path)
    return file, hosted.problems(file.document.spec)


@lru_cache(maxsize=64)
def _unpacked(hosted: Hosted, uri: str, sha256: str) -> Path:
    """Return a folder with what a bundle holds, until this process ends.

    Raises:
        BundleUnreadable: it cannot be used.
        TransientError: its store does not answer.
    """
    content = hosted.fetch(uri)
    # Named as scratch folders are, which are swept when their process has ended: child processes end without `atexit`.
    folder = Path(tempfile.mkdtemp(prefix=f"podium-{os.getpid()}-"))
    with ExitStack() as undoing:
        undoing.callback(shutil.rmtree, folder, ignore_errors=True)
        unpack(content, sha256, folder)
        atexit.register(undoing.pop_all().close)
    return folder


def guarded(call: Callable[[], Result]) -> Result | Failure:
    """Return the result of a call, or why it failed: exceptions of libraries do not all cross between processes."""
    try:
        return call()
    except InvalidPipeline as error:
        listed = "; ".join(f"line {item.line}: {item.where} {item.message}" for item in error.problems)
        return _failure(error, f"{error}: {listed}", transient=False)
    except PodiumError as error:
        said = f"{error}: {error.hint}" if error.hint else str(error)
        return _failure(error, said, transient=isinstance(error, TransientError))
    except (OSError, MemoryError) as error:
        return _failure(error, str(error), transient=True)
    except BaseException as error:  # noqa: BLE001 - the boundary: a panic in a native library is no Exception
        traced = "".join(traceback.format_exception(error))
        return replace(_failure(error, str(error), transient=False), trace=traced[-LONGEST_MESSAGE:])


def _failure(error: BaseException, message: str, *, transient: bool) -> Failure:
    return Failure(type(error).__name__, message[:LONGEST_MESSAGE], transient)
