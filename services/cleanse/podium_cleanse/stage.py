"""Cleanse: new Bronze rows into Silver or quarantine, each exactly once, whatever the batches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from time import monotonic

import pyarrow as pa
from deltalake import DataType, Schema
from deltalake.schema import PrimitiveType
from podium_contracts import ledger as ledgers
from podium_contracts.errors import LedgerImbalance, TerminalError
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import (
    Flow,
    LayerCompleted,
    Ledger,
    QualityEvaluated,
    QuarantineStock,
    Stock,
    Timings,
)
from podium_contracts.names import Layer, Stage, Verdict
from podium_contracts.pipeline import Dataset, Pipeline
from podium_lakehouse import restoring
from podium_lakehouse.cleansing import columns as names
from podium_lakehouse.cleansing import outcome
from podium_lakehouse.cleansing.compiled import compiled_exceptions, compiled_staging
from podium_lakehouse.cleansing.counts import Counts
from podium_lakehouse.cleansing.dispatch import Dispatch
from podium_lakehouse.cleansing.fuzzy import large_blocks
from podium_lakehouse.cleansing.judging import lookup_relation
from podium_lakehouse.cleansing.preparing import offer_fillings, offer_near_equal, offer_new_schemas
from podium_lakehouse.cleansing.staging import BRONZE, STEPPED, check_source, known_columns
from podium_lakehouse.cleansing.stepping import offer_stepped
from podium_lakehouse.delta.appends import append_once
from podium_lakehouse.delta.commits import Committed
from podium_lakehouse.delta.tables import (
    CHANGE_FEED,
    Snapshot,
    add_columns,
    arrow_schema,
    column_names,
    current,
    ensure,
)
from podium_lakehouse.engines.bounds import bounds, within
from podium_lakehouse.engines.engine import ROW_DIALECT, Engine
from podium_lakehouse.lakehouse import Lakehouse, rows_at, table_version
from podium_lakehouse.records.intents import ABSENT, Cause, Decision, Input, Intent, Scope
from podium_lakehouse.records.table import table_name
from podium_lakehouse.registering import register

from podium_cleanse import quarantined
from podium_cleanse.rules import (
    left_out,
    notes,
    pin_lookups,
    refuse_failing,
    tell,
    uncompared,
    unordered,
    without,
)

ACCEPTED = "accepted"
ANEW = "undo the change, or give spec.lakehouse.uri a new place: everything is made anew there"


def cleanse(event: CloudEvent, pipeline: Pipeline, lakehouse: Lakehouse) -> list[CloudEvent]:
    """Bring a dataset's Silver up to Bronze; answers a Bronze completion, or the verdict that lets waiting rows go on.

    While the dataset is held by a failed verdict, its last completion is announced again and later rows wait in Bronze; where the
    pipeline wants it, the last certified version is put back first. A decision on quarantine that no longer stands is told of.

    Raises:
        BadSource: a declared column is nowhere in the source; nothing was planned.
        LedgerImbalance: a row was lost or made up; nothing was completed.
        StepFailed: a custom step raised, or returned what it may not; nothing was written.
        TerminalError: the pipeline file declares other columns or keys than Silver has, or a row broke a rule for which the stage fails.
    """
    name = event.subject.split(".", 1)[1]
    scope = Scope(pipeline=pipeline.name, stage=Stage.CLEANSE, subject=f"{Layer.SILVER}.{name}")
    intent = lakehouse.pending(scope, pipeline)
    if intent is None:
        if not isinstance(event.data, QualityEvaluated):  # which comes in the same run: once is enough
            quarantined.tell_withdrawn(name, lakehouse.intents.given_up(scope))
        intent = _plan(event, scope, name, pipeline, lakehouse)
    if intent is None:
        last = lakehouse.completions.last(scope)
        return [last] if last and not isinstance(event.data, QualityEvaluated) else []
    return [carry_out(intent, pipeline, lakehouse)]


def carry_out(intent: Intent, pipeline: Pipeline, lakehouse: Lakehouse) -> CloudEvent:
    """Bring the rows of an intent where they belong, and complete it; return the event that says so."""
    if intent.restores:
        return restoring.finish(intent, lakehouse)
    started = monotonic()
    name = intent.scope.subject.split(".", 1)[1]
    pipeline = lakehouse.pipelines.as_pinned(pipeline, intent.fingerprint)
    declared = pipeline.spec.datasets[name]
    silver, quarantine = lakehouse.table_uri(Layer.SILVER, name), lakehouse.quarantine_uri(name)
    if intent.decision and intent.decision.action == "reject":
        return _reject(intent, intent.decision, pipeline, lakehouse, quarantine)
    skipped = left_out(declared, intent)
    dataset = without(declared, skipped)
    with lakehouse.open_engine() as engine:
        replayed = _offer_inputs(engine, intent, dataset, lakehouse, quarantine)
        broken = quarantined.rules(engine, intent.decision) if intent.decision else Counter[str]()
        source_names = _names_at(name, intent.inputs[BRONZE].to_batch, lakehouse)
        offer_fillings(engine, dataset, source_names, quarantined.HELD if intent.decision else BRONZE)
        if dataset.steps:
            offer_stepped(engine, dataset, pipeline.spec.lookups, source_names, pipeline.steps)
        staging = compiled_staging(dataset, pipeline.spec.lookups, source_names, ROW_DIALECT)
        engine.materialise_rows(outcome.STAGED, staging, STEPPED if dataset.steps else BRONZE)
        with_base = _offer_base(engine, Snapshot(silver, intent.bases[silver]), dataset)
        offer_near_equal(engine, dataset)
        fuzzy = dataset.duplicates.fuzzy
        too_large = large_blocks(engine, fuzzy) if fuzzy else []
        engine.materialise(outcome.REPEATED, outcome.repeated_statement(engine.dialect))
        engine.materialise(
            outcome.EXCEPTIONS, compiled_exceptions(dataset, engine.dialect, with_base=with_base)
        )
        retired = names.retired_columns(dataset, _columns_at(silver, intent.bases[silver]))
        dispatch = Dispatch(dataset, ROW_DIALECT, intent.time, retired)
        counts = Counts.of(engine.execute(dispatch.counts()))
        refuse_failing(f"silver.{name}", dataset, counts, engine, dispatch)
        accepted = _commit_silver(engine, intent, dispatch, counts, lakehouse, silver)
        refused = _commit_quarantine(engine, intent, dispatch, lakehouse, quarantine)

    tables = (
        table_version(f"silver.{name}", silver, intent.bases[silver], accepted.version),
        table_version(f"quarantine.{name}", quarantine, intent.bases[quarantine], refused.version),
    )
    validation = counts.validation(dataset, skipped, sum(block.rows for block in too_large), broken)
    tell(f"silver.{name}", validation)
    ledger = _ledger(intent, counts, tables[0].rows, tables[1].rows, silver, quarantine, replayed)
    done = LayerCompleted(
        run=intent.run,
        layer=Layer.SILVER,
        subject=name,
        sequence=intent.sequence,
        tables=tables,
        ledger=ledgers.check(ledger),
        timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
        notes=(
            *notes(declared, skipped),
            *unordered(declared, counts),
            *uncompared(f"silver.{name}", too_large),
        ),
        validation=validation,
    )
    register(intent, done, pipeline, lakehouse)
    return lakehouse.complete(intent, done)


def _reject(
    intent: Intent, decision: Decision, pipeline: Pipeline, lakehouse: Lakehouse, quarantine: str
) -> CloudEvent:
    """Take rows out of quarantine for good; Silver stays as it is, and Bronze keeps what they said."""
    started = monotonic()
    name = intent.scope.subject.split(".", 1)[1]
    with lakehouse.open_engine() as engine:
        rejected = quarantined.offer(engine, intent, decision, quarantine)
        left = quarantined.commit(engine, intent, decision, lakehouse, quarantine)
    last = lakehouse.completions.read(intent.scope, intent.after).data
    assert isinstance(last, LayerCompleted)
    unchanged = last.tables[0].model_copy(update={"from_version": last.tables[0].to_version})
    rows = int(unchanged.rows)
    tables = (
        unchanged,
        table_version(f"quarantine.{name}", quarantine, intent.bases[quarantine], left.version),
    )
    opening = rows_at(quarantine, intent.bases[quarantine])
    ledger = Ledger(
        flow=Flow(),
        stocks=(Stock(table=f"silver.{name}", before=rows, after=rows),),
        quarantine=QuarantineStock(opening=opening, rejected=rejected, closing=tables[1].rows),
    )
    done = LayerCompleted(
        run=intent.run,
        layer=Layer.SILVER,
        subject=name,
        sequence=intent.sequence,
        tables=tables,
        ledger=ledgers.check(ledger),
        timings=Timings(requested_at=intent.time, seconds=round(monotonic() - started, 3)),
        notes=(f"{rejected:,} row(s) rejected: {decision.reason}",),
    )
    register(intent, done, pipeline, lakehouse)
    return lakehouse.complete(intent, done)


def _plan(
    event: CloudEvent, scope: Scope, name: str, pipeline: Pipeline, lakehouse: Lakehouse
) -> Intent | None:
    """Pin the Bronze rows that no cleansing has seen, if there are any and no failed verdict holds the dataset."""
    ingest = Scope(pipeline=pipeline.name, stage=Stage.INGEST, subject=f"{Layer.BRONZE}.{name}")
    bronze = lakehouse.completions.last(ingest)
    if bronze is None or not isinstance(bronze.data, LayerCompleted):
        return None
    waiting = {BRONZE: bronze.data.sequence}
    if _held(scope, lakehouse):
        return restoring.plan_after_failure(scope, event, waiting, pipeline, lakehouse)
    done = lakehouse.completions.last_sequence(scope)
    last = lakehouse.intents.read(scope, done) if done else None
    if last and last.rests(pipeline.fingerprint, waiting):
        return None
    previous = last.inputs[BRONZE] if last else None
    table = bronze.data.tables[0]
    news = Input(
        uri=table.uri,
        from_version=previous.to_version if previous else -1,
        to_version=table.to_version,
        from_batch=previous.to_batch if previous else 0,
        to_batch=bronze.data.sequence,
    )
    if news.from_batch == news.to_batch:
        return None
    dataset, silver = pipeline.spec.datasets[name], lakehouse.table_uri(Layer.SILVER, name)
    source_names = _names_at(name, news.to_batch, lakehouse)
    if not source_names and not table.rows:
        return None  # files of JSON without an object name no field
    check_source(dataset, source_names)
    check_keys(scope, name, pipeline, lakehouse)
    check_columns(name, dataset, silver, _names_before(name, news.from_batch, lakehouse))
    uris = (silver, lakehouse.quarantine_uri(name))
    return lakehouse.pin(
        lakehouse.next_intent(
            scope,
            Cause.of(bronze, event),
            pipeline,
            inputs={BRONZE: news},
            bases={uri: lakehouse.version(uri) for uri in uris},
            lookups=pin_lookups(name, pipeline, lakehouse),
        ),
        pipeline,
    )


def _held(scope: Scope, lakehouse: Lakehouse) -> bool:
    verdict = lakehouse.completions.last(scope.model_copy(update={"stage": Stage.QUALITY}))
    if verdict is None or not isinstance(verdict.data, QualityEvaluated):
        return False
    return verdict.data.verdict == Verdict.FAILED


def _names_at(name: str, batch: int, lakehouse: Lakehouse) -> Mapping[str, str]:
    """Return the columns that Bronze had when a batch had come, or where nothing says so those that it has, with their names in the source."""
    before = _names_before(name, batch, lakehouse)
    return lakehouse.catalogue.source_names(Layer.BRONZE, name) if before is None else before


def _names_before(name: str, batch: int, lakehouse: Lakehouse) -> Mapping[str, str] | None:
    """Return the columns that Bronze had when a batch had come; None where nothing says so, as before the first."""
    entry = next(iter(lakehouse.catalogue.at(f"{Layer.BRONZE}.{name}", batch)), None)
    return entry.source_names if entry else None


def check_keys(scope: Scope, name: str, pipeline: Pipeline, lakehouse: Lakehouse) -> None:
    """Check that the rows of Silver were told apart by the declared keys, in whatever order: by others it may hold a key twice, or has lost rows.

    Raises:
        TerminalError: naming the keys of then and of now.
    """
    silver = lakehouse.table_uri(Layer.SILVER, name)
    maker = _made_by(scope, silver, lakehouse)
    if maker is None or not rows_at(silver, lakehouse.version(silver)):
        return
    made = lakehouse.pipelines.as_pinned(pipeline, maker).spec.datasets[name].duplicates.keys
    keys = pipeline.spec.datasets[name].duplicates.keys
    if set(made) != set(keys):
        raise TerminalError(
            f"silver.{name} was made with other duplicates.keys: {_listed(made)}, the pipeline file says {_listed(keys)}",
            hint=ANEW,
        )


def _made_by(scope: Scope, uri: str, lakehouse: Lakehouse) -> str | None:
    """Return the fingerprint of the pipeline under which a table got its rows last, None where it has none."""
    number = lakehouse.completions.last_sequence(scope)
    while number:
        intent = lakehouse.intents.read(scope, number)
        if uri in intent.bases:
            return intent.made_by
        number = intent.after
    return None


def _listed(keys: Sequence[str]) -> str:
    return f"[{', '.join(keys)}]" if keys else "none"


def check_columns(name: str, dataset: Dataset, uri: str, before: Mapping[str, str] | None = None) -> None:
    """Check that Silver has the declared columns, and add those that every row of it has null in.

    These are of fields that Bronze did not have `before`, and of what rules and scores say: that is about the rows that come after them. Rows made
    under other columns would have to be made anew. What rules and scores have said stays, though none asks for it now.

    Raises:
        TerminalError: naming each column that the pipeline file adds, drops or gives another type.
    """
    table = current(uri)
    if table is None:
        return
    declared = arrow_schema(names.silver_columns(dataset))
    new, old = (
        {field.name: field.type for field in schema.fields}
        for schema in (Schema.from_arrow(declared), table.schema())
    )
    retired = names.retired_columns(dataset, old)
    added = [column for column in new if column not in old and _is_null_so_far(column, dataset, before)]
    differences = [
        f"{column} is {_described(old.get(column))}, the pipeline file says {_described(new.get(column))}"
        for column in dict.fromkeys([*old, *new])
        if old.get(column) != new.get(column) and column not in (*added, *retired)
    ]
    if differences:
        raise TerminalError(
            f"silver.{name} has other columns: {'; '.join(differences)}",
            hint=ANEW,
        )
    if added:
        add_columns(uri, pa.schema([declared.field(column) for column in added]))


def _is_null_so_far(column: str, dataset: Dataset, before: Mapping[str, str] | None) -> bool:
    """Whether a column is null in all rows that were cleansed: one that says what rules found, or one that would be if they were cleansed now."""
    if column in names.OPTIONAL_METADATA:
        return True
    if before is None or column not in dataset.columns or dataset.columns[column].expression:
        return False
    made = {*dataset.nulls, *dataset.standardise, *dataset.duplicates.keys, *dataset.duplicates.order}
    return column not in made and column not in known_columns(dataset, before)


def _columns_at(uri: str, version: int) -> list[str]:
    """Return a table's columns at a version, none where it did not exist."""
    return [] if version == ABSENT else column_names(Snapshot(uri, version).open())


