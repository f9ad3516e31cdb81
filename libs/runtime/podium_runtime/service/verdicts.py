"""What the service of quality says of every verdict that is announced, by itself or by the Job of a run: in numbers, and in the log."""

from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import QualityEvaluated

from podium_runtime.telemetry import BREACHES, VERDICTS, fields, log


def tell(event: CloudEvent) -> None:
    """Count a verdict, and log each check in it that was not passed; of any other event, nothing."""
    if not isinstance(event.data, QualityEvaluated):
        return
    VERDICTS.labels(event.partitionkey, event.subject, event.data.verdict).inc()
    for check in event.data.checks:
        if not check.passed:
            BREACHES.labels(event.partitionkey, check.table, check.metric, check.severity).inc()
            said = {"table": check.table, "metric": check.metric, "actual": check.actual}
            log.warning(
                "breach",
                **said,
                threshold=check.threshold,
                severity=check.severity,
                message=check.message,
                **fields(event),
            )
