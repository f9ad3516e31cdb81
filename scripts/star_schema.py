"""Write the tables of the retail example's star schema into docs/reference/star-schema.md, or check that they have not drifted.

python scripts/star_schema.py           writes them between the two marks
python scripts/star_schema.py --check   exits 1 if they are not what schema.yml says

The descriptions and types are those of examples/retail/dbt/models/schema.yml; what surrounds them is written by hand.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from marked import write_or_check

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "examples/retail/dbt/models/schema.yml"
TARGET = ROOT / "docs/reference/star-schema.md"
MARKS = ("<!-- tables: `make generate` writes them -->\n", "<!-- end of tables -->\n")


def tables(models: list[Mapping[str, Any]]) -> str:
    """Return every model with its columns."""
    return "\n".join(line for model in models for line in _section(model))


def _section(model: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {model['name']}\n"
    yield f"{model['description']}\n"
    yield "| column | type | |\n|---|---|---|"
    for column in model["columns"]:
        tests = ", ".join(f"`{test[kind]['name']}`" for test in column.get("data_tests", ()) for kind in test)
        described = f"{column['description']}{f' Tests: {tests}.' if tests else ''}"
        yield f"| `{column['name']}` | {column['data_type']} | {described} |"
    yield ""


def main() -> None:
    """Write the page, or with `--check` compare it."""
    models = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["models"]
    write_or_check(TARGET, MARKS, tables(models), SOURCE.name)


if __name__ == "__main__":
    main()
