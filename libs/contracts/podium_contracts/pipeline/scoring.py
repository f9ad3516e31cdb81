"""How much an accepted row is trusted: 100 less each deduction that applies, at least 0, and a tier."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
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


NORMAL_MAD = Decimal("0.6745")
"""The median absolute deviation of a normal distribution, in standard deviations: with it, a robust z-score reads like a plain one."""


class RobustZScoreDeduction(Model):
    """Points off where |0.6745 (value - median) / mad| is above `threshold`; null is no deduction.

    `median` and `mad`, the median absolute deviation from it, are those of history; they stand in the file, so that a row's score does
    not depend on the batch it comes in. `podium baseline` reads them from certified Silver.
    """

    condition: Literal["robust_z_score"]
    column: Name
    deduction: Points
    median: Decimal
    mad: Decimal = Field(gt=0)
    threshold: Decimal = Field(default=Decimal("3.5"), gt=0)
    """3.5 where it is not given."""

    def bounds(self, scale: int) -> tuple[Decimal, Decimal]:
        """The lowest and the highest value with so many digits after the point that are no outliers."""
        reach = self.threshold * self.mad / NORMAL_MAD
        digit = Decimal(1).scaleb(-scale)
        low, high = self.median - reach, self.median + reach
        return low.quantize(digit, ROUND_CEILING), high.quantize(digit, ROUND_FLOOR)


Deduction = Annotated[
    NullDeduction | RangeDeduction | RobustZScoreDeduction, Field(discriminator="condition")
]


class Scoring(Model):
    """The deductions of a dataset, by name. With `details`, Silver's `quality_details` names those that applied to a row."""

    deductions: dict[Name, Deduction] = Field(default_factory=dict, max_length=200)
    details: bool = False
