"""What the cluster warns of, asked for only so often however many runs want to know it."""

import asyncio

from podium_runtime.cluster import Cluster

KEPT_SECONDS = 2.0


class Warnings:
    """The last warning about each object: an answer for a whole namespace serves everybody who asks within two seconds, and is dropped then."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._asked: dict[str, asyncio.Task[dict[str, str]]] = {}

    async def about(self, namespace: str, name: str) -> str:
        """Return the last warning about an object, empty where there is none.

        Raises:
            Refused: the API server does not show them.
        """
        if namespace not in self._asked:
            self._asked[namespace] = asyncio.create_task(self._cluster.warnings(namespace))
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._asked.pop, namespace)
        by_name = await asyncio.shield(self._asked[namespace])
        return by_name.get(name, "")
