"""Where each staged row goes, decided among the rows themselves and against what Silver holds.

    repeated → ranked ─┐
         matched, held ┴► exceptions

"Latest" is a total order: the declared order columns, then the content hash of the business columns, then that of the score and its like;
`keep_first` turns it round. None depends on when or in which file a row arrived, so any cut into batches ends in the same Silver. The hashes are
computed only for the few rows whose key occurs twice, and from stored columns, so they take no room.
"""

from podium_contracts.pipeline import Dataset
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.dispositions import (
    ACCEPTED,
    BASE,
    DEDUPLICATED,
    DISPOSITION,
    DROPPED,
    EXCEPTIONS,
    INSERT,
    LATE,
    QUARANTINED,
    REPEATED,
    ROW_IDENTITY,
    SIMILAR,
    STAGED,
    UNCHANGED,
    UPDATE,
    accepted,
)
from podium_lakehouse.cleansing.merging import merge_statement
from podium_lakehouse.expressions.dialects import Dialect

__all__ = [
    "ACCEPTED",
    "BASE",
    "DEDUPLICATED",
    "DISPOSITION",
    "DROPPED",
    "EXCEPTIONS",
    "INSERT",
    "LATE",
    "QUARANTINED",
    "REPEATED",
    "ROW_IDENTITY",
    "STAGED",
    "UNCHANGED",
    "UPDATE",
    "exceptions_statement",
    "repeated_statement",
]


def repeated_statement(dialect: Dialect) -> exp.Select:
    """Return the statement over `staged` that finds the key hashes of more than one accepted row: few, and kept for what follows.

    An engine that knows how few they are sends them to the rows; one that does not would shuffle the rows.
    """
    hashes = (
        exp.select(names.KEY_HASH, dialect=dialect.name).from_(STAGED).where(ACCEPTED, dialect=dialect.name)
    )
    return hashes.group_by(names.KEY_HASH).having("count(*) > 1")


def exceptions_statement(dataset: Dataset, dialect: Dialect, *, with_base: bool) -> exp.Select:
    """Return the statement that finds the accepted rows which are not simply inserted.

    It reads the relations `staged` and `repeated`, and, `with_base`, the relation `base`: Silver's business columns at the pinned version. Its rows
    are a row's identity and `_disposition` (updated, unchanged, late or deduplicated).
    """
    if dataset.duplicates.strategy == "merge":
        return merge_statement(dataset, dialect, with_base=with_base)
    build = _Outcome(dataset, dialect)
    steps: dict[str, exp.Query] = dict(build.duplicate_steps())
    if with_base and dataset.duplicates.keys:
        steps |= build.base_steps()
        final = build.against_base()
    else:
        final = build.select(
            [*ROW_IDENTITY, f"{dialect.text(DEDUPLICATED)} AS {DISPOSITION}"], "ranked", "_rank > 1"
        )
    if dataset.duplicates.fuzzy:
        steps |= {"decided": final, "outcomes": build.with_near_equal()}
        final = build.select([*ROW_IDENTITY, DISPOSITION], "outcomes")
    for name, step in steps.items():
        final.with_(name, as_=step, dialect=dialect.name, copy=False)
    return final


