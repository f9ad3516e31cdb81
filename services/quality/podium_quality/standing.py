"""Which completions of cleansing still stand: a restore takes back what came after the one that it puts back, and it is cleansed again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from podium_contracts.events.v1 import LayerCompleted
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import Scope


@dataclass(frozen=True)
class _Link:
    done: LayerCompleted
    before: Optional["_Link"]


def standing(scope: Scope, completed: Iterable[LayerCompleted], lakehouse: Lakehouse) -> list[LayerCompleted]:
    """Return those of a scope's completions, oldest first, whose rows Silver and quarantine account for; `completed` are all since the first."""
    last: _Link | None = None
    by_sequence: dict[int, _Link | None] = {}
    for done in completed:
        restores = lakehouse.intents.read(scope, done.sequence).restores if is_return(done) else None
        last = by_sequence[restores.sequence] if restores else _Link(done, last)
        by_sequence[done.sequence] = last
    kept = []
    while last:
        kept.append(last.done)
        last = last.before
    return kept[::-1]


def is_return(done: LayerCompleted) -> bool:
    """Whether a completion of cleansing put back an earlier one: it has rows of no batch."""
    return done.ledger is None or done.ledger.flow is None