def _described(kind: DataType | None) -> str:
    """Return a stored type as the pipeline file calls it."""
    if not isinstance(kind, PrimitiveType):
        return "absent"
    return "bigint" if kind.type == "long" else kind.type


def _offer_inputs(
    engine: Engine, intent: Intent, dataset: Dataset, lakehouse: Lakehouse, quarantine: str
) -> int:
    """Offer the news of Bronze, or what is replayed of it, and the lookups, at the pinned versions; return how many rows are replayed."""
    replayed = 0
    if intent.decision:
        replayed = quarantined.offer(engine, intent, intent.decision, quarantine)
        quarantined.offer_again(engine, intent, replayed)
    else:
        news = intent.inputs[BRONZE]
        new = f"{names.BATCH} > {news.from_batch} AND {names.BATCH} <= {news.to_batch}"
        engine.offer_table(BRONZE, Snapshot(news.uri, news.to_version), prune=new, where=new)
    offer_new_schemas(engine, intent.scope.subject.split(".", 1)[1], dataset, lakehouse.schema_history)
    for lookup, version in intent.lookups.items():
        engine.offer_table(lookup_relation(lookup), Snapshot(lakehouse.lookup(lookup).uri, version))
    return replayed


def _offer_base(engine: Engine, silver: Snapshot, dataset: Dataset) -> bool:
    """Offer the part of Silver that may hold the batch's keys; return whether there is any."""
    if silver.version < 1 or not dataset.duplicates.keys:
        return False
    key = dataset.duplicates.keys[0]
    ends = bounds(engine, key, f"(SELECT * FROM {outcome.STAGED} WHERE NOT {names.REFUSED})")
    prune = " AND ".join(within(engine, engine.dialect.identifier(key), *ends)) or None
    engine.offer_table(outcome.BASE, silver, prune=prune)
    return True


