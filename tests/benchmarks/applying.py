"""How fast runs that are applied become Jobs, on a real API server and without a node that takes their pods.

First runs one by one on an operator that has nothing else to do, then many at once, and as many again once those are gone. What is measured
is what a watch hears: from the call that makes a PipelineRun to its Job, and from the Job to a status of the run that shows it.
"""

import argparse
import asyncio
import json
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
from podium_contracts.resources.course import RUN
from podium_runtime.cluster import Cluster
from rich.console import Console
from rich.table import Table

from tests.cluster.conftest import Kubectl
from tests.cluster.running import Operator
from tests.cluster.test_definitions import RETAIL

WATCHED = {
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "PipelineRun": "/apis/podium.dev/v1alpha1/namespaces/{}/pipelineruns",
}
AT_ONCE = 32
"""Calls of the client at a time."""
QUIET_SECONDS, PATIENCE_SECONDS, LOOK_SECONDS = 0.3, 600.0, 0.25


@dataclass
class Heard:
    """When what happened to each run was heard of, in seconds of the monotonic clock."""

    job: dict[str, float] = field(default_factory=dict)
    shown: dict[str, float] = field(default_factory=dict)
    """When a status showed the run's first Job."""

    def take(self, event: dict[str, Any]) -> None:
        now, raw = time.monotonic(), event["object"]
        if raw["kind"] == "Job":
            self.job.setdefault(raw["metadata"]["labels"][RUN], now)
        elif raw.get("status", {}).get("attempt"):
            self.shown.setdefault(raw["metadata"]["name"], now)


@dataclass(frozen=True)
class Wave:
    """Runs that were applied together: seconds, and bytes of the operator's memory at its peak and afterwards."""

    runs: int
    all_applied: float
    all_jobs: float
    all_shown: float
    shown_after_job: list[float]
    cpu: float
    peak: int
    afterwards: int


@asynccontextmanager
async def listening(cluster: Cluster, namespace: str) -> AsyncIterator[Heard]:
    """Watch a namespace's Jobs and PipelineRuns."""
    heard = Heard()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_listen(cluster, path.format(namespace), heard)) for path in WATCHED.values()
        ]
        yield heard
        for task in tasks:
            task.cancel()


async def _listen(cluster: Cluster, path: str, heard: Heard) -> None:
    """Take what a watch says, again from its beginning when the API server ends it."""
    query = [("watch", "true"), ("timeoutSeconds", "3600")]
    while True:
        rest = b""
        response = await cluster._client.call_api(
            path,
            "GET",
            query_params=query,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=3600,
        )
        if not response.ok:  # somebody applies the definitions meanwhile
            await asyncio.sleep(1)
            continue
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                heard.take(json.loads(line))


async def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"not within {PATIENCE_SECONDS:.0f} s: look at the operator's log")
        await asyncio.sleep(0.01)


def run(namespace: str, name: str) -> dict[str, Any]:
    """Return a run whose pods no node takes."""
    pods = {"nodeSelector": {"podium.dev/no-node": "has-this"}}
    return {
        "apiVersion": "podium.dev/v1alpha1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"pipeline": "retail", "pods": pods},
    }


async def one_by_one(cluster: Cluster, namespace: str, heard: Heard, count: int) -> list[float]:
    """Apply runs, each when the last has its Job; return the seconds from each call to its Job."""
    seconds = []
    for number in range(count):
        name = f"single-{number}"
        begin = time.monotonic()
        await cluster.make(run(namespace, name))
        await _until(lambda name=name: name in heard.job)  # type: ignore[misc]
        seconds.append(heard.job[name] - begin)
        await _until(lambda name=name: name in heard.shown)  # type: ignore[misc]
        await asyncio.sleep(QUIET_SECONDS)
    return seconds


