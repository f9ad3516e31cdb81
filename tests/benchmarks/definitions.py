"""What scripts written by hand share with the example: its models as plain statements of a full build, and what is measured.

The models are rendered by Jinja with the package's own macros, of which only those that ask the host are replaced.
"""

from collections.abc import Callable, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from types import SimpleNamespace

import yaml
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "examples/retail/dbt"
MODELS = PROJECT / "models"
SECONDS = {"duckdb": "epoch({})::bigint", "spark": "unix_seconds({})"}
"""The seconds since 1970 of a moment."""
FUNCTIONS = ROOT / "services/model/podium_model/dbt_package/macros/functions.sql"


def statements(engine: str, now: str) -> dict[str, str]:
    """Return each model's SELECT by its name, upstream first; `now` is the SQL of the run's time.

    They read `silver_sales`, `lookup_countries`, and upstream models under their own names.
    """
    rendered: dict[str, str] = {}
    upstream: dict[str, list[str]] = {}
    for path in MODELS.glob("*.sql"):
        refers: list[str] = []
        text = _render(path, engine, now, refers.append)
        if text is not None:
            rendered[path.stem], upstream[path.stem] = text, refers
    return {name: rendered[name] for name in TopologicalSorter(upstream).static_order()}


def _render(path: Path, engine: str, now: str, refer: Callable[[str], None]) -> str | None:
    """Return a model's text, None where the project's variables leave it out."""
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    settings: dict[str, object] = {}

    def config(**given: object) -> str:
        settings.update(given)
        return ""

    environment = Environment(extensions=["jinja2.ext.do"])

    def ref(name: str) -> str:
        refer(name)
        return name

    macros: dict[str, Callable[..., str]] = {}
    environment.globals |= {
        "config": config,
        "var": lambda name, default=None: variables.get(name, default),
        "source": lambda schema, table: f"{schema}_{table}",
        "ref": ref,
        "return": lambda value: value,
        "adapter": SimpleNamespace(dispatch=lambda name, _package: macros[f"{engine}__{name}"]),
        "podium": macros,
    }
    macros |= vars(environment.from_string(FUNCTIONS.read_text()).module)
    macros |= {"incremental": lambda: False, "run_time": lambda: now}
    text = environment.from_string(path.read_text()).render()
    return text if settings.get("enabled", True) else None


def wanted_measures(columns: Sequence[str], engine: str) -> dict[str, str]:
    """Return what quality thresholds speak of: nulls, unknown members, distinct sales, the newest of them, tiers and the sum of scores.

    As SQL by name.
    """
    wanted = {"rows": "count(*)"}
    wanted |= {f"null.{name}": f"count(*) - count({name})" for name in columns}
    wanted |= {
        f"unknown.{name}": f"count(*) filter (where {name} = -1)" for name in columns if name.endswith("_key")
    }
    if "sale_id" in columns:
        wanted["distinct.sale_id"] = "count(distinct sale_id)"
    if "invoice_date" in columns:
        wanted["newest.invoice_date"] = SECONDS[engine].format("max(invoice_date)")
    if "quality_score" in columns:
        wanted["quality_score.sum"] = "sum(quality_score)"
        wanted |= {
            f"tier.{tier}": f"count(*) filter (where quality_tier = '{tier}')"
            for tier in ("HIGH", "MEDIUM", "LOW", "POOR")
        }
    return wanted
