"""The distribution of a column of numbers as counts that add up: how many are of which order of magnitude, on either side of zero."""

BIN = "bin."
LAST = 6
BINS = tuple(range(-LAST, LAST + 1))
"""0 is zero; 1 is up to 1, 2 from 1 to 10, 3 from 10 to 100, and so on; the last has no end; below zero the same."""


def condition(column: str, place: int) -> str:
    """Return the condition, SQL for both engines, under which a value of a column is in a bin."""
    low, high = _ends(place)
    if place == 0:
        return f"{column} = 0"
    if place > 0:
        parts = [f"{column} > 0" if low == 0 else f"{column} >= {low}"]
        return " AND ".join([*parts, f"{column} < {high}"] if high else parts)
    parts = [f"{column} < 0" if low == 0 else f"{column} <= -{low}"]
    return " AND ".join([*parts, f"{column} > -{high}"] if high else parts)


def described(place: int) -> str:
    """Return what is in a bin, in words."""
    low, high = _ends(place)
    if place == 0:
        return "zero"
    words = f"from {low:,} to below {high:,}" if high else f"{low:,} or more"
    return words if place > 0 else f"negative, {words}"


def _ends(place: int) -> tuple[int, int]:
    """Return where a bin begins and ends, without signs; the last one ends at 0: nowhere."""
    size = abs(place)
    return 10 ** (size - 2) if size > 1 else 0, 10 ** (size - 1) if 0 < size < LAST else 0