async def wave(
    cluster: Cluster, namespace: str, heard: Heard, process: psutil.Process, prefix: str, count: int
) -> Wave:
    """Apply runs at once and wait until the status of each shows its Job."""
    names = [f"{prefix}-{number}" for number in range(count)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def apply(name: str) -> None:
        async with gate:
            await cluster.make(run(namespace, name))

    peaks = [process.memory_info().rss]
    watching = asyncio.create_task(_peak(process, peaks))
    cpu, begin = _cpu(process), time.monotonic()
    await asyncio.gather(*map(apply, names))
    applied = time.monotonic() - begin
    await _until(lambda: all(name in heard.job for name in names))
    await _until(lambda: all(name in heard.shown for name in names))
    used = _cpu(process) - cpu
    await asyncio.sleep(5)
    watching.cancel()
    return Wave(
        runs=count,
        all_applied=applied,
        all_jobs=max(heard.job[name] for name in names) - begin,
        all_shown=max(heard.shown[name] for name in names) - begin,
        shown_after_job=[max(heard.shown[name] - heard.job[name], 0.0) for name in names],
        cpu=used,
        peak=max(peaks),
        afterwards=process.memory_info().rss,
    )


async def _peak(process: psutil.Process, peaks: list[int]) -> None:
    while True:
        peaks.append(process.memory_info().rss)
        await asyncio.sleep(LOOK_SECONDS)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(kubectl: Kubectl, process: psutil.Process, options: argparse.Namespace) -> Table:
    """Measure all of it; return the table."""
    cluster = await Cluster.connect()
    try:
        async with listening(cluster, kubectl.namespace) as heard:
            await _until(lambda: _is_awake(process))
            await cluster.make(run(kubectl.namespace, "first"))
            await _until(lambda: "first" in heard.shown)
            latencies = await one_by_one(cluster, kubectl.namespace, heard, options.singles)
            quiet = process.memory_info().rss
            print(f"{options.singles} runs one by one are measured", flush=True)
            waves = []
            for number in range(1, options.waves + 1):
                await asyncio.to_thread(_clear, kubectl)
                waves.append(
                    await wave(cluster, kubectl.namespace, heard, process, f"wave-{number}", options.runs)
                )
                print(f"{options.runs} runs at once are measured", flush=True)
    finally:
        await cluster.close()
    return table(latencies, quiet, waves)


def _is_awake(process: psutil.Process) -> bool:
    if not process.is_running():
        raise SystemExit("the operator has ended: look at its log")
    return _cpu(process) > 0


def _clear(kubectl: Kubectl) -> None:
    """Delete every run with all that it is made of."""
    kubectl.run("delete", "pdr", "--all", "--wait=false")
    end = time.monotonic() + PATIENCE_SECONDS
    while kubectl.run("get", "pods,jobs,stageruns,pdr", "-o", "name").stdout and time.monotonic() < end:
        time.sleep(2)


def table(latencies: list[float], quiet: int, waves: list[Wave]) -> Table:
    """Return the figures beside their goals."""
    found = Table("figure", "measured", "goal", title="PipelineRuns to Jobs")
    hundredths = quantiles(latencies, n=100, method="inclusive")
    rows = [
        (f"apply to Job, {len(latencies)} one by one: p50", f"{hundredths[49] * 1000:,.0f} ms", ""),
        ("the same: p99", f"{hundredths[98] * 1000:,.0f} ms", "250 ms"),
    ]
    for number, each in enumerate(waves, 1):
        lag = quantiles(each.shown_after_job, n=100, method="inclusive")
        title = f"wave {number}, {each.runs:,} runs: "
        rows += [
            (f"{title}all applied", f"{each.all_applied:,.1f} s", ""),
            (f"{title}all have Jobs", f"{each.all_jobs:,.1f} s", "60 s"),
            (f"{title}the operator's CPU", f"{each.cpu:,.1f} s", ""),
            (f"{title}Job to status, p50", f"{lag[49]:,.2f} s", ""),
            (f"{title}Job to status, longest", f"{max(each.shown_after_job):,.2f} s", "5 s"),
            (f"{title}the operator's memory, peak", f"{each.peak / 2**20:,.0f} MiB", "flat"),
            (f"{title}the operator's memory, afterwards", f"{each.afterwards / 2**20:,.0f} MiB", "flat"),
        ]
    rows.append(("the operator's memory before the waves", f"{quiet / 2**20:,.0f} MiB", ""))
    for row in rows:
        found.add_row(*row)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    found.caption = f"{os.cpu_count()} cores, shared with the API server; load {load}"
    return found


def main() -> None:
    """Measure in a namespace of its own, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument("--singles", type=int, default=100, help="runs one by one (%(default)s)")
    parser.add_argument("--runs", type=int, default=1000, help="runs at once (%(default)s)")
    parser.add_argument("--waves", type=int, default=2, help="how often (%(default)s)")
    options = parser.parse_args()
    if not os.environ.get("KUBECONFIG"):
        raise SystemExit("let KUBECONFIG name a cluster that has Podium's custom resource definitions")
    name = f"podium-bench-{secrets.token_hex(4)}"
    kubectl = Kubectl(name)
    kubectl.run("create", "namespace", name)
    log = Path(tempfile.gettempdir(), f"{name}.log")
    operator = Operator([name], log)
    try:
        kubectl.run("create", "serviceaccount", "podium-driver")
        kubectl.apply(RETAIL)
        operator.start()
        assert operator.process
        process = psutil.Process(operator.process.pid)
        Console().print(asyncio.run(measure(kubectl, process, options)))
    finally:
        operator.kill()
        kubectl.run("delete", "namespace", name, "--wait=false")
    print(f"the operator's log: {log}")


if __name__ == "__main__":
    main()