class _Outcome:
    def __init__(self, dataset: Dataset, dialect: Dialect) -> None:
        self.dialect = dialect
        self.fuzzy = dataset.duplicates.fuzzy is not None
        self.accepted = accepted(fuzzy=self.fuzzy)
        self.first = dataset.duplicates.strategy == "keep_first"
        self.keys = [self._name(name) for name in dataset.duplicates.keys]
        self.order = [self._name(name) for name in dataset.duplicates.order]
        business = names.business_columns(dataset)
        self.hashes = [
            dialect.content_hash([(self._name(name), kind) for name, kind in columns.items()])
            for columns in (business, names.judged_columns(dataset))
        ]

    def duplicate_steps(self) -> dict[str, exp.Select]:
        """Rows whose key occurs more than once in the batch, ranked from the one that stays; ties say the same."""
        direction = "ASC" if self.first else "DESC"
        best = ", ".join(f"{column} {direction}" for column in [*self.order, *self.hashes, *ROW_IDENTITY])
        rank = f"row_number() OVER (PARTITION BY {', '.join(self.keys or ROW_IDENTITY)} ORDER BY {best}) AS _rank"
        candidates = f"{self.accepted} AND {names.KEY_HASH} IN (SELECT {names.KEY_HASH} FROM {REPEATED})"
        return {"ranked": self.select([*ROW_IDENTITY, rank], STAGED, candidates)}

    def base_steps(self) -> dict[str, exp.Select]:
        """Rows whose key Silver already holds, with how they compare."""
        base_columns = [*(f"{BASE}.{name}" for name in self.keys)]
        order = [f"{BASE}.{name} AS _base_{index}" for index, name in enumerate(self.order)]
        hashes = [f"{sql} AS _base_hash_{index}" for index, sql in enumerate(self.hashes)]
        held = self.select([*base_columns, *order, *hashes], BASE).where(
            self._same_key_exists(), dialect=self.dialect.name
        )
        ours = [*(f"{STAGED}.{name}" for name in ROW_IDENTITY), *self._sides()]
        join = " AND ".join(f"{STAGED}.{key} = held.{key}" for key in self.keys)
        matched = (
            self.select([*ours], STAGED)
            .join("held", on=join, dialect=self.dialect.name)
            .where(self.accepted, dialect=self.dialect.name)
        )
        return {"held": held, "matched": matched}

    def _same_key_exists(self) -> str:
        same = " AND ".join(f"{STAGED}.{key} = {BASE}.{key}" for key in self.keys)
        return f"EXISTS (SELECT 1 FROM {STAGED} WHERE {same})"

    def _sides(self) -> list[str]:
        ours = [*(f"{STAGED}.{name}" for name in self.order), *map(self._staged, self.hashes)]
        theirs = [
            *(f"held._base_{index}" for index in range(len(self.order))),
            *(f"held._base_hash_{index}" for index in range(len(self.hashes))),
        ]
        newer, equal, sign = "FALSE", "TRUE", "<" if self.first else ">"
        for mine, yours in zip(ours, theirs, strict=True):
            newer = f"({newer} OR ({equal} AND {mine} {sign} {yours}))"
            equal = f"({equal} AND {mine} = {yours})"
        return [f"{newer} AS _newer", f"{equal} AS _equal"]

    def _staged(self, content: str) -> str:
        """A hash with its columns taken from the staged row."""
        tree = self.dialect.build(content)
        for column in tree.find_all(exp.Column):
            column.set("table", exp.to_identifier(STAGED))
        return self.dialect.statement(tree)

    def against_base(self) -> exp.Select:
        """Return the exceptions: duplicates first, then how the others compare with what Silver holds."""
        disposition = (
            f"CASE WHEN ranked._rank > 1 THEN {self.dialect.text(DEDUPLICATED)} "
            f"WHEN matched._newer THEN {self.dialect.text(UPDATE)} "
            f"WHEN matched._equal THEN {self.dialect.text(UNCHANGED)} "
            f"ELSE {self.dialect.text(DEDUPLICATED if self.first else LATE)} END AS {DISPOSITION}"
        )
        row = [f"coalesce(matched.{name}, ranked.{name}) AS {name}" for name in ROW_IDENTITY]
        same_row = " AND ".join(f"matched.{name} = ranked.{name}" for name in ROW_IDENTITY)
        return (
            self.select([*row, disposition], "matched")
            .join("ranked", on=same_row, join_type="full", dialect=self.dialect.name)
            .where(f"ranked._rank > 1 OR matched.{names.ROW} IS NOT NULL", dialect=self.dialect.name)
        )

    def with_near_equal(self) -> exp.Union:
        """Return what was decided, and the rows that are nearly the same as a better one, each once."""
        duplicate = f"{self.dialect.text(DEDUPLICATED)} AS {DISPOSITION}"
        near = self.select([*ROW_IDENTITY, duplicate], SIMILAR).distinct()
        return exp.union(self.select([*ROW_IDENTITY, DISPOSITION], "decided"), near, distinct=False)

    def select(self, columns: list[str], relation: str, where: str = "") -> exp.Select:
        """Return a SELECT of columns written in the dialect."""
        select = exp.select(*columns, dialect=self.dialect.name).from_(relation)
        return select.where(where, dialect=self.dialect.name) if where else select

    def _name(self, name: str) -> str:
        return self.dialect.identifier(name)
