"""The user's dbt project with Podium's materialisation beside it, run in this process."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from podium_contracts.errors import ModelFailed
from podium_contracts.names import EngineName
from podium_contracts.pipeline import Pipeline, in_project
from podium_lakehouse.engines.duckdb import SHARED_DATABASE, duckdb_engine
from podium_lakehouse.engines.engine import Engine
from podium_lakehouse.expressions.dialects import SPARK_SETTINGS
from podium_lakehouse.records.manifests import Manifests

from podium_model.layout import Layout

PACKAGE = Path(__file__).parent / "dbt_package"
PROFILE = "podium"


@dataclass(frozen=True)
class ControlTotal:
    """Two sums that must agree: `this` over the model, `equals` over the relation `source`; both SQL aggregates."""

    name: str
    this: str
    source: str
    equals: str


@dataclass(frozen=True)
class GoldModel:
    """What the host must know of a model; see the materialisation for the meaning of the names."""

    name: str
    keys: tuple[str, ...]
    affect_key: str
    affected_from: tuple[str, ...]
    control_totals: tuple[ControlTotal, ...] = field(default=())
    layout: Layout = field(default=Layout())
    key_of: tuple[tuple[str, str], ...] = field(default=())
    """How a row of a source or model has the affected key that it is counted for, the first of those that it changes."""


_parsed: dict[tuple[str, ...], Any] = {}
"""The manifest of the project that this process has had last, by what it depends on: parsing costs seconds, more than a small build."""


class DbtProject:
    """A dbt project in a folder of its own, with Podium's package put into it, bound to an engine's database.

    `fingerprint` stands for the content of its files. What one process has parsed is in `manifests` for the next, if they are given.
    """

    def __init__(
        self, folder: Path, engine: Engine, fingerprint: str, manifests: Manifests | None = None
    ) -> None:
        self.folder = folder
        self._manifests = manifests
        self._made_of = (fingerprint, engine.dialect.name, engine.database)
        shutil.copytree(PACKAGE, folder / "dbt_packages" / "podium", dirs_exist_ok=True)
        profile = {PROFILE: {"target": "podium", "outputs": {"podium": _output(engine)}}}
        (self.folder / "profiles.yml").write_text(json.dumps(profile))
        self._manifest: Any = None

    def models(self) -> list[GoldModel]:
        """Parse the project, unless that has been done; return its models, upstream first.

        Raises:
            ModelFailed: the project does not parse, or a model lacks a setting.
        """
        if self._made_of not in _parsed:
            manifest = self._kept() if self._manifests else self._parse()
            _parsed.clear()
            _parsed[self._made_of] = manifest
        self._manifest = _parsed[self._made_of].deepcopy()  # a build leaves its marks on what it is given
        nodes = {
            identifier: node
            for identifier, node in self._manifest.nodes.items()
            if node.resource_type.value == "model" and node.config.materialized == "podium_delta"
        }
        ordered: list[str] = []
        waiting = dict(nodes)
        while waiting:
            ready = [key for key, node in waiting.items() if not set(node.depends_on.nodes) & set(waiting)]
            for key in sorted(ready):
                ordered.append(key)
                del waiting[key]
        return [_gold_model(nodes[key]) for key in ordered]

    def _kept(self) -> Any:
        """Return the manifest that an earlier process has parsed; parse and keep it where none has."""
        from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 - as in _invoke
        from dbt.parser.manifest import (  # noqa: PLC0415 - as above
            extended_mashumaro_encoder,
            extended_mashumuro_decoder,
        )

        assert self._manifests
        made_of = sha256("/".join([*self._made_of, *_parsers(self._made_of[1])]).encode()).hexdigest()
        if content := self._manifests.get(made_of):
            return Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
        manifest = self._parse()
        if not manifest.env_vars:  # a project that asks the environment may mean something else next time
            self._manifests.put(made_of, bytes(manifest.to_msgpack(extended_mashumaro_encoder)))
        return manifest

    def _parse(self) -> Any:
        manifest = self._invoke("parse").result
        manifest.disabled.clear()  # a build needs none of it, and dbt 1.11 fails to copy it
        return manifest

    def build(self) -> None:
        """Stage every model and run every test.

        Raises:
            ModelFailed: naming each model and test that failed; nothing has been committed.
        """
        self._invoke("build")

    def compiled(self) -> dict[str, str]:
        """Return the text of each model as dbt hands it to the engine; nothing is run but what models ask while they compile.

        Raises:
            ModelFailed: naming each model that does not compile.
        """
        results = self._invoke("compile").result.results
        nodes = [result.node for result in results]
        return {node.name: node.compiled_code for node in nodes if node.resource_type.value == "model"}

    def _invoke(self, command: str) -> Any:
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - dbt takes a second to import, and most runs need none

        where = str(self.folder)
        arguments = [command, "--project-dir", where, "--profiles-dir", where, "--no-version-check"]
        quiet = [
            "--log-level",
            "none",
            "--log-level-file",
            "none",
            "--no-use-colors",
            "--no-send-anonymous-usage-stats",
            "--no-write-json",
        ]
        result = dbtRunner(manifest=self._manifest).invoke([*arguments, *quiet])
        if isinstance(result.exception, KeyboardInterrupt | SystemExit):
            raise result.exception  # dbt catches whatever ends a process, too
        if not result.success:
            raise ModelFailed(
                _failures(result), hint="mend the model or the data it refuses, then run it again"
            )
        return result


@cache
def _parsers(adapter: str) -> list[str]:
    """Return what else a manifest depends on: the versions of dbt, and Podium's own package."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.is_file())
    package = sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return [version("dbt-core"), version(f"dbt-{adapter}"), package]


