"""A dataset of the pipeline file: its sources, its columns, and what cleansing does to them."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator

from podium_contracts.model import Model, checked
from podium_contracts.names import Name
from podium_contracts.pipeline.moments import TimestampFormat
from podium_contracts.pipeline.objects import ObjectPattern, is_object, known_path
from podium_contracts.pipeline.patterns import Pattern
from podium_contracts.pipeline.rules import Rule
from podium_contracts.pipeline.scoring import Scoring
from podium_contracts.pipeline.steps import MOST_STEPS, Step
from podium_contracts.pipeline.types import ColumnType, TypeName

TOPIC_NAME = r"^[a-zA-Z0-9._-]{1,249}$"
MOST_COLUMNS = 500


class CsvDialect(Model):
    """How a CSV file is written. Given, never guessed: a guess can reshape a malformed file."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    escape: str = Field(default='"', min_length=1, max_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.delimiter in {self.quote, self.escape, "\n", "\r"}:
            raise ValueError(f"delimiter {self.delimiter!r} is also the quote, the escape or a line end")
        return self


class ExcelTable(Model):
    """Where a workbook's table is: the sheet by its name (by default the first), and the row that names the columns, by its number in the sheet.

    By default it is the first row that has any value.
    """

    sheet: str | None = Field(default=None, min_length=1, max_length=31)
    header_row: int | None = Field(default=None, ge=1, le=1_048_576)


_TEXT_FORMATS = ("csv", "json", "ndjson")
FileFormat = Annotated[
    Literal[
        "csv",
        "json",
        "ndjson",
        "parquet",
        "avro",
        "excel",
        "CSV",
        "JSON",
        "NDJSON",
        "PARQUET",
        "AVRO",
        "EXCEL",
    ],
    AfterValidator(str.lower),
]
"""What files are written as, in small letters or in capitals."""
Encoding = Literal["utf-8", "utf-16", "latin-1", "iso-8859-15", "windows-1252"]


class Notifications(Model):
    """Where an object store says what is new: a Kafka topic with its notifications, as JSON. They only hasten what `watch_seconds` finds."""

    topic: str = Field(pattern=TOPIC_NAME)


_NOTIFIED = "notifications tell of objects: path must be s3://bucket/key"
_EXCEL_ONLY = "`excel` says where the table of a workbook is: format must be excel"
_TEXT_ONLY = "`encoding` is of text: format must be csv, json or ndjson"
_SWEPT = "notifications may be lost: give watch_seconds, too, to find what none told of"


class FileSource(Model):
    """Files by a glob pattern, relative to the pipeline file, or objects of a store that speaks S3: `s3://bucket/in/*.csv.gz`.

    A path that ends in a slash is all files directly in a folder. Text in a `.gz` file is decompressed. Where a store is, the environment says.
    """

    model_config = checked(
        ("!has(self.notifications) || self.path.startsWith('s3://')", _NOTIFIED),
        ("!has(self.notifications) || has(self.watch_seconds)", _SWEPT),
        ("!has(self.excel) || self.format in ['excel', 'EXCEL']", _EXCEL_ONLY),
        (
            "self.encoding == 'utf-8' || self.format in ['csv', 'json', 'ndjson', 'CSV', 'JSON', 'NDJSON']",
            _TEXT_ONLY,
        ),
    )

    path: Annotated[str, Field(min_length=1), AfterValidator(known_path)]
    format: FileFormat = "csv"
    encoding: Encoding = "utf-8"
    """Of text. A byte order mark is no part of it; UTF-16 without one is little-endian."""
    csv: CsvDialect = CsvDialect()
    excel: ExcelTable | None = None
    timestamp_format: TimestampFormat | None = None
    """How these files write timestamps, as `dd.MM.yyyy HH:mm`, where a column does not say it; by default as ISO 8601."""
    source_system: str = "file_upload"
    watch_seconds: float | None = Field(default=None, gt=0)
    """A service looks for new files every so many seconds; without it, when a run is requested."""
    settled_seconds: float = Field(default=5.0, ge=0)
    """A watched file is taken when it has not changed for so long: a shorter one may still be written. An object is whole when it is there."""
    notifications: Notifications | None = None

    @model_validator(mode="after")
    def _notified_of_objects(self) -> Self:
        if self.notifications and not is_object(self.path):
            raise ValueError(_NOTIFIED)
        if self.notifications and self.watch_seconds is None:
            raise ValueError(_SWEPT)
        return self

    @model_validator(mode="after")
    def _suited(self) -> Self:
        if self.excel and self.format != "excel":
            raise ValueError(_EXCEL_ONLY)
        if self.encoding != "utf-8" and not self.is_text:
            raise ValueError(_TEXT_ONLY)
        return self

    @property
    def is_text(self) -> bool:
        """Whether its files are text, which may be encoded and compressed in several ways."""
        return self.format in _TEXT_FORMATS

    @property
    def objects(self) -> ObjectPattern | None:
        """The objects that it names; None where it names files."""
        return ObjectPattern.parse(self.path) if is_object(self.path) else None


