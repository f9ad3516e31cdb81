"""What happens in the child process: which pipeline is meant, and what becomes of an error."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from podium_contracts.archives import archive
from podium_contracts.errors import BadSource, BundleUnreadable, CommitConflict, Problem
from podium_contracts.events import CloudEvent
from podium_contracts.names import Stage
from podium_contracts.pipeline import Pipeline, Spec
from podium_contracts.watching import EVERYWHERE, Look
from podium_runtime.bundles import digest
from podium_runtime.pipeline_file import load
from podium_runtime.requests import request_of_batch
from podium_runtime.service import calls
from podium_runtime.service.calls import LONGEST_MESSAGE, Failure, Outstanding, Stream

from libs.runtime.tests.service.conftest import event

PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: NAME}
spec:
  lakehouse: {uri: lakehouse}
  datasets:
    sales:
      sources: [{files: {path: "*.csv"}}]
      columns: {id: {type: string}}
      duplicates: {keys: [id]}
"""

LOOK = Look(sweep=False, objects=("s3://shop/in/a.csv",))


@dataclass(frozen=True)
class Hosted:
    """A stage that answers with the event it gets, or raises."""

    error: BaseException | None = None
    stage: Stage = Stage.INGEST
    bundle: bytes = b""
    unreachable: str = ""
    """The pipeline whose lakehouse does not answer."""

    def fetch(self, uri: str) -> bytes:
        if not self.bundle:
            raise BundleUnreadable(f"{uri}: no such object")
        return self.bundle

    def problems(self, spec: Spec) -> list[Problem]:
        wrong = "forbidden" in spec.datasets
        return [Problem(("spec", "datasets", "forbidden"), "is not allowed")] if wrong else []

    def answer(self, given: CloudEvent, pipeline: Pipeline) -> list[CloudEvent]:
        assert pipeline.name == given.partitionkey
        if self.error:
            raise self.error
        return [given]

    def bring(self, given: CloudEvent, pipeline: Pipeline, look: Look) -> list[CloudEvent]:
        assert (given.run.executor, given.run.datasets) == ("resident", ("sales",))
        return self.answer(given, pipeline) if look == LOOK else []

    def outstanding(self, pipeline: Pipeline) -> list[CloudEvent]:
        if pipeline.name == self.unreachable:
            raise OSError("no route to host")
        return [event(pipeline=pipeline.name)]

    def announced(self, pipeline: Pipeline, events: list[CloudEvent]) -> None:
        assert {item.partitionkey for item in events} == {pipeline.name}
        if self.error:
            raise self.error


def write(folder: Path, name: str, pipeline: str = "shop", text: str = PIPELINE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("NAME", pipeline))
    return path


def failure(folder: Path, error: BaseException | None = None) -> Failure:
    """Return why there is no answer."""
    found = calls.answer(Hosted(error), folder, event())
    assert isinstance(found, Failure)
    return found


def test_a_pipeline_is_found_by_its_name(tmp_path: Path) -> None:
    """Among files of any depth and name, others' mistakes and what is no pipeline passed over; or in the one file named."""
    write(tmp_path, "a.yaml", "other")
    write(tmp_path, "broken.yaml", text="{")
    write(tmp_path, "models.yaml", text="version: 2")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere.yaml")
    path = write(tmp_path, "deep/folder/any.yaml")
    assert calls.answer(Hosted(), tmp_path, event()) == [event()]
    assert calls.answer(Hosted(), path, event()) == [event()]


def test_a_pipeline_has_what_its_bundle_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its file there need be nothing; a bundle that is not there holds up this pipeline's events, not its announcements."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bundle = archive({"towns.csv": b"variant,name\nBTH,Bath\n"})
    lookup = "  lookups: {towns: {path: towns.csv, key: variant, value: name}}\n"
    brought = f"  bundle: {{uri: /bundles/x.zip, sha256: {digest(bundle)}}}\n"
    path = write(tmp_path, "shop.yaml", text=f"{PIPELINE}{lookup}{brought}")
    pipeline = calls.find(Hosted(bundle=bundle), tmp_path, "shop")
    assert (pipeline.root / "towns.csv").read_text() == "variant,name\nBTH,Bath\n"
    (tmp_path / "towns.csv").write_bytes((pipeline.root / "towns.csv").read_bytes())
    assert pipeline.fingerprint == load(path).pipeline().fingerprint
    assert failure(tmp_path).reason == "BundleUnreadable"
    assert calls.outstanding(Hosted(), tmp_path) == Outstanding((event(),))


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    """A volume of Kubernetes holds each file twice: behind a link, and in a hidden folder."""
    write(tmp_path, "..2026_11_25/shop.yaml")
    write(tmp_path, ".shop.yaml")
    (tmp_path / "..data").symlink_to(tmp_path / "..2026_11_25")
    (tmp_path / "shop.yaml").symlink_to(tmp_path / "..data" / "shop.yaml")
    assert calls.files(tmp_path) == [tmp_path / "shop.yaml"]


