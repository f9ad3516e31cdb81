"""How tests are shared out where several processes run them (`pytest -n 2 --dist loadgroup`): what costs much to set up is set up in one."""

from collections.abc import Sequence

import pytest

IMAGES = "tests/test_images.py"
"""Builds images, as the tests on a cluster do, in the same place."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Keep together the tests on a cluster, those of Spark, and those of each file."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        if item.get_closest_marker("cluster") or file == IMAGES:
            group = "cluster"
        elif item.get_closest_marker("spark"):
            group = "spark"
        else:
            group = file
        item.add_marker(pytest.mark.xdist_group(group))
