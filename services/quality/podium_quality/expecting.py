"""What a suite of Great Expectations finds in a table: a check of the verdict for each expectation.

Great Expectations is imported where there is a suite, and only then: it takes seconds, and is an extra.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from numbers import Real
from types import ModuleType
from typing import Any

import pyarrow as pa
from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import Check
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.expressions.dialects import DUCKDB

from podium_quality.suites import Expectation, read

SPARK_CONNECT = "pyspark.sql.connect"
"""Great Expectations does without it; importing it ends a process whose `__main__` is no file, as those of services are."""
MOST_CELLS = 20_000_000
"""Rows times columns that are brought into this machine's memory, where the engine is duckdb: some 2 GB if they are texts."""
RELATION = "expected"
PLACE = "place"
"""In the `meta` of an expectation: where it stands in the suite. Results come in another order."""
MOST_WORDS = 300
"""Characters of arguments in a message."""
DIGITS = 6
"""Decimal places of what was found: on Spark the last ones of a sum are not the same each time."""
MOMENTS = ("min_value", "max_value", "value_set")
"""Arguments that are moments where the column has timestamps. JSON has texts for them, which are of UTC unless they say otherwise."""
PAIR = ("column_A", "column_B")
GREATER = "expect_column_pair_values_a_to_be_greater_than_b"
"""With one of the two missing it is broken in pandas and met in Spark, so that such rows are left out unless the suite says otherwise."""
_FOUND = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Counts without examples: values of rows do not belong into an event."""


@dataclass(frozen=True)
class Suite:
    """The suite of one table, as `silver.sales`: the file that it stands in, and its expectations."""

    table: str
    path: str
    expectations: Sequence[Expectation]

    def where(self, place: int) -> str:
        """Return where an expectation stands, in words."""
        return f"{self.path}: expectations[{place}], {self.expectations[place].type}"


def expected(table: str, rows: Decimal, now: Snapshot, pipeline: Pipeline, engine: Engine) -> list[Check]:
    """Return the checks of a table, as `silver.sales`, by the suite that the pipeline declares for it; none without one.

    `rows` is how many it has.

    Raises:
        TerminalError: the suite cannot be read or evaluated, Great Expectations is not installed, or the table is too large for this machine.
    """
    name = table.split(".")[1]
    path = pipeline.spec.quality.expectations.get(name)
    if path is None:
        return []
    if name not in pipeline.expectations:
        raise TerminalError(
            f"{path}, the suite of {table}, is not there", hint="`podium validate` looks for it"
        )
    suite = Suite(table, path, read(path, pipeline.expectations[name]))
    if not suite.expectations:
        return []
    library = _library()
    engine.offer_table(RELATION, now)
    schema = engine.schema(RELATION)
    _refuse_missing(suite, schema)
    columns = _columns(suite, schema)
    if engine.dialect is DUCKDB and rows * len(columns) > MOST_CELLS:
        raise TerminalError(
            f"{path} looks at {len(columns)} columns of {rows:,} rows of {table}, which is more than one machine's memory should hold",
            hint="run the pipeline with `engine: spark`, or name fewer columns in the suite",
        )
    frame = engine.frame(f"SELECT {', '.join(_selected(columns, schema, engine))} FROM {RELATION}")
    return _checks(suite, _validated(library, suite, frame, schema))


def _library() -> ModuleType:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    try:
        sys.modules.setdefault(SPARK_CONNECT, None)  # type: ignore[arg-type]  # makes its import fail
        import great_expectations  # noqa: PLC0415 - takes seconds, and is an extra
    except ImportError as error:
        raise TerminalError(
            f"there is a suite of expectations, and Great Expectations is not installed: {error}",
            hint="pip install 'podium[gx]', or build the image with EXTRA=gx",
        ) from error
    finally:
        if sys.modules[SPARK_CONNECT] is None:
            del sys.modules[SPARK_CONNECT]
    return great_expectations


def _refuse_missing(suite: Suite, schema: pa.Schema) -> None:
    for place, expectation in enumerate(suite.expectations):
        for column in expectation.needed:
            if column not in schema.names:
                raise TerminalError(
                    f"{suite.where(place)}: {suite.table} has no column {column!r}",
                    hint=f"correct the suite; the columns are: {', '.join(schema.names)}",
                )


def _columns(suite: Suite, schema: pa.Schema) -> list[str]:
    """Return the columns that the suite looks at: at least one, as rows are counted by it."""
    named = [expectation.columns for expectation in suite.expectations]
    if None in named:
        return list(schema.names)
    wanted = {column for columns in named for column in columns or ()}
    return [name for name in schema.names if name in wanted] or schema.names[:1]


def _selected(columns: Sequence[str], schema: pa.Schema, engine: Engine) -> Iterator[str]:
    """Yield the columns; decimals as doubles, which the numbers of a suite are, too: 0.1 is the same 0.1 then."""
    for name in columns:
        quoted = engine.dialect.identifier(name)
        decimal = pa.types.is_decimal(schema.field(name).type)
        yield f"CAST({quoted} AS DOUBLE) AS {quoted}" if decimal else quoted


def _validated(library: ModuleType, suite: Suite, frame: object, schema: pa.Schema) -> list[Any]:
    """Return the result of each expectation."""
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415
    from great_expectations.expectations.expectation_configuration import (  # noqa: PLC0415
        ExpectationConfiguration,
    )

    context = library.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asked = []
    on_spark = not isinstance(frame, pa.Table)
    for place, expectation in enumerate(suite.expectations):
        try:
            asked.append(
                ExpectationConfiguration(
                    type=expectation.type,
                    kwargs=_arguments(expectation, schema, naive=on_spark),
                    meta={PLACE: place},
                ).to_domain_obj()
            )
        except Exception as error:
            raise TerminalError(
                f"{suite.where(place)}: {_line(error)}",
                hint="correct the suite; its expectations are those of Great Expectations 1.x",
            ) from error
    sources = context.data_sources
    if isinstance(frame, pa.Table):
        source, rows = sources.add_pandas(suite.table), _pandas(frame, _pairs(suite))
    else:
        source, rows = sources.add_spark(suite.table, persist=False), frame
    batches = source.add_dataframe_asset(suite.table).add_batch_definition_whole_dataframe(suite.table)
    whole = library.ExpectationSuite(name=suite.table, expectations=asked)
    found = batches.get_batch({"dataframe": rows}).validate(whole, result_format=_FOUND)
    results = {result.expectation_config.meta[PLACE]: result for result in found.results}
    return [results[place] for place in range(len(asked))]


def _arguments(expectation: Expectation, schema: pa.Schema, *, naive: bool) -> dict[str, Any]:
    """Return the arguments of an expectation; with `naive` its moments are as pyspark has those of a table: without a zone, in this machine's."""
    arguments = dict(expectation.arguments)
    if expectation.type == GREATER:
        arguments.setdefault("ignore_row_if", "either_value_is_missing")
    column = arguments.get("column")
    if column in schema.names and pa.types.is_timestamp(schema.field(column).type):
        arguments |= {name: _moment(arguments[name], naive=naive) for name in MOMENTS if name in arguments}
    return arguments


