"""Points in time as sources write them, brought to ISO 8601, which every column type reads."""

from podium_contracts.pipeline import Dataset, MomentFormat
from podium_contracts.pipeline.types import TIMESTAMP

from podium_lakehouse.expressions.dialects import Dialect


def in_iso(dialect: Dialect, dataset: Dataset, name: str, text: str) -> str:
    """Return a column's text with the moment in it as ISO 8601; null where it is not written as its column or its source has it."""
    column = dataset.columns[name]
    if column.timestamp_format:
        return _from_format(dialect, text, column.timestamp_format)
    formats = _source_formats(dataset) if column.type == TIMESTAMP else {}
    cases = [
        f"WHEN source_system = {dialect.text(system)} THEN {_from_format(dialect, text, written)}"
        for system, written in formats.items()
    ]
    return f"CASE {' '.join(cases)} ELSE {text} END" if cases else text


def _source_formats(dataset: Dataset) -> dict[str, str]:
    """Return how sources write timestamps, by their `source_system`; those that write ISO 8601 are not among them."""
    return {
        source.files.source_system: source.files.timestamp_format
        for source in dataset.sources
        if source.files and source.files.timestamp_format
    }


def _from_format(dialect: Dialect, text: str, written: str) -> str:
    moment = MomentFormat.parse(written)
    parts = []
    for before, group in moment.iso():
        part = dialect.group(text, moment.pattern, group)
        padded = part if before in {"", "."} else f"lpad({part}, 2, '0')"
        parts += [dialect.text(before), padded] if before else [padded]
    fits = dialect.matches_verbatim(text, moment.pattern)
    return f"CASE WHEN {fits} THEN concat({', '.join(parts)}) END"
