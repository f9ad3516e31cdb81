"""Bundles where pods get them: in a store that speaks S3, or on a volume."""

import os
from pathlib import Path

from podium_contracts.errors import BundleUnreadable, TerminalError
from podium_contracts.pipeline import is_object

from podium_lakehouse.store.objects import get, put_new
from podium_lakehouse.store.troubles import Use, in_words

READ = Use("spec.bundle.uri", "get its objects (s3:GetObject)", refusal=BundleUnreadable)
KEPT = Use("`--to`", "put its objects (s3:PutObject)", refusal=TerminalError)


def fetch(uri: str) -> bytes:
    """Return the content of a bundle.

    Raises:
        BundleUnreadable: there is none, or the store refuses it.
        TransientError: the store does not answer.
    """
    try:
        with in_words(uri, READ):
            return get(uri) if is_object(uri) else Path(uri).read_bytes()
    except OSError as error:
        hint = "run `podium bundle` again and apply what it prints"
        raise BundleUnreadable(f"{uri}: {error.strerror or 'no such object'}", hint=hint) from error


def keep(uri: str, content: bytes) -> bool:
    """Keep a bundle, which its content names; return whether it was not there before.

    Raises:
        TerminalError: the store refuses it.
        TransientError: the store does not answer.
        OSError: the folder cannot be written.
    """
    if is_object(uri):
        with in_words(uri, KEPT):
            return put_new(uri, content)
    place = Path(uri)
    if place.exists():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(place)
    return True
