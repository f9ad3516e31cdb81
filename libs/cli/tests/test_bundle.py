"""`podium bundle`: from a pipeline file to what a cluster takes."""

import hashlib
import zipfile
from pathlib import Path

import pytest
import yaml
from podium_contracts.pipeline import PipelineDocument

from libs.cli.tests.conftest import PIPELINE, Answer, Terminal

PROD = """\
spec:
  lakehouse: {uri: s3://lake/stall}
  datasets:
    sales:
      sources: [{files: {path: /data/*.csv}}]
"""
LOOKUP = """
      standardise:
        id: {lookup: ids}
  lookups:
    ids: {path: lookups/ids.csv, key: variant, value: name}
"""


@pytest.fixture
def stall(terminal: Terminal) -> Terminal:
    """Return a prompt beside a pipeline that refers to a file, and its overlay."""
    (terminal.folder / "pipeline.yaml").write_text(PIPELINE + LOOKUP.lstrip("\n"))
    (terminal.folder / "prod.yaml").write_text(PROD)
    (terminal.folder / "lookups").mkdir()
    (terminal.folder / "lookups" / "ids.csv").write_text("variant,name\na,A\n")
    return terminal


def bundle(terminal: Terminal, *arguments: str) -> Answer:
    place = str(terminal.folder / "bundles")
    return terminal.podium("bundle", "--overlay", "prod.yaml", "--to", place, *arguments)


def test_a_bundle_is_kept_once_under_its_content(stall: Terminal) -> None:
    """The Pipeline that is printed refers to it, has what the overlay says, and can be applied."""
    first = bundle(stall, "-n", "sales")
    again = bundle(stall, "-n", "sales")
    assert (first.code, again.code) == (0, 0)
    assert first.out == again.out
    assert "there already" in again.err
    (kept,) = (stall.folder / "bundles").iterdir()
    manifest = yaml.safe_load(first.out)
    assert manifest["metadata"] == {"name": "stall", "namespace": "sales"}
    sha256 = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert manifest["spec"]["bundle"] == {"uri": str(kept), "sha256": sha256}
    assert kept.name == f"{sha256}.zip"
    assert zipfile.ZipFile(kept).namelist() == ["lookups/ids.csv"]
    document = PipelineDocument.model_validate(manifest, by_alias=True, by_name=False)
    assert document.spec.lakehouse.uri == "s3://lake/stall"


def test_a_manifest_says_what_the_file_says(stall: Terminal) -> None:
    """No defaults are in it, and what looks like another type to Kubernetes' YAML is in quotes."""
    file = stall.folder / "pipeline.yaml"
    (stall.folder / "lookups" / "numbers.csv").write_text("no,name\n1,A\n")
    file.write_text(file.read_text() + "    other: {path: lookups/numbers.csv, key: no, value: name}\n")
    prod = stall.folder / "prod.yaml"
    prod.write_text(prod.read_text() + '      nulls: {id: {strategy: default, default_value: "1e5"}}\n')
    printed = bundle(stall).out
    manifest = yaml.safe_load(printed)
    assert manifest["spec"]["lookups"]["other"]["key"] == "no"
    assert 'default_value: "1e5"' in printed
    assert set(manifest["spec"]) == {"lakehouse", "datasets", "lookups", "bundle"}


def test_a_pipeline_that_refers_to_nothing_needs_no_bundle(terminal: Terminal) -> None:
    """It says so; what is printed can be applied all the same."""
    (terminal.folder / "prod.yaml").write_text(PROD)
    answer = terminal.podium("bundle", "--overlay", "prod.yaml")
    assert answer.code == 0
    assert "refers to nothing" in answer.err
    assert "bundle" not in yaml.safe_load(answer.out)["spec"]


def test_what_no_pod_reaches_is_refused_at_once(stall: Terminal, tmp_path: Path) -> None:
    """With every place, where it stands, and what to do; nothing is kept."""
    file = stall.folder / "pipeline.yaml"
    outside = tmp_path.parent / "ids.csv"
    outside.write_text("variant,name\n")
    file.write_text(
        file.read_text().replace("lookups/ids.csv", "../ids.csv") + "  publish: {duckdb: {path: x.duckdb}}\n"
    )
    (stall.folder / "prod.yaml").write_text("spec:\n  lakehouse: {uri: tables}\n")
    answer = bundle(stall)
    assert (answer.code, answer.out) == (2, "")
    for place in (
        "prod.yaml:2 spec.lakehouse.uri",
        "pipeline.yaml:9 spec.datasets.sales.sources[0].files.path",
        "pipeline.yaml:20 spec.lookups.ids.path",
        "pipeline.yaml:21 spec.publish.duckdb.path",
    ):
        assert place in answer.err
    assert "an overlay can say so" in answer.err
    assert not (stall.folder / "bundles").exists()


PLACES = {
    "nowhere": ((), "say where pods get them"),
    "a folder of this machine": (("--to", "bundles"), "the absolute path of a folder"),
    "another store": (("--to", "gs://bucket/x"), "s3://bucket/prefix"),
    "a bucket that is none": (("--to", "s3:///x"), "no name of a bucket"),
}


@pytest.mark.parametrize(("arguments", "words"), PLACES.values(), ids=PLACES)
def test_a_place_that_no_pod_reaches_is_refused(
    stall: Terminal, arguments: tuple[str, ...], words: str
) -> None:
    """With what to write instead."""
    answer = stall.podium("bundle", "--overlay", "prod.yaml", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in " ".join(answer.err.replace("│", " ").split())


def test_every_command_takes_an_overlay(stall: Terminal) -> None:
    """What it says to type next has it, too."""
    (stall.folder / "prod.yaml").write_text("spec: {lakehouse: {uri: elsewhere}}\n")
    stall.deliver("one.csv", "a,1,1.00")
    done = stall.podium("run", "-q", "--overlay", "prod.yaml")
    assert done.code == 0
    assert "podium ledger -f pipeline.yaml --overlay prod.yaml" in done.out
    assert not (stall.folder / "lakehouse").exists()
    assert stall.podium("tables", "--overlay", "prod.yaml", "-o", "json").json[0]["table"] == "bronze.sales"
    assert stall.podium("tables", "-o", "json").json == []


def test_a_mistake_of_an_overlay_is_shown_at_its_line(stall: Terminal) -> None:
    """Of expressions and names as of the schema, to people and to scripts."""
    (stall.folder / "prod.yaml").write_text(
        "spec:\n  datasets:\n    sales:\n      duplicates: {keys: [nope], order: [at]}\n"
    )
    answer = stall.podium("validate", "--overlay", "prod.yaml")
    assert answer.code == 2
    assert "prod.yaml:4 spec.datasets.sales.duplicates" in answer.err
    (found,) = stall.podium("validate", "--overlay", "prod.yaml", "-o", "json").json
    assert (found["file"], found["line"]) == ("prod.yaml", 4)
