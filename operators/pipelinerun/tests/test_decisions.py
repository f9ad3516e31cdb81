"""What the operator decides: from a run that was applied to its end, and whatever goes wrong on the way."""

import json
import random
import string
from typing import Any

import pytest
from podium_contracts.events import CloudEvent
from podium_contracts.events.v1 import ControlTotal
from podium_contracts.names import Stage
from podium_contracts.resources import Attempt, Reason, StageOutcome
from podium_contracts.resources.conditions import EXPLANATIONS
from podium_contracts.resources.course import Step, expected, stage_run
from podium_contracts.resources.pipeline_run import MOST_TABLES, Account, Judgement, TableProgress, TableStock
from podium_contracts.resources.stage_run import Announced
from podium_operator.core import objects
from podium_operator.core.decisions import refused, request
from podium_operator.core.seen import Seen
from podium_operator.settings import DriverSettings, SecretFiles
from pydantic import ValidationError

from operators.pipelinerun.tests.cases import PIPELINE, World, check, run

LAYER, VERDICT, PUBLISHED = (
    "dev.podium.layer.completed.v1",
    "dev.podium.quality.evaluated.v1",
    "dev.podium.published.v1",
)


def completed(subject: str, **more: Any) -> StageOutcome:
    layer = subject.split(".", maxsplit=1)[0]
    heard = Announced(type=LAYER, subject=subject, layer=layer, sequence=1)
    return StageOutcome(reason=Reason.COMPLETED, announced=(heard,), **more)


def judged(subject: str, verdict: str = "passed") -> StageOutcome:
    heard = Announced(
        type=VERDICT, subject=subject, layer=subject.split(".", maxsplit=1)[0], sequence=1, verdict=verdict
    )
    judgement = Judgement(
        subject=subject, verdict=verdict, failed=("too few rows",) if verdict == "failed" else ()
    )
    return StageOutcome(reason=Reason.COMPLETED, announced=(heard,), verdicts=(judgement,))


INGESTED = StageOutcome(
    reason=Reason.COMPLETED,
    announced=tuple(
        Announced(type=LAYER, subject=f"bronze.{name}", layer="bronze", sequence=1)
        for name in ("sales", "customers")
    ),
    ledger=(
        Account(subject="bronze.sales", rows_in=10, inserted=10),
        Account(subject="bronze.customers", rows_in=4, inserted=4),
    ),
)


@pytest.fixture
def world() -> World:
    world = World(run())
    world.settle()
    return world


def follow(world: World, step: Step) -> None:
    """Do what the service of a step does."""
    world.follow(stage_run(objects.reference(world.run), "team", step, request(world.run, ["sales"])))
    world.settle()


def complete(world: World, text: str, outcome: StageOutcome) -> None:
    world.driver(text)
    world.pass_time(5)
    world.end(text, outcome)
    world.settle()


def test_a_run_pins_its_pipeline_and_begins_with_ingest(world: World) -> None:
    """What it makes first: the ConfigMap, then the StageRun of ingest with the request as its event, then a Job."""
    assert [manifest["kind"] for manifest in world.made] == ["ConfigMap", "StageRun", "Job"]
    event = CloudEvent.model_validate_json(world.made[1]["spec"]["event"])
    assert event.run.datasets == ("sales", "customers")
    assert (event.run.id, event.traceparent.split("-")[1]) == (world.run.status.run, world.run.status.trace)
    assert world.shown["Succeeded"] == ("Unknown", "Starting")
    assert world.shown["Finished"] == ("False", "Starting")


