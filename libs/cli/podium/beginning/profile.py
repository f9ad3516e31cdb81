"""What files hold: ingested into a lakehouse that goes again, so that every format is read and refused as a run would."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations
from pathlib import Path

from podium_contracts.names import Layer
from podium_contracts.pipeline import ColumnType, Pipeline, Spec
from podium_contracts.pipeline.dataset import MOST_COLUMNS
from podium_contracts.pipeline.moments import MomentFormat
from podium_contracts.pipeline.types import DATE_TYPE, STRING, TIMESTAMP
from podium_ingest.stage import ingest
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.duckdb import DuckDbEngine, duckdb_engine
from podium_lakehouse.engines.scratch import scratch_folder
from podium_lakehouse.expressions.dialects import DUCKDB
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.catalogue import Entry
from podium_lakehouse.schemas.detection import kind, looks
from podium_lakehouse.schemas.kinds import NULL, TEXT
from podium_runtime.requests import request

from podium.beginning.names import column_name
from podium.beginning.sources import Group

MOST_BYTES = 1_000_000_000
"""Of the files that are looked at; there may be more of them."""
FIRST_COLUMNS = MOST_COLUMNS - 1
"""Of the files that a dataset is given, as a key may be one more: the hash of all of them."""
MOST_PAIRS = 30
"""Pairs of columns that are tried as a key."""
NEARLY = 0.95
"""Of the rows: distinct values by an estimate, for a column to be counted exactly."""
IDENTIFIERS = ("id", "key", "code", "no", "nr", "number", "uuid", "guid", "sku", "email")
GROUPS = range(2, 1001)
"""Distinct values of a column that rows may be summed up by."""

DAYS = "days are read as 2026-12-31; `timestamp_format` says how others are written, as d.M.yyyy"
ODDITIES = {
    r"\d{1,2}[./-]\d{1,2}[./-]\d{4}( .*)?": DAYS,
    r"\d{1,2}[./-]\d{1,2}[./-]\d{2}( .*)?": "days are read with all digits of the year, as 2026-12-31",
    r"[+-]?\d{1,3}([. ]\d{3})*,\d+|[+-]?\d+,\d+": "numbers are read with a point, as 1234.50",
    r"[+-]?\d{1,3}(,\d{3})+([.]\d+)?": "numbers are read without separators, as 1234.50",
}
"""Ways in which values are often written that no type reads, by a pattern of the value."""
MOMENTS = [
    f"{day}{time}"
    for day in ("d.M.yyyy", "d/M/yyyy", "M/d/yyyy", "d-M-yyyy", "M-d-yyyy")
    for time in ("", " H:mm", " H:mm:ss")
]
"""Formats of days and moments that are tried; a day between dots stands before its month."""
FIGURES = 7
"""Of each column that a statement asks for."""
AT_ONCE = 50
"""Columns that a statement asks about: the engine takes much longer to plan ten times as many."""
RATES = ("price", "rate", "percent", "percentage", "pct", "score", "ratio", "year", "month", "age")
"""Of whose sums nobody learns anything."""


@dataclass(frozen=True)
class Seen:
    """A column of the source, and what its values look like; `low` and `high` of numbers."""

    source: str
    name: str
    type: ColumnType
    nulls: int
    distinct: int
    low: Decimal | None = None
    high: Decimal | None = None
    empty: bool = False
    oddly: str = ""
    """How values are written that are text only because of that."""
    form: str = ""
    """How its days or moments are written, if not as ISO 8601."""
    named_like_a_value: bool = False
    """Whether its name in the source is a number, a day or the like."""

    @property
    def adds_up(self) -> bool:
        """Whether it is a number whose sum means something."""
        return self.type.numeric and not self.identifies and self.name.split("_")[-1] not in RATES

    @property
    def identifies(self) -> bool:
        """Whether its name says that it tells things apart."""
        return self.name.split("_")[-1] in IDENTIFIERS or self.name in IDENTIFIERS


@dataclass(frozen=True)
class Profile:
    """What was seen of a group of files; `keys` tell all of its rows apart, none if no column or pair of columns does."""

    group: Group
    files: int
    rows: int
    corrupt: int
    columns: tuple[Seen, ...]
    keys: tuple[str, ...]
    columns_of_files: int
    """How many there are: a dataset takes the first of very many."""

    @property
    def headless(self) -> bool:
        """Whether a CSV file's first line looks like a row: the names of all columns that are not text are values, too."""
        typed = [column for column in self.columns if column.type != STRING]
        return (
            self.group.format == "csv" and bool(typed) and all(column.named_like_a_value for column in typed)
        )

    @property
    def moment(self) -> Seen | None:
        """The column that says when a row happened: the first day or moment without a gap, or else the first."""
        dated = [column for column in self.columns if column.type in {DATE_TYPE, TIMESTAMP}]
        return next((column for column in dated if not column.nulls), dated[0] if dated else None)

    @property
    def order(self) -> tuple[str, ...]:
        """What tells the latest of rows with the same key."""
        moment = self.moment
        return (moment.name,) if moment and not moment.nulls and moment.name not in self.keys else ()

    @property
    def category(self) -> Seen | None:
        """A text that few enough rows share to sum up by."""
        return next(
            (
                column
                for column in self.columns
                if column.type == STRING
                and column.distinct in GROUPS
                and column.distinct * 2 <= self.rows
                and not column.identifies
            ),
            None,
        )

    @property
    def amounts(self) -> list[Seen]:
        """Numbers that measure something."""
        return [
            column
            for column in self.columns
            if column.type.numeric and not column.identifies and column.name not in self.keys
        ]


