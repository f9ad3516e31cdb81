"""The base of every value that crosses a boundary: frozen, and closed to unknown fields."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value; an unknown field is an error, not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