def test_a_lakehouse_is_not_searched(tmp_path: Path) -> None:
    """A lakehouse may lie beside its pipeline; what is in it is no pipeline, and is not looked through."""
    path = write(tmp_path, "shop/pipeline.yaml")
    write(tmp_path, "shop/lakehouse/silver/sales/copy.yaml")
    (tmp_path / "shop/lakehouse/_podium").mkdir()
    assert calls.files(tmp_path) == [path]


def test_an_unknown_pipeline_may_come(tmp_path: Path) -> None:
    """A ConfigMap reaches each pod at another time; who waits in vain is to put the file there and replay."""
    found = failure(tmp_path)
    assert (found.reason, found.transient) == ("TransientError", True)
    assert f"no pipeline 'shop' in {tmp_path}" in found.message
    assert "podium dead-letters replay" in found.message


def test_a_pipeline_in_two_files_is_for_a_person(tmp_path: Path) -> None:
    """Which one is meant, nobody can tell."""
    write(tmp_path, "a.yaml")
    write(tmp_path, "b.yaml")
    found = failure(tmp_path)
    assert "in 2 files" in found.message
    assert not found.transient


def test_a_folder_that_is_not_there_may_come(tmp_path: Path) -> None:
    """A volume that is not mounted yet does not make a dead letter of every event."""
    found = failure(tmp_path / "nowhere")
    assert found.transient
    assert "PODIUM_PIPELINES" in found.message


def test_a_file_with_mistakes_lists_them(tmp_path: Path) -> None:
    """Those of its schema, or those that the stage finds, or files that are not there, each with its line."""
    write(tmp_path, "shop.yaml", text=PIPELINE.replace("type: string", "type: text"))
    found = failure(tmp_path)
    assert (found.reason, found.transient) == ("InvalidPipeline", False)
    assert "line 10" in found.message
    write(tmp_path, "shop.yaml", text=PIPELINE.replace("sales:", "forbidden:"))
    assert "line 8: spec.datasets.forbidden is not allowed" in failure(tmp_path).message
    write(
        tmp_path, "shop.yaml", text=f"{PIPELINE}  lookups: {{towns: {{path: towns.csv, key: a, value: b}}}}\n"
    )
    assert "towns.csv does not exist" in failure(tmp_path).message


def test_a_corrected_file_is_read_again(tmp_path: Path) -> None:
    """A file is checked anew when it has changed."""
    write(tmp_path, "shop.yaml", text=PIPELINE.replace("type: string", "type: text"))
    failure(tmp_path)
    write(tmp_path, "shop.yaml")
    assert calls.answer(Hosted(), tmp_path, event()) == [event()]


def test_a_file_that_is_being_written_is_read_again(tmp_path: Path) -> None:
    """It is empty first and has its text a moment later, which may be the same tick of the file system's clock."""
    path = write(tmp_path, "shop.yaml", text="")
    tick = path.stat().st_mtime_ns
    assert "no pipeline" in failure(tmp_path).message
    write(tmp_path, "shop.yaml")
    os.utime(path, ns=(tick, tick))
    assert calls.answer(Hosted(), tmp_path, event()) == [event()]


class Panic(BaseException):
    """As a native library's: no Exception."""


ERRORS = {
    "transient": (CommitConflict("overtaken", hint="again"), "CommitConflict", "overtaken: again", True),
    "terminal": (BadSource("no file"), "BadSource", "no file", False),
    "of the system": (PermissionError(13, "denied"), "PermissionError", "[Errno 13] denied", True),
    "out of memory": (MemoryError("full"), "MemoryError", "full", True),
    "unforeseen": (KeyError("nope"), "KeyError", "'nope'", False),
    "a panic": (Panic("index"), "Panic", "index", False),
    "an exit": (SystemExit(3), "SystemExit", "3", False),
}


