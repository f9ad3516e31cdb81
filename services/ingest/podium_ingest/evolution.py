"""What new files and messages change about the schema of their source, and what the dataset's policy makes of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from podium_contracts.errors import BadSource, SchemaChanged
from podium_contracts.messages import OffsetRange
from podium_contracts.pipeline import Dataset
from podium_lakehouse.cleansing.columns import ROW
from podium_lakehouse.cleansing.staging import known_columns
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.records.schema_history import NewSchema, Outcome
from podium_lakehouse.schemas.changes import changes
from podium_lakehouse.schemas.detection import SAMPLE_ROWS, detect_written
from podium_lakehouse.schemas.kinds import NULL, TEXT, Kinds, holds, reads, widens

from podium_ingest.rows import Names, Rows

MOST_NOTES = 10
"""Sentences about schemas in one completion."""


@dataclass(frozen=True)
class Evolution:
    """The kinds of the source's fields after some files or messages, by the names of Bronze, and which of them had other ones."""

    kinds: Kinds
    found: tuple[NewSchema, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it."""
        sentences = [
            f"{new.source}{' is quarantined' if new.outcome == Outcome.QUARANTINED else ''}: {'; '.join(new.changes.sentences)}"
            for new in self.found
            if not new.is_first
        ]
        more = len(sentences) - MOST_NOTES
        return (
            *sentences[:MOST_NOTES],
            *([f"{more} more new schemas: podium schema history"] if more > 0 else []),
        )

    @property
    def is_refused(self) -> bool:
        """Whether nothing is to be taken because of one of them."""
        return any(new.outcome == Outcome.REFUSED for new in self.found)


def of_files(rows: Rows, current: Kinds, dataset: Dataset) -> Evolution:
    """Compare the schema of each file, in their order, with the one that the files before it have left.

    The kind of a text column is what its first values look like; one that the declared or the current kind holds is no news.
    """
    untold = dict.fromkeys(name for kinds in rows.kinds.values() for name, kind in kinds.items() if not kind)
    detected = detect_written(rows.folders, list(untold), f"{ROW} <= {SAMPLE_ROWS}")
    declared = _declared(dataset, rows.names)
    found: list[NewSchema] = []
    for file, told in rows.kinds.items():
        looks = {name: detected.get(file, {}).get(name, NULL) for name in told}
        kinds = {
            name: kind or _settled(looks[name], declared.get(name, ()), current.get(name))
            for name, kind in told.items()
        }
        as_declared = [rows.names[name] for name, kind in kinds.items() if kind in declared.get(name, ())]
        new = _compared(file, current, kinds, rows.names, as_declared)
        if new.changes.issues and current:
            new = replace(new, outcome=_POLICIES[dataset.on_schema_change])
        if new.changes:
            found.append(new)
        if new.outcome == Outcome.APPLIED:
            current = kinds
    return Evolution(current, tuple(found))


def of_messages(rows: Rows, current: Kinds, known: Names, offsets: Sequence[OffsetRange]) -> Evolution:
    """Note the fields that messages have brought to Bronze: each message has fields of its own, so that one without a field removes none."""
    added = [name for name in rows.names if name not in known]
    if not added:
        return Evolution(current)
    first = [
        f"source_file = {DUCKDB.text(str(part.place))} AND {ROW} < {part.start + SAMPLE_ROWS}"
        for part in offsets
        if part.span
    ]
    detected = detect_written(rows.folders, added, " OR ".join(first))
    kinds = {**current, **{name: _together([seen[name] for seen in detected.values()]) for name in added}}
    topics = ", ".join(dict.fromkeys(part.topic for part in offsets if part.span))
    return Evolution(kinds, (_compared(topics, current, kinds, rows.names),))


def check_declared(rows: Rows, current: Kinds, dataset: Dataset) -> None:
    """Refuse a first file of a source that has none of the declared columns: what Bronze takes of it is not read again when the mistake is corrected.

    Where all columns are expressions, none is declared of the source.

    Raises:
        BadSource: the delimiter, the format or the row of the header is another than declared, as it seems.
    """
    if current or all(column.expression for column in dataset.columns.values()):
        return
    declared = set(known_columns(dataset, rows.names).values())
    for file, kinds in rows.kinds.items():
        if declared & kinds.keys():
            return
        if not kinds and not rows.rows_of[file]:
            continue  # no object, and so no field
        held = ", ".join(rows.names[name] for name in kinds) or "nothing that can be parsed"
        raise BadSource(
            f"{file} has none of the declared columns; it has: {held}",
            hint="correct `format`, `csv: {delimiter}` or `excel: {header_row}` of the source, or name its columns with `from:`",
        )


def check(evolution: Evolution, dataset: str) -> None:
    """Refuse what the dataset's policy refuses.

    Raises:
        SchemaChanged: naming each file and all of its issues.
    """
    refused = [new for new in evolution.found if new.outcome == Outcome.REFUSED]
    if not refused:
        return
    listed = "; ".join(f"{new.source}: {', '.join(new.changes.issues)}" for new in refused[:MOST_NOTES])
    more = f", and {len(refused) - MOST_NOTES} more files" if len(refused) > MOST_NOTES else ""
    raise SchemaChanged(
        f"incompatible schema for {dataset}: {listed}{more}",
        hint="correct the file or take it away; to go on with the new schema, set on_schema_change: evolve "
        f"(or quarantine, to keep its rows out of Silver) in spec.datasets.{dataset} for one run",
    )


_POLICIES = {"evolve": Outcome.APPLIED, "quarantine": Outcome.QUARANTINED, "refuse": Outcome.REFUSED}


def _declared(dataset: Dataset, names: Names) -> dict[str, list[str]]:
    """Return the kinds that the pipeline file gives to the columns of Bronze that it reads."""
    found: dict[str, list[str]] = {}
    for column, stored in known_columns(dataset, names).items():
        found.setdefault(stored, []).append(str(dataset.columns[column].type))
    return found


def _settled(looks: str, declared: Iterable[str], current: str | None) -> str:
    """Return the kind that is declared, or else the current one, if it fits what values look like; what they look like, if none does."""
    if kind := next((kind for kind in declared if reads(kind, looks)), None):
        return kind
    return current if current and holds(current, looks) else looks


def _together(kinds: Sequence[str]) -> str:
    """Return the kind that holds all of these."""
    return next(
        (kind for kind in kinds if all(widens(other, kind) for other in kinds)), TEXT if kinds else NULL
    )


def _compared(
    source: str, current: Kinds, kinds: Kinds, names: Names, declared: Sequence[str] = ()
) -> NewSchema:
    """Compare two schemas in the words of the source."""
    old = {names.get(name, name): kind for name, kind in current.items()}
    new = {names[name]: kind for name, kind in kinds.items()}
    return NewSchema(source, new, changes(old, new, declared), is_first=not current)
