"""Verdicts that are announced are counted and told by themselves."""

from podium_contracts.events.v1 import Check, LayerCompleted, QualityEvaluated
from podium_runtime.service.verdicts import tell
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from libs.runtime.tests.service.conftest import event

MET = Check(table="silver.sales", metric="total_records", actual=7, passed=True)
BREACH = Check(
    table="silver.sales",
    metric="town_completeness",
    actual=75,
    type="minimum",
    threshold=99.5,
    severity="CRITICAL",
    message="town_completeness (75) below threshold (99.5)",
)


def counted(name: str, **labels: str) -> float:
    """Return what a counter says."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_breach_is_told_without_anyone_asking() -> None:
    """The verdict and each breach are counted, for alerts; the log has the message, both numbers and the run."""
    judged = event(QualityEvaluated, "alarm", verdict="failed")
    assert isinstance(judged.data, QualityEvaluated)
    data = judged.data.model_copy(update={"checks": (MET, BREACH)})
    with capture_logs() as lines:
        tell(judged.model_copy(update={"data": data}))
    (line,) = lines
    assert (line["log_level"], line["event"], line["message"]) == ("warning", "breach", BREACH.message)
    assert (line["actual"], line["threshold"], line["run"]) == (75, 99.5, "alarm-1")
    assert counted("podium_verdicts_total", pipeline="alarm", subject="silver.sales", verdict="failed") == 1
    breached = {"table": "silver.sales", "metric": "town_completeness", "severity": "CRITICAL"}
    assert counted("podium_breaches_total", pipeline="alarm", **breached) == 1


def test_without_a_breach_nothing_is_told() -> None:
    """A verdict that passed is counted; no other event is."""
    with capture_logs() as lines:
        tell(event(QualityEvaluated, "calm"))
        tell(event(LayerCompleted, "calm"))
    assert lines == []
    assert counted("podium_verdicts_total", pipeline="calm", subject="silver.sales", verdict="passed") == 1