def test_a_run_goes_through_all_stages(world: World) -> None:
    """Two datasets side by side, Gold after both verdicts; the account of every stage ends up in the run."""
    complete(world, "ingest", INGESTED)
    assert world.shown["Succeeded"] == ("Unknown", "WaitingForService")
    for name in ("sales", "customers"):
        follow(world, Step(Stage.CLEANSE, name))
        account = Account(subject=f"silver.{name}", rows_in=4, inserted=3, quarantined=1)
        complete(world, f"cleanse-{name}", completed(f"silver.{name}", ledger=(account,)))
        follow(world, Step(Stage.QUALITY, name))
        complete(world, f"quality-{name}", judged(f"silver.{name}"))
    assert "the model service has not taken up model yet" in world.run.status.conditions[0].message
    follow(world, Step(Stage.MODEL))
    stock = TableStock(table="gold.fact", before=0, inserted=6, removed=0, after=6)
    total = ControlTotal(name="days.revenue", expected="12.5", actual="12.5")
    complete(world, "model", completed("gold", stocks=(stock,), control_totals=(total,)))
    follow(world, Step(Stage.QUALITY))
    complete(world, "quality", judged("gold"))
    status = world.run.status
    assert (status.stocks, status.control_totals, status.left_out) == ((stock,), (total,), ())
    assert world.shown == {
        "Succeeded": ("True", "Completed"),
        "Finished": ("True", "Completed"),
        "Conserved": ("True", "Completed"),
        "QualityPassed": ("True", "Completed"),
        "SourcesHealthy": ("True", "Completed"),
    }
    assert (status.rows, status.quarantined, status.gold, status.duration) == (14, 2, 1, "35s")
    assert [(item.stage, item.attempts) for item in status.stages].count(("cleanse", 1)) == 2


def test_a_finished_run_is_left_alone_until_its_time_is_over() -> None:
    """It is deleted `ttlSecondsAfterFinished` after its end, and not before."""
    world = World(run(ttlSecondsAfterFinished=60, cancel=True))
    world.settle()
    assert world.shown["Succeeded"] == ("False", "Cancelled")
    assert world.look().again_in == 60
    world.pass_time(60)
    assert world.look().delete


def test_nothing_new_is_a_success(world: World) -> None:
    """Ingest announced nothing of this run, and all that it announced again has been answered."""
    complete(world, "ingest", StageOutcome(reason=Reason.NOTHING_NEW))
    assert world.shown["Succeeded"] == ("True", "NothingNew")


def test_a_failed_verdict_fails_the_run(world: World) -> None:
    """Gold is not expected any more; the message has the check that failed."""
    one = INGESTED.model_copy(update={"announced": INGESTED.announced[:1]})
    complete(world, "ingest", one)
    follow(world, Step(Stage.CLEANSE, "sales"))
    complete(world, "cleanse-sales", completed("silver.sales"))
    follow(world, Step(Stage.QUALITY, "sales"))
    complete(world, "quality-sales", judged("silver.sales", "failed"))
    assert world.shown["Succeeded"] == ("False", "QualityFailed")
    assert world.shown["QualityPassed"] == ("False", "QualityFailed")
    assert "silver.sales: too few rows" in world.run.status.conditions[0].message


def test_a_failed_verdict_counts_without_its_checks(world: World) -> None:
    """They may not fit into the driver's last words; what it announced has the verdict, and the run says what is not whole."""
    complete(world, "ingest", INGESTED.model_copy(update={"announced": INGESTED.announced[:1]}))
    follow(world, Step(Stage.CLEANSE, "sales"))
    complete(world, "cleanse-sales", completed("silver.sales"))
    follow(world, Step(Stage.QUALITY, "sales"))
    said = judged("silver.sales", "failed").model_copy(update={"verdicts": (), "left_out": ("verdicts",)})
    complete(world, "quality-sales", said)
    assert world.shown["Succeeded"] == ("False", "QualityFailed")
    assert world.shown["QualityPassed"] == ("False", "QualityFailed")
    assert world.run.status.left_out == ("verdicts",)