def profile(group: Group) -> Profile:
    """Look at the files of a group, as many as are not too large together.

    Raises:
        BadSource: a file cannot be read.
    """
    files = list(_first(group.files))
    with scratch_folder() as scratch:
        looked = replace(group, files=tuple(files))
        lakehouse = Lakehouse(str(scratch / "lakehouse"))
        pipeline = _pipeline(looked, scratch)
        ingest(request(pipeline), pipeline, lakehouse)
        [entry] = lakehouse.catalogue.last(f"{Layer.BRONZE}.{group.name}")
        with duckdb_engine() as engine:
            engine.offer_table("bronze", Snapshot(entry.uri, entry.version))
            return _profile(group, len(files), entry, engine)


def _first(files: Sequence[Path]) -> Iterator[Path]:
    size = 0
    for number, file in enumerate(files):
        size += file.stat().st_size
        if number and size > MOST_BYTES:
            return
        yield file


def _pipeline(group: Group, folder: Path) -> Pipeline:
    """Return a pipeline whose ingestion is all that anybody runs of it."""
    dataset = {
        "sources": group.sources(folder),
        "columns": {"any": {"type": "string", "expression": "'any'"}},
        "duplicates": {"keys": ["any"]},
    }
    spec = Spec.model_validate({"lakehouse": {"uri": "lakehouse"}, "datasets": {group.name: dataset}})
    return Pipeline("init", spec, folder, "0" * 64)


def _profile(group: Group, files: int, entry: Entry, engine: DuckDbEngine) -> Profile:
    engine.execute("CREATE VIEW intact AS FROM bronze WHERE _corrupt_record IS NULL")
    [[rows, corrupt]] = engine.execute(
        "SELECT count(*) FILTER (_corrupt_record IS NULL), count(_corrupt_record) FROM bronze"
    )
    names = dict(list(entry.source_names.items())[:FIRST_COLUMNS])
    columns = dict(_columns(names, engine)) if names else {}
    columns |= {
        stored: _dated(stored, column, engine) for stored, column in columns.items() if column.oddly == DAYS
    }
    total = int(str(rows))
    return Profile(
        group,
        files,
        total,
        int(str(corrupt)),
        tuple(columns.values()),
        _keys({DUCKDB.identifier(stored): column for stored, column in columns.items()}, total, engine),
        len(entry.source_names),
    )