_ONE_TOPIC = "give either `topic` or `topic_pattern`"
_JSON_NAMES = "format `json` takes no `schema` and no `message`: its fields have names"
_NEEDS_SCHEMA = "format `{}` needs `schema`, the file that says how to read it"
_NEEDS_MESSAGE = "format `protobuf` needs `message`, the full name of one, as shop.Sale"
_TAKES_NO_MESSAGE = "format `avro` takes no `message`: the record at the top of its schema is meant"


class KafkaSource(Model):
    """Messages of a Kafka topic, or of every topic that matches a pattern; where the brokers are, the environment says.

    `start` says where the first batch begins: `earliest`, `latest`, or a time; later ones go on where the one before ended.
    """

    model_config = checked(
        ("has(self.topic) != has(self.topic_pattern)", _ONE_TOPIC),
        ("self.format != 'json' || !(has(self.schema) || has(self.message))", _JSON_NAMES),
        ("self.format != 'avro' || has(self.schema)", _NEEDS_SCHEMA.format("avro")),
        ("self.format != 'protobuf' || has(self.schema)", _NEEDS_SCHEMA.format("protobuf")),
        ("self.format != 'protobuf' || has(self.message)", _NEEDS_MESSAGE),
        ("self.format != 'avro' || !has(self.message)", _TAKES_NO_MESSAGE),
    )

    topic: str | None = Field(default=None, pattern=TOPIC_NAME)
    topic_pattern: Pattern | None = None
    format: Literal["json", "avro", "protobuf"] = "json"
    schema_path: str | None = Field(default=None, alias="schema", min_length=1)
    """The file that says how to read `avro` (`.avsc`) or `protobuf` (`.proto`, or a compiled descriptor set); relative to the
    pipeline file."""
    message: str | None = Field(default=None, min_length=1)
    """The full name of the Protobuf message, as `shop.Sale`."""
    framing: Literal["none", "confluent"] = "none"
    """What stands before the payload: nothing, or the header of Confluent's serializers."""
    start: Literal["earliest", "latest"] | AwareDatetime = "earliest"
    trigger_seconds: float = Field(default=30.0, gt=0)
    """A service takes what waits every so many seconds, or as soon as `max_rows` wait."""
    max_rows: int = Field(default=500_000, gt=0)
    """Messages of one batch."""
    max_rows_per_second: int | None = Field(default=None, gt=0)
    """The rate that a service keeps to, however much waits."""
    max_bytes: int = Field(default=1_048_576, gt=0)
    """A longer message is refused, and kept whole in quarantine."""
    on_lost_offsets: Literal["fail", "continue"] = "fail"
    """What happens where messages were removed from the topic before they were read, or the topic was made anew: nothing more is
    read until a person says `continue`, which goes on with what is there and says so in the completion's notes."""
    source_system: str = "kafka"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.topic is None) == (self.topic_pattern is None):
            raise ValueError(_ONE_TOPIC)
        return self

    @model_validator(mode="after")
    def _described(self) -> Self:
        if self.format == "json" and (self.schema_path or self.message):
            raise ValueError(_JSON_NAMES)
        if self.format != "json" and self.schema_path is None:
            raise ValueError(_NEEDS_SCHEMA.format(self.format))
        if self.format == "protobuf" and self.message is None:
            raise ValueError(_NEEDS_MESSAGE)
        if self.format == "avro" and self.message:
            raise ValueError(_TAKES_NO_MESSAGE)
        return self

    @property
    def wanted(self) -> str:
        """What the source names, as people say it."""
        return f"topic {self.topic}" if self.topic else f"topics like {self.topic_pattern}"


_ONE_SOURCE = "give either `files` or `kafka`"


