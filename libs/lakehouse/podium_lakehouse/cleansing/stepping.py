"""Custom steps: functions of a person's own over the standardised rows of a batch.

    bronze ─ standardised ─┬─ step_NAME … ─┐
                           └───────────────┴► stepped ─ staged

Each step gets its columns and a row id of all rows that parse, and may give back other values, no other rows. No two steps have a column in
common, so their order says nothing. What runs is the content that the pipeline has, never the file: it is what the fingerprint is of.
"""

import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from podium_contracts.errors import PodiumError, StepFailed
from podium_contracts.pipeline import Dataset, Lookup, Step, field_of
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.staging import BRONZE, STANDARDISED, STEPPED, standardised_statement
from podium_lakehouse.engines.engine import ROW_DIALECT, Engine
from podium_lakehouse.expressions.dialects import Dialect

FRAMES = {"polars": "polars.DataFrame", "spark": "pyspark.sql.DataFrame"}
MODULE = "podium_custom_step"
"""Not among the loaded modules when a function is called: so that Spark sends the functions of a file along, not a name to import."""


def offer_stepped(
    engine: Engine,
    dataset: Dataset,
    lookups: Mapping[str, Lookup],
    source_names: Mapping[str, str],
    files: Mapping[str, bytes],
) -> None:
    """Standardise Bronze's rows, call each custom step once with all of them, and offer the relation that staging goes on from.

    Raises:
        StepFailed: a step raised, or returned other rows, columns or types than it got; nothing has been written.
    """
    standardised = standardised_statement(dataset, lookups, source_names, ROW_DIALECT)
    engine.materialise_rows(STANDARDISED, standardised, BRONZE)
    for name, step in dataset.steps.items():
        _Call(engine, name, step, files).run()
    columns = standardised.named_selects
    engine.materialise(STEPPED, stepped_statement(dataset, columns, engine.dialect))


def stepped_statement(dataset: Dataset, columns: Sequence[str], dialect: Dialect) -> exp.Select:
    """Return the statement that puts what the steps have made in its place: over `standardised`, which has these columns.

    It marks in `_step_NAME` the rows in which a step has made null of a value: it is refused, not forgotten.
    """
    intact = f"{STANDARDISED}.{dialect.identifier(names.CORRUPT_RECORD)} IS NULL"
    selected = {name: f"{STANDARDISED}.{dialect.identifier(name)}" for name in columns}
    del selected[names.ROW_ID]
    for title, step in dataset.steps.items():
        lost = []
        for column in step.columns:
            before, after = selected[column], f"{relation(title)}.{dialect.identifier(column)}"
            selected[column] = f"CASE WHEN {intact} THEN {after} ELSE {before} END"
            lost.append(f"({before} IS NOT NULL AND {after} IS NULL)")
        selected[names.step_mark(title)] = f"({intact} AND ({' OR '.join(lost)}))"
    parts = [exp.alias_(dialect.build(sql), alias, quoted=True) for alias, sql in selected.items()]
    select = exp.select(*parts).from_(STANDARDISED)
    for title in dataset.steps:
        select = select.join(
            relation(title),
            on=f"{STANDARDISED}.{names.ROW_ID} = {relation(title)}.{names.ROW_ID}",
            join_type="left",
            dialect=dialect.name,
        )
    return select


def relation(step: str) -> str:
    """Return the name of the relation with what a step has returned."""
    return f"step_{step}"


class _Call:
    """One call of a step, and what is said where it fails."""

    def __init__(self, engine: Engine, name: str, step: Step, files: Mapping[str, bytes]) -> None:
        self.engine, self.name, self.files = engine, name, files
        self.columns = (names.ROW_ID, *step.columns)
        self.field = field_of(engine.dialect.name)
        self.function = step.functions.get(self.field, "")
        self.path, _, self.title = self.function.rpartition(":")

    def run(self) -> None:
        """Make the step's relation."""
        if not self.function:
            raise StepFailed(
                f"step {self.name} has no function for engine {self.engine.dialect.name}",
                hint=f"name one in the pipeline file, as `{self.field}: steps/clean.py:{self.name}`, or take the other engine",
            )
        try:
            self.engine.transform(relation(self.name), self._given(), self._loaded())
        except (PodiumError, KeyboardInterrupt):
            raise
        except BaseException as error:  # `sys.exit` and a panic of Polars are no Exception
            line = self._line(error)
            if isinstance(error, OSError) and line is None:
                raise  # a full disk, say: the function has nothing to do with it
            at = f" at line {line}" if line else ""
            raise self._failed(f"raised {type(error).__name__}{at}: {error}") from error
        self._check()

    def _given(self) -> str:
        columns = ", ".join(map(self.engine.dialect.identifier, self.columns))
        corrupt = self.engine.dialect.identifier(names.CORRUPT_RECORD)
        return f"SELECT {columns} FROM {STANDARDISED} WHERE {corrupt} IS NULL"

    def _loaded(self) -> Callable[[Any], Any]:
        if self.path not in self.files:
            raise self._failed("is not there: the pipeline came without its file")
        module = ModuleType(MODULE)
        module.__file__ = self.path
        sys.modules[MODULE] = module  # for what a file does at its top, such as a dataclass, that looks there
        try:
            exec(compile(self.files[self.path], self.path, "exec", dont_inherit=True), vars(module))  # noqa: S102 - see docs/security.md
        finally:
            sys.modules.pop(MODULE, None)
        function = getattr(module, self.title, None)
        if not callable(function):
            raise self._failed("is not there: the file defines no such function")
        loaded: Callable[[Any], Any] = function
        return loaded

    def _check(self) -> None:
        """Check that the columns and their types are those that were given, and each row is there once."""
        made, identifier = relation(self.name), names.ROW_ID
        held = self.engine.schema(STANDARDISED)
        wanted = {name: str(held.field(name).type) for name in self.columns}
        found = {field.name: str(field.type) for field in self.engine.schema(made)}
        wrong = [
            f"{name} is {found.get(name, 'absent')}, not {wanted.get(name, 'declared')}"
            for name in dict.fromkeys([*wanted, *found])
            if found.get(name) != wanted.get(name)
        ]
        if wrong:
            raise self._failed(f"returned other columns: {'; '.join(wrong)}")
        ((given, returned, distinct, known),) = self.engine.execute(
            f"SELECT (SELECT count(*) FROM ({self._given()}) AS given), (SELECT count(*) FROM {made}), "
            f"(SELECT count(DISTINCT {identifier}) FROM {made}), "
            f"(SELECT count(*) FROM ({self._given()}) AS given WHERE {identifier} IN (SELECT {identifier} FROM {made}))"
        )
        if not given == returned == distinct == known:
            raise self._failed(
                f"got {given} row(s) and returned {returned}, {known} of them with a {identifier} that it got"
                if returned == distinct
                else f"got {given} row(s) and returned {returned} with {distinct} different {identifier}s"
            )

    def _failed(self, what: str) -> StepFailed:
        frame = FRAMES[self.field]
        return StepFailed(
            f"step {self.name}: {self.function} {what}",
            hint=f"correct {self.path}: it takes and returns a {frame} with {', '.join(self.columns)}, the same rows and types",
        )

    def _line(self, error: BaseException) -> int | None:
        """The last line of the file that an error has gone through, here or where Spark's tasks are."""
        if isinstance(error, SyntaxError) and error.filename == self.path:
            return error.lineno
        frames = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == self.path and frame.lineno
        ]
        told = re.findall(rf'File "{re.escape(self.path)}", line (\d+)', str(error))
        return int(told[-1]) if told else frames[-1] if frames else None
