"""What the columns of a table refer to: which table, by which column, and at which version a verdict looks it up."""

from collections.abc import Mapping
from dataclasses import dataclass

from podium_contracts.events.v1 import TableVersion
from podium_contracts.names import Layer
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.lakehouse import Lakehouse


@dataclass(frozen=True)
class Target:
    """A column of a table, as `silver.customers` and `customer_id`."""

    table: str
    column: str


def targets(name: str, pipeline: Pipeline) -> dict[str, Target]:
    """Return what the columns of a table refer to; a Gold table refers to datasets, or to tables of Gold."""
    layer, table = name.split(".")
    found = {}
    for column, reference in pipeline.spec.quality.references.get(table, {}).items():
        target, key = reference.split(".")
        of_gold = layer == Layer.GOLD and target not in pipeline.spec.datasets
        found[column] = Target(f"{Layer.GOLD if of_gold else Layer.SILVER}.{target}", key)
    return found


def referred_versions(
    judged: Mapping[str, TableVersion], pipeline: Pipeline, lakehouse: Lakehouse
) -> dict[str, int]:
    """Return the version of every table that the judged ones refer to: of those that are judged with them, the judged one."""
    wanted = {target.table for name in judged for target in targets(name, pipeline).values()}
    return {
        table: judged[table].to_version if table in judged else lakehouse.version(uri_of(table, lakehouse))
        for table in sorted(wanted)
    }


def uri_of(table: str, lakehouse: Lakehouse) -> str:
    """Return where a table lies."""
    layer, name = table.split(".")
    return lakehouse.table_uri(Layer(layer), name)
