"""Thousands of dirty files through Bronze into Silver and quarantine, against what was put into them: nothing crashes, is lost, null or shifted."""

import json
import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from podium.cli import call

from tests.dirty.generating import NAMES, TYPES, WAYS, Case, cases

SHORT, LONG = 330, 10_000


def pipeline() -> str:
    """Return a pipeline that reads every way of writing into one dataset."""
    sources = [{"files": {"path": f"{folder}/*", **way.source}} for folder, way in WAYS.items()]
    columns = {name: {"from": NAMES[name], "type": kind} for name, kind in TYPES.items()}
    dataset = {"sources": sources, "columns": columns, "duplicates": {"keys": ["id"]}}
    spec = {"lakehouse": {"uri": "lakehouse"}, "datasets": {"dirty": dataset}}
    document = {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "dirty"},
        "spec": spec,
    }
    return json.dumps(document)


def deliver(folder: Path, made: Iterable[Case]) -> None:
    """Write the files."""
    for way in WAYS:
        (folder / way).mkdir()
    for one in made:
        (folder / one.name).write_bytes(one.content)


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    found: list[dict[str, Any]] = DeltaTable(str(folder / "lakehouse" / table)).to_pyarrow_table().to_pylist()
    return found


def plain(value: Any) -> Any:
    """Return a value so that equal ones are the same: -0.0 is 0, and a moment is its text."""
    if isinstance(value, Decimal):
        return value + 0
    return value.isoformat() if isinstance(value, datetime) else value


def check(folder: Path, made: list[Case]) -> None:
    """Hold what the tables have against what the files were made of."""
    silver = {row["id"]: {name: plain(row[name]) for name in TYPES} for row in rows(folder, "silver/dirty")}
    wanted = {
        identifier: {name: plain(value) for name, value in values.items()}
        for one in made
        for identifier, values in one.silver.items()
    }
    assert silver == wanted
    quarantine = rows(folder, "quarantine/dirty")
    parsed = [row for row in quarantine if row["rules"] != ["csv.corrupt"]]
    refused = {json.loads(row["raw"])["id"]: (row["rules"], json.loads(row["raw"])) for row in parsed}
    assert refused == {identifier: why for one in made for identifier, why in one.refused.items()}
    assert len(refused) == len(parsed)
    corrupt = Counter(
        (row["source_file"], row["raw"]) for row in quarantine if row["rules"] == ["csv.corrupt"]
    )
    assert corrupt == Counter((one.name, text) for one in made for text in one.corrupt)


@pytest.mark.parametrize(
    "count", [SHORT, pytest.param(LONG, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_every_row_of_a_dirty_file_is_accounted_for(tmp_path: Path, count: int) -> None:
    """Each is in Silver with the very values that were written, or in quarantine with its rules and its texts, once."""
    seed = 1 if count == SHORT else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    made = cases(seed, count)
    deliver(tmp_path, made)
    (tmp_path / "pipeline.yaml").write_text(pipeline())
    assert call(("run", "--quiet", "-f", str(tmp_path / "pipeline.yaml"))) == 0
    check(tmp_path, made)