def _moment(value: object, *, naive: bool) -> object:
    if isinstance(value, list):
        return [_moment(item, naive=naive) for item in value]
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone().replace(tzinfo=None) if naive else aware


def _pairs(suite: Suite) -> set[str]:
    """Return the columns that are compared with another one."""
    compared = [expectation.arguments for expectation in suite.expectations]
    return {item for each in compared for name in PAIR if isinstance(item := each.get(name), str)}


def _pandas(rows: pa.Table, pairs: Collection[str]) -> object:
    """Return the rows as pandas has them; a number or truth value beside nulls stays what it is.

    In a column that is compared with another one it is a double beside nulls, as Great Expectations cannot compare pandas' own null.
    """
    import pandas as pd  # noqa: PLC0415 - comes with Great Expectations

    kinds = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    for name in pairs:
        if rows[name].type in kinds and rows[name].null_count:
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, name, rows[name].cast(pa.float64(), safe=False))
    return rows.to_pandas(types_mapper=kinds.get)


def _checks(suite: Suite, results: Sequence[Any]) -> list[Check]:
    checks: list[Check] = []
    names: dict[str, int] = {}
    for place, expectation in enumerate(suite.expectations):
        result = results[place]
        if reason := _raised(result.exception_info):
            raise TerminalError(
                f"{suite.where(place)} cannot be evaluated: {_line(reason)}",
                hint="correct the suite: the expectation does not go with the column's type or with this engine",
            ) from RuntimeError(reason)
        metric = ".".join(["gx", expectation.type, *expectation.named])
        names[metric] = names.get(metric, 0) + 1
        numbered = metric if names[metric] == 1 else f"{metric}.{names[metric]}"
        checks.append(_check(suite.table, numbered, expectation, result.result, success=bool(result.success)))
    return checks


def _check(
    table: str, metric: str, expectation: Expectation, result: Mapping[str, Any], *, success: bool
) -> Check:
    """Return the check of one expectation: the percentage of values that meet it, or the number that it is about, and its bound.

    What has neither is 100 where it is met, and 0 where it is not.
    """
    arguments = expectation.arguments
    observed = _number(result.get("observed_value"))
    side, bound, actual = "minimum", 100.0, 100.0 if success else 0.0
    if (broken := _number(result.get("unexpected_percent"))) is not None:
        bound, actual = 100 * float(arguments.get("mostly", 1)), 100 - broken
    elif observed is not None and (held := _bound(observed, arguments)):
        (side, bound), actual = held, observed
    told = expectation.severity == "INFO"
    return Check(
        table=table,
        metric=metric,
        actual=round(actual, DIGITS),
        type="" if told else side,
        threshold=None if told else round(bound, DIGITS),
        severity="" if told else expectation.severity,
        passed=told or success,
        message="" if told or success else _words(metric, actual, side, bound, expectation),
    )


def _bound(observed: float, arguments: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the bound that a number breaks or is held against."""
    low = _number(arguments.get("min_value", arguments.get("value")))
    high = _number(arguments.get("max_value", arguments.get("value")))
    if low is not None and (high is None or observed <= low):
        return "minimum", low
    return None if high is None else ("maximum", high)


def _words(metric: str, actual: float, side: str, bound: float, expectation: Expectation) -> str:
    asked = ", ".join(f"{name}: {value}" for name, value in expectation.arguments.items() if name != "column")
    words = f"{metric} ({round(actual, DIGITS):g}) does not meet its {side} ({round(bound, DIGITS):g})"
    return f"{words}; expected: {asked[:MOST_WORDS]}" if asked else words


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    return float(value)


def _raised(information: Mapping[str, Any]) -> str:
    """Return why an expectation could not be evaluated; it is told by metric, or of the expectation as a whole."""
    told = [information] if "raised_exception" in information else list(information.values())
    return "\n".join(str(item["exception_message"]) for item in told if item["raised_exception"])


def _line(reason: object) -> str:
    """Return the first lines of a reason as one."""
    return " ".join(str(reason).split())[:300]
