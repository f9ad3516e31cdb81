"""`commit_once` on a real S3 server with several processes at once: no commit is lost, none is there twice."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from podium_lakehouse.delta.commits import TransactionId

from tests.faults.test_commit_races import WAYS, WRITERS, plans, race, take_place

pytestmark = [pytest.mark.integration, pytest.mark.faults]
A, B = (tuple(TransactionId(name, number) for number in (1, 2, 3, 4)) for name in "ab")
PLAN = [A, B, (*A[:2], *B[2:])]
"""Two writers that want each other's place in the log, and one that wants the same commits as both."""


@pytest.fixture(scope="module")
def writers(environment: pytest.MonkeyPatch) -> Iterator[Executor]:
    """Processes that know the server."""
    del environment
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WRITERS, context, take_place, (context.Barrier(WRITERS),)) as pool:
        yield pool


@pytest.mark.parametrize("way", sorted(WAYS))
def test_each_identifier_is_committed_once(writers: Executor, bucket: str, way: str) -> None:
    """Each commit is there once with its rows, or was refused as overtaken, and every writer was told the truth."""
    race(writers, f"{bucket}/layer/table", PLAN, way)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(plan=plans, way=st.sampled_from(sorted(WAYS)))
def test_whatever_races_is_committed_once(
    writers: Executor, bucket: str, plan: list[tuple[TransactionId, ...]], way: str
) -> None:
    """Whatever identifiers race in whatever order."""
    race(writers, f"{bucket}/{uuid4()}/table", plan, way)
