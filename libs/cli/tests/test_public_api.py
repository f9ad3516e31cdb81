"""`import podium`: what programs may use, and what it costs those who do not."""

import subprocess
import sys

import podium
import pytest

EXTRA = ("aiokafka", "confluent_kafka", "faust", "pydantic_settings")


def python(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_the_import_is_light() -> None:
    """Neither Kafka nor anything else is imported before it is used."""
    ended = python(
        "import sys; before = set(sys.modules); import podium; print(*sorted(set(sys.modules) - before))"
    )
    heavy = [
        name
        for name in ended.stdout.split()
        if name.split(".")[0] in {*EXTRA, "pydantic", "duckdb", "polars"}
    ]
    assert ended.returncode == 0
    assert "podium" in ended.stdout.split()
    assert heavy == []


def test_every_public_name_is_there() -> None:
    """Sorted, importable, and told by `dir`."""
    assert sorted(podium.__all__) == podium.__all__
    for name in podium.__all__:
        assert getattr(podium, name).__name__ == name
    assert set(podium.__all__) <= set(dir(podium))


def test_another_name_is_no_attribute() -> None:
    """A misspelt name fails like that of any module."""
    with pytest.raises(AttributeError, match="module 'podium' has no attribute 'evnets'"):
        _ = podium.evnets


@pytest.mark.parametrize("missing", ["aiokafka", "pydantic_settings"])
def test_without_kafkas_clients_it_says_what_to_install(missing: str) -> None:
    """The names of events do without them; following does not."""
    ended = python(
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import podium\n"
        "print(podium.LayerCompleted.__name__)\n"
        "podium.events\n"
    )
    assert ended.stdout == "LayerCompleted\n"
    assert ended.stderr.splitlines()[-1] == (
        "ImportError: podium.events needs Kafka's clients: install podium[kafka]"
    )


def test_without_kafkas_clients_the_help_says_what_to_install() -> None:
    """Brackets are markup of the help: what stands in them is not taken for that."""
    ended = python(
        "import sys; sys.modules['confluent_kafka'] = None\nfrom podium.cli import call\ncall(['--help'])\n"
    )
    assert ended.stdout.count("needs `pip install 'podium[kafka]'`") == len(("request", "dead-letters"))
