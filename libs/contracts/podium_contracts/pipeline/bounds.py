"""The bounds of a range, wherever a pipeline file declares one."""

from decimal import Decimal


def check_bounds(low: Decimal | None, high: Decimal | None, names: tuple[str, str]) -> None:
    """Refuse a range without a bound, or one that no value lies in.

    Raises:
        ValueError: in the words of the file, where the bounds have these names.
    """
    if low is None and high is None:
        raise ValueError(f"give `{names[0]}`, `{names[1]}` or both")
    if low is not None and high is not None and low > high:
        raise ValueError(f"{names[0]} {low} is above {names[1]} {high}")
