"""The rules that a row must keep, and what becomes of one that breaks them: quarantine under the rule's name, unless the rule says otherwise."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from podium_contracts.model import Model, checked
from podium_contracts.names import Name
from podium_contracts.pipeline.bounds import bounded, check_bounds
from podium_contracts.pipeline.patterns import Pattern

OnFailure = Literal["quarantine", "correct", "warn", "fail"]
"""What becomes of a row that breaks a rule: it is refused; it is corrected, and refused where it still breaks the rule; it stays, and Silver
says which rule it broke; or the stage fails and nothing is written."""

_NO_CORRECTION = "`correction` goes with `on_failure: correct`"
_NEEDS_CORRECTION = "`on_failure: correct` needs `correction`, an expression for the column's value"
_NEEDS_COLUMN = "`on_failure: correct` needs `column`, which the correction is for"
_USELESS = ("!has(self.correction) || self.on_failure == 'correct'", _NO_CORRECTION)
_CORRECTED = ("self.on_failure != 'correct' || has(self.correction)", _NEEDS_CORRECTION)


class _Rule(Model):
    on_failure: OnFailure = "quarantine"
    correction: str | None = Field(default=None, min_length=1)
    """An expression over the columns that are read from the source; what it gives takes the place of the column's value."""
    required: bool = False
    """Whether the stage fails where the rule cannot be evaluated, instead of going on without it."""

    @model_validator(mode="after")
    def _correction_is_used(self) -> Self:
        if self.correction is not None and self.on_failure != "correct":
            raise ValueError(_NO_CORRECTION)
        return self


class _Corrected(_Rule):
    """A rule that knows no value of its own that would keep it."""

    @model_validator(mode="after")
    def _can_correct(self) -> Self:
        if self.on_failure == "correct" and self.correction is None:
            raise ValueError(_NEEDS_CORRECTION)
        return self


class RangeCheck(_Rule):
    """A value between `min` and `max`, both included; null passes. Without a `correction`, `correct` takes the bound that is nearest."""

    model_config = bounded("min", "max", _USELESS)

    type: Literal["range_check"]
    column: Name
    min: Decimal | None = None
    max: Decimal | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        check_bounds(self.min, self.max, ("min", "max"))
        return self


class FormatValidation(_Corrected):
    """A text that matches `pattern` as a whole; null passes."""

    model_config = checked(_USELESS, _CORRECTED)

    type: Literal["format_validation"]
    column: Name
    pattern: Pattern


class ReferenceDataCheck(_Corrected):
    """A text that is among the keys of a lookup; null passes. A lookup that cannot be read leaves the rule out, unless it is required."""

    model_config = checked(_USELESS, _CORRECTED)

    type: Literal["reference_data_check"]
    column: Name
    lookup: Name


class CustomLogic(_Corrected):
    """A condition over the columns, true of a row that keeps the rule. Null is not broken; where the rule is `required`, the stage fails.

    `column` is the one that a `correction` is for.
    """

    model_config = checked(
        _USELESS, _CORRECTED, ("self.on_failure != 'correct' || has(self.column)", _NEEDS_COLUMN)
    )

    type: Literal["custom_logic"]
    expression: str = Field(min_length=1)
    column: Name | None = None

    @model_validator(mode="after")
    def _has_column(self) -> Self:
        if self.on_failure == "correct" and self.column is None:
            raise ValueError(_NEEDS_COLUMN)
        return self


Rule = Annotated[
    RangeCheck | FormatValidation | ReferenceDataCheck | CustomLogic, Field(discriminator="type")
]