def test_many_tables_of_gold_are_bounded(world: World) -> None:
    """What the status has no room for is said."""
    stocks = [TableStock(table=f"gold.t{number}", inserted=1, after=1) for number in range(MOST_TABLES + 1)]
    totals = [
        ControlTotal(name=f"t{number}.n", expected="1", actual="1") for number in range(MOST_TABLES + 1)
    ]
    complete(
        world,
        "ingest",
        INGESTED.model_copy(update={"stocks": tuple(stocks), "control_totals": tuple(totals)}),
    )
    status = world.run.status
    assert (len(status.stocks), len(status.control_totals)) == (MOST_TABLES, MOST_TABLES)
    assert status.left_out == ("controlTotals", "stocks")


def test_many_datasets_are_accounted_for() -> None:
    """However little their names have in common: what comes next, and the sums, are never left out."""
    draw = random.Random(1)
    names = ["d" + "".join(draw.choices(string.ascii_lowercase + string.digits, k=62)) for _ in range(64)]
    many = {**PIPELINE, "spec": {**PIPELINE["spec"], "datasets": {name: {} for name in names}}}
    world = World(run(), pipeline=many)
    world.settle()
    rows = [draw.randrange(10**12) for _ in names]
    complete(
        world,
        "ingest",
        StageOutcome(
            reason=Reason.COMPLETED,
            announced=tuple(
                Announced(
                    type=LAYER, subject=f"bronze.{name}", layer="bronze", sequence=draw.randrange(10**6)
                )
                for name in names
            ),
            ledger=tuple(
                Account(subject=f"bronze.{name}", rows_in=count, inserted=count)
                for name, count in zip(names, rows, strict=True)
            ),
            tables=tuple(
                TableProgress(name=f"bronze.{name}", to_version=draw.randrange(10**9), rows=count * 7)
                for name, count in zip(names, rows, strict=True)
            ),
        ),
    )
    assert world.run.status.rows == sum(rows)
    assert world.shown["Conserved"] == ("True", "Completed")
    assert world.shown["Succeeded"] == ("Unknown", "WaitingForService")
    assert len(world.stage("ingest").status.outcome.announced) == 64  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"code": 137, "reason": "OOMKilled"}, "OutOfMemory"),
        ({"code": 137}, "DriverLost"),
        ({"code": 137, "reason": "Evicted"}, "DriverLost"),
    ],
)
def test_what_the_infrastructure_does_is_tried_again(world: World, said: dict[str, Any], reason: str) -> None:
    """After a pause that doubles, three times; then the run fails with the reason of the last attempt."""
    pauses = []
    for number in range(1, 5):
        world.driver("ingest")
        world.end("ingest", **said)
        again_in = world.settle().again_in
        if number < 4:
            assert world.shown["Succeeded"] == ("Unknown", "Retrying")
            assert again_in
            pauses.append(again_in)
            world.pass_time(again_in - 1)
            assert not world.look().make
            world.pass_time(1)
            world.settle()
            assert world.job("ingest").number == number + 1
    assert pauses == [10, 20, 40]
    assert world.shown["Succeeded"] == ("False", reason)


@pytest.mark.parametrize(
    "reason", [Reason.BAD_SOURCE, Reason.MODEL_FAILED, Reason.INVALID_PIPELINE, Reason.REFUSED]
)
def test_what_a_person_must_mend_is_not_tried_again(world: World, reason: Reason) -> None:
    """The run ends at once, in the driver's own words, and says what to do."""
    world.driver("ingest")
    world.end("ingest", StageOutcome(reason=reason, message="data/a.csv: no header"), code=1)
    world.settle()
    assert world.shown["Succeeded"] == ("False", reason)
    said = f"ingest: data/a.csv: no header. {EXPLANATIONS[reason].advice}"
    assert world.run.status.conditions[0].message == said
    assert len(world.jobs[world.stage("ingest").metadata.name]) == 1


def test_an_error_nobody_foresaw_is_a_bug(world: World) -> None:
    """What the driver's log ended with is the message."""
    world.driver("ingest")
    world.end("ingest", code=1, said="Traceback\nValueError: x")
    world.settle()
    assert world.shown["Succeeded"] == ("False", "InternalError")
    assert "ValueError: x" in world.run.status.conditions[0].message


