"""Intents: what a stage has pinned before it starts, written once, so that a second try computes the same thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict

import pyarrow as pa
from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Run
from podium_contracts.messages import OffsetRange
from podium_contracts.model import Model
from podium_contracts.names import Stage
from pydantic import Field

from podium_lakehouse.delta.commits import TransactionId, is_maintenance
from podium_lakehouse.delta.history import history_of
from podium_lakehouse.delta.tables import current
from podium_lakehouse.delta.transactions import last_number
from podium_lakehouse.records.table import RecordTable, table_name
from podium_lakehouse.store.troubles import ANEW

ABSENT = -1
"""The base version of a table that does not exist yet."""


class Scope(Model):
    """What a stage counts its intents for: a pipeline, the stage, and its subject (`silver.sales`, `gold`)."""

    pipeline: str
    stage: Stage
    subject: str

    @property
    def key(self) -> str:
        """The scope as the key of its records."""
        return f"{self.pipeline}/{self.stage}/{self.subject}"


class SourceFile(Model):
    """A file or an object as it was when the intent pinned it; `modified_ns` is its modification time in nanoseconds."""

    path: str
    """What Bronze calls it: a path, or an object's URI."""
    size: int
    modified_ns: int
    etag: str = ""
    """What an object store calls this content of an object; a file has none."""
    sha256: str
    """Of its text, decompressed."""
    lines: int
    """Lines of text, the header among them; a last line counts without its line break, too."""
    blank: int
    """Lines without any text."""


class Input(Model):
    """A table that a stage reads: rows of versions after `from_version`, up to `to_version`.

    For Bronze, `from_batch` (exclusive) and `to_batch` name the same news by the number of the ingestion. For a table that is judged
    or published, `to_batch` is the number of the completion that announced it.
    """

    uri: str
    from_version: int = ABSENT
    to_version: int
    from_batch: int = 0
    to_batch: int = 0


class Decision(Model):
    """What a person decided on rows in quarantine: those that a rule refused, or those of these ids; all of them where neither is named."""

    action: Literal["replay", "reject"]
    rule: str = ""
    ids: tuple[str, ...] = ()
    reason: str = ""
    """Why; of those that are rejected."""


@dataclass(frozen=True)
class Cause:
    """Why something is done: the run that does it, its trace, and the ids of the events that it answers."""

    run: Run
    traceparent: str
    answers: tuple[str, ...]

    @classmethod
    def of(cls, event: CloudEvent, *others: CloudEvent) -> "Cause":
        """Return events as a cause; run and trace are those of the first."""
        ids = dict.fromkeys(one.id for one in (event, *others))
        return cls(event.run, event.traceparent, tuple(ids))


class Restoration(Model):
    """What an intent puts back: the tables as an earlier intent of its scope had left them."""

    sequence: int
    """The number of the earlier intent."""
    fingerprint: str
    """Of the pipeline that the tables had been made under."""
    versions: dict[str, int]
    """By URI: the version of each table that is put back."""
    left: dict[str, int] = Field(default_factory=dict)
    """By input: the Bronze batch, or the version of a table, up to which there was news when this was planned. None of it is news any
    more, until there is more, or the pipeline changes."""


class Acceptance(Model):
    """Why a failed verdict is accepted, and by whom."""

    reason: str
    by: str


class Pinned(TypedDict, total=False):
    """What a stage pins, beside what every intent has: the fields of `Intent` of the same names."""

    source: int
    files: tuple[SourceFile, ...]
    offsets: tuple[OffsetRange, ...]
    inputs: dict[str, Input]
    bases: dict[str, int]
    lookups: dict[str, int]
    decision: Decision
    restores: Restoration
    accepts: Acceptance


