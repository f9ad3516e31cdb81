"""The rules that a row must keep to be accepted; a row that breaks one is quarantined under the rule's name."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from podium_contracts.model import Model
from podium_contracts.names import Name
from podium_contracts.pipeline.bounds import bounded, check_bounds
from podium_contracts.pipeline.patterns import Pattern


class RangeCheck(Model):
    """A value between `min` and `max`, both included; null passes."""

    model_config = bounded("min", "max")

    type: Literal["range_check"]
    column: Name
    min: Decimal | None = None
    max: Decimal | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        check_bounds(self.min, self.max, ("min", "max"))
        return self


class FormatValidation(Model):
    """A text that matches `pattern` as a whole; null passes."""

    type: Literal["format_validation"]
    column: Name
    pattern: Pattern


Rule = Annotated[RangeCheck | FormatValidation, Field(discriminator="type")]
