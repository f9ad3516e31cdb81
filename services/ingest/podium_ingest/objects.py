"""Objects that sources name: listed with their ETags, and each got in a single answer.

(pyarrow's S3 file system lists without ETags, and reads an object in pieces that may be of two contents.)
"""

from pathlib import Path

import obstore
from podium_contracts.pipeline import ObjectPattern
from podium_contracts.pipeline.objects import SCHEME
from podium_lakehouse.store import objects as store
from podium_lakehouse.store.objects import bucket_and_key, client
from podium_lakehouse.store.troubles import SOURCE, in_words

from podium_ingest.listed import Listed


def matching(pattern: ObjectPattern) -> list[Listed]:
    """Return the objects of a pattern, sorted; there may be none.

    Raises:
        BadSource: the store refuses; the message says why.
        TransientError: no store answers.
    """
    if pattern.is_single:
        found = look(f"{SCHEME}{pattern.bucket}/{'/'.join(pattern.parts)}")
        return [found] if found else []
    folder = pattern.folder or None
    with in_words(f"{SCHEME}{pattern.bucket}/{pattern.folder}", SOURCE):
        bucket = client(pattern.bucket)
        if pattern.is_flat:
            metas = list(obstore.list_with_delimiter(bucket, folder)["objects"])
        else:
            metas = [meta for batch in obstore.list(bucket, folder) for meta in batch]
    listed = (_listed(pattern.bucket, meta) for meta in metas)
    return sorted(found for found in listed if pattern.names(found.name))


def look(uri: str) -> Listed | None:
    """Return an object as it is now, None where there is none; raises as `matching`."""
    with in_words(uri, SOURCE):
        found = store.head(uri)
    return _listed(bucket_and_key(uri)[0], found) if found else None


def fetch(uri: str, target: Path) -> Listed | None:
    """Copy an object into a file; return what was copied, None where there is no object.

    Raises:
        BadSource: the store refuses; the message says why.
        TransientError: no store answers, or it stops in the middle.
    """
    with in_words(uri, SOURCE):
        found = store.fetch(uri, target)
    return _listed(bucket_and_key(uri)[0], found) if found else None


def _listed(bucket: str, meta: "obstore.ObjectMeta") -> Listed:
    microseconds = int(meta["last_modified"].timestamp() * 1_000_000)
    return Listed(f"{SCHEME}{bucket}/{meta['path']}", meta["size"], microseconds * 1000, meta["e_tag"] or "")
