"""The parts of the documentation that are generated: tables of attributes and fields, and the examples as they are run."""

from collections.abc import Mapping

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from podium_contracts.events import CloudEvent

from contract.schema import ROOT, Field, Message, messages

REPOSITORY = ROOT.parent
EXAMPLES = REPOSITORY / "examples/consumers"
LANGUAGES = {".py": "python", ".java": "java"}
SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "text",
    FieldDescriptorProto.TYPE_BOOL: "boolean",
    FieldDescriptorProto.TYPE_DOUBLE: "number",
    FieldDescriptorProto.TYPE_INT64: "integer",
}


def renewed(text: str, parts: Mapping[str, str]) -> str:
    """Return a page with each part between its marks as it should be.

    Raises:
        SystemExit: a mark is missing.
    """
    for name, part in parts.items():
        start, end = f"<!-- {name}: `make generate` writes this -->\n", f"<!-- end of {name} -->\n"
        before, found, rest = text.partition(start)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise SystemExit(f"a page lacks the lines {start.strip()} and {end.strip()}")
        text = f"{before}{start}\n{part}\n{end}{after}"
    return text


def reference(schema: FileDescriptorProto) -> dict[str, str]:
    """Return the parts of docs/reference/events.md."""
    described = messages(schema)
    announced = [message for message in described if message.event_type]
    others = [message for message in described if not message.event_type]
    return {
        "attributes": _attributes(),
        "events": "\n".join(_section(message, f"`{message.event_type}`") for message in announced),
        "messages": "\n".join(_section(message, message.name) for message in others),
    }


def examples() -> dict[str, str]:
    """Return the examples of docs/how-to/consume-events.md, each by the name of its file."""
    return {
        path.name: f"```{LANGUAGES[path.suffix]}\n{path.read_text(encoding='utf-8')}```\n"
        for path in sorted(EXAMPLES.iterdir())
        if path.suffix in LANGUAGES
    }


def _attributes() -> str:
    rows = [
        f"| `{name}` | {_cell(field.description or '')} |"
        for name, field in CloudEvent.model_fields.items()
        if name != "data"
    ]
    return "\n".join(["| attribute | |", "|---|---|", *rows]) + "\n"


def _section(message: Message, title: str) -> str:
    rows = [
        f"| `{field.descriptor.json_name}` | {_type(field)} | {_cell(field.comment)} |"
        for field in message.fields
    ]
    data = f"Data: `{message.name}`. " if message.event_type else ""
    return "\n".join(
        [
            f"### {title}",
            "",
            f"{data}{message.meaning}",
            "",
            "| field | type | |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _type(field: Field) -> str:
    if field.value is not None:
        return f"{SCALARS[field.value.type]} by text"
    kind = _kind(field)
    if field.repeated:
        return f"list of {kind}"
    return f"{kind}, may be absent" if field.descriptor.proto3_optional else kind


def _kind(field: Field) -> str:
    if field.message == "Timestamp":
        return "time"
    return f"[{field.message}](#{field.message.lower()})" if field.message else SCALARS[field.descriptor.type]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
