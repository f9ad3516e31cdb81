"""What counts as unusual beside the verdicts before: for the quality section of the pipeline file."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from podium_contracts.model import Model, checked
from podium_contracts.names import Name

_ENOUGH = "`minimum_history` is at most `history`"


class Anomalies(Model):
    """How far a batch may be from what earlier verdicts on its table found. `anomalies: {}` takes the defaults."""

    model_config = checked(("self.minimum_history <= self.history", _ENOUGH))

    deviations: float = Field(default=3.5, gt=0, le=1000)
    """A number is unusual when it is further from the median than so many robust standard deviations (1.4826 times the median deviation)."""
    history: int = Field(default=14, ge=3, le=365)
    """The verdicts before that count, those on batches without rows left out."""
    minimum_history: int = Field(default=7, ge=3, le=365)
    """With fewer nothing is unusual, but for a change of the schema."""
    drift: float = Field(default=0.2, gt=0, le=100)
    """Shares of tiers, or of a column's orders of magnitude, have shifted when their population stability index is above it."""
    distributions: dict[Name, Annotated[tuple[Name, ...], Field(max_length=50)]] = Field(
        default_factory=dict, max_length=64
    )
    """By dataset: the columns with numbers whose distribution is watched."""
    severity: Literal["WARNING", "CRITICAL"] = "WARNING"

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.minimum_history > self.history:
            raise ValueError(_ENOUGH)
        return self