class Source(Model):
    """Where a dataset's rows come from: exactly one kind."""

    model_config = checked(("has(self.files) != has(self.kafka)", _ONE_SOURCE))

    files: FileSource | None = None
    kafka: KafkaSource | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.files is None) == (self.kafka is None):
            raise ValueError(_ONE_SOURCE)
        return self


_ONE_ORIGIN = "a column has either `from` or `expression`"


class Column(Model):
    """A typed column of Silver.

    It is read from the source column named `from` (by default the one whose standardised name is this column's), or it is
    an expression over the other columns, computed after standardisation.
    """

    model_config = checked(("!(has(self.from) && has(self.expression))", _ONE_ORIGIN))

    type: TypeName
    """A row with a text that is no value of it is refused. An `integer` has at most 9 digits, a `bigint` 18."""
    source: str | None = Field(default=None, alias="from", min_length=1)
    expression: str | None = Field(default=None, min_length=1)
    timestamp_format: TimestampFormat | None = None
    """How the source writes the dates or timestamps of this column, as `dd.MM.yyyy HH:mm`; other texts are refused."""
    description: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.source is not None and self.expression is not None:
            raise ValueError(_ONE_ORIGIN)
        return self


def _written_out(value: Any) -> Any:
    """Refuse what YAML has already read as something else than its text, as 1.50 or 2009-12-01."""
    if value is None or isinstance(value, (str, int)):
        return value
    raise ValueError("write a text in quotes, a whole number, true or false")


_METHOD = "strategy `interpolate` needs a method, and no other strategy takes one"
_SCOPED = "`partition_by` and `order_by` go with strategy `interpolate`"
_ORDERED = "methods linear, forward and backward need `order_by`, linear one column"


class NullStrategy(Model):
    """What happens where a column is null: `drop` the row, fill in `default_value`, `flag` it, or `interpolate`.

    `flag` adds the column `<column>_is_null_flag`, and fills in `default_value`; where none is given, 0 in a column of numbers. Texts,
    booleans, dates and timestamps stay null then: no value of theirs says that there was none.

    `interpolate` makes a value of the rows of the same file that agree in `partition_by`, as they say it before any rule: the one
    before (`forward`) or after (`backward`) by `order_by` and place, on the line between both (`linear`), or the `mean` or `median` of
    all. Where there is none it takes `default_value`, or stays null.
    """

    model_config = checked(
        ("(self.strategy == 'interpolate') == has(self.method)", _METHOD),
        (
            "self.strategy == 'interpolate' || !(has(self.partition_by) || has(self.order_by))",
            _SCOPED,
        ),
    )

    strategy: Literal["drop", "default", "flag", "interpolate"]
    default_value: Annotated[str | int | bool | None, BeforeValidator(_written_out)] = None
    method: Literal["linear", "forward", "backward", "mean", "median"] | None = None
    partition_by: tuple[Name, ...] = Field(default=(), max_length=16)
    order_by: tuple[Name, ...] = Field(default=(), max_length=16)
    scope: Literal["file"] = "file"
    """Which rows are looked at: those of the file, which is ingested as a whole and never changes."""

    @model_validator(mode="after")
    def _interpolated(self) -> Self:
        if (self.strategy == "interpolate") != (self.method is not None):
            raise ValueError(_METHOD)
        if self.strategy != "interpolate" and (self.partition_by or self.order_by):
            raise ValueError(_SCOPED)
        if (self.method == "linear" and len(self.order_by) != 1) or (
            self.method in {"forward", "backward"} and not self.order_by
        ):
            raise ValueError(_ORDERED)
        return self

    def default(self, kind: ColumnType) -> str | int | bool | None:
        """Return what takes the place of null in a column of a type, None where nothing does."""
        if self.default_value is None and self.strategy == "flag" and kind.numeric:
            return 0
        return self.default_value

    @model_validator(mode="after")
    def _default_given(self) -> Self:
        if self.strategy == "default" and self.default_value is None:
            raise ValueError("strategy `default` needs a default_value")
        if self.strategy == "drop" and self.default_value is not None:
            raise ValueError("strategy `drop` takes no default_value")
        return self


_ONE_WAY = "give either `expression` or `lookup`"


