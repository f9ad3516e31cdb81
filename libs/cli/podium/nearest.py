"""What somebody may have meant by a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 10


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint: the names that are close to one, or the first that there are."""
    names = list(known)
    if close := get_close_matches(name, names, n=3):
        return f"did you mean {' or '.join(close)}?"
    more = f", and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"there are: {', '.join(names[:MOST])}{more}" if names else ""
