"""A pipeline file's mistakes as people read them: file, line, path, what is wrong, what would be right."""

from podium_contracts.errors import InvalidPipeline
from rich.console import Console
from rich.text import Text


def render(error: InvalidPipeline, console: Console) -> None:
    """Write every mistake, in the order of the file, then of its overlay."""
    for problem in sorted(error.problems, key=lambda item: (item.file, item.line)):
        file = problem.file or error.file
        place = f"{file}:{problem.line}" if problem.line else file
        console.print(Text.assemble((place, "bold"), f" {problem.where}".rstrip()), soft_wrap=True)
        console.print(Text(f"  {problem.message}", style="red"), soft_wrap=True)
        if problem.hint:
            console.print(Text(f"  {problem.hint}", style="green"), soft_wrap=True)
    files = dict.fromkeys(problem.file or error.file for problem in error.problems)
    console.print(f"{len(error.problems)} mistake(s) in {', '.join(files)}", highlight=False, markup=False)