class Standardise(Model):
    """How a column's values are brought to one form: by an expression, or by a lookup of known variants.

    `missing` says what becomes of a value that the lookup does not know: `quarantine` the row, or `keep` the value.
    """

    model_config = checked(("has(self.expression) != has(self.lookup)", _ONE_WAY))

    expression: str | None = Field(default=None, min_length=1)
    lookup: Name | None = None
    missing: Literal["quarantine", "keep"] = "quarantine"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.expression is None) == (self.lookup is None):
            raise ValueError(_ONE_WAY)
        return self


Way = Literal["latest", "first", "max", "min", "longest"]
_KEYED = "`order` says which row of the same `keys` stays: give `keys`, too"
_MERGED = "strategy `merge` needs `keys` and one column of `order`"
_WAYS = "`merge` says how columns become one: it goes with strategy `merge`"
_FUZZY = "`fuzzy` needs `keys`, and keeps one row: it does not go with strategy `merge`"


class Fuzzy(Model):
    """Rows of a file that agree in `block` and whose `column` is alike: `similarity` at or above `threshold`. The better one by `order` stays."""

    block: tuple[Name, ...] = Field(min_length=1, max_length=16)
    column: Name
    threshold: Decimal = Field(gt=0, le=1, decimal_places=4)
    scope: Literal["file"] = "file"
    """Which rows are compared: those of the file, which is ingested as a whole and never changes."""
    max_block_rows: int = Field(default=1000, ge=2, le=50_000)
    """Of how many accepted rows of a file a block may be: each is compared with each. The rows of a larger one all stay, and are counted as a warning."""


class Duplicates(Model):
    """Which accepted rows are the same thing, and what becomes of them: the last by `order` stays, or the first, or they become one row.

    Without `keys` every row stays. With strategy `merge`, `merge` says of each column which value the one row has: that of the `latest`
    row which has one (unless it says otherwise), of the `first`, the `max`, the `min` or the `longest`.
    """

    model_config = checked(
        ("!has(self.order) || size(self.order) == 0 || has(self.keys)", _KEYED),
        ("self.strategy != 'merge' || (has(self.keys) && has(self.order) && size(self.order) == 1)", _MERGED),
        ("!has(self.fuzzy) || (has(self.keys) && self.strategy != 'merge')", _FUZZY),
        ("self.strategy == 'merge' || !has(self.merge) || size(self.merge) == 0", _WAYS),
    )

    keys: tuple[Name, ...] = Field(default=(), min_length=1)
    order: tuple[Name, ...] = ()
    strategy: Literal["keep_latest", "keep_first", "merge"] = "keep_latest"
    merge: dict[Name, Way] = Field(default_factory=dict, max_length=MOST_COLUMNS)
    fuzzy: Fuzzy | None = None

    @model_validator(mode="after")
    def _keyed(self) -> Self:
        if self.order and not self.keys:
            raise ValueError(_KEYED)
        if self.strategy == "merge" and (not self.keys or len(self.order) != 1):
            raise ValueError(_MERGED)
        if self.strategy != "merge" and self.merge:
            raise ValueError(_WAYS)
        if self.fuzzy and (not self.keys or self.strategy == "merge"):
            raise ValueError(_FUZZY)
        return self


class Dataset(Model):
    """One logical table as it passes through the layers."""

    owner: str | None = Field(default=None, min_length=1, max_length=253)
    """Who answers for it, if not the owner of the pipeline."""
    sources: tuple[Source, ...] = Field(min_length=1, max_length=16)
    on_schema_change: Literal["evolve", "quarantine", "refuse"] = "evolve"
    """What happens to a file that lacks a field or has one of another type, where what was made before cannot go on: `evolve` takes it,
    a missing field as null; `quarantine` keeps all of its rows out of Silver; `refuse` takes nothing until a person acts."""
    columns: dict[Name, Column] = Field(min_length=1, max_length=MOST_COLUMNS)
    nulls: dict[Name, NullStrategy] = Field(default_factory=dict, max_length=MOST_COLUMNS)
    standardise: dict[Name, Standardise] = Field(default_factory=dict, max_length=MOST_COLUMNS)
    steps: dict[Name, Step] = Field(default_factory=dict, max_length=MOST_STEPS)
    """Functions of one's own over the standardised rows, before rules see them and derived columns are made of them."""
    rules: dict[Name, Rule] = Field(default_factory=dict, max_length=MOST_COLUMNS)
    duplicates: Duplicates = Duplicates()
    scoring: Scoring = Scoring()
