"""What is under way, and for how long: by its age, what hangs is told from what works."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """Things of one kind that are under way."""

    def __init__(self) -> None:
        self._begun: dict[object, tuple[str, float]] = {}

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """Count something as under way for as long as the context lasts."""
        key = object()
        self._begun[key] = (what, time.monotonic())
        try:
            yield
        finally:
            del self._begun[key]

    def oldest(self) -> tuple[str, float]:
        """Return what began first, and its age in seconds; nothing is 0 seconds old."""
        what, begun = next(iter(self._begun.values()), ("", time.monotonic()))
        return what, time.monotonic() - begun