def test_retries_of_data_are_given_by_the_run() -> None:
    """Where the run says so, a bad source is tried again."""
    world = World(run(retries={"data": 1}))
    world.settle()
    world.driver("ingest")
    world.end("ingest", StageOutcome(reason=Reason.BAD_SOURCE), code=1)
    world.settle()
    assert world.shown["Succeeded"] == ("Unknown", "Retrying")


def test_a_job_that_somebody_deletes_is_made_again(world: World) -> None:
    """The attempt that was seen running is lost; another one follows."""
    world.driver("ingest")
    world.settle()
    world.jobs.clear()
    world.settle()
    assert world.shown["Succeeded"] == ("Unknown", "Retrying")
    world.pass_time(10)
    world.settle()
    assert world.job("ingest").number == 2


@pytest.mark.parametrize(
    ("changes", "driver", "reason"),
    [
        ({"warning": "pods forbidden: exceeded quota: small"}, None, "QuotaExceeded"),
        ({"warning": 'violates PodSecurity "restricted:latest"'}, None, "Forbidden"),
        ({}, {"waits": "ImagePullBackOff", "waits_because": "not found"}, "ImageUnavailable"),
        (
            {},
            {"waits": "CreateContainerConfigError", "waits_because": 'secret "s3" not found'},
            "SecretNotFound",
        ),
        ({"warning": 'MountVolume.SetUp failed: secret "certs" not found'}, {}, "SecretNotFound"),
        ({"warning": "references non-existent secret key: ca.crt"}, {}, "SecretNotFound"),
        ({"warning": 'MountVolume.SetUp failed: configmap "tz" not found'}, {}, "ConfigMapNotFound"),
        ({"warning": "references non-existent config key: zone"}, {}, "ConfigMapNotFound"),
        *(
            ({}, {"waits": "CreateContainerConfigError", "waits_because": said}, reason)
            for said, reason in (
                ("couldn't find key PASSWORD in Secret team/s3", "SecretNotFound"),
                ('configmap "podium-connections" not found', "ConfigMapNotFound"),
                ("couldn't find key URI in ConfigMap team/s3", "ConfigMapNotFound"),
                ("container has runAsNonRoot and image will run as root (pod: x)", "ImageUnavailable"),
                ("container's runAsUser breaks non-root policy (pod: x)", "ImageUnavailable"),
                ("failed to sync secret cache: timed out waiting for the condition", "Starting"),
                ('failed to prepare subPath for volumeMount "data"', "InvalidSpec"),
            )
        ),
        ({}, {"waits": "Unschedulable", "waits_because": "0/3 nodes are available"}, "Unschedulable"),
    ],
)
def test_a_driver_that_does_not_start_says_why(
    changes: dict[str, Any], driver: dict[str, Any] | None, reason: str
) -> None:
    """In the condition at once; after `startTimeout` the attempt is over, its Job removed."""
    world = World(run(startTimeout="10m", retries={"scheduling": 0}))
    world.settle()
    if driver is not None:
        world.driver("ingest", started=None, **driver)
    world.change("ingest", **changes)
    decision = world.settle()
    assert world.shown["Succeeded"] == ("Unknown", reason)
    assert world.run.status.conditions[0].message.endswith(EXPLANATIONS[Reason(reason)].advice)
    assert decision.again_in in {6, 600}, "sooner where only the cluster tells why"
    world.pass_time(600)
    world.settle()
    assert world.shown["Succeeded"] == ("False", "StartTimedOut")
    assert reason in world.run.status.conditions[0].message
    assert world.removed == [world.stages[world.stage("ingest").metadata.name].status.attempts[0].job]


def test_a_held_run_ends_its_drivers_and_goes_on() -> None:
    """`suspend` removes the Job that runs; without it the next attempt follows, and none was counted as a failure."""
    world = World(run())
    world.settle()
    world.driver("ingest")
    world.settle()
    world.run = world.run.model_copy(update={"spec": run(suspend=True).spec})
    world.settle()
    assert world.shown["Succeeded"] == ("Unknown", "Suspended")
    assert len(world.removed) == 1
    world.run = world.run.model_copy(update={"spec": run().spec})
    world.settle()
    assert world.job("ingest").number == 2