def _columns(names: dict[str, str], engine: DuckDbEngine) -> Iterator[tuple[str, Seen]]:
    quoted = {stored: DUCKDB.identifier(stored) for stored in names}
    parts = [
        f"bit_or({looks(column)}), count(*) - count({column}), approx_count_distinct({column}), "
        f"min(TRY_CAST({column} AS DECIMAL(38,6))), max(TRY_CAST({column} AS DECIMAL(38,6))), {_oddities(column)}, "
        f"any_value({looks(DUCKDB.text(names[stored]))})"
        for stored, column in quoted.items()
    ]
    found: list[object] = []
    for first in range(0, len(parts), AT_ONCE):
        [figures] = engine.execute(f"SELECT {', '.join(parts[first : first + AT_ONCE])} FROM intact")
        found += figures
    taken: set[str] = set()
    for number, (stored, source) in enumerate(names.items()):
        bits, nulls, distinct, low, high, oddly, named = found[FIGURES * number : FIGURES * (number + 1)]
        word = kind(int(str(bits or 0)))
        kind_of = STRING if word == NULL else ColumnType.parse(word)
        name = column_name(source, taken)
        taken.add(name)
        low, high = (_number(bound) if kind_of.numeric else None for bound in (low, high))
        yield (
            stored,
            Seen(
                source,
                name,
                kind_of,
                int(str(nulls)),
                int(str(distinct)),
                low,
                high,
                empty=word == NULL,
                oddly=str(oddly or "") if kind_of == STRING else "",
                named_like_a_value=kind(int(str(named or 0))) not in {TEXT, NULL},
            ),
        )


def _dated(stored: str, column: Seen, engine: DuckDbEngine) -> Seen:
    """Return a column of days or moments with the one format that all of its values have; as text, if there are two or none."""
    value = DUCKDB.identifier(stored)
    tried = ", ".join(
        f"bool_and({DUCKDB.matches_verbatim(value, MomentFormat.parse(form).pattern)})" for form in MOMENTS
    )
    [kept] = engine.execute(f"SELECT {tried} FROM intact")
    forms = [form for form, all_have_it in zip(MOMENTS, kept, strict=True) if all_have_it]
    if len(forms) == 1:
        has_time = MomentFormat.parse(forms[0]).has_time
        return replace(column, type=TIMESTAMP if has_time else DATE_TYPE, form=forms[0], oddly="")
    said = " or ".join(f'"{form}"' for form in forms)
    return (
        replace(column, oddly=f"which comes first, day or month? `timestamp_format: {said}` says it")
        if forms
        else column
    )


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value)).normalize()


def _oddities(column: str) -> str:
    """Return the SQL of a text that says how all values of a column are written, null where none of the known ways is theirs."""
    cases = [
        f"WHEN bool_and({DUCKDB.matches_verbatim(column, pattern)}) THEN {DUCKDB.text(said)}"
        for pattern, said in ODDITIES.items()
    ]
    return f"CASE {' '.join(cases)} END"


def _keys(columns: dict[str, Seen], rows: int, engine: DuckDbEngine) -> tuple[str, ...]:
    """Return the names of the first column, or pair of columns, that tells all rows apart; identifiers by name come first."""
    whole = {column: seen for column, seen in columns.items() if not seen.nulls and not seen.empty}
    ranked = sorted(whole, key=lambda column: not whole[column].identifies)
    single = [
        column
        for column in ranked
        if _may_identify(whole[column]) and whole[column].distinct >= NEARLY * rows
    ]
    pairs = [
        pair
        for pair in combinations([column for column in ranked if whole[column].type.name != "boolean"], 2)
        if any(_may_identify(whole[column]) for column in pair)
        and whole[pair[0]].distinct * whole[pair[1]].distinct >= NEARLY * rows
    ]
    for candidate in [*((column,) for column in single), *pairs[:MOST_PAIRS]]:
        values = candidate[0] if len(candidate) == 1 else f"({', '.join(candidate)})"
        if rows and engine.execute(f"SELECT count(DISTINCT {values}) FROM intact") == [(rows,)]:
            return tuple(whole[column].name for column in candidate)
    return ()


def _may_identify(column: Seen) -> bool:
    return column.type.name in {"string", "integer", "bigint"}
