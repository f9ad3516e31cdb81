"""What a Pipeline has in a cluster beside what its stages do: a schedule that makes runs, and what has become of it."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from podium_contracts.model import Model
from podium_contracts.resources.conditions import Condition
from podium_contracts.resources.resource import Duration, ObjectMeta, Observed, Time


def _field(name: str, number: str, *words: str, also: str = "") -> tuple[str, str]:
    """Return a field of a schedule: its name, and the pattern of what a list in it has."""
    one = "|".join([number, *words])
    return name, rf"(\*|({one})(-({one}))?)(/[1-9][0-9]?)?{also}"


FIELDS = (
    _field("minute", "[0-5]?[0-9]"),
    _field("hour", "[01]?[0-9]|2[0-3]"),
    _field("day of the month", "0?[1-9]|[12][0-9]|3[01]", also="|LW?"),
    _field(
        "month",
        "0?[1-9]|1[0-2]",
        *["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    ),
    _field(
        "day of the week",
        "[0-7]",
        *["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        also="|[0-7](L|#[1-5])",
    ),
)
COUNT_ADVICE = (
    "a schedule has five fields, as 0 2 * * *: minute, hour, day of the month, month, day of the week"
)


def _field_advice(name: str) -> str:
    return f"the {name} of a schedule is *, a number in its range, or several as 1-5, */5 or 1,15"


def _schedule(text: str) -> str:
    given = text.upper().split(" ")
    if len(given) != len(FIELDS):
        raise ValueError(COUNT_ADVICE)
    for (name, item), field in zip(FIELDS, given, strict=True):
        if not all(re.fullmatch(item, part) for part in field.split(",")):
            raise ValueError(_field_advice(name))
    return text


def _rules() -> list[dict[str, str]]:
    """Return what Kubernetes checks of a schedule: the same as `_schedule`, in CEL."""
    fields = "self.upperAscii().split(' ')"
    found = [{"rule": f"{fields}.size() == {len(FIELDS)}", "message": COUNT_ADVICE}]
    for number, (name, item) in enumerate(FIELDS):
        fits = f"{fields}[{number}].split(',').all(part, part.matches(r'^({item})$'))"
        found.append({"rule": f"{fields}.size() != {len(FIELDS)} || {fits}", "message": _field_advice(name)})
    return found


Cron = Annotated[
    str,
    Field(max_length=100, json_schema_extra={"x-kubernetes-validations": list[Any](_rules())}),
    AfterValidator(_schedule),
]
"""When something happens, in five fields as cron has them."""

TimeZone = Annotated[
    str,
    Field(
        pattern="^[A-Za-z0-9_+/-]{1,64}$",
        max_length=64,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "self != 'Local' && timestamp('2026-01-01T00:00:00Z').getFullYear(self) > 0",
                    "message": "write a name of the IANA database, as Europe/Berlin",
                }
            ]
        },
    ),
]
"""A name of the IANA database: `Europe/Berlin`."""


class Scheduling(Model):
    """How a schedule is kept."""

    time_zone: TimeZone = "Etc/UTC"
    """In which the schedule is read. A time that summer time leaves out is the moment after it; one that comes twice counts once, the first."""
    concurrency: Literal["allow", "forbid", "replace"] = "forbid"
    """What happens when an earlier run of the schedule is under way: another one beside it, one once it has ended if that is within the deadline,
    or one in its place, for which it is cancelled.
    """
    deadline: Duration = "1h"
    """A run that could not be made in time is made later, up to so long; then it is missed. Of several, the last is made."""
    keep_succeeded: int = Field(default=3, ge=0, le=1000)
    """Runs of the schedule that succeeded and are kept, the newest."""
    keep_failed: int = Field(default=3, ge=0, le=1000)
    """The same of runs that did not."""
    suspend: bool = False
    """Make no run."""


class PipelineStatus(Observed):
    """What has become of a Pipeline's schedule; one without a schedule has none."""

    observed_generation: int = 0
    last_schedule_time: Time | None = None
    """For when the last run was made."""
    next_schedule_time: Time | None = None
    """For when the next one is due."""
    active: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Runs of the schedule that are under way."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()


class ScheduledSpec(Observed):
    """As much of a Pipeline as decides when runs are made, and how."""

    schedule: str | None = None
    scheduling: Scheduling = Scheduling()
    runs: dict[str, Any] = Field(default_factory=dict)


class ScheduledPipeline(Observed):
    """A Pipeline resource, as far as its schedule goes; the file as a whole is a `PipelineDocument`."""

    metadata: ObjectMeta
    spec: ScheduledSpec
    status: PipelineStatus = PipelineStatus()