def test_a_run_may_be_held_as_often_as_one_likes() -> None:
    """The newest attempts are kept, and every failure, which counts among the retries; the count goes on, and the run can be ended."""
    world = World(run())
    world.settle()
    world.driver("ingest")
    started = world.now
    world.end("ingest", code=137)
    world.pass_time(world.settle().again_in or 0)
    world.settle()
    held = {"reason": "Suspended", "started": world.now, "finished": world.now}
    attempts = [Attempt(number=number, job=f"ingest-{number}", **held) for number in range(2, 101)]
    stage = world.stage("ingest")
    attempts.insert(0, stage.status.attempts[0])
    status = stage.status.model_copy(update={"attempts": tuple(attempts)})
    world.stages[stage.metadata.name] = stage.model_copy(update={"status": status})
    world.jobs.clear()
    world.settle()
    world.driver("ingest")
    for spec in (run(suspend=True).spec, run().spec):
        world.run = world.run.model_copy(update={"spec": spec})
        world.settle()
    kept = world.stage("ingest").status.attempts
    assert (kept[0].reason, kept[0].number) == ("DriverLost", 1)
    assert [attempt.number for attempt in kept[1:]] == list(range(4, 103))
    (shown,) = world.run.status.stages
    assert (world.run.status.attempt, shown.attempts, shown.started) == (102, 102, started)
    world.run = world.run.model_copy(update={"spec": run(cancel=True).spec})
    world.settle()
    assert world.shown["Finished"] == ("True", "Cancelled")


def test_a_refusal_of_many_words_ends_a_run_all_the_same(world: World) -> None:
    """The API server may say more than a message holds."""
    seen = Seen(run=world.run, now=world.now, pinned=world.pinned, stages=tuple(world.stages.values()))
    decision = refused(seen, "Job x", f"Job is invalid: {'x' * 5000}")
    assert decision.status
    check("pipelineruns", decision.status)
    (status,) = decision.stages.values()
    check("stageruns", status)


def test_a_run_that_begins_suspended_pins_nothing() -> None:
    """Nothing is made before somebody lets it go."""
    world = World(run(suspend=True))
    world.settle()
    assert not world.made
    assert world.run.status.start_time is None


def test_a_cancelled_run_ends_for_good(world: World) -> None:
    """Its Job is removed and its StageRuns end with the same reason."""
    world.driver("ingest")
    world.settle()
    world.run = world.run.model_copy(update={"spec": run(cancel=True).spec})
    world.settle()
    assert world.shown["Finished"] == ("True", "Cancelled")
    outcome = world.stage("ingest").status.outcome
    assert outcome is not None
    assert outcome.reason == Reason.CANCELLED
    assert len(world.removed) == 1


def test_a_run_has_its_time(world: World) -> None:
    """After `timeout` it ends, whatever it was doing."""
    world.driver("ingest")
    world.settle()
    world.pass_time(24 * 3600)
    world.settle()
    assert world.shown["Succeeded"] == ("False", "TimedOut")


def test_a_pipeline_that_is_not_there_is_waited_for() -> None:
    """A run applied before its Pipeline starts by itself; after `startTimeout` it fails."""
    world = World(run(), pipeline=None)
    decision = world.settle()
    assert world.shown["Succeeded"] == ("Unknown", "PipelineNotFound")
    assert decision.again_in == 900
    world.pass_time(900)
    world.settle()
    assert world.shown["Succeeded"] == ("False", "PipelineNotFound")


def test_a_dataset_that_is_not_there_is_refused() -> None:
    """The message names it."""
    world = World(run(datasets=["orders"]))
    world.settle()
    assert world.shown["Succeeded"] == ("False", "InvalidSpec")
    assert "no dataset orders" in world.run.status.conditions[0].message


