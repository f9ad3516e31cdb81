"""The pipeline file's models: what `podium run -f` and `kubectl apply -f` both read."""

from podium_contracts.pipeline.anomalies import Anomalies
from podium_contracts.pipeline.dataset import (
    Column,
    CsvDialect,
    Dataset,
    Duplicates,
    ExcelTable,
    FileSource,
    Fuzzy,
    KafkaSource,
    Notifications,
    NullStrategy,
    Source,
    Standardise,
)
from podium_contracts.pipeline.document import (
    DuckDbDestination,
    Lookup,
    PipelineDocument,
    Quality,
    Spec,
    Threshold,
)
from podium_contracts.pipeline.moments import MomentFormat
from podium_contracts.pipeline.objects import ObjectPattern, in_folder, is_object
from podium_contracts.pipeline.patterns import portable, shared_pattern
from podium_contracts.pipeline.resolved import Pipeline, in_project
from podium_contracts.pipeline.rules import (
    CustomLogic,
    FormatValidation,
    RangeCheck,
    ReferenceDataCheck,
    Rule,
)
from podium_contracts.pipeline.scoring import (
    FULL_SCORE,
    TIERS,
    Deduction,
    NullDeduction,
    RangeDeduction,
    RobustZScoreDeduction,
    Scoring,
)
from podium_contracts.pipeline.steps import Step, field_of, file_of
from podium_contracts.pipeline.types import ColumnType

__all__ = [
    "FULL_SCORE",
    "TIERS",
    "Anomalies",
    "Column",
    "ColumnType",
    "CsvDialect",
    "CustomLogic",
    "Dataset",
    "Deduction",
    "DuckDbDestination",
    "Duplicates",
    "ExcelTable",
    "FileSource",
    "FormatValidation",
    "Fuzzy",
    "KafkaSource",
    "Lookup",
    "MomentFormat",
    "Notifications",
    "NullDeduction",
    "NullStrategy",
    "ObjectPattern",
    "Pipeline",
    "PipelineDocument",
    "Quality",
    "RangeCheck",
    "RangeDeduction",
    "ReferenceDataCheck",
    "RobustZScoreDeduction",
    "Rule",
    "Scoring",
    "Source",
    "Spec",
    "Standardise",
    "Step",
    "Threshold",
    "field_of",
    "file_of",
    "in_folder",
    "in_project",
    "is_object",
    "portable",
    "shared_pattern",
]
