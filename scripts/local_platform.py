#!/usr/bin/env python3
"""The platform on one machine, as processes: a real Kafka broker and the five services. `make up` and `make down` call it.

scripts/local_platform.py up       starts what does not run, and waits until all is ready
scripts/local_platform.py down     stops all of it; what was in the middle of something goes on after the next `up`
scripts/local_platform.py status   says what runs, and how many events each service has not answered yet

Everything it keeps is in .podium/: the broker's data, a log and a process id of each service. The services look for pipelines in
examples/streaming, or where PODIUM_PIPELINES says. Ports are 9092 and, for the services' pages, 6066 to 6070, unless LOCAL_KAFKA_PORT
and LOCAL_PAGES_PORT (the first of five) say other ones.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".podium"
STAGES = ("ingest", "cleanse", "quality", "model", "publish")
SERVICES = dict(zip(STAGES, itertools.count(int(os.environ.get("LOCAL_PAGES_PORT", "6066")))))
"""By stage: the port of its pages."""
BROKER_PORT = os.environ.get("LOCAL_KAFKA_PORT", "9092")
TOPICS = ("sales-events", "customer-events", "product-events")
GIVE_WAY = {"model": 10, "publish": 10}
"""By stage: how much it gives way to the others where the cores are full, as `nice` counts. Silver does not wait for Gold, which takes what came meanwhile in one go."""
READY_SECONDS = 90
STOP_SECONDS = 30


def up() -> None:
    """Start the broker, make the topics of the examples, start the services."""
    HOME.mkdir(exist_ok=True)
    broker("start", BROKER_PORT)
    address = (HOME / "broker" / "bootstrap").read_text().strip()
    make_topics(address)
    environment = {
        "PODIUM_KAFKA__BOOTSTRAP_SERVERS": address,
        "PODIUM_PIPELINES": str(ROOT / "examples" / "streaming"),
        "PODIUM_PROCESSES": "1",
        "PODIUM_MEMBER": "0",
        **os.environ,
    }
    for stage, port in SERVICES.items():
        if running(stage) is None:
            start(stage, {**environment, "PODIUM_HTTP_PORT": str(port)})
    for stage in SERVICES:
        wait_for(stage)
    print(f"the platform is up: Kafka at {address}, logs in {HOME.relative_to(ROOT)}/")
    print("\nnext:\n  make demo-stream     sells real retail lines as events\n  make down")


def down() -> None:
    """Stop the services, then the broker."""
    found = {stage: process for stage in SERVICES if (process := running(stage))}
    for process in found.values():
        os.kill(process, signal.SIGTERM)
    for stage, process in found.items():
        end = time.monotonic() + STOP_SECONDS
        while running(stage) and time.monotonic() < end:
            time.sleep(0.1)
        if running(stage):
            os.kill(process, signal.SIGKILL)
        pid_file(stage).unlink(missing_ok=True)
        print(f"{stage}: stopped")
    if (HOME / "broker" / "pid").exists():
        broker("stop")
    print("the platform is down; its data stays in .podium/ and examples/streaming/")


def status() -> None:
    """Say what runs, and how many events each service has not answered yet."""
    for stage, port in SERVICES.items():
        state = said(port) if running(stage) else "is not running"
        print(f"{stage:8}  {state}{f', {lag(stage)} events wait' if state == 'ready' else ''}")


def lag(stage: str) -> int:
    """Return how many events the group of a stage has not passed."""
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition  # noqa: PLC0415 - `down` does without
    from confluent_kafka.admin import AdminClient, OffsetSpec  # noqa: PLC0415 - as above
    from podium_contracts.events import TOPIC  # noqa: PLC0415 - as above

    admin = AdminClient({"bootstrap.servers": (HOME / "broker" / "bootstrap").read_text().strip()})
    partitions = [
        TopicPartition(TOPIC, number) for number in admin.list_topics(TOPIC, 30).topics[TOPIC].partitions
    ]
    ends = admin.list_offsets({partition: OffsetSpec.latest() for partition in partitions})
    group = ConsumerGroupTopicPartitions(f"podium.{stage}", partitions)
    (passed,) = admin.list_consumer_group_offsets([group]).values()
    return sum(
        ends[place].result(30).offset - max(place.offset, 0) for place in passed.result(30).topic_partitions
    )


def broker(*arguments: str) -> None:
    """Call scripts/broker on its folder."""
    command, *more = arguments
    subprocess.run([ROOT / "scripts" / "broker", command, HOME / "broker", *more], check=True)


def make_topics(address: str) -> None:
    """Make the topics that the examples read, with four partitions each."""
    from confluent_kafka import KafkaException  # noqa: PLC0415 - `down` does without
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - as above
    from confluent_kafka.cimpl import NewTopic  # noqa: PLC0415 - as above

    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.create_topics([NewTopic(name, 4, 1) for name in TOPICS]).values():
        try:
            future.result(30)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise


def start(stage: str, environment: dict[str, str]) -> None:
    """Start a service in a process group of its own, so that Ctrl-C here does not reach it."""
    with (HOME / f"{stage}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"podium_{stage}.service"],
            env=environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
    os.setpriority(os.PRIO_PROCESS, process.pid, GIVE_WAY.get(stage, 0))
    pid_file(stage).write_text(f"{process.pid}\n")


def wait_for(stage: str) -> None:
    """Wait until a service says that it is ready."""
    end = time.monotonic() + READY_SECONDS
    while (answer := said(SERVICES[stage])) != "ready":
        if running(stage) is None or time.monotonic() > end:
            sys.exit(f"podium: {stage} {answer}; all it said is in {HOME.relative_to(ROOT)}/{stage}.log")
        time.sleep(0.2)
    print(f"{stage}: ready, http://127.0.0.1:{SERVICES[stage]}/metrics")


def said(port: int) -> str:
    """Return `ready`, or why a service is not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return "ready"
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode().strip()
    except OSError:
        return "does not answer"


def running(stage: str) -> int | None:
    """Return the process id of a service that runs."""
    if not pid_file(stage).exists():
        return None
    process = int(pid_file(stage).read_text())
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return None
    return process if f"podium_{stage}.service".encode() in command else None


def pid_file(stage: str) -> Path:
    """Return where a service's process id is kept."""
    return HOME / f"{stage}.pid"


if __name__ == "__main__":
    commands = {"up": up, "down": down, "status": status}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:  # noqa: PLR2004 - the name and the command
        sys.exit(__doc__)
    commands[sys.argv[1]]()
