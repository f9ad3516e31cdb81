"""`podium init`: a pipeline file and a first dbt model, from somebody's own files."""

from pathlib import Path
from textwrap import shorten
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.pipeline.dataset import MOST_COLUMNS
from rich.text import Text

from podium.beginning.drafting import keys_of, pipeline_text
from podium.beginning.models import project
from podium.beginning.names import pipeline_name
from podium.beginning.profile import Profile, profile
from podium.beginning.sources import found, grouped
from podium.console import Row, errors, near, output, write_rows
from podium.opening import DEFAULT_FILE, check

MOST_SHOWN = 200
"""Characters of a first line that looks like a row."""


def init(
    files: Annotated[list[str], typer.Argument(help="Files, patterns or folders, such as data/*.csv.")],
    to: Annotated[Path, typer.Option("--to", help="The folder to write into.")] = Path(),
    name: Annotated[str, typer.Option("--name", help="The pipeline's name; by default the folder's.")] = "",
) -> None:
    """Write a pipeline file and a first dbt model from your own files: their columns, types and keys. It runs as it is.

    Nothing is overwritten, and the files are only read.

    Examples:

        podium init data/*.csv && podium run

        podium init exports/ --to shop --name shop && podium run -f shop/pipeline.yaml
    """
    home = to.absolute()
    name = pipeline_name(name or home.name)
    _check_free(home)
    profiles = []
    for group in grouped(found(files)):
        errors.print(Text(f"looking at {group.name}: {len(group.files)} file(s)"))
        profiles.append(profile(group))
        if profiles[-1].headless:
            errors.print(Text(_headless(profiles[-1])), soft_wrap=True)
        if profiles[-1].columns_of_files > len(profiles[-1].columns):
            errors.print(Text(_too_wide(profiles[-1])), soft_wrap=True)
    texts = {
        DEFAULT_FILE.name: pipeline_text(name, profiles, home),
        **{f"dbt/{path}": text for path, text in project(name, profiles).items()},
    }
    for path, text in texts.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text, encoding="utf-8")
    check(home / DEFAULT_FILE)
    write_rows([_shown(item) for item in profiles], title="found", none="")
    output.print("\nwritten:")
    for path in texts:
        output.print(Text(f"  {near(home / path)}"), soft_wrap=True)
    file = near(home / DEFAULT_FILE)
    output.print("\nnext:")
    output.print(Text(f"  podium run{'' if file == DEFAULT_FILE.name else f' -f {file}'}"), soft_wrap=True)


def _check_free(home: Path) -> None:
    for path in (home / DEFAULT_FILE, home / "dbt"):
        if path.exists():
            raise TerminalError(
                f"{near(path)} is there already",
                hint="name another folder with --to; nothing has been written",
            )


def _headless(item: Profile) -> str:
    names = shorten(", ".join(column.source for column in item.columns), MOST_SHOWN, placeholder=" …")
    return (
        f"warning: the first line of {item.group.files[0].name} looks like a row: {names}\n"
        f"next: if it is one, write a line with the columns' names above it, remove {DEFAULT_FILE.name} and dbt, and begin again"
    )


def _too_wide(item: Profile) -> str:
    return (
        f"warning: {item.group.name} has {item.columns_of_files:,} columns, and a dataset takes {MOST_COLUMNS}: those after "
        f"{item.columns[-1].source} are left out of Silver; Bronze keeps all\n"
        f"next: put those that you need in the place of others in {DEFAULT_FILE.name}"
    )


def _shown(item: Profile) -> Row:
    corrupt = {"do not parse": item.corrupt} if item.corrupt else {}
    made = "" if item.keys else " (a hash of all columns)"
    return {
        "dataset": item.group.name,
        "files": len(item.group.files),
        "rows": item.rows,
        **corrupt,
        "columns": len(item.columns),
        "key": ", ".join(keys_of(item)) + made,
    }
