"""From metrics and thresholds to a verdict."""

from collections.abc import Mapping
from decimal import Decimal

from podium_contracts.errors import TerminalError
from podium_contracts.events.v1 import Check
from podium_contracts.names import Layer, Verdict
from podium_contracts.pipeline import Threshold

TOTAL = "total_records"


def checks(table: str, metrics: Mapping[str, Decimal], thresholds: Mapping[str, Threshold]) -> list[Check]:
    """Return every metric of a table, held against its threshold where there is one.

    Where there are no rows most of them are missing, which is no pass: the number of rows is a breach, too. What those that came did to
    the rules is known all the same: where each was refused, that is what a threshold is for.

    Raises:
        TerminalError: a threshold names a metric that a table with rows does not have.
    """
    if not metrics[TOTAL]:
        known = {name: value for name, value in metrics.items() if name != TOTAL}
        told = [_check(table, name, value, thresholds.get(name)) for name, value in known.items()]
        return [_no_records(table, thresholds), *told]
    unknown = [name for name in thresholds if name not in metrics]
    if unknown:
        raise TerminalError(
            f"{table} has no metric {', '.join(unknown)}; it has {', '.join(metrics)}",
            hint="correct spec.quality.thresholds in the pipeline file",
        )
    return [_check(table, name, value, thresholds.get(name)) for name, value in metrics.items()]


def decide(judged: list[Check]) -> Verdict:
    """Return the verdict: `failed` by any critical breach, `warned` by any other."""
    breaches = {check.severity for check in judged if not check.passed}
    if "CRITICAL" in breaches:
        return Verdict.FAILED
    return Verdict.WARNED if breaches else Verdict.PASSED


def _check(table: str, metric: str, actual: Decimal, threshold: Threshold | None) -> Check:
    if threshold is None:
        return Check(table=table, metric=metric, actual=float(actual), passed=True)
    bound = Decimal(str(threshold.value))
    passed = actual >= bound if threshold.type == "minimum" else actual <= bound
    side = "below" if threshold.type == "minimum" else "above"
    return Check(
        table=table,
        metric=metric,
        actual=float(actual),
        type=threshold.type,
        threshold=threshold.value,
        severity=threshold.severity,
        passed=passed,
        message="" if passed else f"{metric} ({_plain(actual)}) {side} threshold ({_plain(bound)})",
    )


def _no_records(table: str, thresholds: Mapping[str, Threshold]) -> Check:
    """Return what is said of a table without rows, which warns unless a threshold says how many rows there may be.

    A Gold table that no threshold speaks of may be empty.
    """
    check = _check(table, TOTAL, Decimal(0), thresholds.get(TOTAL))
    if TOTAL in thresholds or not (thresholds or table.startswith(Layer.SILVER)):
        return check
    message = f"no records found in {table}: nothing can be measured of its rows"
    return check.model_copy(update={"severity": "WARNING", "passed": False, "message": message})


def _plain(value: Decimal) -> str:
    """Return a number without exponent and without zeros at its end."""
    return f"{value.normalize():f}"
