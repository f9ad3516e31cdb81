"""Why a person decided as they did: said with `--reason`, and kept where the decision is."""

import typer

LONGEST = 2000
"""Characters."""


def given(reason: str) -> str:
    """Return a reason as it is kept.

    Raises:
        typer.BadParameter: it says nothing, or too much.
    """
    said = reason.strip()
    if not said or len(reason) > LONGEST:
        raise typer.BadParameter(f"--reason has 1 to {LONGEST:,} characters")
    return said
