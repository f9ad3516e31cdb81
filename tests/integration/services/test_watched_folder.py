"""A folder that the ingest service watches while somebody still writes into it."""

import time
from pathlib import Path

import pytest
from deltalake import DeltaTable
from podium_lakehouse.delta.tables import find

from tests.integration.services.stack import Stack, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
SETTLED_SECONDS = 8
PIPELINE = f"""
apiVersion: podium.dev/v1alpha1
kind: Pipeline
metadata: {{name: dropped}}
spec:
  lakehouse: {{uri: lakehouse}}
  datasets:
    sales:
      sources: [{{files: {{path: in/*.csv, watch_seconds: 1, settled_seconds: {SETTLED_SECONDS}}}}}]
      columns: {{id: {{type: string}}}}
      duplicates: {{keys: [id]}}
"""


def ids(folder: Path) -> list[str]:
    uri = str(folder / "lakehouse" / "bronze" / "sales")
    if find(uri) is None:
        return []
    found: list[str] = DeltaTable(uri).to_pyarrow_table()["id"].to_pylist()
    return sorted(found)


def test_a_file_is_taken_once_it_is_whole(stack: Stack) -> None:
    """It is written for longer than files must rest, with others beside it that are done; none is moved, renamed or touched."""
    folder = stack.pipelines / "dropped"
    (folder / "in").mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / "in" / "done.csv").write_text("id\nfirst\n")
    written = ["first"]
    with (folder / "in" / "growing.csv").open("w") as growing:
        growing.write("id\n")
        end = time.monotonic() + 2 * SETTLED_SECONDS
        while time.monotonic() < end:
            written.append(f"row-{len(written)}")
            growing.write(f"{written[-1]}\n")
            growing.flush()
            time.sleep(0.2)
            assert ids(folder) in ([], ["first"])
    names = sorted((folder / "in").iterdir())
    before = [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in names]
    eventually(lambda: ids(folder) == sorted(written))
    time.sleep(3)
    assert ids(folder) == sorted(written)
    assert [
        (path, path.stat().st_mtime_ns, path.read_bytes()) for path in sorted((folder / "in").iterdir())
    ] == before
    (folder / "pipeline.yaml").unlink()
