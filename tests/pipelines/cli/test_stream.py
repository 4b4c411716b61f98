"""What `tocsin stream` takes of a runner, and what it does not."""

from pathlib import Path

import pytest

from tocsin.pipelines.cli.main import run

CONFIG = """
[[source]]
name = "server"
topic = "server"
parser = "linux"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration of one source."""
    path = tmp_path / "tocsin.toml"
    path.write_text(CONFIG)
    return str(path)


def test_options_of_beam_need_a_runner(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker would not heed them."""
    assert run(["stream", "--config", config, "--", "--job_endpoint=127.0.0.1:9"]) == 2
    assert "--job_endpoint=127.0.0.1:9: options of Beam's need --runner" in _said(capsys)


@pytest.mark.parametrize("option", ["--until-idle", "--json"])
def test_what_only_a_worker_does_is_refused(
    option: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job on a cluster has no end, and its counters are the runner's."""
    assert run(["stream", "--config", config, "--runner", "PortableRunner", option]) == 2
    assert "are a worker's, not a runner's" in _said(capsys)


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    """Standard error in one line, as boxes and wrapping depend on the terminal."""
    return " ".join(capsys.readouterr().err.replace("│", " ").split())
