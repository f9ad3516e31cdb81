"""What the guides tell people to type can be typed."""

import gzip
import re
import shlex
import shutil
import subprocess
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pytest
from podium.cli import call as podium
from podium.kubectl.commands import call as kubectl_podium
from podium_contracts.resources import PipelineRunSpec
from podium_runtime.pipeline_file import load
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ROOT / "docs" / "how-to"
EXAMPLE = ROOT / "examples" / "retail"
RETAIL = str(EXAMPLE / "pipeline.yaml")
GROUPS = ("quarantine", "schema", "dead-letters")
"""Of which each command has a help of its own."""
PROGRAMS = {"podium": podium, "kubectl podium": kubectl_podium}
PAGES = {
    "README.md": ROOT / "README.md",
    "chart": ROOT / "charts" / "podium" / "README.md",
    "notes": ROOT / "charts" / "podium" / "templates" / "NOTES.txt",
    **{path.name: path for path in sorted(GUIDES.glob("*.md"))},
}


def commands(text: str, *programs: str) -> list[str]:
    """Return the commands of some programs in a text, without what they are piped into."""
    begun = rf"(?:^|[`|;(]) *((?:{'|'.join(programs)}) [a-z][^`|>;&)\n]*)"
    found = re.findall(begun, text.replace("\\\n", " "), re.MULTILINE)
    return [line.partition(" #")[0].strip() for line in dict.fromkeys(found)]


def block(guide: str, language: str, having: str = "") -> str:
    """Return the first block of a language in a guide, of those that have some words."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return next(found for found in blocks if having in found)


def typed(*programs: str) -> list[str]:
    """Return what all pages have people type."""
    texts = [path.read_text(encoding="utf-8") for path in PAGES.values() if path.suffix == ".md"]
    return list(dict.fromkeys(line for text in texts for line in commands(text, *programs)))


OURS = typed("kubectl podium", "podium")
THEIRS = [line for line in typed("kubectl", "helm") if not line.startswith("kubectl podium")]
IN_A_CLUSTER = [
    line
    for found in re.findall(r"```sh\n(.*?)```", PAGES["kubernetes.md"].read_text(encoding="utf-8"), re.DOTALL)
    for line in commands(found, "kubectl", "helm")
]


def missing(words: list[str], told: str) -> list[str]:
    """Return the options in a command that its help does not know."""
    options = [word.partition("=")[0] for word in words if re.match("--?[a-z]", word)]
    return [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", told)]


@pytest.mark.parametrize("line", OURS)
def test_a_command_exists_with_its_options(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By its help."""
    words = shlex.split(line, comments=True)
    program = "kubectl podium" if words[0] == "kubectl" else "podium"
    rest = words[len(program.split()) :]
    named = rest[: 2 if program == "podium" and rest[0] in GROUPS else 1]
    assert PROGRAMS[program]([*named, "--help"]) == 0
    assert missing(rest, capsys.readouterr().out) == []


@cache
def helped(*command: str) -> str:
    """Return the help of a program that a machine may not have."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.mark.parametrize("line", THEIRS)
def test_a_command_of_kubectls_and_helms_exists_with_its_options(line: str) -> None:
    """By its help."""
    program, *words = shlex.split(line)
    verb = next(word for word in words if re.fullmatch("[a-z-]+", word) and not word.startswith("-"))
    told = helped(program, verb, "--help") + helped("kubectl", "options")
    assert f"{program} {verb}" in told
    assert missing(words, told) == []


def test_the_pages_have_commands() -> None:
    """Of each program."""
    assert sum(line.startswith("kubectl podium ") for line in OURS) >= 6
    assert sum(line.startswith("podium bundle ") for line in OURS) == 2
    assert sum(line.startswith("podium dead-letters ") for line in OURS) == 3
    assert sum(line.startswith("kubectl ") for line in THEIRS) >= 15
    assert sum(line.startswith("helm ") for line in THEIRS) >= 10


@pytest.mark.parametrize("line", IN_A_CLUSTER)
def test_a_command_of_the_guide_goes_where_the_operator_looks(line: str) -> None:
    """In the namespace of the release, save what has none; elsewhere nobody would say that nothing happens."""
    of_the_cluster = ("podium-crds", "kubectl delete crd", "--all-namespaces")
    named = re.search("(-n|--namespace) podium( |$)", line)
    assert named or any(words in line for words in of_the_cluster)


@pytest.mark.parametrize("line", [line for line in THEIRS if line.startswith("kubectl wait -")])
def test_who_waits_says_how_long(line: str) -> None:
    """kubectl's own 30 seconds are no time for a run."""
    assert "--timeout=" in line


