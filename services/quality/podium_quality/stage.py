"""Quality: the verdict on a layer, from measures that cost what is new."""

from collections.abc import Iterator
from time import monotonic

from podium_contracts.errors import TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import Check, LayerCompleted, QualityEvaluated, TableVersion, Timings
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Pipeline
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.lakehouse import Lakehouse
from podium_lakehouse.records.intents import ABSENT, Cause, Input, Intent, Scope

from podium_quality.acceptance import accepted, accepted_before
from podium_quality.account import accounted
from podium_quality.anomalies import Judged, anomalies
from podium_quality.expecting import expected
from podium_quality.history import History
from podium_quality.measures import ROWS, Measures
from podium_quality.measuring import Measuring
from podium_quality.metrics import metrics
from podium_quality.references import referred_versions
from podium_quality.verdict import checks, decide


def quality(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Judge the tables of a completed Silver dataset or of Gold.

    A version is judged once; a failed verdict is given anew when the pipeline file has changed. What comes after a later completion
    has been judged is not judged at all: readers would go back to it. What was accepted is so, too, where it is put back.

    Raises:
        TerminalError: a threshold is for a table or a metric that does not exist, or a suite cannot be evaluated.
    """
    assert isinstance(event.data, LayerCompleted)
    started = monotonic()
    scope = Scope(pipeline=pipeline.name, stage=Stage.QUALITY, subject=event.subject)
    judged = {table.name: table for table in event.data.tables if not table.name.startswith("quarantine.")}
    versions = {name: table.to_version for name, table in judged.items()}
    intent = lakehouse.pending(scope, pipeline, versions) or _plan(event, scope, judged, pipeline, lakehouse)
    if intent is None:
        last = lakehouse.completions.last(scope)
        return [last] if last else []
    if intent.accepts:
        return [accepted(intent, lakehouse)]

    known = lakehouse.metrics.read(scope, intent.after)
    with lakehouse.open_engine() as engine:
        measuring = Measuring(engine, intent, pipeline, lakehouse)
        measures = {name: measuring.measure(name, known.get(name, {})) for name in intent.inputs}
        suites = [
            check
            for name, table in intent.inputs.items()
            for check in expected(
                name, measures[name][ROWS], Snapshot(table.uri, table.to_version), pipeline, engine
            )
        ]
    measures = {name: values | accounted(name, intent, known, lakehouse) for name, values in measures.items()}
    with lakehouse.step(f"quality {scope.subject} metrics"):
        versioned = {
            (name, judged[name].to_version): dict[str, object](values) for name, values in measures.items()
        }
        lakehouse.metrics.put(intent, versioned)
    thresholds = pipeline.spec.quality.thresholds
    if event.data.layer == Layer.GOLD or pipeline.spec.model is None:
        tables = list(dict.fromkeys([*pipeline.spec.datasets, *(name.split(".")[1] for name in judged)]))
        _refuse_unknown("thresholds", list(thresholds), tables)
        _refuse_unknown("expectations", list(pipeline.spec.quality.expectations), tables)
    results = [
        check
        for name, values in measures.items()
        for check in checks(name, metrics(values, intent.time), thresholds.get(name.split(".")[1], {}))
    ]
    results += suites
    results += _unusual(judged, measures, intent, pipeline, lakehouse)
    found = decide(results)
    acceptance = accepted_before(event, pipeline, lakehouse) if found == Verdict.FAILED else None
    verdict = QualityEvaluated(
        run=intent.run,
        layer=event.data.layer,
        subject=event.data.subject,
        sequence=intent.sequence,
        tables=tuple(judged.values()),
        verdict=Verdict.WARNED if acceptance else found,
        checks=tuple(results),
        accepted=acceptance.reason if acceptance else None,
        accepted_by=acceptance.by if acceptance else None,
        timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
    )
    lakehouse.audit.put(intent, verdict)
    return [lakehouse.complete(intent, verdict)]


def _unusual(
    judged: dict[str, TableVersion],
    measures: dict[str, Measures],
    intent: Intent,
    pipeline: Pipeline,
    lakehouse: Lakehouse,
) -> Iterator[Check]:
    """Yield the checks of the judged tables against what earlier verdicts found in them, where the pipeline asks for that.

    A table that the completion left as it was has nothing new that could be unusual.
    """
    wanted = pipeline.spec.quality.anomalies
    if wanted is None:
        return
    history = History.of(intent, lakehouse, wanted.history)
    for name, table in judged.items():
        pinned = intent.inputs[name]
        if pinned.from_version == pinned.to_version and pinned.from_batch != pinned.to_batch:
            continue
        now = Judged(measures[name], intent.time, table.schema_fingerprint)
        past = history.past(name, table.to_version, wanted.history)
        yield from anomalies(name, now, past, history.before(name, table.to_version), wanted)


def _plan(
    event: CloudEvent,
    scope: Scope,
    judged: dict[str, TableVersion],
    pipeline: Pipeline,
    lakehouse: Lakehouse,
) -> Intent | None:
    """Pin the versions to judge, if neither they nor later ones have been."""
    assert isinstance(event.data, LayerCompleted)
    last = lakehouse.completions.last(scope)
    seen: dict[str, int] = {}
    answered: dict[str, int] = {}
    if last is not None and isinstance(last.data, QualityEvaluated):
        seen = {table.name: table.to_version for table in last.data.tables}
        done = lakehouse.intents.read(scope, last.data.sequence)
        again = last.data.verdict == Verdict.FAILED and done.fingerprint != pipeline.fingerprint
        answered = {name: table.to_batch for name, table in done.inputs.items()}
        if done.overtakes(event.data.sequence):
            return None
        if not again and seen == {name: table.to_version for name, table in judged.items()}:
            return None
    return lakehouse.pin(
        lakehouse.next_intent(
            scope,
            Cause.of(event),
            pipeline,
            lookups=referred_versions(judged, pipeline, lakehouse),
            inputs={
                name: Input(
                    uri=table.uri,
                    from_version=seen.get(name, ABSENT),
                    to_version=table.to_version,
                    from_batch=answered.get(name, 0),
                    to_batch=event.data.sequence,
                )
                for name, table in judged.items()
            },
        ),
        pipeline,
    )


def _refuse_unknown(what: str, named: list[str], tables: list[str]) -> None:
    unknown = [name for name in named if name not in tables]
    if unknown:
        raise TerminalError(
            f"there are {what} for {', '.join(unknown)}, which no dataset or model is called",
            hint=f"correct spec.quality.{what}; the tables are: {', '.join(tables)}",
        )
