"""What the report says of a quarantine: refused rows by rule, and a few of them; only the columns for that are read."""

import json
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from podium_contracts.names import storable_name
from podium_contracts.pipeline import CustomLogic, Dataset, FormatValidation, RangeCheck, ReferenceDataCheck
from podium_lakehouse.cleansing.staging import INCOMPATIBLE
from podium_lakehouse.delta.tables import Snapshot

SAMPLES = 20
PER_CAUSE = 5
LONGEST = 160
_MEANINGS = {
    "csv": "The line could not be read as a row of the file.",
    INCOMPATIBLE: "Its file lacks a field, or has one of another type: what was made before cannot go on with it.",
    "schema": "{name} could not be read as {type}.",
    "lookup": "{name} is not in its list of known values.",
    "key": "{name} has no usable value; rows are told apart or put in order by it.",
    "step": "The custom step {name} made nothing of a value.",
}
"""Why a row is refused, by the id of a rule or by how it begins."""
_WHERE = ["source_file", "source_row", "quarantine_id"]


@dataclass(frozen=True)
class Cause:
    """A rule, what it asks in plain words, and the rows that it refused."""

    rule: str
    meaning: str
    rows: int


@dataclass(frozen=True)
class Value:
    """A value of a refused row under its source's name; `refused` where a rule speaks of this column."""

    name: str
    text: str
    refused: bool


@dataclass(frozen=True)
class Sample:
    """A refused row; `values` is empty and `line` set where not even its line could be read."""

    source_file: str
    source_row: int
    rules: tuple[str, ...]
    reason: str
    values: tuple[Value, ...]
    line: str


@dataclass(frozen=True)
class Quarantined:
    """The refused rows of a dataset."""

    dataset: str
    rows: int
    causes: tuple[Cause, ...]
    samples: tuple[Sample, ...]


def quarantined(name: str, dataset: Dataset, snapshot: Snapshot) -> Quarantined:
    """Count a quarantine by rule and take at most 20 rows of it, the first ones of each combination of rules.

    It is read in this thread: Arrow's own would let go of delta-rs's files later, and abort a process that ends in the meantime.
    """
    table = snapshot.open().to_pyarrow_dataset()
    counts: Counter[str] = Counter()
    first: dict[str, pa.Table] = {}
    rows = 0
    for batch in table.to_batches(columns=["rules", *_WHERE], use_threads=False):
        rows += batch.num_rows
        for counted in pc.value_counts(pc.list_flatten(batch["rules"])).to_pylist():
            counts[counted["values"]] += counted["counts"]
        _take(first, pa.Table.from_batches([batch]))
    causes = [
        Cause(rule, meaning(rule, dataset), count)
        for rule, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    chosen = [
        row["quarantine_id"]
        for cause in sorted(first, key=lambda cause: (first[cause].num_rows, cause))
        for row in first[cause].to_pylist()
    ][:SAMPLES]
    wanted = pc.field("quarantine_id").isin(chosen)
    found = table.to_table(filter=wanted, use_threads=False).to_pylist() if chosen else []
    ordered = sorted(found, key=lambda row: (row["rules"], row["source_file"], row["source_row"]))
    samples = tuple(_sample(row, dataset) for row in ordered[:SAMPLES])
    return Quarantined(name, rows, tuple(causes), samples)


def _take(first: dict[str, pa.Table], table: pa.Table) -> None:
    """Keep the first rows of every combination of rules, in the order of the source."""
    combination = pc.binary_join(table["rules"].cast(pa.list_(pa.string())), " ")
    order = [(column, "ascending") for column in _WHERE]
    for cause in pc.unique(combination).to_pylist():
        rows = table.filter(pc.equal(combination, cause)).select(_WHERE)
        known = [first[cause]] if cause in first else []
        first[cause] = pa.concat_tables([*known, rows]).sort_by(order).slice(0, PER_CAUSE)


def meaning(rule: str, dataset: Dataset) -> str:
    """Return in plain words why a rule refuses a row."""
    kind, _, name = rule.partition(".")
    if kind == "rule" and name in dataset.rules:
        return _broken(name, dataset)
    column = dataset.columns.get(name)
    words = _MEANINGS.get(rule) or _MEANINGS.get(kind, "A rule of the pipeline refused the row.")
    return words.format(name=name, type=column.type if column else "its type")


def _broken(name: str, dataset: Dataset) -> str:
    match dataset.rules[name]:
        case RangeCheck() as rule:
            bounds = [f"below {rule.min:,}"] if rule.min is not None else []
            bounds += [f"above {rule.max:,}"] if rule.max is not None else []
            return f"{rule.column} is {' or '.join(bounds)}."
        case FormatValidation() as rule:
            return f"{rule.column} does not have the form that is asked for: {rule.pattern}"
        case ReferenceDataCheck() as rule:
            return f"{rule.column} is not in the reference data {rule.lookup}."
        case CustomLogic() as rule:
            return f"It is not so that {rule.expression}"


def _sample(row: dict[str, object], dataset: Dataset) -> Sample:
    raw = str(row["raw"] or "")
    rules = tuple(str(rule) for rule in row["rules"])  # type: ignore[attr-defined]
    blamed = {_source_column(rule, dataset) for rule in rules}
    values = tuple(
        Value(name, "(empty)" if value is None else _short(str(value)), name in blamed)
        for name, value in _columns(raw).items()
    )
    line = "" if values else _short(raw)
    return Sample(
        str(row["source_file"]), int(str(row["source_row"])), rules, str(row["reason"] or ""), values, line
    )


def _columns(raw: str) -> dict[str, object]:
    """Return the values of a refused row by name; none where its line was not even that, or has what no page can."""
    try:
        found = json.loads(raw)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _source_column(rule: str, dataset: Dataset) -> str | None:
    """Return the source's name of the column that a rule speaks of."""
    kind, _, name = rule.partition(".")
    if kind == "rule" and name in dataset.rules:
        name = dataset.rules[name].column or ""
    column = dataset.columns.get(name)
    return storable_name(column.source or name) if column else None


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
