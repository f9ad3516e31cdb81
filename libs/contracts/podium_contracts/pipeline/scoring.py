"""How much an accepted row is trusted: 100 less each deduction that applies, at least 0, and a tier."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from podium_contracts.model import Model
from podium_contracts.names import Name
from podium_contracts.pipeline.bounds import bounded, check_bounds

FULL_SCORE = 100
TIERS = (("HIGH", 90), ("MEDIUM", 70), ("LOW", 50), ("POOR", 0))
"""Each tier and the lowest score in it, best first."""

Points = Annotated[Decimal, Field(gt=0, le=FULL_SCORE, decimal_places=1)]


class NullDeduction(Model):
    """Points off where the column arrived null, whatever was filled in since."""

    condition: Literal["is_null"]
    column: Name
    deduction: Points


class RangeDeduction(Model):
    """Points off where the value lies outside `min_value` to `max_value`; null is no deduction."""

    model_config = bounded("min_value", "max_value")

    condition: Literal["out_of_range"]
    column: Name
    deduction: Points
    min_value: Decimal | None = None
    max_value: Decimal | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        check_bounds(self.min_value, self.max_value, ("min_value", "max_value"))
        return self


Deduction = Annotated[NullDeduction | RangeDeduction, Field(discriminator="condition")]


class Scoring(Model):
    """The deductions of a dataset, by name."""

    deductions: dict[Name, Deduction] = Field(default_factory=dict, max_length=200)
