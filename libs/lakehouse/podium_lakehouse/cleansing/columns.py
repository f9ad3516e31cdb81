"""The names of the columns that cleansing reads from Bronze, carries along, and leaves in Silver and in quarantine."""

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
"""The ingestion's number, the row's place in its file (1 is the first row; where the line is corrupt, its number among the lines, a row
with line breaks inside it counting as one; a message's offset), and the text and the reason of a line or message that could not be parsed.
Bytes of a line that are not UTF-8 are `?`; a message that is not JSON is base64."""

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

SCORE_TYPE = ColumnType.decimal(4, 1)
SILVER_METADATA: dict[str, ColumnType] = {
    "quality_score": SCORE_TYPE,
    "quality_tier": STRING,
    "source_file": STRING,
    "ingestion_batch_id": STRING,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
}

KEY_HASH = "_key_hash"
REFUSED = "_refused"
RULES = "_rules"
DROPPED_BY = "_dropped_by"
RAW = "_raw"


def null_flag(column: str) -> str:
    """Return the name of the column that the null strategy `flag` adds."""
    return f"{column}_is_null_flag"


def topic_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return what Bronze says of each message beside its fields; nothing where the dataset reads no topic."""
    return KAFKA_METADATA if any(source.kafka for source in dataset.sources) else {}


def declared_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return the columns that the pipeline file declares."""
    return {name: column.type for name, column in dataset.columns.items()}


def business_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return the declared columns and the null flags: what a row of Silver says, without where it came from."""
    flags = [name for name, rule in dataset.nulls.items() if rule.strategy == "flag"]
    return {**declared_columns(dataset), **{null_flag(name): BOOLEAN for name in flags}}


def silver_columns(dataset: Dataset) -> dict[str, ColumnType]:
    """Return every column of the dataset's Silver table, in order."""
    return {**business_columns(dataset), **SILVER_METADATA}
