"""What a pipeline file may get wrong beyond its schema: names, types and expressions, all found at once."""

import re
from collections.abc import Iterable, Iterator
from datetime import date

from podium_contracts.errors import Path, Problem
from podium_contracts.names import EngineWish
from podium_contracts.pipeline import (
    ColumnType,
    CustomLogic,
    Dataset,
    MomentFormat,
    NullDeduction,
    NullStrategy,
    RangeCheck,
    ReferenceDataCheck,
    Rule,
    Spec,
    field_of,
)
from podium_contracts.pipeline.types import BOOLEAN, DATE_TYPE, STRING, TIMESTAMP

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import quality_checks
from podium_lakehouse.cleansing.columns import (
    BRONZE_POSITION,
    KAFKA_METADATA,
    OPTIONAL_METADATA,
    SILVER_METADATA,
    declared_columns,
    null_flag,
    read_columns,
    topic_columns,
)
from podium_lakehouse.cleansing.staging import default_text
from podium_lakehouse.expressions.compiler import ExpressionError, UnknownColumn, compile_expression
from podium_lakehouse.expressions.dialects import DUCKDB

MOST_DIGITS = 18
"""Of a number that is computed from others."""
_COMPUTED = {"linear", "mean", "median"}


def problems(spec: Spec) -> list[Problem]:
    """Return every mistake of a specification."""
    found: list[Problem] = []
    for name, dataset in spec.datasets.items():
        found += _Dataset(("spec", "datasets", name), dataset, spec).problems()
    return [*found, *quality_checks.problems(spec)]


