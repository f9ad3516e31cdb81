"""Files of text, whatever they are encoded and compressed in, as UTF-8."""

import codecs
import gzip
import io
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
UNREADABLE = "\udcff"
"""What stands for bytes that an encoding does not have; as a byte it is 0xff, which UTF-8 does not have either."""
_ERRORS = "podium-unreadable"


def is_gzip(path: Path) -> bool:
    """Whether a file is read as gzip: by its name, so that its lines are counted in the text that is parsed."""
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> BinaryIO:
    """Open a file to read its bytes, decompressed where its name ends in `.gz`."""
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # type: ignore[return-value]


def open_text(path: Path, encoding: str) -> BinaryIO:
    """Open a file to read its text as UTF-8; bytes that its encoding does not have are 0xff."""
    file = open_bytes(path)
    return file if encoding == "utf-8" else io.BufferedReader(_Recoded(file, encoding), CHUNK_BYTES)  # type: ignore[type-var]


class _Recoded(io.RawIOBase):
    """A text in another encoding, as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = _decoder(encoding, file)
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            chunk = self._file.read(CHUNK_BYTES)
            self._ended = not chunk
            text = self._decoder.decode(chunk, final=self._ended)
            self._ready = text.encode("utf-8", "surrogateescape")
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


def _decoder(encoding: str, file: BinaryIO) -> codecs.IncrementalDecoder:
    codec = encoding
    if encoding == "utf-16":
        mark = file.read(len(codecs.BOM_UTF16))
        codec = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
        if mark not in {codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE}:
            file.seek(0)
    return codecs.getincrementaldecoder(codec)(_ERRORS)


def _unreadable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return UNREADABLE, error.end


codecs.register_error(_ERRORS, _unreadable)