def test_a_pipeline_that_changes_later_is_not_looked_at(world: World) -> None:
    """What was pinned counts, also for an engine."""
    assert world.pipeline
    world.pipeline = {**world.pipeline, "spec": {**world.pipeline["spec"], "engine": "spark"}}
    world.settle()
    assert "spark-defaults.conf" not in json.dumps(world.made)


def test_a_decision_repeats_itself_until_it_is_done() -> None:
    """An operator that was killed before it made what it had decided decides the same again, name for name."""
    world = World(run(engine="spark"))
    for kinds in (["ConfigMap"], ["StageRun"], ["Service", "Job"]):
        before = (world.pinned, dict(world.stages), dict(world.jobs))
        first = world.look()
        world.pinned, world.stages, world.jobs = before
        assert [manifest["kind"] for manifest in first.make] == kinds
        assert world.look().make == first.make


def test_every_driver_of_spark_has_an_address_before_it_is_there() -> None:
    """The Service is made before the Job, at every attempt: whoever deletes it has it back with the next one."""
    world = World(run(engine="spark"))
    world.settle()
    world.driver("ingest")
    world.end("ingest", code=137)
    world.pass_time(world.settle().again_in or 0)
    world.settle()
    assert world.job("ingest").number == 2
    name = world.stage("ingest").metadata.name
    assert [
        (manifest["kind"], manifest["metadata"]["name"])
        for manifest in world.made
        if manifest["kind"] in {"Service", "Job"}
    ] == [("Service", name), ("Job", f"{name}-1"), ("Service", name), ("Job", f"{name}-2")]
    (container,) = world.made[-1]["spec"]["template"]["spec"]["containers"]
    assert {"name": "PODIUM_DRIVER_HOST", "value": f"{name}.team.svc"} in container["env"]


@pytest.mark.parametrize("wish", ["spark", "duckdb"])
def test_pods_are_restricted(wish: str) -> None:
    """Drivers and executors ask for nothing that the restricted level of pod security refuses, and hold no token without need."""
    world = World(run(engine=wish))
    world.settle()
    job = next(manifest for manifest in world.made if manifest["kind"] == "Job")
    pods = [job["spec"]["template"]["spec"]]
    if wish == "spark":
        pods.append(json.loads(world.made[0]["data"]["executor.yaml"])["spec"])
        assert pods[1]["automountServiceAccountToken"] is False
    for pod in pods:
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pods[0]["automountServiceAccountToken"] is (wish == "spark")


def test_drivers_are_told_of_connections_and_executors_of_stores_alone() -> None:
    """Variables are those of both, with secrets by reference; a password of brokers is a file of drivers."""
    settings = DriverSettings(
        config_maps=("connections",),
        secrets=("store",),
        secret_files=(
            SecretFiles(secret="login", folder="/etc/podium/kafka-sasl"),
            SecretFiles(secret="trust", folder="/etc/podium/store-ca", executors=True),
        ),
    )
    world = World(run(engine="spark"))
    world.settle()
    (stage,) = world.stages.values()
    assert world.pinned
    driver = objects.job(world.run, stage, 1, world.pinned, settings)["spec"]["template"]["spec"]
    executor = objects.executor_template(world.run, settings)["spec"]
    for pod, secrets in ((driver, ["login", "trust"]), (executor, ["trust"])):
        (container,) = pod["containers"]
        assert container["envFrom"] == [
            {"configMapRef": {"name": "connections"}},
            {"secretRef": {"name": "store"}},
        ]
        volumes = {item["name"]: item["secret"]["secretName"] for item in pod["volumes"] if "secret" in item}
        mounts = {item["name"]: item["mountPath"] for item in container["volumeMounts"]}
        assert list(volumes.values()) == secrets
        assert {mounts[name] for name in volumes} <= {"/etc/podium/kafka-sasl", "/etc/podium/store-ca"}


SMALL = {"emptyDir": {}}


