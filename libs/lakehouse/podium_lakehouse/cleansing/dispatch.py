"""The rows of a staged batch by where they go: Silver, quarantine, or nowhere but the ledger."""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
from podium_contracts.pipeline import Dataset
from sqlglot import exp

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome
from podium_lakehouse.expressions.dialects import Dialect


class Dispatch:
    """Statements over the relations `staged` and `exceptions`, each about one row at a time; `time` is the intent's.

    `retired` are columns that Silver has, and that the dataset does not ask for any more.
    """

    QUARANTINE = pa.schema(
        [
            ("quarantine_id", pa.string()),
            ("quarantined_at", pa.timestamp("us", tz="UTC")),
            ("rules", pa.list_(pa.string())),
            ("reason", pa.string()),
            ("source_file", pa.string()),
            ("source_row", pa.int64()),
            ("ingestion_batch_id", pa.string()),
            ("raw", pa.string()),
        ]
    )
    """A quarantine: each refused row with the rules that refused it, why its line did not parse, where it came from (`source_row` is
    Bronze's `_row`), and the source columns that the dataset reads as JSON, or the line itself."""

    def __init__(
        self, dataset: Dataset, dialect: Dialect, time: datetime, retired: Sequence[str] = ()
    ) -> None:
        self.dataset = dataset
        self.retired = retired
        self.dialect = dialect
        self._moment = f"cast({dialect.text(time.isoformat())} AS {dialect.type_name(names.SILVER_METADATA['created_at'])})"

    def counts(self) -> exp.Select:
        """Rows by disposition, by the rule that dropped them, and by the rules that they broke: one pass for all that is counted of a batch."""
        disposition = (
            f"CASE WHEN {names.REFUSED} THEN {self.dialect.text(outcome.QUARANTINED)} "
            f"WHEN {names.DROPPED_BY} IS NOT NULL THEN {self.dialect.text(outcome.DROPPED)} "
            f"ELSE coalesce({outcome.DISPOSITION}, {self.dialect.text(outcome.INSERT)}) END"
        )
        asked = names.quality_columns(self.dataset)
        remarks = [
            f"{name if name in asked else f'cast(NULL AS {self._text()})'} AS {name}"
            for name in (names.QUALITY_WARNINGS, names.QUALITY_CORRECTIONS)
        ]
        columns = [
            f"{disposition} AS disposition",
            f"{names.DROPPED_BY} AS rule",
            f"{names.RULES} AS rules",
            *remarks,
        ]
        select = self._select([*columns, "count(*) AS rows"])
        groups = [str(place) for place in range(1, len(columns) + 1)]
        return self._with_exceptions(select).group_by(*groups, dialect=self.dialect.name)

    def examples(self, rule: str, most: int) -> exp.Select:
        """Some rows that a rule refused: where they came from, and what they said."""
        select = self._select(["source_file", f"{names.ROW} AS source_row", f"{names.RAW} AS raw"])
        held = f"array_contains({names.RULES}, {self.dialect.text(rule)})"
        return (
            select.where(held, dialect=self.dialect.name)
            .order_by("source_file", names.ROW, dialect=self.dialect.name)
            .limit(most)
        )

    def accepted(self) -> exp.Select:
        """The rows that Silver gets, with its columns."""
        written = {"created_at": self._moment, "updated_at": self._moment}
        columns = [
            *(
                f"{written.get(name) or self._final(name)} AS {self.dialect.identifier(name)}"
                for name in names.silver_columns(self.dataset)
            ),
            *(f"cast(NULL AS {self._text()}) AS {name}" for name in self.retired),
        ]
        kept = ", ".join(self.dialect.text(disposition) for disposition in (outcome.INSERT, outcome.UPDATE))
        return self._with_exceptions(self._select(columns)).where(
            f"NOT {names.REFUSED}",
            f"{names.DROPPED_BY} IS NULL",
            f"({outcome.DISPOSITION} IS NULL OR {outcome.DISPOSITION} IN ({kept}))",
            dialect=self.dialect.name,
        )

    def _final(self, name: str) -> str:
        """A row's own value, or that of the row which its duplicates were merged into."""
        own = f"staged.{self.dialect.identifier(name)}"
        if self.dataset.duplicates.strategy != "merge":
            return own
        merged = f"{outcome.EXCEPTIONS}.{self.dialect.identifier(names.merged(name))}"
        return f"CASE WHEN {outcome.EXCEPTIONS}._merged THEN {merged} ELSE {own} END"

    def refused(self) -> exp.Select:
        """The rows that quarantine gets, with its columns."""
        row = f"cast({names.ROW} AS {self._text()})"
        origin = f"concat_ws('/', source_file, ingestion_batch_id, {row}, {names.CORRUPT_REASON})"
        columns = [
            f"substring(md5({origin}), 1, 12) AS quarantine_id",
            f"{self._moment} AS quarantined_at",
            f"{names.RULES} AS rules",
            f"{names.CORRUPT_REASON} AS reason",
            "source_file",
            f"{names.ROW} AS source_row",
            "ingestion_batch_id",
            f"{names.RAW} AS raw",
        ]
        return self._select(columns).where(names.REFUSED, dialect=self.dialect.name)

    def _text(self) -> str:
        return self.dialect.type_name(names.SILVER_METADATA["source_file"])

    def _select(self, columns: list[str]) -> exp.Select:
        return exp.select(*columns, dialect=self.dialect.name).from_(outcome.STAGED)

    def _with_exceptions(self, select: exp.Select) -> exp.Select:
        same = [
            f"staged.{name} = exceptions.{name}" for name in ("source_file", "ingestion_batch_id", names.ROW)
        ]
        return select.join(
            outcome.EXCEPTIONS, on=" AND ".join(same), join_type="left", dialect=self.dialect.name
        )
