"""A line of a driver's log as people read it."""

import json

KNOWN = {
    "event",
    "timestamp",
    "level",
    "stage",
    "logger",
    "pipeline",
    "run",
    "trace_id",
    "event_type",
    "event_id",
    "exception",
}
"""What every line says, or what is shown in a place of its own."""


def readable(line: str) -> str:
    """Return a line of JSON as time, level, what happened and its details; any other as it is."""
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, dict) or "event" not in said:
        return line
    moment = str(said.get("timestamp", ""))[11:19]
    details = "".join(f"  {name}={_value(value)}" for name, value in said.items() if name not in KNOWN)
    raised = f"\n{said['exception']}" if said.get("exception") else ""
    return f"{moment:<8} {said.get('level', ''):<8} {said['event']}{details}{raised}"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
