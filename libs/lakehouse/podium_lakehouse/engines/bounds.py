"""The least and the greatest value of a column, as a condition by which files are left out."""

from podium_lakehouse.engines.engine import Engine


def bounds(engine: Engine, column: str, relation: str) -> tuple[object, object]:
    """Return the bounds of a column over a relation or a statement in parentheses; both are None without values."""
    name = engine.dialect.identifier(column)
    low, high = engine.execute(f"SELECT min({name}), max({name}) FROM {relation}")[0]
    return low, high


def within(engine: Engine, column: str, low: object, high: object) -> list[str]:
    """Return the conditions that hold a column, written as SQL, within bounds; none for types whose literals engines read differently."""
    if not isinstance(low, str | int):
        return []
    first, last = (engine.dialect.text(end) if isinstance(end, str) else str(end) for end in (low, high))
    return [f"{column} >= {first}", f"{column} <= {last}"]