@pytest.mark.parametrize("page", PAGES)
def test_kinds_are_named_in_full(page: str) -> None:
    """In commands: Tekton has Pipelines and PipelineRuns, too."""
    text = PAGES[page].read_text(encoding="utf-8")
    assert re.findall(r"kubectl [^`\n]*(?<![\w./-])(?:pipeline|pipelinerun)s?(?![\w.=-])[^`\n]*", text) == []


@pytest.mark.parametrize(
    "line", [line for line in (*OURS, *THEIRS) if "examples/" in line or "charts/" in line]
)
def test_the_files_of_a_command_are_there(line: str) -> None:
    """And none that `kubectl apply` gets is without a name."""
    files = [ROOT / word for word in shlex.split(line) if word.startswith(("examples/", "charts/"))]
    assert [file for file in files if not file.exists()] == []
    if line.startswith("kubectl apply"):
        assert [file for file in files if "name" not in written(file)["metadata"]] == []


def written(file: Path | str) -> dict[str, Any]:
    """Return what a file or a text says."""
    found: dict[str, Any] = YAML(typ="safe").load(file)
    return found


def test_the_run_of_the_example_is_one() -> None:
    """Of the example's Pipeline, under a new name each time."""
    run = written(EXAMPLE / "kubernetes" / "run.yaml")
    assert (run["apiVersion"], run["kind"]) == ("podium.dev/v1alpha1", "PipelineRun")
    assert run["metadata"] == {"generateName": "retail-"}
    spec = PipelineRunSpec.model_validate(run["spec"], by_alias=True, by_name=False)
    assert spec.pipeline == written(EXAMPLE / "pipeline.yaml")["metadata"]["name"]


@pytest.mark.parametrize("guide", ["kubernetes.md", "schedules.md"])
def test_what_a_guide_writes_into_a_pipeline_is_valid(guide: str, tmp_path: Path) -> None:
    """Beside what the example says."""
    text = PAGES[guide].read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert blocks
    overlay, alone = tmp_path / "overlay.yaml", load(Path(RETAIL)).written
    for found in blocks:
        overlay.write_text(found)
        assert load(Path(RETAIL), overlay).written != alone


@pytest.mark.parametrize("guide", [guide.name for guide in sorted(GUIDES.glob("*.md"))])
def test_the_targets_and_scripts_of_a_guide_are_there(guide: str) -> None:
    """What it gives to `make`, and the files of the repository that it has run."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", text, re.MULTILINE)) <= targets
    named = re.findall(r"(?<![\w./-])((?:scripts|examples)/[\w./-]*\w)", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_overlay_of_the_guide_makes_the_retail_example_fit_for_a_cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is printed; without it, the example is refused."""
    overlay = tmp_path / "prod.yaml"
    overlay.write_text(block("bundles.md", "yaml"))
    place = str(tmp_path / "bundles")
    assert podium(["bundle", "-f", RETAIL, "--to", place]) == 2
    capsys.readouterr()
    assert podium(["bundle", "-f", RETAIL, "--overlay", str(overlay), "--to", place]) == 0
    printed = YAML(typ="safe").load(capsys.readouterr().out)
    assert printed["spec"]["scheduling"] == {"time_zone": "Europe/London"}
    assert printed["spec"]["publish"] == {}


