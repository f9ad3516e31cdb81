"""What `helm test` runs: it follows one PipelineRun to its end and shows the account of its rows.

`python -m podium_operator.trial NAMESPACE NAME SECONDS` ends with 0 where the run succeeds within so many seconds, else with 1.
"""

import asyncio
import sys
from collections.abc import Iterator

from podium_contracts.resources import ConditionType, PipelineRun
from podium_runtime.cluster import Cluster, Refused

from podium_operator.observing import parsed

LOOK_SECONDS = 1.0


async def finished(cluster: Cluster, namespace: str, name: str) -> PipelineRun:
    """Return a run when it has finished, and show how it stands until then.

    Raises:
        LookupError: there is no such run.
        Refused: the API server does not show it.
    """
    shown = ""
    while True:
        raw = await cluster.find("PipelineRun", namespace, name)
        if raw is None:
            raise LookupError(f"there is no PipelineRun {namespace}/{name}")
        run = parsed(PipelineRun, raw)
        standing = stands(run)
        if standing != shown:
            say(standing)
            shown = standing
        over = run.status.condition(ConditionType.FINISHED)
        if over and over.status == "True":
            return run
        await asyncio.sleep(LOOK_SECONDS)


def stands(run: PipelineRun) -> str:
    """Return how a run stands, in one line."""
    succeeded = run.status.condition(ConditionType.SUCCEEDED)
    if succeeded is None:
        return "the operator has not taken it up yet"
    return " ".join(filter(None, (run.status.stage, succeeded.reason, succeeded.message)))


def account(run: PipelineRun) -> Iterator[str]:
    """Yield where the rows of each dataset went, layer by layer, and the verdicts."""
    if not run.status.ledger:
        yield "no row was new"
    for flow in run.status.ledger:
        counts = flow.model_dump(exclude={"subject", "rows_in", "dropped"})
        dropped = {f"dropped[{rule}]": rows for rule, rows in flow.dropped.items()}
        parts = [f"{rows} {name}" for name, rows in {**counts, **dropped}.items() if rows]
        yield f"{flow.subject}: {flow.rows_in} in = {' + '.join(parts) or '0'}"
    for judgement in run.status.verdicts:
        yield f"{judgement.subject}: {judgement.verdict} {'; '.join(judgement.failed)}".rstrip()


async def follow(namespace: str, name: str, seconds: float) -> str | None:
    """Follow a run; return what is wrong with it, None where it succeeds."""
    cluster = await Cluster.connect()
    try:
        async with asyncio.timeout(seconds):
            run = await finished(cluster, namespace, name)
    except (LookupError, Refused) as error:
        return str(error)
    except TimeoutError:
        return f"PipelineRun {namespace}/{name} has not finished after {seconds:.0f} s: look at the operator and the services"
    finally:
        await cluster.close()
    for line in account(run):
        say(line)
    succeeded = run.status.condition(ConditionType.SUCCEEDED)
    if succeeded and succeeded.status == "True":
        return None
    said = succeeded.message if succeeded else ""
    return f"PipelineRun {namespace}/{name} did not succeed. {said}".rstrip()


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Follow the run that the arguments name."""
    namespace, name, seconds = sys.argv[1:]
    trouble = asyncio.run(follow(namespace, name, float(seconds)))
    sys.exit(f"podium: {trouble}" if trouble else 0)


if __name__ == "__main__":
    main()
