"""Model: certified Silver into Gold with dbt; every model and test is staged before any table is committed."""

from time import monotonic

from podium_contracts import ledger as ledgers
from podium_contracts.errors import PodiumError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import (
    ControlTotal,
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    Stock,
    TableVersion,
    Timings,
)
from podium_contracts.names import Layer, Stage
from podium_contracts.pipeline import Pipeline
from podium_lakehouse import restoring
from podium_lakehouse.delta.tables import Snapshot
from podium_lakehouse.engines.changes import offer_changes
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.lakehouse import Lakehouse, rows_at, table_version
from podium_lakehouse.records.intents import ABSENT, Cause, Input, Intent, Scope
from podium_lakehouse.registering import register

from podium_model.gold import GoldTable
from podium_model.project import DbtProject, GoldModel


def model(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Bring Gold up to certified Silver, once the verdict on every dataset of the run is there.

    Without news of Silver, Gold that has failed is put back to its last certified version where the pipeline wants it.

    Raises:
        ModelFailed: dbt refused a model or a test, a key is not unique, or settings of a model are wrong; no Gold table was touched.
        LedgerImbalance: an aggregate's control totals differ from its facts'; nothing was completed.
    """
    if pipeline.spec.model is None:
        return []
    started = monotonic()
    scope = Scope(pipeline=pipeline.name, stage=Stage.MODEL, subject=Layer.GOLD)
    silver = _certified_silver(event, pipeline, lakehouse)
    if silver is None:
        return []
    with lakehouse.open_engine(shared=True) as engine:
        pinned = {name: table.to_version for name, table in silver.items()}
        intent = lakehouse.pending(scope, pipeline, pinned)
        if intent is None and not _is_news(scope, pinned, pipeline, lakehouse):
            intent = restoring.plan_after_failure(scope, event, pinned, pipeline, lakehouse)
            if intent is None:
                last = lakehouse.completions.last(scope)
                return [last] if last else []
        if intent and intent.restores:
            return [restoring.finish(intent, lakehouse)]
        lakehouse.pipelines.put(pipeline)
        fingerprint = intent.fingerprint if intent else pipeline.fingerprint
        folder = lakehouse.pipelines.dbt_project(fingerprint, engine.scratch / "dbt")
        project = DbtProject(folder, engine, fingerprint, lakehouse.manifests)
        models = project.models()
        intent = intent or _plan(event, scope, silver, models, pipeline, lakehouse)
        tables = _gold_tables(models, engine, intent, lakehouse)
        _offer(engine, intent, tables)
        totals = _build(project, tables)
        changes = {table: table.commit() for table in tables}
        versions = [
            table_version(
                f"gold.{table.model.name}", table.uri, table.base, table.order(changes[table].committed)
            )
            for table in tables
        ]

    stocks = [
        Stock(
            table=version.name,
            before=rows_at(table.uri, table.base),
            inserted=change.inserted,
            removed=change.removed,
            after=version.rows,
        )
        for (table, change), version in zip(changes.items(), versions, strict=True)
    ]
    ledger = Ledger(stocks=tuple(stocks), control_totals=tuple(totals))
    done = LayerCompleted(
        run=intent.run,
        layer=Layer.GOLD,
        subject=pipeline.name,
        sequence=intent.sequence,
        tables=tuple(versions),
        ledger=ledgers.check(ledger),
        timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
        notes=tuple(note for table in tables for note in table.notes),
    )
    register(intent, done, pipeline, lakehouse)
    return [lakehouse.complete(intent, done)]


def is_due(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> bool:
    """Whether every dataset of the run is certified, with all of its Bronze; a verdict on Gold waits for nothing."""
    return event.subject == Layer.GOLD or all(
        _certified(name, pipeline, lakehouse, up_to_date=True) for name in event.run.datasets
    )


def _build(project: DbtProject, tables: list[GoldTable]) -> list[ControlTotal]:
    """Stage and test everything before anything is committed; return the control totals, which agree."""
    try:
        project.build()
        for table in tables:
            table.check_keys()
        totals = [total for table in tables for total in table.totals()]
        ledgers.check(Ledger(control_totals=tuple(totals)))
    except PodiumError:
        for table in tables:
            table.discard()
        raise
    return totals


def _certified_silver(
    event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse
) -> dict[str, TableVersion] | None:
    """Return the certified table of every dataset, or None while one has none.

    A job also waits while a dataset that it names is behind its Bronze or held by its verdict. A resident run does not: there is always
    more on its way, and what comes later brings its own verdict.
    """
    waits_for = () if event.run.executor == "resident" else event.run.datasets
    found: dict[str, TableVersion] = {}
    for name in pipeline.spec.datasets:
        table = _certified(name, pipeline, lakehouse, up_to_date=name in waits_for)
        if table is None:
            return None
        found[name] = table
    return found


def _certified(
    name: str, pipeline: Pipeline, lakehouse: Lakehouse, *, up_to_date: bool
) -> TableVersion | None:
    """Return a dataset's certified Silver; None where there is none, or an older one than is wanted."""
    verdict = lakehouse.completions.certified(_scope(pipeline, Stage.QUALITY, name))
    if verdict is None or not isinstance(verdict.data, QualityEvaluated):
        return None
    table = verdict.data.tables[0]
    return None if up_to_date and not _is_up_to_date(name, table, pipeline, lakehouse) else table


def _is_up_to_date(name: str, certified: TableVersion, pipeline: Pipeline, lakehouse: Lakehouse) -> bool:
    """Whether a dataset's Silver has answered all of its Bronze, and its verdict certifies just that."""
    cleanse = _scope(pipeline, Stage.CLEANSE, name)
    last = lakehouse.completions.last(cleanse)
    if last is None or not isinstance(last.data, LayerCompleted):
        return False
    read = lakehouse.intents.read(cleanse, last.data.sequence).answered_batch(Layer.BRONZE)
    ingested = lakehouse.completions.last_sequence(_scope(pipeline, Stage.INGEST, name))
    return read == ingested and certified.to_version == last.data.tables[0].to_version


def _scope(pipeline: Pipeline, stage: Stage, dataset: str) -> Scope:
    layer = Layer.BRONZE if stage == Stage.INGEST else Layer.SILVER
    return Scope(pipeline=pipeline.name, stage=stage, subject=f"{layer}.{dataset}")


def _previous(scope: Scope, lakehouse: Lakehouse) -> Intent | None:
    done = lakehouse.completions.last_sequence(scope)
    return lakehouse.intents.read(scope, done) if done else None


def _is_news(scope: Scope, versions: dict[str, int], pipeline: Pipeline, lakehouse: Lakehouse) -> bool:
    previous = _previous(scope, lakehouse)
    if previous and previous.rests(pipeline.fingerprint, versions):
        return False
    return previous is None or previous.made_by != pipeline.fingerprint or previous.differs(versions)


def _plan(
    event: CloudEvent,
    scope: Scope,
    silver: dict[str, TableVersion],
    models: list[GoldModel],
    pipeline: Pipeline,
    lakehouse: Lakehouse,
) -> Intent:
    """Pin the certified Silver versions, the lookups, and Gold as it is."""
    previous = _previous(scope, lakehouse)
    inputs = {name: (table.uri, table.to_version) for name, table in silver.items()}
    for name in pipeline.spec.lookups:
        inputs[name] = (lakehouse.lookup(name).uri, lakehouse.load_lookup(name, pipeline))
    uris = [lakehouse.table_uri(Layer.GOLD, gold.name) for gold in models]
    return lakehouse.pin(
        lakehouse.next_intent(
            scope,
            Cause.of(event),
            pipeline,
            inputs={
                name: Input(
                    uri=uri,
                    from_version=previous.inputs[name].to_version
                    if previous and name in previous.inputs
                    else ABSENT,
                    to_version=version,
                )
                for name, (uri, version) in inputs.items()
            },
            bases={uri: lakehouse.version(uri) for uri in uris},
        ),
        pipeline,
    )


def _gold_tables(
    models: list[GoldModel], engine: Engine, intent: Intent, lakehouse: Lakehouse
) -> list[GoldTable]:
    """Decide which models run incrementally: those that exist, of an unchanged project, with incremental upstreams."""
    previous = lakehouse.intents.read(intent.scope, intent.after) if intent.after else None
    same = previous is not None and previous.made_by == intent.fingerprint
    incremental: dict[str, bool] = {}
    for gold in models:
        exists = intent.bases[lakehouse.table_uri(Layer.GOLD, gold.name)] > 0
        upstream = [incremental[name] for name in gold.affected_from if name in incremental]
        incremental[gold.name] = same and exists and all(upstream)
    return [GoldTable(gold, engine, intent, lakehouse, incremental=incremental[gold.name]) for gold in models]


def _offer(engine: Engine, intent: Intent, tables: list[GoldTable]) -> None:
    """Offer sources, their changes, certified rows and the context, all at the pinned versions."""
    incremental = any(gold.incremental for gold in tables)
    for name, table in intent.inputs.items():
        now = Snapshot(table.uri, table.to_version)
        engine.offer_table(name, now)
        if incremental:
            offer_changes(engine, f"changed__{name}", now, table.from_version)
    for gold in tables:
        gold.offer()
    context = " UNION ALL ".join(gold.context() for gold in tables)
    engine.execute(f"CREATE OR REPLACE VIEW podium_context AS {context}")
