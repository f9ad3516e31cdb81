"""Check the event contract, and write what is generated from it.

    python proto/generate.py           writes the models, the released contract, the AsyncAPI document and parts of the docs
    python proto/generate.py --check   exits 1 if one of them is out of date

Both refuse a schema that breaks what has been released, or the rules of style, with one line for each mistake.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from contract import asyncapi, compatibility, models, pages, style
from contract.schema import ROOT, SCHEMA, describe
from google.protobuf.descriptor_pb2 import FileDescriptorProto

REPOSITORY = ROOT.parent
MODELS = REPOSITORY / "libs/contracts/podium_contracts/events/v1.py"
ASYNCAPI = REPOSITORY / "docs/reference/events.asyncapi.yaml"
REFERENCE = REPOSITORY / "docs/reference/events.md"
HOW_TO = REPOSITORY / "docs/how-to/consume-events.md"


def generated(schema: FileDescriptorProto) -> Iterator[tuple[Path, str]]:
    """Yield each generated file and its text."""
    yield compatibility.RELEASED, compatibility.render(schema)
    yield MODELS, models.render(schema)
    yield ASYNCAPI, asyncapi.render(schema)
    yield REFERENCE, pages.renewed(REFERENCE.read_text(encoding="utf-8"), pages.reference(schema))
    yield HOW_TO, pages.renewed(HOW_TO.read_text(encoding="utf-8"), pages.examples())


def refused(schema: FileDescriptorProto) -> list[str]:
    """Return every reason to refuse a schema."""
    return [*style.mistakes(schema), *compatibility.breaks(compatibility.read(), schema)]


def main() -> None:
    """Write the files, or with `--check` compare them."""
    schema = describe()
    problems = refused(schema)
    if problems:
        raise SystemExit("\n".join(f"{SCHEMA}: {problem}" for problem in problems))
    for path, text in generated(schema):
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            problems.append(f"{path.relative_to(REPOSITORY)} is out of date: run `make generate`")
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