class _Dataset:
    def __init__(self, path: Path, dataset: Dataset, spec: Spec) -> None:
        self.path = path
        self.dataset = dataset
        self.spec = spec
        self.columns = declared_columns(dataset)
        self.read = read_columns(dataset)

    def problems(self) -> Iterator[Problem]:
        """Yield every mistake of the dataset."""
        yield from self._names()
        yield from self._of_messages()
        yield from self._timestamp_formats()
        yield from self._expressions()
        yield from self._nulls()
        yield from self._standardise()
        yield from self._steps()
        yield from self._rules()
        yield from self._references()

    def _problem(self, path: Path, message: str, hint: str = "") -> Problem:
        return Problem((*self.path, *path), message, hint)

    def _names(self) -> Iterator[Problem]:
        asked = self.dataset.duplicates
        added = names.as_of_columns(self.dataset) if set(asked.order) <= set(self.columns) else {}
        reserved = {*added, *SILVER_METADATA, *OPTIONAL_METADATA, *BRONZE_POSITION}
        flags = {null_flag(name) for name, rule in self.dataset.nulls.items() if rule.strategy == "flag"}
        for name in self.columns:
            if name in reserved:
                yield self._problem(
                    ("columns", name), f"column {name!r} is one that Podium adds", "choose another name"
                )
            if name in flags:
                yield self._problem(
                    ("columns", name), f"column {name!r} is the null flag of another", "choose another name"
                )

    def _of_messages(self) -> Iterator[Problem]:
        """Yield the mistakes of columns that Kafka fills: they have its types, and only datasets with a topic have them."""
        for name, column in self.dataset.columns.items():
            wanted = self._message_column(name)
            if wanted is None:
                continue
            kind = KAFKA_METADATA[wanted]
            if wanted not in topic_columns(self.dataset):
                yield self._problem(
                    ("columns", name),
                    f"{wanted} is Kafka's, and no source here is a topic",
                    "choose another name",
                )
            elif column.type != kind:
                yield self._problem(
                    ("columns", name, "type"),
                    f"{wanted} is {kind}, the column {column.type}",
                    f"declare the column as {kind}",
                )

    def _message_column(self, name: str) -> str | None:
        """Return the column of Kafka's that a declared one is read from."""
        column = self.dataset.columns.get(name)
        wanted = (column.source or name) if column and not column.expression else None
        return wanted if wanted in KAFKA_METADATA else None

    def _timestamp_formats(self) -> Iterator[Problem]:
        for name, column in self.dataset.columns.items():
            if column.timestamp_format is None:
                continue
            path = ("columns", name, "timestamp_format")
            if column.type not in {TIMESTAMP, DATE_TYPE} or column.expression:
                yield self._problem(
                    path,
                    f"{name} is read as no date or timestamp",
                    "take it away, or declare the column as timestamp",
                )
            elif column.type == DATE_TYPE and MomentFormat.parse(column.timestamp_format).has_time:
                yield self._problem(
                    path,
                    f"{name} is a date, and its format has a time",
                    "declare the column as timestamp, or write what is always there in quotes, as '00:00:00'",
                )
        yield from self._source_formats()

    def _source_formats(self) -> Iterator[Problem]:
        seen: dict[str, str | None] = {}
        for index, source in enumerate(self.dataset.sources):
            system = (
                source.files.source_system if source.files else source.kafka and source.kafka.source_system
            )
            written = source.files.timestamp_format if source.files else None
            if seen.setdefault(system or "", written) != written:
                yield self._problem(
                    ("sources", index, "files" if source.files else "kafka"),
                    f"source_system {system} writes timestamps in two ways",
                    "give sources that write them differently a source_system each, or columns a timestamp_format",
                )

    def _expressions(self) -> Iterator[Problem]:
        for name, column in self.dataset.columns.items():
            if column.expression:
                path = ("columns", name, "expression")
                yield from self._expression(path, column.expression, column.type)

    def _expression(self, path: Path, text: str, wanted: ColumnType) -> Iterator[Problem]:
        try:
            typed = compile_expression(text, self.read, DUCKDB)
        except ExpressionError as error:
            yield self._refused(path, error)
            return
        kind = typed.type
        if kind is None or kind == wanted or _widens(typed.literal or kind, wanted):
            return
        yield self._problem(
            path, f"the expression is {kind}, the column {wanted}", f"declare the column as {kind}"
        )

    def _nulls(self) -> Iterator[Problem]:
        for name, rule in self.dataset.nulls.items():
            path = ("nulls", name)
            if name not in self.read:
                yield self._unknown(path, name, self.read)
                continue
            if rule.strategy == "interpolate":
                yield from self._interpolation(path, name, rule)
            if rule.default_value is not None and not _is_of(
                default_text(rule.default_value), self.read[name]
            ):
                yield self._problem(
                    (*path, "default_value"), f"{rule.default_value!r} is not {self.read[name]}"
                )

    def _interpolation(self, path: Path, name: str, rule: NullStrategy) -> Iterator[Problem]:
        if any(source.kafka for source in self.dataset.sources):
            yield self._problem(
                path,
                "interpolate looks at the rows of a file, and messages have none",
                "choose another strategy",
            )
        for field in ("partition_by", "order_by"):
            for place, other in enumerate(getattr(rule, field)):
                if other not in self.read:
                    yield self._unknown((*path, field, place), other, self.read)
        kind = self.read[name]
        if rule.method in _COMPUTED and not (kind.numeric and max(kind.precision, kind.scale) <= MOST_DIGITS):
            yield self._problem(
                (*path, "method"),
                f"{rule.method} needs a number of at most {MOST_DIGITS} digits, {name} is {kind}",
                "take forward or backward",
            )
        measure = self.read.get(rule.order_by[0]) if rule.method == "linear" else None
        if measure in {STRING, BOOLEAN}:
            yield self._problem(
                (*path, "order_by", 0),
                f"linear needs a number, a date or a time, {rule.order_by[0]} is {measure}",
            )

    def _standardise(self) -> Iterator[Problem]:
        for name, rule in self.dataset.standardise.items():
            path = ("standardise", name)
            if name not in self.read:
                yield self._unknown(path, name, self.read)
            elif rule.expression:
                yield from self._expression((*path, "expression"), rule.expression, self.read[name])
            elif rule.lookup not in self.spec.lookups:
                yield from self._lookup((*path, "lookup"), rule.lookup or "")
            elif self.read[name] != STRING:
                yield self._problem(path, f"a lookup needs a string, {name} is {self.read[name]}")

    def _steps(self) -> Iterator[Problem]:
        taken: dict[str, str] = {}
        engine = self.spec.engine
        wanted = ["polars", "spark"] if engine == EngineWish.AUTO else [field_of(engine)]
        for title, step in self.dataset.steps.items():
            path: Path = ("steps", title)
            for field in wanted:
                if field not in step.functions:
                    yield self._problem(
                        path,
                        f"step {title} has no function for engine {'spark' if field == 'spark' else 'duckdb'}",
                        f"the pipeline's engine is {engine}: add `{field}: steps/clean.py:{title}`",
                    )
            for place, name in enumerate(step.columns):
                where = (*path, "columns", place)
                if name not in self.read:
                    yield self._unknown(where, name, self.read)
                elif name in taken:
                    yield self._problem(
                        where,
                        f"{name} is a column of step {taken[name]}, too, and no order is between steps",
                        "make one step of both",
                    )
                taken.setdefault(name, title)

    def _rules(self) -> Iterator[Problem]:
        for identifier, rule in self.dataset.rules.items():
            path: Path = ("rules", identifier)
            corrects = rule.on_failure == "correct"
            known = self.read if corrects else self.columns
            if rule.column is not None and rule.column not in known:
                yield self._unknown((*path, "column"), rule.column, known)
                continue
            yield from self._of_type(path, rule)
            if isinstance(rule, ReferenceDataCheck):
                yield from self._lookup((*path, "lookup"), rule.lookup)
            if isinstance(rule, CustomLogic):
                yield from self._condition((*path, "expression"), rule.expression, known)
            if corrects and rule.column:
                yield from self._correction(path, rule, self.columns[rule.column])

    def _of_type(self, path: Path, rule: Rule) -> Iterator[Problem]:
        """Yield what is wrong with the type of a rule's column."""
        if isinstance(rule, CustomLogic):
            return
        kind = self.columns[rule.column]
        if isinstance(rule, RangeCheck) and not kind.numeric:
            yield self._problem((*path, "column"), f"a range_check needs a number, {rule.column} is {kind}")
        elif not isinstance(rule, RangeCheck) and kind != STRING:
            yield self._problem((*path, "column"), f"a {rule.type} needs a string, {rule.column} is {kind}")

    def _correction(self, path: Path, rule: Rule, kind: ColumnType) -> Iterator[Problem]:
        """Yield what is wrong with the value that takes the place of one that breaks a rule."""
        if rule.correction:
            yield from self._expression((*path, "correction"), rule.correction, kind)
            return
        for field in ("min", "max"):
            bound = getattr(rule, field, None)
            if bound is not None and kind.numeric and not _is_of(f"{bound:f}", kind):
                yield self._problem(
                    (*path, field),
                    f"the nearest bound takes the place of a value, and {bound} is not {kind}",
                    "give `correction`, an expression for the value",
                )

    def _condition(self, path: Path, text: str, known: dict[str, ColumnType]) -> Iterator[Problem]:
        try:
            kind = compile_expression(text, known, DUCKDB).type
        except ExpressionError as error:
            yield self._refused(path, error)
            return
        if kind != BOOLEAN:
            yield self._problem(
                path, f"the expression is {kind or 'null'}, not a condition", "compare it with something"
            )

    def _lookup(self, path: Path, name: str) -> Iterator[Problem]:
        if name not in self.spec.lookups:
            known = ", ".join(self.spec.lookups) or "none"
            yield self._problem(path, f"no lookup {name!r}", f"the lookups are: {known}")

    def _references(self) -> Iterator[Problem]:
        for field in ("keys", "order"):
            for index, name in enumerate(getattr(self.dataset.duplicates, field)):
                place: Path = ("duplicates", field, index)
                if name not in self.columns:
                    yield self._unknown(place, name, self.columns)
                elif self._lacking_in_files(name):
                    yield self._problem(
                        place,
                        f"rows of files have no {name}, and would all be refused",
                        f"say what theirs is, as nulls: {name}: {{strategy: default, default_value: …}}",
                    )
        yield from self._merging()
        yield from self._fuzzy()
        for identifier, item in self.dataset.scoring.deductions.items():
            path = ("scoring", "deductions", identifier, "column")
            if item.column not in self.columns:
                yield self._unknown(path, item.column, self.columns)
            elif not isinstance(item, NullDeduction) and not self.columns[item.column].numeric:
                yield self._problem(
                    path, f"{item.condition} needs a number, {item.column} is {self.columns[item.column]}"
                )

    def _fuzzy(self) -> Iterator[Problem]:
        fuzzy = self.dataset.duplicates.fuzzy
        if fuzzy is None:
            return
        path: Path = ("duplicates", "fuzzy")
        if any(source.kafka for source in self.dataset.sources):
            yield self._problem(
                path, "fuzzy compares the rows of a file, and messages have none", "take exact keys"
            )
        for place, name in enumerate(fuzzy.block):
            if name not in self.columns:
                yield self._unknown((*path, "block", place), name, self.columns)
        if fuzzy.column not in self.columns:
            yield self._unknown((*path, "column"), fuzzy.column, self.columns)
        elif self.columns[fuzzy.column] != STRING:
            yield self._problem(
                (*path, "column"), f"fuzzy compares strings, {fuzzy.column} is {self.columns[fuzzy.column]}"
            )

    def _merging(self) -> Iterator[Problem]:
        merging = names.merged_columns(self.dataset)
        for name, way in self.dataset.duplicates.merge.items():
            if name not in merging:
                yield self._unknown(
                    ("duplicates", "merge", name), name, {known: self.read[known] for known in merging}
                )
            elif way == "longest" and self.columns[name] != STRING:
                yield self._problem(
                    ("duplicates", "merge", name), f"longest needs a string, {name} is {self.columns[name]}"
                )

    def _lacking_in_files(self, name: str) -> bool:
        """Whether rows of files have null in a column of Kafka's, and nothing says what becomes of it."""
        rule = self.dataset.nulls.get(name)
        handled = rule and (rule.strategy == "drop" or rule.default(self.columns[name]) is not None)
        files = any(source.files for source in self.dataset.sources)
        return files and not handled and self._message_column(name) is not None

    def _unknown(self, path: Path, name: str, known: Iterable[str]) -> Problem:
        return self._refused(path, UnknownColumn(name, known))

    def _refused(self, path: Path, error: ExpressionError) -> Problem:
        hint = error.hint
        if isinstance(error, UnknownColumn):
            name = error.column
            if kind := topic_columns(self.dataset).get(name):
                hint = f"declare it in columns, as {name}: {{type: {kind}}}"
            elif name in self.columns.keys() - self.read.keys():
                hint = f"{name} is computed after this, as {self.dataset.columns[name].expression}; {hint}"
        return self._problem(path, str(error), hint)


def _is_of(text: str, kind: ColumnType) -> bool:
    """Whether a text is a value of a type."""
    if kind.accepts is None:
        return True
    if not re.fullmatch(kind.accepts, text):
        return False
    return kind.name not in {"date", "timestamp"} or _in_calendar(text[:10])


def _in_calendar(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _widens(kind: ColumnType, wanted: ColumnType) -> bool:
    """Whether every value of one numeric type is exactly a value of another."""
    if not (kind.numeric and wanted.numeric):
        return False
    whole = {"integer": 10, "bigint": 19}.get(kind.name, kind.whole)
    most = {"integer": 9, "bigint": 18}.get(wanted.name, wanted.whole)
    return whole <= most and kind.scale <= wanted.scale
