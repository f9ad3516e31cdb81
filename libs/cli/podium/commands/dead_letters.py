"""`podium dead-letters`: records that a stage could not answer, and their way back."""

from collections.abc import Iterator
from typing import Annotated

import typer
from podium_contracts.errors import TerminalError
from podium_contracts.names import Stage
from podium_runtime import settings as environment
from podium_runtime.kafka.letters import Filed, filed, replay
from podium_runtime.settings import KafkaSettings
from rich.text import Text

from podium.console import Form, OutputOption, Row, output, plain_table, write_json, write_rows

letters = typer.Typer(help="Records that a stage could not answer, and their way back.", no_args_is_help=True)

BootstrapOption = Annotated[
    str,
    typer.Option(
        "--bootstrap-servers",
        "-b",
        help="Where Kafka is, HOST:PORT; all else is in PODIUM_KAFKA__… variables.",
    ),
]
StageOption = Annotated[Stage | None, typer.Option("--stage", "-s", help="Only letters of this stage.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", "-r", help="Only letters with this reason, as BadSource.")
]
PipelineOption = Annotated[str, typer.Option("--pipeline", "-p", help="Only letters of this pipeline.")]
LS = "`podium dead-letters ls --all` lists them"


def kafka_at(bootstrap_servers: str) -> KafkaSettings:
    """Return the connection that the environment describes, to other brokers where some are named.

    Raises:
        InvalidSettings: with every mistake.
    """
    return service_settings(bootstrap_servers).kafka


def service_settings(bootstrap_servers: str) -> environment.ServiceSettings:
    """Return the settings that the services have, if their environment is that of this command."""
    given = {"kafka": {"bootstrap_servers": bootstrap_servers}} if bootstrap_servers else {}
    return environment.load(**given)


@letters.command("ls")
def list_letters(
    every: Annotated[bool, typer.Option("--all", "-a", help="Those that have been replayed, too.")] = False,
    stage: StageOption = None,
    reason: ReasonOption = "",
    pipeline: PipelineOption = "",
    bootstrap_servers: BootstrapOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """List the dead letters that nobody has replayed.

    Examples:

        podium dead-letters ls --pipeline retail

        podium dead-letters ls --bootstrap-servers kafka:9092 -o json | jq length
    """
    found = _matching(filed(kafka_at(bootstrap_servers)), stage, reason, pipeline)
    rows = [_row(item) for item in found if every or not item.replayed]
    if form == Form.JSON:
        write_json(rows)
    else:
        write_rows(rows, none="no dead letters")


@letters.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(metavar="ID", help="As `ls` shows it.")],
    bootstrap_servers: BootstrapOption = "",
    form: OutputOption = Form.TABLE,
) -> None:
    """Show a dead letter: why it is one, what to do next, and the record as it was.

    Examples:

        podium dead-letters show 17

        podium dead-letters show 17 -o json | jq -r .value
    """
    (found,) = _named(filed(kafka_at(bootstrap_servers)), [letter])
    whole: Row = {
        **_row(found),
        "replayed": found.replayed,
        "next": _next_step(found),
        "key": _text(found.letter.key),
        "headers": {name: _text(raw) for name, raw in found.letter.headers},
        "value": _text(found.letter.value),
    }
    if form == Form.JSON:
        write_json(whole)
        return
    table = plain_table(header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(whole):
        table.add_row(name, Text(value))
    output.print(table)


@letters.command("replay")
def replay_letters(
    letter: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As `ls` shows them.")] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="All that nobody has replayed.")] = False,
    stage: StageOption = None,
    reason: ReasonOption = "",
    pipeline: PipelineOption = "",
    bootstrap_servers: BootstrapOption = "",
) -> None:
    """Send dead letters back to where they came from: only the stage that could not answer them answers.

    Name them, or say which by --all, --stage, --reason or --pipeline. Interrupted, it may send one twice and loses none:
    a stage that gets an event again answers as before.

    Examples:

        podium dead-letters replay 17 18

        podium dead-letters replay --stage ingest --reason BadSource
    """
    if bool(letter) == bool(every or stage or reason or pipeline):
        raise typer.BadParameter("give ids, or --all, --stage, --reason or --pipeline")
    kafka = kafka_at(bootstrap_servers)
    found = filed(kafka)
    chosen = (
        _named(found, letter)
        if letter
        else [item for item in _matching(found, stage, reason, pipeline) if not item.replayed]
    )
    for item in replay(kafka, chosen):
        output.print(f"replayed {item.id} for {item.letter.stage}", highlight=False)
    if not chosen:
        output.print("no dead letters", highlight=False)


def _matching(found: list[Filed], stage: Stage | None, reason: str, pipeline: str) -> list[Filed]:
    return [
        item
        for item in found
        if stage in {None, item.letter.stage}
        and reason in {"", item.letter.reason}
        and pipeline in {"", item.pipeline}
    ]


def _named(found: list[Filed], ids: list[str]) -> list[Filed]:
    """Return the letters of these ids, each once.

    Raises:
        TerminalError: there is none of an id.
    """
    known = {item.id: item for item in found}
    plain = list(dict.fromkeys(name.removeprefix("0:") for name in ids))
    if missing := [name for name in plain if name not in known]:
        raise TerminalError(f"no dead letter {', '.join(missing)}", hint=LS)
    return [known[name] for name in plain]


def _row(item: Filed) -> Row:
    letter = item.letter
    return {
        "id": item.id,
        "time": f"{letter.time:%Y-%m-%d %H:%M:%S}",
        "stage": letter.stage,
        "reason": letter.reason,
        "pipeline": item.pipeline,
        "type": item.event_type,
        "origin": str(letter.origin),
        "attempts": letter.attempts,
        "message": letter.message,
    }


def _next_step(item: Filed) -> str:
    if item.replayed:
        return "it has been replayed; should it have failed again, there is a newer letter"
    if item.letter.reason == "MalformedEvent":
        return "whoever sent it has to send it anew as an event of Podium's; a replay of these bytes ends here again"
    return f"do what the message says, then `podium dead-letters replay {item.id}`"


def _text(raw: bytes | None) -> str | None:
    """Return bytes as text, or in hex where they are none."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"hex {raw.hex()}"


def _lines(whole: Row) -> Iterator[tuple[str, str]]:
    for name, value in whole.items():
        if isinstance(value, dict):
            yield name, "\n".join(f"{key}: {_shown(said)}" for key, said in value.items())
        else:
            yield name, _shown(value)


def _shown(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