class Intent(Model):
    """Everything that a stage's outcome depends on."""

    scope: Scope
    sequence: int
    completion: int = 0
    """The number of the completion it leads to: 1, 2, 3 …, without those that intents which were given up would have had."""
    after: int = 0
    """The number of the intent that its scope had completed last: what it builds on."""
    run: Run
    traceparent: str
    fingerprint: str
    """Of the pipeline that this intent was planned under."""
    answers: tuple[str, ...] = ()
    """The ids of the events that the stage answers."""
    source: int = 0
    """Which of the dataset's sources it reads."""
    files: tuple[SourceFile, ...] = ()
    offsets: tuple[OffsetRange, ...] = ()
    """Of every partition of a topic that the dataset has ever read: what this intent reads of it, which may be nothing."""
    inputs: dict[str, Input] = Field(default_factory=dict)
    bases: dict[str, int] = Field(default_factory=dict)
    """By URI: the version of each table that will change."""
    lookups: dict[str, int] = Field(default_factory=dict)
    """By name: the version of each lookup."""
    decision: Decision | None = None
    """On rows in quarantine, which this intent carries out; None where it brings news."""
    restores: Restoration | None = None
    """What it puts back, where it computes nothing. Its inputs are those of the intent that it goes back to."""
    accepts: Acceptance | None = None
    """Why the verdict before it is accepted, where it judges nothing."""

    @property
    def made_by(self) -> str:
        """The fingerprint of the pipeline that its tables were made under."""
        return self.restores.fingerprint if self.restores else self.fingerprint

    def answered_batch(self, name: str) -> int:
        """Return the Bronze batch of an input up to which nothing is news any more."""
        return self.restores.left[name] if self.restores else self.inputs[name].to_batch

    def rests(self, fingerprint: str, news: Mapping[str, int]) -> bool:
        """Whether it has put something back, and there is no more news since then, nor another pipeline."""
        restores = self.restores
        return restores is not None and self.fingerprint == fingerprint and restores.left == news

    @property
    def time(self) -> datetime:
        """The time of the run, in UTC: the only time that a stage writes.

        Raises:
            ValueError: the run was requested without one.
        """
        if self.run.requested_at is None:
            raise ValueError(f"run {self.run.id} has no time")
        return self.run.requested_at

    @property
    def batch_id(self) -> str:
        """The ingestion's id: `retail.sales.000007`."""
        return f"{self.scope.pipeline}.{self.scope.subject.split('.')[-1]}.{self.sequence:06d}"

    def transaction(self, table: str) -> TransactionId:
        """Return the identifier of this intent's commit to a table."""
        return TransactionId(f"{self.scope.pipeline}/{self.scope.stage}/{table}", self.sequence)

    def differs(self, versions: Mapping[str, int]) -> bool:
        """Whether any of these versions, by input, is not the one that is pinned."""
        return any(
            name not in self.inputs or self.inputs[name].to_version != version
            for name, version in versions.items()
        )

    def overtakes(self, completion: int) -> bool:
        """Whether this intent answers a later completion than the one of a number, of the same stage."""
        return any(table.to_batch > completion for table in self.inputs.values())

    @property
    def commit_metadata(self) -> Mapping[str, str]:
        """What each commit of this intent says of where it came from."""
        return {
            "podium.run": self.run.id,
            "podium.events": ",".join(self.answers),
            "podium.traceparent": self.traceparent,
        }