def _commit_silver(
    engine: Engine,
    intent: Intent,
    dispatch: Dispatch,
    counts: Counts,
    lakehouse: Lakehouse,
    uri: str,
) -> Committed:
    """Append the accepted rows, or merge them where any replaces an older one."""
    ensure(uri, arrow_schema(names.silver_columns(dispatch.dataset)), CHANGE_FEED)
    transaction = intent.transaction(table_name(uri))
    base = max(intent.bases[uri], 0)
    if not counts[outcome.UPDATE]:
        folders = engine.write_rows(uri, dispatch.accepted(), outcome.STAGED)
        with lakehouse.commit(intent, "silver"):
            return append_once(uri, folders, transaction, base=base, metadata=intent.commit_metadata)
    engine.materialise_rows(ACCEPTED, dispatch.accepted(), outcome.STAGED)
    with lakehouse.commit(intent, "silver"):
        committed = engine.merge(
            uri,
            f"SELECT * FROM {ACCEPTED}",
            dispatch.dataset.duplicates.keys,
            transaction,
            base=base,
            metadata=intent.commit_metadata,
            keep=("created_at",),
        )
    if not committed.repeated:
        _check_merge(committed, counts)
    return committed


def _check_merge(committed: Committed, counts: Counts) -> None:
    """Hold Delta's own count of a merge against the dispositions."""
    pairs = {
        "num_target_rows_inserted": counts[outcome.INSERT],
        "num_target_rows_updated": counts[outcome.UPDATE],
    }
    for metric, expected in pairs.items():
        if committed.metrics.get(metric) != expected:
            raise LedgerImbalance(
                f"the merge reports {metric} = {committed.metrics.get(metric)}, not {expected}"
            )


