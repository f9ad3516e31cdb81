"""Archives: files as one zip whose bytes depend on nothing but their names and contents, so that its digest names them."""

import io
import zipfile
from collections.abc import Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: the earliest that the format knows."""
UNIX = 3


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of files by their names. They are stored as they are: what zlib makes of them depends on its version."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as opened:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = UNIX
            opened.writestr(entry, content)
    return buffer.getvalue()