@pytest.mark.parametrize(
    "spec",
    [
        *(
            {"spark": {"spark.sql.shuffle.partitions": value}}
            for value in ("8\nspark.jars evil", "8\\", "8 \\", "${env:TOKEN}", "", "x" * 101)
        ),
        *(
            {"spark": {name: "x"}}
            for name in (
                "spark.jars",
                "spark.sql.extensions",
                "spark.driver.extraJavaOptions",
                "spark.kubernetes.namespace",
                "spark.shuffle.manager",
                "spark.shuffle.sort.io.plugin.class",
                "spark.sql.parquet.output.committer.class",
                "spark.scheduler.allocation.file",
                "spark.sql.files.ignoreCorruptFiles",
                "spark.sql.files.ignoreMissingFiles",
                "spark.sql.shuffle.partitions ",
            )
        ),
        {"engine": "auto"},
        {"pods": {"volumes": [{"name": "a", "mountPath": f"/{path}", **SMALL} for path in "ab"]}},
        {"pods": {"volumes": [{"name": name, "mountPath": "/a", **SMALL} for name in "ab"]}},
        *(
            {"pods": {"volumes": [{"name": name, "mountPath": "/a", **SMALL}]}}
            for name in ("pinned", "spark-local-dir-1", "spark-local-dir-2", "files-etc-podium-kafka-ca")
        ),
    ],
)
def test_a_spec_that_takes_more_than_is_given_is_refused(spec: dict[str, Any]) -> None:
    """Settings of Spark that choose code or files, or hide input; a value that swallows or begins another line; a volume that pods have."""
    with pytest.raises(ValidationError):
        run(**spec)


def test_settings_that_tune_spark_are_the_last_word() -> None:
    """They stand behind the platform's own, a line each."""
    world = World(
        run(engine="spark", spark={"spark.sql.shuffle.partitions": "8", "spark.locality.wait": "0s"})
    )
    world.settle()
    lines = world.made[0]["data"]["spark-defaults.conf"].splitlines()
    assert lines[-3:] == [
        "spark.ui.enabled false",
        "spark.sql.shuffle.partitions 8",
        "spark.locality.wait 0s",
    ]


def test_an_engine_that_nobody_can_choose_is_refused() -> None:
    """The operator does not see how much is new; what to write instead is said, and a run may say it."""
    automatic = {**PIPELINE, "spec": {**PIPELINE["spec"], "engine": "auto"}}
    world = World(run(), pipeline=automatic)
    world.settle()
    assert world.shown["Succeeded"] == ("False", "InvalidSpec")
    assert "write engine: duckdb or engine: spark" in world.run.status.conditions[0].message
    assert not world.made
    world = World(run(engine="duckdb"), pipeline=automatic)
    world.settle()
    assert world.shown["Succeeded"] == ("Unknown", "Starting")


@pytest.mark.parametrize("account", ["podium-operator", "podium-services"])
def test_no_run_acts_as_the_platform(account: str) -> None:
    """Its accounts may do more than whoever makes a run; nothing is made."""
    world = World(run(engine="spark", pods={"serviceAccountName": account}))
    world.settle()
    assert world.shown["Succeeded"] == ("False", "InvalidSpec")
    assert f"{account} is an account of the platform" in world.run.status.conditions[0].message
    assert not world.made


def test_a_run_whose_pinned_pipeline_is_gone_does_not_go_on_with_another(world: World) -> None:
    """The Pipeline that is there now may do something else: the run ends, and so does its driver."""
    world.driver("ingest")
    world.settle()
    world.pinned = None
    world.settle()
    assert world.shown["Succeeded"] == ("False", "PinnedLost")
    assert "ConfigMap shop-1-pinned is gone" in world.run.status.conditions[0].message
    assert len(world.removed) == 1