def test_the_mistake_that_the_guide_shows_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Word for word."""
    monkeypatch.chdir(tmp_path)
    wrong = block("bundles.md", "yaml").replace("engine: spark", "engine: sparc")
    Path("prod.yaml").write_text(wrong)
    assert podium(["validate", "-f", RETAIL, "--overlay", "prod.yaml"]) == 2
    assert block("bundles.md", "text") in capsys.readouterr().err


def test_what_the_guide_to_tuning_turns_is_there() -> None:
    """Each setting that it names is one of a service, of a Pipeline, of the dbt project or of a model."""
    text = (GUIDES / "tuning.md").read_text(encoding="utf-8")
    settings = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    resources = (ROOT / "docs/reference/resources.md").read_text(encoding="utf-8")
    tables = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
    variables = YAML(typ="safe").load(EXAMPLE / "dbt" / "dbt_project.yml")["vars"]
    named = set(re.findall(r"`([A-Za-z_.]+)(?:[:(][^`]*)?`", text))
    of_services = {name for name in named if name.startswith("PODIUM_")}
    assert of_services == {"PODIUM_PROCESSES", "PODIUM_KAFKA__EVENTS_PARTITIONS"}
    assert all(f"`{name}`" in settings for name in of_services)
    assert {"enable_data_tests", "fact_layout"} <= named & variables.keys()
    assert all(f"`{name}`" in tables for name in ("partition_by", "cluster_by", "zorder_by"))
    assert "affected_from" in tables
    assert "`spec.runs.pods.executors`" in resources
    assert len(commands(text, "podium")) >= 7


@pytest.mark.integration
def test_the_model_of_the_guide_joins_the_retail_example(tmp_path: Path) -> None:
    """Built as a whole by the next run, with its tests; then only what a new file changes."""
    shop = tmp_path / "retail"
    shutil.copytree(EXAMPLE, shop, ignore=shutil.ignore_patterns("data", "lakehouse", "*.duckdb*"))
    (shop / "data").mkdir()
    with gzip.open(EXAMPLE / "data" / "online_retail_2009_2010.csv.gz", "rt", encoding="utf-8") as file:
        header, *lines = islice(file, 3001)
    (shop / "data" / "online_retail_1.csv").write_text("".join([header, *lines[:2000]]), encoding="utf-8")
    pipeline = shop / "pipeline.yaml"
    assert podium(["run", "-f", str(pipeline)]) == 0
    models = shop / "dbt" / "models"
    (models / "agg_monthly_country.sql").write_text(block("models.md", "sql"))
    (models / "agg_monthly_country.yml").write_text(block("models.md", "yaml"))
    assert podium(["run", "-f", str(pipeline)]) == 0
    assert months(shop) == sums(shop)
    (shop / "data" / "online_retail_2.csv").write_text("".join([header, *lines[2000:]]), encoding="utf-8")
    assert podium(["run", "-f", str(pipeline)]) == 0
    assert months(shop) == sums(shop)


def months(shop: Path) -> list[tuple[Any, ...]]:
    """Return the rows of the guide's model, without their times."""
    return gold(
        shop, "SELECT country_key, month_key, revenue, line_count FROM agg_monthly_country ORDER BY ALL"
    )


def sums(shop: Path) -> list[tuple[Any, ...]]:
    """Return what they must be."""
    return gold(
        shop,
        "SELECT country_key, date_key // 100 * 100 + 1, sum(total_amount), count(*) FROM fact_sale GROUP BY ALL ORDER BY ALL",
    )


def gold(shop: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask the file that has been published."""
    with duckdb.connect(str(shop / "retail.duckdb"), read_only=True) as connection:
        return connection.sql(statement).fetchall()