def _commit_quarantine(
    engine: Engine, intent: Intent, dispatch: Dispatch, lakehouse: Lakehouse, uri: str
) -> Committed:
    ensure(uri, dispatch.QUARANTINE)
    if intent.decision:
        return quarantined.commit(engine, intent, intent.decision, lakehouse, uri, dispatch)
    folders = engine.write_rows(uri, dispatch.refused(), outcome.STAGED)
    with lakehouse.commit(intent, "quarantine"):
        return append_once(
            uri,
            folders,
            intent.transaction(table_name(uri)),
            base=max(intent.bases[uri], 0),
            metadata=intent.commit_metadata,
        )


def _ledger(
    intent: Intent,
    counts: Counts,
    silver_rows: int,
    quarantine_rows: int,
    silver: str,
    quarantine: str,
    replayed: int,
) -> Ledger:
    news = intent.inputs[BRONZE]
    return Ledger(
        flow=Flow(
            rows_in=replayed or rows_at(news.uri, news.to_version) - rows_at(news.uri, news.from_version),
            inserted=counts[outcome.INSERT],
            updated=counts[outcome.UPDATE],
            unchanged=counts[outcome.UNCHANGED],
            deduplicated=counts[outcome.DEDUPLICATED],
            late=counts[outcome.LATE],
            quarantined=counts[outcome.QUARANTINED],
            dropped=counts.dropped,
        ),
        stocks=(
            Stock(
                table=f"silver.{intent.scope.subject.split('.', 1)[1]}",
                before=rows_at(silver, intent.bases[silver]),
                inserted=counts[outcome.INSERT],
                after=silver_rows,
            ),
        ),
        quarantine=QuarantineStock(
            opening=rows_at(quarantine, intent.bases[quarantine]),
            added=counts[outcome.QUARANTINED],
            replayed=replayed,
            closing=quarantine_rows,
        ),
    )
