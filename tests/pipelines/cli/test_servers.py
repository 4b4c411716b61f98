"""Servers that are not there: one message with the address, exit status 1."""

import socket
from pathlib import Path

import pytest

from tocsin.pipelines.cli.main import run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose addresses nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "tocsin.toml"
    path.write_text(
        f'kafka.bootstrap_servers = ["127.0.0.1:{port}"]\n'
        f'elasticsearch.hosts = ["http://127.0.0.1:{port}"]\n'
        '[[source]]\nname = "auth"\ntopic = "raw.auth"\nparser = "linux"\n'
    )
    return path


def test_no_elasticsearch_is_told(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Deploying names the node that does not answer."""
    assert run(["deploy", "elasticsearch", "--config", str(config)]) == 1

    told = capfd.readouterr().err
    assert told.startswith("tocsin: Elasticsearch at http://127.0.0.1:")
    assert len(told.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", ["stream", "deploy kafka"])
def test_no_broker_is_told(command: str, config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Streaming and deploying name the broker that does not answer."""
    assert run([*command.split(), "--config", str(config)]) == 1

    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("tocsin: ")]
    assert len(told) == 1
    assert told[0].startswith("tocsin: Kafka at 127.0.0.1:")


def test_a_configuration_without_sources_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to stream."""
    (tmp_path / "empty.toml").write_text("")

    assert run(["stream", "--config", str(tmp_path / "empty.toml")]) == 2
    assert "names no [[source]]" in capfd.readouterr().err


def test_a_wrong_configuration_key_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Path, key and what was probably meant, with exit status 2."""
    path = tmp_path / "wrong.toml"
    path.write_text("[kafka]\ngruop = 'x'\n")

    assert run(["stream", "--config", str(path)]) == 2
    assert capfd.readouterr().err == (
        f"tocsin: {path}: kafka.gruop: no such key; did you mean group?\n"
    )
