"""Bundles: the same content is the same archive, and nothing but what the pipeline refers to."""

import io
import zipfile
from pathlib import Path

import pytest
from podium_contracts.errors import BundleUnreadable, TerminalError
from podium_runtime.bundles import digest, pack, unpack
from podium_runtime.pipeline_file import load

PIPELINE = """
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {name: shop}
spec:
  lakehouse: {uri: ./lakehouse}
  lookups:
    towns: {path: LOOKUP, key: variant, value: name}
  datasets:
    sales:
      sources: [{files: {path: data/*.csv}}]
      columns: {id: {type: string}}
      steps: {trim: {columns: [id], polars: "steps/clean.py:trim", spark: "steps/clean.py:trim"}}
      duplicates: {keys: [id]}
  model: {dbt: dbt}
  quality: {expectations: {sales: expectations/sales.json}}
"""


def folder(path: Path, lookup: str = "lookups/towns.csv") -> Path:
    for name in ("lookups", "dbt/models", "dbt/target", "data", "steps", "expectations"):
        (path / name).mkdir(parents=True)
    (path / "lookups/towns.csv").write_text("variant,name\nBTH,Bath\n")
    (path / "dbt/dbt_project.yml").write_text("name: shop\n")
    (path / "dbt/models/fact.sql").write_text("select 1\n")
    (path / "dbt/target/compiled.sql").write_text("not ours\n")
    (path / "steps/clean.py").write_text("def trim(rows):\n    return rows\n")
    (path / "expectations/sales.json").write_text('{"name": "sales", "expectations": []}')
    (path / "data/a.csv").write_text("id\n1\n")
    (path / "pipeline.yaml").write_text(PIPELINE.replace("LOOKUP", lookup))
    return path


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return buffer.getvalue()


def test_a_bundle_is_named_by_its_content(tmp_path: Path) -> None:
    """Wherever the folder lies and whenever its files were written; the data and what dbt makes are no part of it."""
    first, second = (pack(load(folder(tmp_path / name) / "pipeline.yaml")) for name in ("a", "b"))
    assert digest(first) == digest(second)
    unpack(first, digest(first), tmp_path / "out")
    names = sorted(
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    )
    assert names == [
        "dbt/dbt_project.yml",
        "dbt/models/fact.sql",
        "expectations/sales.json",
        "lookups/towns.csv",
        "steps/clean.py",
    ]


def test_a_pipeline_with_its_bundle_is_the_same_pipeline(tmp_path: Path) -> None:
    """Its steps, its suites and its fingerprint are, and so Gold is not made anew where a schedule or a bundle is added."""
    home = folder(tmp_path / "home")
    bundle = pack(load(home / "pipeline.yaml"))
    unpack(bundle, digest(bundle), tmp_path / "pod")
    more = f"  bundle: {{uri: /bundles/x.zip, sha256: {digest(bundle)}}}\n  schedule: 0 2 * * *\n  engine: spark\n"
    (tmp_path / "pod/pipeline.yaml").write_text((home / "pipeline.yaml").read_text() + more)
    here, there = (load(path / "pipeline.yaml").pipeline() for path in (home, tmp_path / "pod"))
    assert there.fingerprint == here.fingerprint
    assert there.steps == here.steps == {"steps/clean.py": b"def trim(rows):\n    return rows\n"}
    assert there.expectations == here.expectations
    assert there.expectations.keys() == {"sales"}


def test_a_file_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A bundle could not hold it under that name."""
    (tmp_path / "towns.csv").write_text("variant,name\n")
    file = load(folder(tmp_path / "home", "../towns.csv") / "pipeline.yaml")
    with pytest.raises(TerminalError, match=r"\.\./towns\.csv does not lie below"):
        pack(file)


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "a\\\\..\\\\evil"])
def test_a_path_that_leaves_the_bundle_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing of it is written."""
    content = archive(**{"fine.txt": "x", name: "y"})
    with pytest.raises(BundleUnreadable, match="leaves it"):
        unpack(content, digest(content), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_bundle_is_refused(tmp_path: Path) -> None:
    """By its sha256, whatever is in it; and what is no archive by what it is."""
    with pytest.raises(BundleUnreadable, match="sha256 is"):
        unpack(archive(a="x"), "0" * 64, tmp_path)
    with pytest.raises(BundleUnreadable, match="no archive"):
        unpack(b"hello", digest(b"hello"), tmp_path)
