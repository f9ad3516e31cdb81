"""Programs that are expected to end well."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


def printed(
    *command: str | Path,
    seconds: float,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program for so many seconds at most, with what is given as its standard input; return what it printed."""
    done = subprocess.run(
        command,
        input=given,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
