"""The page on the custom resources: every field, condition and reason, from the definitions and their contracts."""

from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from podium_contracts.resources.conditions import EXPLANATIONS, MEANINGS
from ruamel.yaml import YAML

from generation.structural import Schema

HEAD = """<!-- Generated from libs/contracts by `make generate`: do not edit. -->
# Custom resources

Group `podium.dev`, version `v1alpha1`. `kubectl explain pdr.spec --recursive` says the same of the cluster that you are connected to.
`[]` stands for each item of a list, `{}` for each value of a map. A field without a default may be left out unless it is *required*.
"""
CONDITIONS = """
## Conditions

Of PipelineRuns and StageRuns. `kubectl wait --for=condition=Finished pdr/NAME` returns when a run has ended, well or not.

| condition | meaning |
|---|---|
"""
REASONS = """
## Reasons

Every condition has one of these, and a message that says which object, file or check it is about. The class decides how often a stage is tried
again (`spec.retries`).

| reason | meaning | what to do | class |
|---|---|---|---|
"""


def page(definitions: Mapping[str, str]) -> str:
    """Return the page of these definitions, by the names of their files."""
    parsed = [YAML(typ="safe").load(StringIO(text)) for text in definitions.values()]
    conditions = "".join(_row(f"`{kind}`", meaning) for kind, meaning in MEANINGS.items())
    reasons = "".join(
        _row(f"`{reason}`", known.meaning, known.advice, known.failure or "")
        for reason, known in EXPLANATIONS.items()
    )
    return HEAD + "".join(map(_kind, parsed)) + CONDITIONS + conditions + REASONS + reasons


def _kind(definition: Schema) -> str:
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    text = f"\n## {definition['spec']['names']['kind']}\n\n{schema['description']}\n"
    if rules := list(dict.fromkeys(_rules(schema, ""))):
        text += (
            "\nWhat the API server refuses beside wrong types:\n\n| where | rule |\n|---|---|\n"
            + "".join(rules)
        )
    for part in ("spec", "status"):
        if fields := list(_fields(schema["properties"].get(part, {}), part)):
            text += "\n| field | type | default | |\n|---|---|---|---|\n" + "".join(fields)
    return text


def _rules(schema: Schema, path: str) -> Iterator[str]:
    """Yield the rules of a schema and of all that is in it."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield _row(f"`{path.removeprefix('.')}`" if path else "", rule["message"])
    for step, part in _parts(schema):
        yield from _rules(part, path + step)


def _parts(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield what is one level down, with what is added to the path."""
    for name, part in schema.get("properties", {}).items():
        yield f".{name}", part
    if items := schema.get("items"):
        yield "[]", items
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield "{}", values


def _fields(schema: Schema, path: str) -> Iterator[str]:
    for step, part in _parts(schema):
        here = path + step
        if step not in {"[]", "{}"} or "description" in part:
            required = step.removeprefix(".") in schema.get("required", ())
            given = "*required*" if required else _shown(part.get("default"))
            yield _row(f"`{here}`", _type(part), given, part.get("description", ""))
        yield from _fields(part, here)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if items := schema.get("items"):
        return f"list of {_type(items)}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"map of {_type(values)}"
    return str(schema.get("type", "any"))


def _shown(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |\n"
