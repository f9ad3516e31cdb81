"""One look at a run: which calls it makes, what it remembers, and what it says when a call is refused."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from podium_operator.core.objects import Manifest
from podium_operator.observing import Observations
from podium_operator.reconciler import PATIENCE_SECONDS, Reconciler
from podium_runtime.cluster import Refused

from operators.pipelinerun.tests.cases import PIPELINE, SETTINGS, START, UID
from operators.pipelinerun.tests.memory import Memory

KEY = ("team", "shop-1")


class Team:
    """A namespace with a Pipeline and one run of it, and who looks after it."""

    def __init__(self, cluster: Memory | None = None, **spec: Any) -> None:
        self.now = START
        self.cluster = cluster or Memory()
        self.observed = Observations()
        metadata = {
            "name": "shop-1",
            "namespace": "team",
            "uid": UID,
            "generation": 1,
            "creationTimestamp": START.isoformat(),
            "resourceVersion": "1",
        }
        self.run: Manifest = {
            "apiVersion": "podium.dev/v1alpha1",
            "kind": "PipelineRun",
            "metadata": metadata,
            "spec": {"pipeline": "shop", **spec},
        }
        self.observed.put("PipelineRun", self.run)
        self.observed.put(
            "Pipeline", {**PIPELINE, "metadata": {**PIPELINE["metadata"], "resourceVersion": "1", "uid": "p"}}
        )
        self.restart()

    def restart(self) -> None:
        """Let another operator look, which remembers nothing."""
        self.reconciler = Reconciler(self.cluster, self.observed, SETTINGS, lambda: self.now)

    def look(self) -> list[str]:
        """Look once; return the calls that were made."""
        self.cluster.calls.clear()
        asyncio.run(self._look())
        return list(self.cluster.calls)

    async def _look(self) -> None:
        await self.reconciler.look(KEY)

    @property
    def shown(self) -> tuple[str, str]:
        """Status and reason of the run's success."""
        status = self.cluster.objects["PipelineRun", *KEY]["status"]
        (found,) = (item for item in status["conditions"] if item["type"] == "Succeeded")
        return found["status"], found["reason"]


def test_a_new_run_has_its_job_after_one_look() -> None:
    """By these calls and no other; the next look, where nothing is new, makes none."""
    team = Team()
    assert team.look() == [
        "make ConfigMap",
        "make StageRun",
        "make Job",
        "apply_status StageRun",
        "apply_status PipelineRun",
        "tell",
    ]
    assert team.shown == ("Unknown", "Starting")
    assert team.look() == []


class Killed(BaseException):
    """SIGKILL."""


class Deadly(Memory):
    """Kills whoever has written so many objects and statuses."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def _keep(self, raw: Manifest) -> Manifest:
        kept = super()._keep(raw)
        self.left -= 1
        if not self.left:
            raise Killed
        return kept


@pytest.mark.parametrize("written", range(1, 6))
def test_an_operator_that_is_killed_while_it_begins_a_run_is_succeeded_by_another(written: int) -> None:
    """Whatever of it is there already: what is pinned, a StageRun, a Job, a status."""
    team = Team(Deadly(written))
    with pytest.raises(Killed):
        team.look()
    for kind in ("StageRun", "Job", "PipelineRun"):
        for raw in [raw for key, raw in team.cluster.objects.items() if key[0] == kind]:
            team.observed.put(kind, raw)
    team.restart()
    team.look()
    assert team.shown == ("Unknown", "Starting")
    assert sorted(kind for kind, *_ in team.cluster.objects) == [
        "ConfigMap",
        "Job",
        "PipelineRun",
        "StageRun",
    ]


def test_what_is_pinned_is_read_once() -> None:
    """By an operator that has not pinned it itself."""
    team = Team()
    team.look()
    team.restart()
    assert team.look() == ["find ConfigMap"]
    assert team.look() == []


def test_a_config_map_of_another_run_pins_nothing() -> None:
    """Of one of the same name, say, which is being removed; what has been pinned is asked for again."""
    team = Team()
    team.look()
    team.restart()
    (name,) = (name for kind, _, name in team.cluster.objects if kind == "ConfigMap")
    team.cluster.objects["ConfigMap", "team", name]["metadata"]["ownerReferences"] = [{"uid": "another"}]
    assert team.look()[0] == "find ConfigMap"
    assert team.reconciler._pinned.get(KEY, ("", None))[0] in {"", UID}


def test_a_job_that_no_watch_has_brought_is_asked_for() -> None:
    """Before it is taken for lost: the watch may be behind what was written."""
    team = Team()
    team.look()
    (job,) = (raw for (kind, _, _), raw in team.cluster.objects.items() if kind == "Job")
    team.observed.remove("Job", job)
    assert team.look() == ["find Job"]
    assert team.shown == ("Unknown", "Starting")


def test_warnings_are_asked_for_after_a_while() -> None:
    """Of a Job that has no driver, and shown."""
    team = Team()
    team.look()
    team.now += timedelta(seconds=PATIENCE_SECONDS)
    (name,) = (name for kind, _, name in team.cluster.objects if kind == "Job")
    team.cluster.warned[name] = "exceeded quota: none"
    assert team.look() == ["warnings", "apply_status StageRun", "apply_status PipelineRun", "tell"]
    assert team.shown == ("Unknown", "QuotaExceeded")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("exceeded quota: none", ("Unknown", "QuotaExceeded")),
        ("spec.volumes is invalid", ("False", "InvalidSpec")),
    ],
)
def test_what_is_refused_is_said_in_the_run(words: str, shown: tuple[str, str]) -> None:
    """And raised, so that it is tried again."""
    team = Team()
    team.cluster.refusals["Job"] = Refused(403, "Forbidden", words)
    with pytest.raises(Refused, match=words):
        team.look()
    assert team.shown == shown


def test_a_spec_that_is_none_ends_the_run_once() -> None:
    """However often it is looked at."""
    team = Team(timeout="soon")
    assert team.look() == ["apply_status PipelineRun", "tell"]
    assert team.shown == ("False", "InvalidSpec")
    team.observed.renew("PipelineRun", team.cluster.objects["PipelineRun", *KEY])
    assert team.look() == []


def test_nothing_is_remembered_of_a_run_that_is_over_or_gone() -> None:
    """Neither what it has pinned nor that there was one."""
    for gone in (False, True):
        team = Team()
        team.look()
        assert KEY in team.reconciler._pinned
        if gone:
            team.observed.remove("PipelineRun", team.run)
        else:
            known = team.observed.get("PipelineRun", KEY)
            assert known
            spec = {**known["spec"], "cancel": True}
            version = str(team.cluster.version + 1)
            team.observed.put(
                "PipelineRun",
                {**known, "spec": spec, "metadata": {**known["metadata"], "resourceVersion": version}},
            )
            assert "delete Job" in team.look()
            assert team.shown == ("False", "Cancelled")
        team.look()
        assert team.reconciler._pinned == {}
