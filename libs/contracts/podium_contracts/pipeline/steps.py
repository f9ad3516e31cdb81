"""Custom steps of cleansing: functions of one's own, in Python files that lie beside the pipeline file."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from podium_contracts.model import Model, checked
from podium_contracts.names import EngineName, Name

Function = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*\.py:[A-Za-z_][A-Za-z0-9_]*$", max_length=255),
]
"""A file and a function at its top, as `steps/clean.py:round_prices`; the file is relative to the pipeline file."""
MOST_STEPS = 16
_NO_FUNCTION = "give `polars`, the function for engine duckdb, or `spark`, the one for engine spark, or both"


class Step(Model):
    """A function over the standardised rows: it takes and returns a frame with `_row_id` and the `columns`, of the same rows and types.

    `polars` names the function for engine duckdb, over a `polars.DataFrame`; `spark` the one for engine spark, over a
    `pyspark.sql.DataFrame`.
    """

    model_config = checked(("has(self.polars) || has(self.spark)", _NO_FUNCTION))

    columns: tuple[Name, ...] = Field(min_length=1, max_length=64)
    polars: Function | None = None
    spark: Function | None = None

    @model_validator(mode="after")
    def _has_a_function(self) -> Self:
        if self.polars is None and self.spark is None:
            raise ValueError(_NO_FUNCTION)
        return self

    @property
    def functions(self) -> dict[str, str]:
        """The functions by the field that names them."""
        named = {"polars": self.polars, "spark": self.spark}
        return {field: function for field, function in named.items() if function}


def field_of(engine: str) -> str:
    """Return the field of a step that names the function for an engine."""
    return "spark" if engine == EngineName.SPARK else "polars"


def file_of(function: str) -> str:
    """Return the file of a function, as the pipeline file gives it."""
    return function.rpartition(":")[0]
