"""Settings: what the environment and the file say, and what is said about a mistake."""

import os
from pathlib import Path

import pytest
from podium_runtime.settings import InvalidSettings, SecurityProtocol, ServiceSettings, load


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Podium's variables out of the environment."""
    for name in [name for name in os.environ if name.startswith("PODIUM_")]:
        monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ServiceSettings:
    for name, value in variables.items():
        monkeypatch.setenv(f"PODIUM_{name}", value)
    return load()


def mistakes(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(InvalidSettings) as raised:
        given(monkeypatch, **variables)
    assert "docs/reference/settings.md" in raised.value.hint or "no file" in str(raised.value)
    return str(raised.value)


def test_a_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The two are merged field by field, also one level down; what an argument gives wins over both."""
    file = tmp_path / "podium.toml"
    file.write_text('processes = 7\n[kafka]\nbootstrap_servers = "file:1"\nreplication = 3\n')
    found = given(monkeypatch, SETTINGS=str(file), KAFKA__BOOTSTRAP_SERVERS="variable:1")
    assert (found.processes, found.kafka.replication) == (7, 3)
    assert found.kafka.bootstrap_servers == "variable:1"
    asked = load(kafka={"bootstrap_servers": "argument:1"}).kafka
    assert (asked.bootstrap_servers, asked.replication) == ("argument:1", 3)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As charts and compose files leave them."""
    assert given(monkeypatch, PROCESSES="", SETTINGS="") == ServiceSettings()


def test_a_secret_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither whole settings nor a mistake in them show the password."""
    secret = {"KAFKA__SASL_USERNAME": "podium", "KAFKA__SASL_PASSWORD": "geheim"}
    found = given(monkeypatch, KAFKA__SECURITY_PROTOCOL="SASL_SSL", **secret)
    assert found.kafka.password == "geheim"
    assert "geheim" not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"
    assert "geheim" not in mistakes(monkeypatch, KAFKA__REPLICATION="none")


def test_a_password_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As Kubernetes mounts it; the line break that editors add is not part of it."""
    file = tmp_path / "password"
    file.write_text("geheim\n")
    variables = {"KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA__SASL_USERNAME": "podium"}
    found = given(monkeypatch, KAFKA__SASL_PASSWORD_FILE=str(file), **variables)
    assert found.kafka.password == "geheim"
    assert (found.kafka.security_protocol.encrypts, found.kafka.security_protocol.logs_in) == (False, True)
    file.write_bytes(b"\xff")
    assert "cannot be read" in mistakes(monkeypatch)


MISTAKES = {
    "a word": ({"PROCESSES": "many"}, "PODIUM_PROCESSES: Input should be a valid integer"),
    "a number": ({"HTTP_PORT": "70000"}, "PODIUM_HTTP_PORT: Input should be less than 65536"),
    "an unknown variable": ({"KAFKA__SERVERS": "x"}, "PODIUM_KAFKA__SERVERS: Extra inputs are not permitted"),
    "no JSON": ({"KAFKA": "{"}, '"kafka"'),
    "no such file of settings": ({"SETTINGS": "/nowhere.toml"}, "there is no file /nowhere.toml"),
    "no such certificate": ({"KAFKA__SSL_CA_FILE": "/nowhere.pem"}, "PODIUM_KAFKA__SSL_CA_FILE: Path does not point"),
    "a certificate without its key": (
        {"KAFKA__SSL_CERTIFICATE_FILE": __file__},
        "PODIUM_KAFKA: give ssl_certificate_file and ssl_key_file together",
    ),
    "no password": (
        {"KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "KAFKA__SASL_USERNAME": "podium"},
        "PODIUM_KAFKA: SASL_SSL needs sasl_username, and sasl_password or sasl_password_file",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("variables", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    """People read which variable is wrong, and how."""
    assert message in mistakes(monkeypatch, **variables)


def test_mistakes_are_listed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start shows all of them, a line each."""
    assert len(mistakes(monkeypatch, PROCESSES="0", BACKLOG="0", LOG_LEVEL="LOUD").splitlines()) == 3


@pytest.mark.parametrize("text", ["a = ", "proceses = 3"], ids=["no TOML", "an unknown key"])
def test_a_mistake_in_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """A file that is not what somebody meant is not passed over."""
    file = tmp_path / "podium.toml"
    file.write_text(text)
    assert ("PROCESES" in mistakes(monkeypatch, SETTINGS=str(file))) == (text != "a = ")


@pytest.mark.parametrize("protocol", SecurityProtocol)
def test_what_a_protocol_means(protocol: SecurityProtocol) -> None:
    """TLS and SASL are told from its name, as Kafka's own clients do."""
    assert protocol.encrypts == protocol.value.endswith("SSL")
    assert protocol.logs_in == ("SASL" in protocol.value)


def test_every_setting_is_in_the_reference() -> None:
    """The page lists each variable by its name."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "settings.md").read_text()
    names = set(ServiceSettings.model_fields) - {"kafka", "retry"}
    for group in ("kafka", "retry"):
        annotation = ServiceSettings.model_fields[group].annotation
        assert annotation
        names |= {f"{group}__{name}" for name in annotation.model_fields}
    assert [name for name in sorted(names) if f"`PODIUM_{name.upper()}`" not in page] == []
