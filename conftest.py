"""How tests are shared out where several processes run them (`pytest -n 2`): what costs much to set up is set up in one."""

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ON_A_CLUSTER = ("tests/cluster/", "tests/charts/", "tests/test_images.py")
"""The last one builds images, as the tests on a cluster do, in the same place."""


class Sharing(LoadScopeScheduling):
    """Keeps together the tests on a cluster, those of Spark, and those of each file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(ON_A_CLUSTER):
            return "cluster"
        return "spark" if _needs_spark(file) else file


@cache
def _needs_spark(file: str) -> bool:
    return "mark.spark" in Path(__file__).parent.joinpath(file).read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    """Return what shares out the tests."""
    return Sharing(config, log)