def test_what_a_run_asks_for_is_in_its_pods() -> None:
    """Every field of `spec.pods`, in the driver's pod and in that of executors; labels of queues are the Job's."""
    toleration = {"key": "spot", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 60}
    asked = run(
        engine="spark",
        pods={
            "serviceAccountName": "mine",
            "resources": {"cpu": "3", "memory": "4Gi", "ephemeralStorage": "9Gi"},
            "executors": {"instances": 5, "cores": 2, "memory": "3Gi", "ephemeralStorage": "20Gi"},
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [toleration],
            "priorityClassName": "urgent",
            "imagePullSecrets": [{"name": "registry"}],
            "envFrom": [{"secretRef": {"name": "store"}}, {"configMapRef": {"name": "brokers"}}],
            "volumes": [
                {
                    "name": "input",
                    "mountPath": "/data",
                    "readOnly": True,
                    "persistentVolumeClaim": {"claimName": "in"},
                }
            ],
        },
    )
    labels = {"kueue.x-k8s.io/queue-name": "team-queue", "other": "x"}
    asked = asked.model_copy(update={"metadata": asked.metadata.model_copy(update={"labels": labels})})
    world = World(asked)
    world.settle()
    job = world.made[-1]
    driver = job["spec"]["template"]["spec"]
    executor = json.loads(world.made[0]["data"]["executor.yaml"])["spec"]
    conf = world.made[0]["data"]["spark-defaults.conf"].splitlines()
    assert job["metadata"]["labels"].items() >= {"kueue.x-k8s.io/queue-name": "team-queue"}.items()
    assert "other" not in job["metadata"]["labels"]
    for pod in (driver, executor):
        (container,) = pod["containers"]
        assert pod["nodeSelector"] == {"disk": "ssd"}
        assert pod["tolerations"] == [toleration]
        assert pod["priorityClassName"] == "urgent"
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert container["envFrom"] == [
            {"secretRef": {"name": "store"}},
            {"configMapRef": {"name": "brokers"}},
        ]
        assert pod["volumes"][-1] == {"name": "input", "persistentVolumeClaim": {"claimName": "in"}}
        assert container["volumeMounts"][-1] == {"name": "input", "mountPath": "/data", "readOnly": True}
    assert driver["serviceAccountName"] == "mine"
    bounded = {"memory": "4Gi", "ephemeral-storage": "9Gi"}
    assert driver["containers"][0]["resources"] == {"requests": {"cpu": "3", **bounded}, "limits": bounded}
    disk = {"ephemeral-storage": "20Gi"}
    assert executor["containers"][0]["resources"] == {"requests": disk, "limits": disk}
    assert {
        "spark.executor.instances 5",
        "spark.executor.cores 2",
        "spark.kubernetes.executor.request.cores 2",
        "spark.executor.memory 1843m",
        "spark.executor.memoryOverhead 1229m",
    } <= set(conf)


def test_names_of_stages_are_labels_and_unlike() -> None:
    """However long run and dataset are, and whatever dashes they have."""
    first = objects.reference(run())
    second = first.model_copy(update={"uid": first.uid.replace("0c2d", "1c2d")})
    names = {
        Step(stage, dataset).name(reference)
        for stage in Stage
        for dataset in ("", "a", "a_", "a_b", "x" * 63, "gold")
        for reference in (first, second, first.model_copy(update={"name": "r" * 53}))
    }
    assert len(names) == len(Stage) * 6 * 3
    assert max(map(len, names)) <= 59


def test_gold_waits_for_every_dataset_of_the_run() -> None:
    """And follows only where no verdict is failed."""
    heard = [judged("silver.sales").announced[0], judged("silver.customers", "warned").announced[0]]
    assert Step(Stage.MODEL) not in expected(
        ["sales", "customers"], heard[:1], has_model=True, has_destination=True
    )
    assert Step(Stage.MODEL) in expected(["sales", "customers"], heard, has_model=True, has_destination=True)
    heard[0] = judged("silver.sales", "failed").announced[0]
    assert Step(Stage.MODEL) not in expected(
        ["sales", "customers"], heard, has_model=True, has_destination=True
    )
