"""What is known of other rows before a row is staged, and before duplicates are looked for: made only where a dataset asks for it."""

from collections.abc import Mapping

from podium_contracts.names import Layer
from podium_contracts.pipeline import Dataset, ReferenceDataCheck

from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing.dispositions import LARGE_BLOCKS, PAIRS, SIMILAR
from podium_lakehouse.cleansing.fuzzy import large_blocks_statement, pairs_statement, similar_statement
from podium_lakehouse.cleansing.interpolation import interpolated, interpolation_statement
from podium_lakehouse.cleansing.staging import SCHEMAS, quarantines_schemas
from podium_lakehouse.engines.engine import ROW_DIALECT, Engine
from podium_lakehouse.records.schema_history import Outcome, SchemaHistory


def lookups_of(dataset: Dataset) -> set[str]:
    """Return the lookups that cleansing a dataset reads."""
    checking = {rule.lookup for rule in dataset.rules.values() if isinstance(rule, ReferenceDataCheck)}
    return checking | {rule.lookup for rule in dataset.standardise.values() if rule.lookup}


def offer_new_schemas(engine: Engine, name: str, dataset: Dataset, history: SchemaHistory) -> None:
    """Offer the new schemas of the files whose rows go to quarantine, where the dataset wants that."""
    if quarantines_schemas(dataset):
        refused = f"dataset = '{name}' AND layer = '{Layer.BRONZE}' AND outcome = '{Outcome.QUARANTINED}'"
        engine.offer_table(SCHEMAS, history.snapshot(), where=refused)


def offer_fillings(engine: Engine, dataset: Dataset, source_names: Mapping[str, str], whole: str) -> None:
    """Make what is filled in from other rows of a file; `whole` has the rows of whole files."""
    if interpolated(dataset):
        statement = interpolation_statement(dataset, source_names, engine.dialect, whole)
        engine.materialise(names.FILLED, statement)


def offer_near_equal(engine: Engine, dataset: Dataset) -> None:
    """Find the staged rows that are nearly the same as a better one."""
    if fuzzy := dataset.duplicates.fuzzy:
        engine.materialise(LARGE_BLOCKS, large_blocks_statement(fuzzy, engine.dialect))
        engine.materialise(PAIRS, pairs_statement(dataset, fuzzy, engine.dialect))
        engine.materialise_rows(SIMILAR, similar_statement(fuzzy, ROW_DIALECT), PAIRS)