SCHEMA = pa.schema(
    [
        ("pipeline", pa.string()),
        ("stage", pa.string()),
        ("subject", pa.string()),
        ("sequence", pa.int64()),
        ("run_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("fingerprint", pa.string()),
        ("intent", pa.string()),
    ]
)


@dataclass(frozen=True)
class Intents:
    """The table of intents."""

    table: RecordTable
    seen: dict[str, int] = field(default_factory=dict)
    """By scope: the last number that was there when `pending` looked."""
    completed: dict[str, int] = field(default_factory=dict)
    """By scope: the last number that was completed when `pending` looked."""

    def put(self, intent: Intent) -> Intent:
        """Write the intent if its number is still free; return the one that stands there."""
        scope = intent.scope
        self.seen[scope.key] = intent.sequence
        row = {
            "pipeline": scope.pipeline,
            "stage": scope.stage,
            "subject": scope.subject,
            "sequence": intent.sequence,
            "run_id": intent.run.id,
            "time": intent.time,
            "fingerprint": intent.fingerprint,
            "intent": intent.model_dump_json(),
        }
        won = self.table.put(scope.key, intent.sequence, [row])
        return intent if won else self.read(scope, intent.sequence)

    def read(self, scope: Scope, sequence: int) -> Intent:
        """Return an intent that has been put.

        Raises:
            TerminalError: it is not there any more.
        """
        rows = self.table.rows(
            pipeline=scope.pipeline, stage=scope.stage, subject=scope.subject, sequence=sequence
        )
        if not rows:
            raise TerminalError(
                f"{self.table.uri}: intent {sequence} of {scope.stage} of {scope.subject} is gone, though it was completed",
                hint=f"bring the files in it back as they were; {ANEW}",
            )
        return self._of(rows[0])

    def all(self, scope: Scope) -> list[Intent]:
        """Return every intent of a scope, oldest first."""
        rows = self.table.rows(pipeline=scope.pipeline, stage=scope.stage, subject=scope.subject)
        return sorted(map(self._of, rows), key=lambda intent: intent.sequence)

    def _of(self, row: Mapping[str, object]) -> Intent:
        """Return the intent of a row, its tables where they lie now."""
        intent, here = Intent.model_validate_json(str(row["intent"])), self.table.here
        restores = intent.restores and intent.restores.model_copy(
            update={"versions": {here(uri): version for uri, version in intent.restores.versions.items()}}
        )
        inputs = {
            name: table.model_copy(update={"uri": here(table.uri)}) for name, table in intent.inputs.items()
        }
        bases = {here(uri): version for uri, version in intent.bases.items()}
        return intent.model_copy(update={"inputs": inputs, "bases": bases, "restores": restores})

    def next_sequence(self, scope: Scope) -> int:
        """Return the number after the last one that `pending` saw.

        News is looked for after that. So two hosts that find the same news want the same number for it, and one of them gets it;
        a number drawn later could come after an intent that has taken the news already.
        """
        if scope.key not in self.seen:
            self.seen[scope.key] = self.table.last(scope.key) or 0
        return self.seen[scope.key] + 1

    def pending(
        self, scope: Scope, completed: int, fingerprint: str, versions: Mapping[str, int]
    ) -> Intent | None:
        """Return the scope's intent that is not completed, if it still stands.

        One that has begun, by a commit to one of its tables, stands until it is completed. Any other no longer stands if another has been completed since,
        the pipeline or a table that it meant to change has changed, or `versions`, by input, are not those that it pinned: then a new intent takes its place.
        """
        self.completed[scope.key] = completed
        last = self.seen[scope.key] = self.table.last(scope.key) or 0
        if last <= completed:
            return None
        intent = self.read(scope, last)
        moved = any(_moved(uri, base) for uri, base in intent.bases.items())
        # `moved` is known before this looks: what the intent itself commits meanwhile has moved nothing against it.
        if begun := self.begun(scope, completed, last):
            return begun
        overtaken = intent.after != completed or moved
        return None if overtaken or intent.fingerprint != fingerprint or intent.differs(versions) else intent

    def given_up(self, scope: Scope) -> Intent | None:
        """Return the last intent of a scope where `pending` has just found that it no longer stands."""
        last = self.seen[scope.key]
        return self.read(scope, last) if last > self.completed[scope.key] else None

    def begun(self, scope: Scope, completed: int, last: int) -> Intent | None:
        """Return the intent between two numbers, the first of them excluded, that has committed to a table; their bases let no second one do so."""
        intents = (self.read(scope, number) for number in range(completed + 1, last + 1))
        return next((intent for intent in intents if any(_begun(intent, uri) for uri in intent.bases)), None)


def _begun(intent: Intent, uri: str) -> bool:
    table = current(uri)
    transaction = intent.transaction(table_name(uri))
    return table is not None and last_number(table, transaction.app_id) == transaction.number


def _moved(uri: str, base: int) -> bool:
    table = current(uri)
    if table is None or base == ABSENT:
        return table is not None and table.version() > 0
    behind = table.version() - base
    return behind > 0 and not all(map(is_maintenance, history_of(table, behind)))