def copied(pipeline: Pipeline, engine: Engine) -> DbtProject:
    """Return the pipeline's dbt project, on a copy that goes with the engine."""
    assert pipeline.spec.model
    folder, home = engine.scratch / "dbt", Path(pipeline.resolve(pipeline.spec.model.dbt))
    for path in home.rglob("*"):
        within = path.relative_to(home)
        if path.is_file() and in_project(within):
            (folder / within).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / within)
    return DbtProject(folder, engine, pipeline.fingerprint)


def layouts(pipeline: Pipeline) -> dict[str, Layout]:
    """Return how each model's table is to be laid out; empty without a dbt project.

    Raises:
        ModelFailed: the project does not parse.
    """
    if pipeline.spec.model is None:
        return {}
    with duckdb_engine(shared=True) as engine:
        return {model.name: model.layout for model in copied(pipeline, engine).models()}


def _output(engine: Engine) -> dict[str, object]:
    """Return how dbt reaches the engine that is open in this process."""
    common = {"type": engine.dialect.name, "schema": engine.database, "threads": 1}
    if engine.dialect.name == EngineName.SPARK:
        _keep_ansi_mode()
        return {**common, "method": "session", "host": "in this process"}
    return {**common, "path": str(engine.scratch / SHARED_DATABASE)}


@cache
def _keep_ansi_mode() -> None:
    """Take back what dbt-spark sets before each of its statements: without ANSI mode, what overflows or does not cast is null."""
    from dbt.adapters.spark.connections import SparkCredentials  # noqa: PLC0415 - only engine spark needs it

    made = SparkCredentials.__post_init__

    def keep(credentials: Any) -> None:
        made(credentials)
        credentials.server_side_parameters |= SPARK_SETTINGS

    SparkCredentials.__post_init__ = keep  # type: ignore[method-assign, assignment]


def _gold_model(node: Any) -> GoldModel:
    extra: Mapping[str, Any] = node.config.extra
    missing = [name for name in ("affect_key", "affected_from") if name not in extra]
    if node.config.unique_key is None:
        missing.append("unique_key")
    if missing:
        raise ModelFailed(
            f"{node.original_file_path}: the model sets no {', '.join(missing)}",
            hint="set it in the model's config(): Podium needs it to replace only what changed",
        )
    keys = node.config.unique_key
    return GoldModel(
        name=node.name,
        keys=(keys,) if isinstance(keys, str) else tuple(keys),
        affect_key=extra["affect_key"],
        affected_from=tuple(extra["affected_from"]),
        control_totals=tuple(_control_totals(node)),
        layout=Layout.of(extra, node.original_file_path),
        key_of=tuple(
            (name, key if isinstance(key, str) else key[0]) for name, key in extra["affected_from"].items()
        ),
    )


def _control_totals(node: Any) -> Iterator[ControlTotal]:
    for name, total in node.config.extra.get("control_totals", {}).items():
        said = total if isinstance(total, Mapping) else {}
        this, source, equals = (said.get(part) for part in ("this", "from", "equals"))
        if not (isinstance(this, str) and isinstance(source, str) and isinstance(equals, str)):
            raise ModelFailed(
                f"{node.original_file_path}: control total {name} is {total!r}",
                hint="write {'this': 'sum(price)', 'from': 'fact', 'equals': 'sum(price)'}",
            )
        yield ControlTotal(f"{node.name}.{name}", this, source, equals)


def _failures(result: Any) -> str:
    if result.exception is not None:
        return f"dbt: {result.exception}"
    outcomes = getattr(result.result, "results", None) or []
    failed = [item for item in outcomes if str(item.status) in {"error", "fail", "runtime error"}]
    lines = [
        f"{item.node.resource_type.value} {item.node.name}: {(item.message or '').strip()}" for item in failed
    ]
    return "dbt refused: " + "; ".join(lines) if lines else "dbt failed without naming a model"
