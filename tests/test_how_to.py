"""What the guides tell people to type can be typed."""

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest
from podium.cli import call as podium
from podium.kubectl.commands import call as kubectl_podium
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ROOT / "docs" / "how-to"
RETAIL = str(ROOT / "examples" / "retail" / "pipeline.yaml")
PROGRAMS = {"podium": podium, "kubectl podium": kubectl_podium}


def commands(guide: str) -> list[str]:
    """Return the commands of ours in a guide, without what they are piped into."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    return list(dict.fromkeys(re.findall(r"(?:^|`)((?:kubectl )?podium [a-z][^`|>\n]*)", text, re.MULTILINE)))


def block(guide: str, language: str) -> str:
    """Return the first block of a language in a guide."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


TYPED = [line for guide in ("bundles.md", "kubectl.md", "services.md") for line in commands(guide)]


@pytest.mark.parametrize("line", TYPED)
def test_a_command_exists_with_its_options(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By its help."""
    words = shlex.split(line, comments=True)
    program = "kubectl podium" if words[0] == "kubectl" else "podium"
    rest = words[len(program.split()) :]
    named = takewhile(lambda word: not word.startswith("-"), rest)
    assert PROGRAMS[program]([*named, "--help"]) == 0
    told = capsys.readouterr().out
    assert all(re.search(rf"(?<!\S){word}(?!\S)", told) for word in rest[1:] if word.startswith("-"))


def test_the_guides_have_commands() -> None:
    """Of both programs."""
    assert sum(line.startswith("kubectl podium ") for line in TYPED) >= 6
    assert sum(line.startswith("podium bundle ") for line in TYPED) == 1
    assert sum(line.startswith("podium dead-letters ") for line in TYPED) == 3


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
