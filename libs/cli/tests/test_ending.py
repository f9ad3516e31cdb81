"""How a command ends that the operating system refuses something."""

import errno
import os

import pytest
import typer
from podium.ending import EXIT_FAILED, ended


@pytest.mark.parametrize(
    ("number", "path", "told"),
    [
        (errno.ENOSPC, None, ("the system: No space left on device", "next: make room on the disk")),
        (errno.EACCES, "/lake/t", ("/lake/t: Permission denied", "next: let this user read and write there")),
        (errno.EROFS, "/lake/t", ("/lake/t: Read-only file system", "next: let this user write there")),
    ],
)
def test_a_refusal_is_told_with_the_next_step(
    capsys: pytest.CaptureFixture[str], number: int, path: str | None, told: tuple[str, str]
) -> None:
    """Without a traceback; which file it is where the system says so."""
    app = typer.Typer()

    @app.command()
    def refused() -> None:
        raise OSError(number, os.strerror(number), path)

    assert ended(app, [], "podium") == EXIT_FAILED
    said = capsys.readouterr().err
    assert all(words in said for words in told)
    assert "Traceback" not in said
