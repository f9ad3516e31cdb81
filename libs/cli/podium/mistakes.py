"""A pipeline file's mistakes as people read them: file, line, path, what is wrong, what would be right."""

from podium_contracts.errors import InvalidPipeline, Problem
from podium_runtime.pipeline_file import LocatedInvalidPipeline, PipelineFile
from rich.console import Console


def locate(file: PipelineFile, problems: list[Problem]) -> LocatedInvalidPipeline:
    """Return problems of a file that fits the schema, with their lines."""
    return LocatedInvalidPipeline(problems, file=str(file.path), tree=file.tree)


def render(error: InvalidPipeline, console: Console) -> None:
    """Write every mistake, in the order of the file."""
    located = isinstance(error, LocatedInvalidPipeline)
    lines = {
        id(item): error.line(item) if isinstance(error, LocatedInvalidPipeline) else 0
        for item in error.problems
    }
    for problem in sorted(error.problems, key=lambda item: lines[id(item)]):
        place = f"{error.file}:{lines[id(problem)]}" if located else error.file
        console.print(f"[bold]{place}[/] {problem.where}", highlight=False, soft_wrap=True)
        console.print(f"  [red]{problem.message}[/]", highlight=False, soft_wrap=True)
        if problem.hint:
            console.print(f"  [green]{problem.hint}[/]", highlight=False, soft_wrap=True)
    console.print(f"{len(error.problems)} mistake(s) in {error.file}", highlight=False)
