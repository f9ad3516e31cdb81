"""What a pipeline file may get wrong of its quality section: metrics that no dataset has, and references to nothing.

What is said of Gold tables cannot be checked here: their columns come from the models.
"""

from collections.abc import Iterator, Mapping

from podium_contracts.errors import Path, Problem
from podium_contracts.pipeline import TIERS, ColumnType, Dataset, Spec

from podium_lakehouse.cleansing.columns import declared_columns, silver_columns

_QUALITY: Path = ("spec", "quality")
METRICS = (
    "metrics are total_records, average_quality_score, quality_<tier>_percentage, validation_success_percentage, <rule>_validity, "
    "<column>_completeness, <column>_uniqueness, <column>_consistency of a column in quality.references, and "
    "<column>_lag_hours of a date or timestamp"
)


def problems(spec: Spec) -> Iterator[Problem]:
    """Yield every mistake in `spec.quality`."""
    for name, dataset in spec.datasets.items():
        metrics = _metrics(dataset, spec.quality.references.get(name, {}))
        for metric in spec.quality.thresholds.get(name, {}):
            if metric not in metrics:
                yield Problem((*_QUALITY, "thresholds", name, metric), f"no metric {metric!r}", METRICS)
    for table, references in spec.quality.references.items():
        for column, reference in references.items():
            path: Path = (*_QUALITY, "references", table, column)
            yield from _reference(path, table, column, reference, spec)
    watched = spec.quality.anomalies.distributions if spec.quality.anomalies else {}
    for table, columns in watched.items():
        for index, column in enumerate(columns):
            yield from _distribution(
                (*_QUALITY, "anomalies", "distributions", table, index), table, column, spec
            )


def _metrics(dataset: Dataset, references: Mapping[str, str]) -> set[str]:
    """Return the metrics that thresholds of a dataset may name."""
    columns = silver_columns(dataset)
    named = {"total_records", "average_quality_score", "validation_success_percentage"}
    named |= {f"quality_{tier.lower()}_percentage" for tier, _ in TIERS}
    named |= {f"{rule}_validity" for rule in dataset.rules}
    named |= {f"{column}_{kind}" for column in columns for kind in ("completeness", "uniqueness")}
    named |= {f"{column}_consistency" for column in references}
    return named | {
        f"{column}_lag_hours" for column, kind in columns.items() if kind.name in {"date", "timestamp"}
    }


def _reference(path: Path, table: str, column: str, reference: str, spec: Spec) -> Iterator[Problem]:
    target, key = reference.split(".")
    source = _columns(table, spec)
    wanted = _columns(target, spec)
    if source is not None and column not in source:
        yield Problem(path, f"no column {column!r} in {table}", f"the columns are: {', '.join(source)}")
    elif source is not None and wanted is None:
        known = ", ".join(name for name in spec.datasets if name != table) or "none"
        yield Problem(path, f"no dataset {target!r}", f"other datasets are: {known}")
    elif wanted is not None and key not in wanted:
        yield Problem(path, f"no column {key!r} in {target}", f"the columns are: {', '.join(wanted)}")
    elif source and wanted and source[column] != wanted[key]:
        yield Problem(
            path,
            f"{column} is {source[column]}, {reference} is {wanted[key]}",
            "declare both as the same type",
        )


def _distribution(path: Path, table: str, column: str, spec: Spec) -> Iterator[Problem]:
    columns = _columns(table, spec)
    if columns is None:
        yield Problem(path, f"no dataset {table!r}", f"the datasets are: {', '.join(spec.datasets)}")
    elif column not in columns:
        yield Problem(path, f"no column {column!r} in {table}", f"the columns are: {', '.join(columns)}")
    elif not columns[column].numeric:
        yield Problem(path, f"a distribution is of numbers, {column} is {columns[column]}")


def _columns(table: str, spec: Spec) -> dict[str, ColumnType] | None:
    dataset = spec.datasets.get(table)
    return declared_columns(dataset) if dataset else None
