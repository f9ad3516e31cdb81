"""The bounds of a range, wherever a pipeline file declares one."""

from decimal import Decimal

from pydantic import ConfigDict

from podium_contracts.model import checked


def check_bounds(low: Decimal | None, high: Decimal | None, names: tuple[str, str]) -> None:
    """Refuse a range without a bound, or one that no value lies in.

    Raises:
        ValueError: in the words of the file, where the bounds have these names.
    """
    if low is None and high is None:
        raise ValueError(f"give `{names[0]}`, `{names[1]}` or both")
    if low is not None and high is not None and low > high:
        raise ValueError(f"{names[0]} {low} is above {names[1]} {high}")


def bounded(low: str, high: str, *rules: tuple[str, str]) -> ConfigDict:
    """Return the configuration of a model with a range, whose fields have these names, and whatever else `rules` say of it."""
    return checked(
        *rules,
        (f"has(self.{low}) || has(self.{high})", f"give `{low}`, `{high}` or both"),
        (f"!has(self.{low}) || !has(self.{high}) || self.{low} <= self.{high}", f"{low} is above {high}"),
    )
