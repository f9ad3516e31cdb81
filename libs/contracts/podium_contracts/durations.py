"""Durations as Kubernetes and people write them: `1h30m`, `45s`."""

import re

_WRITTEN = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")
_UNITS = ((3600, "h"), (60, "m"), (1, "s"))


def seconds(text: str) -> int:
    """Return the seconds of a duration.

    Raises:
        ValueError: it is none.
    """
    match = _WRITTEN.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is no duration: write hours, minutes and seconds, as 1h30m or 45s")
    return sum(int(number or 0) * size for number, (size, _) in zip(match.groups(), _UNITS, strict=True))


def written(amount: float) -> str:
    """Return whole seconds as a duration: `90` is `1m30s`."""
    left, parts = round(amount), []
    for size, unit in _UNITS:
        number, left = divmod(left, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"
