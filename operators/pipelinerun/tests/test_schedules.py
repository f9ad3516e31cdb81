"""What a schedule asks for: runs at their times, each once, and not too many of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from podium_contracts.resources import PipelineRun, ScheduledPipeline
from podium_operator.core.schedules import Due, due, run_name

UID = "7a0f5d1e-1111-4c4f-8a53-3f3f2b8e7f10"
APPLIED = datetime(2026, 1, 5, 0, 30, tzinfo=UTC)


@dataclass
class World:
    """A Pipeline and the runs of its schedule, as the API server keeps them."""

    schedule: str | None = "0 2 * * *"
    scheduling: dict[str, Any] = field(default_factory=dict)
    runs_as: dict[str, Any] = field(default_factory=dict)
    now: datetime = APPLIED
    status: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, PipelineRun] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def pipeline(self) -> ScheduledPipeline:
        metadata = {"name": "shop", "namespace": "team", "uid": UID, "generation": 1}
        labels = {"kueue.x-k8s.io/queue-name": "nightly", "team": "sales"}
        return ScheduledPipeline.model_validate(
            {
                "metadata": {**metadata, "labels": labels, "creationTimestamp": APPLIED.isoformat()},
                "spec": {"schedule": self.schedule, "scheduling": self.scheduling, "runs": self.runs_as},
                "status": self.status,
            }
        )

    def look(self, *, killed_before: str = "") -> Due:
        """Look once, and do what is due; or end before one of its parts."""
        decision = due(self.pipeline, list(self.runs.values()), self.now)
        for run in decision.cancel:
            self.end(run.metadata.name, "False")
        if killed_before == "make":
            return decision
        if decision.make:
            self._make(decision.make)
        if killed_before == "status":
            return decision
        for run in decision.delete:
            del self.runs[run.metadata.name]
        if decision.status:
            self.status = decision.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.told += [note.message for note in decision.notes]
        return decision

    def look_at(self, text: str) -> Due:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return self.look()

    def end(self, name: str, succeeded: str = "True") -> None:
        """End a run."""
        condition = {"reason": "Completed", "lastTransitionTime": self.now.isoformat()}
        status = {
            "conditions": [
                {"type": "Succeeded", "status": succeeded, **condition},
                {"type": "Finished", "status": "True", **condition},
            ]
        }
        self.runs[name] = PipelineRun.model_validate({**self.runs[name].model_dump(), "status": status})

    @property
    def shown(self) -> tuple[str, str]:
        """Status and reason of the condition."""
        (condition,) = self.status["conditions"]
        return condition["status"], condition["reason"]

    def _make(self, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        if name not in self.runs:
            self.made.append(name)
            metadata = {"uid": UID, "creationTimestamp": self.now.isoformat(), **manifest["metadata"]}
            self.runs[name] = PipelineRun.model_validate({**manifest, "metadata": metadata})


def test_a_run_is_made_when_it_is_due() -> None:
    """Not before; the status says which was the last and when the next comes, and the look after that is then."""
    world = World()
    first = world.look()
    assert (first.make, first.again_in) == (None, 90 * 60)
    assert world.status["nextScheduleTime"] == "2026-01-05T02:00:00Z"
    world.look_at("2026-01-05T02:00")
    assert world.made == ["shop-20260105-0200"]
    assert world.status["lastScheduleTime"] == "2026-01-05T02:00:00Z"
    assert world.status["nextScheduleTime"] == "2026-01-06T02:00:00Z"
    assert world.status["active"] == world.made
    assert world.shown == ("True", "Scheduled")
    assert world.look_at("2026-01-05T02:00:01").make is None


def test_a_run_is_what_the_pipeline_says_of_its_runs() -> None:
    """It says for when it was made, goes with its Pipeline, and waits in the Pipeline's queue."""
    world = World(runs_as={"timeout": "2h", "datasets": ["sales"]})
    made = world.look_at("2026-01-05T02:00").make
    assert made
    assert made["spec"] == {"pipeline": "shop", "timeout": "2h", "datasets": ["sales"]}
    metadata = made["metadata"]
    assert metadata["annotations"] == {"podium.dev/scheduled-at": "2026-01-05T02:00:00Z"}
    assert metadata["labels"]["podium.dev/pipeline"] == "shop"
    assert metadata["labels"]["kueue.x-k8s.io/queue-name"] == "nightly"
    assert "team" not in metadata["labels"]
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Pipeline", "shop", UID)


def test_a_pipeline_without_a_schedule_has_no_status() -> None:
    """And one whose schedule is taken away shows none any more."""
    world = World(schedule=None)
    assert world.look() == Due()
    world.schedule = "0 2 * * *"
    world.look()
    world.schedule = None
    world.look()
    assert world.status == {"observedGeneration": 0, "active": [], "conditions": []}
    assert world.look() == Due()


def test_a_late_run_is_made_within_the_deadline() -> None:
    """The operator was away: of several times that passed, the last counts."""
    world = World(schedule="*/10 * * * *", scheduling={"deadline": "5m"})
    world.look()
    world.look_at("2026-01-05T03:14")
    assert world.made == ["shop-20260105-0310"]


def test_a_run_that_is_missed_is_said_once() -> None:
    """In the condition until the next one is made, and in an Event."""
    world = World(scheduling={"deadline": "5m"})
    world.look_at("2026-01-05T02:05:01")
    world.look_at("2026-01-05T12:00")
    assert not world.made
    assert world.shown == ("True", "MissedRun")
    (said,) = world.told
    assert said.startswith("the run of 2026-01-05T02:00:00Z could not be made within 5m")
    world.look_at("2026-01-06T02:00")
    assert world.made == ["shop-20260106-0200"]
    assert world.shown == ("True", "Scheduled")


