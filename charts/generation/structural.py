"""From a pydantic model to a structural schema: what the API server checks, prunes and explains."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]
VALIDATIONS = "x-kubernetes-validations"
OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True}
"""Any value: where several types may stand, Podium itself checks which."""
KEPT = (
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "type",
    VALIDATIONS,
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
)
BEYOND_INT64 = 2**63
LONGEST_TEXT, MOST_ITEMS = 10_000, 256
"""The bounds of what declares none: a resource has to fit in the API server's store, and its rules into their budget."""


def structural(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a model."""
    schema = model.model_json_schema(by_alias=True)
    return _Conversion(schema.pop("$defs", {}), _descriptions(model)).convert(schema)


class _Conversion:
    def __init__(self, definitions: dict[str, Schema], described: dict[str, dict[str, str]]) -> None:
        self.definitions = definitions
        self.described = described

    def convert(self, schema: Schema) -> Schema:
        schema = self._resolved(schema)
        if "oneOf" in schema and "discriminator" in schema:
            return self._merged(schema)
        if "anyOf" in schema:
            return self._chosen(schema)
        converted = _copied(schema)
        match schema.get("type"):
            case "object":
                converted |= self._object(schema)
            case "array":
                converted["items"] = self.convert(schema["items"])
                converted.setdefault("maxItems", MOST_ITEMS)
            case "string" if "enum" not in converted:
                converted.setdefault("maxLength", LONGEST_TEXT)
            case None:
                converted |= OPEN
        return _with_plain_default(converted)

    def _resolved(self, schema: Schema) -> Schema:
        """Replace a reference by what it names; what stands beside it counts more."""
        if "$ref" not in schema:
            return schema
        name = schema["$ref"].rsplit("/", 1)[-1]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self.definitions[name], "title": name, **beside}

    def _object(self, schema: Schema) -> Schema:
        if "properties" in schema:
            return self._fields(schema)
        pattern, values = next(
            iter(schema.get("patternProperties", {}).items()),
            (schema.get("propertyNames", {}).get("pattern"), schema.get("additionalProperties", True)),
        )
        found: Schema = {
            "additionalProperties": self.convert(values) if isinstance(values, dict) else OPEN,
            "maxProperties": schema.get("maxProperties", MOST_ITEMS),
        }
        if names := schema.get("propertyNames", {}).get("enum"):
            message = "a key must be one of those that the description of the field lists"
            found[VALIDATIONS] = [{"rule": f"self.all(key, key in {names})", "message": message}]
        if pattern:
            rule = f"self.all(key, key.matches({_text(pattern)}))"
            found[VALIDATIONS] = [
                *schema.get(VALIDATIONS, ()),
                {"rule": rule, "message": f"a key must match {pattern}"},
            ]
        return found

    def _fields(self, schema: Schema) -> Schema:
        words = self.described.get(schema.get("title", ""), {})
        fields = {
            name: self.convert({"description": words[name], **field} if name in words else field)
            for name, field in schema["properties"].items()
        }
        required = [name for name in schema.get("required", ()) if name in fields]
        return {"properties": fields, **({"required": required} if required else {})}

    def _chosen(self, schema: Schema) -> Schema:
        """Return the one schema beside null, the number that may be written as text, or any value."""
        beside = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
        default = {"default": schema["default"]} if schema.get("default") is not None else {}
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        if len(options) == 1:
            return self.convert({**self._resolved(options[0]), **beside, **default})
        kinds = {option.get("type") for option in options}
        if kinds == {"number", "string"}:
            number = next(option for option in options if option["type"] == "number")
            return self.convert({**number, **beside, **default})
        if kinds == {"string"}:
            return self.convert({"type": "string", **beside, **default})
        return {**OPEN, **({"description": schema["description"]} if "description" in schema else {})}

    def _merged(self, schema: Schema) -> Schema:
        """Return one object for several of which a field says which it is, and rules that hold each to its own fields."""
        tag = schema["discriminator"]["propertyName"]
        options = {
            word: self.convert({"$ref": reference})
            for word, reference in schema["discriminator"]["mapping"].items()
        }
        fields: Schema = {}
        for option in options.values():
            fields |= {name: field for name, field in option["properties"].items() if name not in fields}
        shared = set.intersection(*(set(option["properties"]) for option in options.values()))
        fields = {name: field if name in shared else _undefaulted(field) for name, field in fields.items()}
        fields[tag] = {"type": "string", "enum": list(options)}
        required = set.intersection(*(set(option["required"]) for option in options.values()))
        rules = [
            rule
            for word, option in options.items()
            for rule in _rules_of(tag, word, option, fields, required)
        ]
        described = " ".join(f"`{word}`: {option.get('description', '')}" for word, option in options.items())
        return {
            "type": "object",
            "description": schema.get("description", described),
            "properties": fields,
            "required": sorted(required),
            VALIDATIONS: rules,
        }


def _copied(schema: Schema) -> Schema:
    """Return what both kinds of schema say, as Kubernetes spells it."""
    converted = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("exclusiveMaximum") == BEYOND_INT64:
        return {"type": "integer", "format": "int64", **_only(converted, "default", "description")}
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in schema:
            converted |= {bound.lower(): schema[f"exclusive{bound}"], f"exclusive{bound}": True}
    return {**converted, "enum": [schema["const"]]} if "const" in schema else converted


def _only(schema: Schema, *keys: str) -> Schema:
    return {key: schema[key] for key in keys if key in schema}


def _rules_of(tag: str, word: str, option: Schema, fields: Schema, required: set[str]) -> Iterator[Schema]:
    def rule(condition: str, message: str) -> Schema:
        return {"rule": f"self.{tag} != {_text(word)} || ({condition})", "message": f"{word}: {message}"}

    for name in option["required"]:
        if name not in required:
            yield rule(f"has(self.{name})", f"field `{name}` is missing")
    for name in fields:
        if name not in option["properties"]:
            yield rule(f"!has(self.{name})", f"field `{name}` does not belong here")
    for given in option.get(VALIDATIONS, ()):
        yield rule(given["rule"], given["message"])


def _undefaulted(schema: Schema) -> Schema:
    """Leave out the default of a field that not every kind has: the API server would give it to the others, too."""
    return {key: value for key, value in schema.items() if key != "default"}


def _with_plain_default(schema: Schema) -> Schema:
    """Leave out a default of null or nothing, also inside of another."""
    if "default" in schema:
        default = _plain(schema["default"])
        if default in (None, [], {}, ""):
            del schema["default"]
        else:
            schema["default"] = default
    return schema


def _plain(default: Any) -> Any:
    if not isinstance(default, dict):
        return default
    found = {key: _plain(value) for key, value in default.items()}
    return {key: value for key, value in found.items() if value not in (None, [], {}, "")}


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _descriptions(model: type[BaseModel]) -> dict[str, dict[str, str]]:
    """Return what the models below one say of their fields, by class and by the field's name in a document."""
    found: dict[str, dict[str, str]] = {}
    waiting = [model]
    while waiting:
        current = waiting.pop()
        if current.__name__ in found:
            continue
        words: dict[str, str] = {}
        for ancestor in reversed(current.__mro__):
            if ancestor is not BaseModel and issubclass(ancestor, BaseModel):
                words |= _docstrings(ancestor)
        found[current.__name__] = {
            field.alias or name: words[name] for name, field in current.model_fields.items() if name in words
        }
        waiting += [kind for field in current.model_fields.values() for kind in _models_in(field.annotation)]
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings that stand below the fields of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            found[field.target.id] = inspect.cleandoc(str(after.value.value))
    return found
