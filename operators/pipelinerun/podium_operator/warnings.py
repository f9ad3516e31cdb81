"""What the cluster warns of, asked for only so often however many runs want to know it."""

import asyncio
from dataclasses import dataclass, field

from podium_runtime.cluster import Cluster

KEPT_SECONDS = 2.0


@dataclass
class _Answer:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: float = float("-inf")
    by_name: dict[str, str] = field(default_factory=dict)


class Warnings:
    """The last warning about each object: an answer for a whole namespace serves everybody who asks within two seconds."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._answers: dict[str, _Answer] = {}

    async def about(self, namespace: str, name: str) -> str:
        """Return the last warning about an object, empty where there is none."""
        answer = self._answers.setdefault(namespace, _Answer())
        async with answer.lock:
            now = asyncio.get_running_loop().time()
            if now - answer.at >= KEPT_SECONDS:
                answer.by_name = await self._cluster.warnings(namespace)
                answer.at = now
        return answer.by_name.get(name, "")
