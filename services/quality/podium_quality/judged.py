"""The tables that the quality section of a pipeline file speaks of: each is a dataset's or a model's."""

from collections.abc import Collection, Iterator

from podium_contracts.errors import Problem
from podium_contracts.pipeline import Spec

BY_TABLE = ("thresholds", "references", "expectations")
"""What of the section is said table by table, of Silver and Gold."""


def problems(spec: Spec, models: Collection[str]) -> Iterator[Problem]:
    """Yield what a pipeline file says of the quality of tables that there will not be; `models` are the names of those of Gold."""
    kinds = "dataset or model" if spec.model else "dataset"
    known = [*spec.datasets, *models]
    for part in BY_TABLE:
        for table in getattr(spec.quality, part):
            if table not in known:
                yield Problem(
                    ("spec", "quality", part, table),
                    f"no {kinds} {table!r}",
                    f"the tables are: {', '.join(known)}",
                )
