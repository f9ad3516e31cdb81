"""Files that were pinned, as a task on this machine or on another finds them."""

from pathlib import Path

from podium_contracts.errors import BadSource
from podium_contracts.pipeline import is_object

from podium_lakehouse.store.objects import fetch
from podium_lakehouse.store.troubles import SOURCE, in_words


def at_hand(path: Path, name: str, etag: str, folder: Path) -> Path:
    """Return where this machine reads a file: an object is fetched into a new folder where whoever pinned it has its copy elsewhere.

    Raises:
        BadSource: the object is another now.
    """
    if not is_object(name) or path.exists():
        return path
    folder.mkdir()
    copy = folder / path.name
    with in_words(name, SOURCE):
        found = fetch(name, copy)
    if found is None or found["e_tag"] != etag:
        raise BadSource(
            f"{name} has changed since it was pinned for ingestion",
            hint="put it back as it was, or give the new content a new name; then run it again",
        )
    return copy