def test_a_suspended_schedule_makes_nothing() -> None:
    """What falls due meanwhile is late once it goes on, as far as its deadline lets it."""
    world = World(scheduling={"suspend": True})
    world.look_at("2026-01-05T02:00")
    assert world.shown == ("False", "Suspended")
    assert "nextScheduleTime" not in world.status
    world.scheduling = {}
    world.look_at("2026-01-05T02:59")
    assert world.made == ["shop-20260105-0200"]


def test_forbid_waits_for_the_run_that_is_under_way() -> None:
    """Until the deadline of the one that waits."""
    world = World(schedule="0 * * * *", scheduling={"deadline": "30m"})
    world.look_at("2026-01-05T01:00")
    decision = world.look_at("2026-01-05T02:00")
    assert world.shown == ("True", "Pending")
    assert "waits for the end of shop-20260105-0100" in world.status["conditions"][0]["message"]
    assert decision.again_in == 30 * 60 + 1
    world.look_at("2026-01-05T02:30:01")
    assert world.shown == ("True", "MissedRun")
    world.look_at("2026-01-05T03:00")
    world.end("shop-20260105-0100")
    world.look_at("2026-01-05T03:10")
    assert world.made == ["shop-20260105-0100", "shop-20260105-0300"]


def test_allow_makes_a_run_beside_the_other() -> None:
    """Both are active."""
    world = World(schedule="0 * * * *", scheduling={"concurrency": "allow"})
    world.look_at("2026-01-05T01:00")
    world.look_at("2026-01-05T02:00")
    assert world.status["active"] == ["shop-20260105-0100", "shop-20260105-0200"]


def test_replace_cancels_the_other_and_waits_for_its_end() -> None:
    """Two drivers of one stage are not started side by side on purpose."""
    world = World(schedule="0 * * * *", scheduling={"concurrency": "replace"})
    world.look_at("2026-01-05T01:00")
    decision = world.look_at("2026-01-05T02:00")
    assert [run.metadata.name for run in decision.cancel] == ["shop-20260105-0100"]
    assert decision.make is None
    world.look_at("2026-01-05T02:00:02")
    assert world.made == ["shop-20260105-0100", "shop-20260105-0200"]
    assert world.runs["shop-20260105-0100"].is_finished


def test_the_newest_finished_runs_are_kept() -> None:
    """Of those that succeeded and of those that did not as many as is said; what is under way is kept anyway."""
    world = World(schedule="0 * * * *", scheduling={"keep_succeeded": 2, "keep_failed": 1})
    for hour in range(1, 9):
        world.look_at(f"2026-01-05T0{hour}:00")
        if hour < 8:
            world.end(world.made[-1], "True" if hour % 2 else "False")
    world.look()
    assert sorted(world.runs) == [f"shop-20260105-0{hour}00" for hour in (5, 6, 7, 8)]


@pytest.mark.parametrize(
    ("schedule", "zone", "words"),
    [
        ("0 2 31 2 *", "Etc/UTC", "never comes"),
        ("0 2 * * 5-1", "Etc/UTC", "cannot be read"),
        ("0 2 * * *", "Mars/Base", "there is no time zone"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_said(schedule: str, zone: str, words: str) -> None:
    """Once, in a condition and an Event; runs that were made before stay."""
    world = World(schedule=schedule, scheduling={"time_zone": zone})
    for _ in range(2):
        world.look()
    assert world.shown == ("False", "InvalidSchedule")
    (said,) = world.told
    assert words in said


def test_names_are_the_time_in_utc() -> None:
    """The hour that comes twice has two; a long Pipeline's is cut, and still its own."""
    assert run_name("shop", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == "shop-20261025-0030"
    names = {run_name("x" * length, APPLIED) for length in range(1, 54)}
    assert len(names) == 53
    assert max(map(len, names)) <= 53
    assert run_name("x" * 52 + "y", APPLIED) != run_name("x" * 52 + "z", APPLIED)


Steps = st.lists(
    st.tuples(st.integers(1, 2400), st.sampled_from(["", "make", "status"]), st.booleans()), max_size=40
)


@settings(max_examples=200, deadline=None)
@given(steps=Steps, concurrency=st.sampled_from(["allow", "forbid", "replace"]), keep=st.integers(0, 2))
def test_whenever_the_operator_is_killed_the_runs_are_the_same(
    steps: list[tuple[int, str, bool]], concurrency: str, keep: int
) -> None:
    """Killed between any two things it does and started again, it makes the runs that one makes which is never killed, and none twice."""
    settings = {"concurrency": concurrency, "keep_succeeded": keep, "keep_failed": keep}
    steady, killed = (World(schedule="*/20 * * * *", scheduling=settings) for _ in range(2))
    for seconds, where, ends in steps:
        for world in (steady, killed):
            world.now += timedelta(seconds=seconds)
        steady.look()
        killed.look(killed_before=where)
        killed.look()
        steady.look()
        for world in (steady, killed):
            for name in [name for name, run in world.runs.items() if ends and not run.is_finished]:
                world.end(name)
    assert killed.made == steady.made
    assert len(set(killed.made)) == len(killed.made)
    assert killed.status == steady.status
    assert sorted(killed.runs) == sorted(steady.runs)
