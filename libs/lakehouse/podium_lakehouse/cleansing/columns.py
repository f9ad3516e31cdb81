"""The names of the columns that cleansing reads from Bronze, carries along, and leaves in Silver and in quarantine."""

from collections.abc import Iterable

from podium_contracts.pipeline import ColumnType, Dataset
from podium_contracts.pipeline.types import BIGINT, BOOLEAN, INTEGER, STRING, TIMESTAMP

BATCH = "_batch"
ROW = "_row"
CORRUPT_RECORD = "_corrupt_record"
CORRUPT_REASON = "_corrupt_reason"

BRONZE_METADATA: dict[str, ColumnType] = {
    "ingestion_timestamp": TIMESTAMP,
    "source_file": STRING,
    "ingestion_batch_id": STRING,
    "ingestion_source": STRING,
    "source_system": STRING,
}
"""Filled in by ingestion beside the source's own columns; `data_quality_score` (double, null) comes after them."""

BRONZE_POSITION: dict[str, ColumnType] = {
    BATCH: BIGINT,
    ROW: BIGINT,
    CORRUPT_RECORD: STRING,
    CORRUPT_REASON: STRING,
}
"""The ingestion's number, the row's place in its file (1 is the first row, a corrupt line counting as one; a message's offset), and the text
and the reason of a line or message that could not be parsed. Bytes of a line that are not UTF-8 are `?`; a message that is not JSON is base64."""

KAFKA_METADATA: dict[str, ColumnType] = {
    "kafka_topic": STRING,
    "kafka_partition": INTEGER,
    "kafka_offset": BIGINT,
    "kafka_timestamp": TIMESTAMP,
    "kafka_key": STRING,
    "kafka_headers": STRING,
}
"""Of a message; null in rows that files brought. A dataset declares those that it wants, like a source's own columns. Bytes that are
not UTF-8 are `\\xff`; headers are a JSON array of pairs."""

QUALITY_DETAILS = "quality_details"
QUALITY_WARNINGS = "quality_warnings"
QUALITY_CORRECTIONS = "quality_corrections"
OPTIONAL_METADATA = (QUALITY_DETAILS, QUALITY_WARNINGS, QUALITY_CORRECTIONS)
"""Columns of Silver that a dataset has where its file asks for them, or has asked: names with commas between them, null where there is none."""

SCORE_TYPE = ColumnType.decimal(4, 1)
SCORED: dict[str, ColumnType] = {"quality_score": SCORE_TYPE, "quality_tier": STRING}
ORIGIN: dict[str, ColumnType] = {
    "source_file": STRING,
    "ingestion_batch_id": STRING,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
}
SILVER_METADATA: dict[str, ColumnType] = {**SCORED, **ORIGIN}

KEY_HASH = "_key_hash"
REFUSED = "_refused"
RULES = "_rules"
DROPPED_BY = "_dropped_by"
RAW = "_raw"


UNEVALUATED = "unevaluated."
"""Before the name of a required rule: the id under which a row is listed that the rule says nothing of."""


def rule_id(name: str) -> str:
    """Return the id of a declared rule."""
    return f"rule.{name}"


FILLED = "interpolated"
"""The relation with what is filled in from other rows of a file."""


def fill(column: str) -> str:
    """Return the name of the value that is filled into a column."""
    return f"_fill_{column}"


ROW_ID = "_row_id"
"""What a custom step knows a row by."""


def step_mark(step: str) -> str:
    """Return the name of the mark of rows in which a custom step has made null of a value."""
    return f"_step_{step}"


def null_flag(column: str) -> str:
    """Return the name of the column that the null strategy `flag` adds."""
    return f"{column}_is_null_flag"


def topic_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return what Bronze says of each message beside its fields; nothing where the dataset reads no topic."""
    return KAFKA_METADATA if any(source.kafka for source in dataset.sources) else {}


def declared_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return the columns that the pipeline file declares."""
    return {name: column.type for name, column in dataset.columns.items()}


def read_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return the declared columns that are read from the source, without those that are computed."""
    return {name: column.type for name, column in dataset.columns.items() if not column.expression}


def business_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return the declared columns and the null flags: what a row of Silver says, without where it came from."""
    flags = [name for name, rule in dataset.nulls.items() if rule.strategy == "flag"]
    return {**declared_columns(dataset), **{null_flag(name): BOOLEAN for name in flags}}


AS_OF = "_as_of"


def as_of(column: str) -> str:
    """Return the name of the column with the order of the row that a merged value is from."""
    return column + AS_OF


def merged(column: str) -> str:
    """Return the name of a column of a merged row while it stands beside the row that it takes the place of."""
    return f"_merged_{column}"


def merged_columns(dataset: Dataset) -> dict[str, str]:
    """Return the columns that a dataset merges, with the way: all that are read but keys and order, `latest` unless it says otherwise."""
    declared = dataset.duplicates
    if declared.strategy != "merge":
        return {}
    fixed = {*declared.keys, *declared.order}
    return {name: declared.merge.get(name, "latest") for name in read_columns(dataset) if name not in fixed}


def as_of_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return the columns that keep of which order a merged value is."""
    by_order = [name for name, way in merged_columns(dataset).items() if way in {"latest", "first"}]
    return {as_of(name): dataset.columns[dataset.duplicates.order[0]].type for name in by_order}


def quality_columns(dataset: Dataset) -> tuple[str, ...]:
    """Return the columns that say why a row has its score, which rules it broke and stayed, and which corrected it; those that the file asks for."""
    outcomes = {rule.on_failure for rule in dataset.rules.values()}
    asked = {
        QUALITY_DETAILS: dataset.scoring.details,
        QUALITY_WARNINGS: "warn" in outcomes,
        QUALITY_CORRECTIONS: "correct" in outcomes,
    }
    return tuple(name for name, wanted in asked.items() if wanted)


def judged_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return the columns with what cleansing says of a row: rows that are alike may have come to be so in different ways."""
    return {"quality_score": SCORE_TYPE, **dict.fromkeys(quality_columns(dataset), STRING)}


def retired_columns(dataset: Dataset, present: Iterable[str]) -> tuple[str, ...]:
    """Return those of a table's columns that the file had once asked for, and does so no more: null in the rows that come now."""
    asked = quality_columns(dataset)
    return tuple(name for name in present if name in OPTIONAL_METADATA and name not in asked)


def silver_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return every column of the dataset's Silver table, in order."""
    quality = dict.fromkeys(quality_columns(dataset), STRING)
    return {**business_columns(dataset), **as_of_columns(dataset), **SCORED, **quality, **ORIGIN}