@pytest.mark.parametrize(("error", "reason", "message", "transient"), ERRORS.values(), ids=ERRORS.keys())
def test_errors_are_classified(
    tmp_path: Path, error: BaseException, reason: str, message: str, *, transient: bool
) -> None:
    """What may pass later is tried again; an error that nobody foresaw brings the place in the code where it arose."""
    write(tmp_path, "shop.yaml")
    found = failure(tmp_path, error)
    assert (found.reason, found.message, found.transient) == (reason, message, transient)
    foreseen = transient or reason == "BadSource"
    assert ("in answer" in found.trace) != foreseen


def test_a_message_is_bounded(tmp_path: Path) -> None:
    """The dead letter has to fit its topic."""
    write(tmp_path, "shop.yaml")
    assert len(failure(tmp_path, BadSource("x" * 10**6)).message) == LONGEST_MESSAGE


def test_what_is_outstanding_is_looked_for_in_every_pipeline(tmp_path: Path) -> None:
    """One with mistakes does not hide the others'."""
    write(tmp_path, "a.yaml", "one")
    write(tmp_path, "b.yaml", "two")
    write(tmp_path, "c.yaml", "three", PIPELINE.replace("type: string", "type: text"))
    found = calls.outstanding(Hosted(), tmp_path)
    assert found == Outstanding((event(pipeline="one"), event(pipeline="two")))


def test_a_lakehouse_that_does_not_answer_does_not_end_the_look_at_the_others(tmp_path: Path) -> None:
    """Which one it was comes back beside what the others owe."""
    paths = [write(tmp_path, f"{name}.yaml", name) for name in ("away", "here")]
    hosted = Hosted(unreachable="away")
    found = calls.outstanding(hosted, tmp_path)
    assert isinstance(found, Outstanding)
    assert found.events == (event(pipeline="here"),)
    assert [(path, failed.reason, failed.transient) for path, failed in found.failures] == [
        (str(paths[0]), "OSError", True)
    ]


def test_announcements_are_noted_with_their_pipeline(tmp_path: Path) -> None:
    """And a failure to do so comes back as one."""
    write(tmp_path, "shop.yaml")
    assert calls.announced(Hosted(), tmp_path, [event()]) == []
    found = calls.announced(Hosted(OSError(28, "full")), tmp_path, [event()])
    assert isinstance(found, Failure)


SOURCES = {
    "files": ("{files: {path: '*.csv'}}", None),
    "a folder": ("{files: {path: '*.csv', watch_seconds: 60}}", Stream("shop", "sales", sweep_seconds=60)),
    "a topic": ("{kafka: {topic: sales}}", Stream("shop", "sales", poll_seconds=3)),
    "an eager topic": (
        "{kafka: {topic: sales, trigger_seconds: 0.1}}",
        Stream("shop", "sales", poll_seconds=0.2),
    ),
    "objects": (
        "{files: {path: 's3://shop/in/*', watch_seconds: 600, notifications: {topic: told}}}",
        Stream("shop", "sales", sweep_seconds=600, notified=(("told", "s3://shop/in/*"),)),
    ),
    "several": (
        "{kafka: {topic: sales}}, {files: {path: a, watch_seconds: 9}}, {files: {path: b, watch_seconds: 0.1}}",
        Stream("shop", "sales", poll_seconds=3, sweep_seconds=0.2),
    ),
}


@pytest.mark.parametrize(("sources", "stream"), SOURCES.values(), ids=SOURCES)
def test_a_dataset_that_is_watched_is_a_stream(tmp_path: Path, sources: str, stream: Stream | None) -> None:
    """Its topics are polled, its files swept as often as the most eager of them asks; a pipeline with mistakes has no stream."""
    text = PIPELINE.replace("""{files: {path: "*.csv"}}""", sources)
    write(tmp_path, "shop.yaml", text=text)
    write(tmp_path, "wrong.yaml", "wrong", text.replace("type: string", "type: text"))
    assert calls.streams(Hosted(), tmp_path) == ([stream] if stream else [])


def test_a_stream_is_brought_by_a_resident_run_of_its_dataset(tmp_path: Path) -> None:
    """It looks where the watch says; what fails comes back as a failure."""
    path = write(tmp_path, "shop.yaml")
    asked = request_of_batch("shop", "sales")
    assert calls.bring(Hosted(), tmp_path, asked, EVERYWHERE) == []
    [brought] = calls.bring(Hosted(), tmp_path, asked, LOOK)  # type: ignore[misc]
    assert brought.run == asked.run.model_copy(update={"fingerprint": load(path).pipeline().fingerprint})
    assert isinstance(calls.bring(Hosted(BadSource("gone")), tmp_path, asked, LOOK), Failure)
