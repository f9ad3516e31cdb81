"""The base of every value that crosses a boundary: frozen, and closed to unknown fields."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value; an unknown field is an error, not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def checked(*rules: tuple[str, str]) -> ConfigDict:
    """Return a model's configuration that lets Kubernetes check what the model's own validators check.

    Each rule is an expression in CEL that must be true of the value, and the message for one of which it is not.
    """
    listed: list[Any] = [{"rule": rule, "message": message} for rule, message in rules]
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": listed})
