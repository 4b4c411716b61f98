"""The compose file, as far as it can be judged without Docker: it agrees with all it refers to."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from tocsin.parsers import PARSERS
from tocsin.pipelines.config import load_config

FOLDER = Path(__file__).parents[2] / "deploy" / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
services = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def pom_version(name: str, artifact: str) -> str | None:
    """The version of `artifact` that the local services run."""
    tree = ET.parse(FOLDER.parent / "local" / name / "pom.xml")
    space = "{http://maven.apache.org/POM/4.0.0}"
    for dependency in tree.iter(f"{space}dependency"):
        if dependency.findtext(f"{space}artifactId") == artifact:
            return dependency.findtext(f"{space}version")
    return None


def test_servers_are_those_that_the_tests_run() -> None:
    """What was tried with one version is not deployed with another."""
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{pom_version('kafka', 'kafka_2.13')}"
    version = pom_version("elasticsearch", "elasticsearch")
    assert SERVICES["elasticsearch"]["image"] == f"elasticsearch:{version}"
    assert SERVICES["accounts"]["image"] == f"elasticsearch:{version}"
    assert SERVICES["kibana"]["image"] == f"kibana:{version}"


@services
def test_nothing_is_published_beyond_this_machine(service: dict[str, Any]) -> None:
    """Each port is bound to loopback."""
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@services
def test_no_password_has_a_value_here(service: dict[str, Any]) -> None:
    """Passwords come from the environment, and a missing one stops the start with its name."""
    example = (FOLDER / ".env.example").read_text()
    for name, value in service.get("environment", {}).items():
        if "PASSWORD" in name:
            variable = re.fullmatch(r"\$\{([A-Z_]+):\?set it in \.env\}", value)
            assert variable
            assert f"\n{variable[1]}=\n" in example


@services
def test_dependencies_can_come_true(service: dict[str, Any]) -> None:
    """A service that is waited for has a health check; one whose end is waited for does end."""
    for name, wanted in service.get("depends_on", {}).items():
        if wanted["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[name]
        else:
            assert wanted["condition"] == "service_completed_successfully"
            assert "restart" not in SERVICES[name]


@services
def test_volumes_are_there(service: dict[str, Any]) -> None:
    """Files that are mounted stand beside the compose file; named volumes are declared."""
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (FOLDER / source).is_file()
        else:
            assert source in COMPOSE["volumes"]


def test_images_are_built_from_what_is_there() -> None:
    """Each file and folder that the image copies is in the repository."""
    root = (FOLDER / SERVICES["deploy"]["build"]["context"]).resolve()
    assert (root / SERVICES["deploy"]["build"]["dockerfile"]).is_file()
    copies = re.findall(r"^COPY (.*) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    for path in " ".join(copies).split():
        assert (root / path).exists()


def test_configuration_reaches_the_services() -> None:
    """The file is valid, and its hosts are services with those listeners."""
    config = load_config(FOLDER / "tocsin.toml", PARSERS)

    assert config.kafka.bootstrap_servers == ("kafka:9093",)
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert "INSIDE://kafka:9093" in advertised.split(",")
    assert config.elasticsearch.hosts == ("http://elasticsearch:9200",)
    assert f"put user/{config.elasticsearch.username} " in (FOLDER / "accounts.sh").read_text()


def test_listeners_are_complete() -> None:
    """Every listener has a protocol, and every advertised one is listened on."""
    environment = SERVICES["kafka"]["environment"]
    listening = {item.split("://")[0] for item in environment["KAFKA_LISTENERS"].split(",")}
    advertised = {
        item.split("://")[0] for item in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    }
    protocols = {
        item.split(":")[0]
        for item in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    }

    assert listening == protocols
    assert advertised == listening - {environment["KAFKA_CONTROLLER_LISTENER_NAMES"]}


def test_the_role_is_json_and_names_only_our_indices() -> None:
    """The writer may touch nothing but Tocsin's indices, and delete nothing."""
    role = json.loads((FOLDER / "tocsin_writer.json").read_text())

    for grant in role["indices"]:
        assert all(name.startswith("tocsin-") for name in grant["names"])
        assert not {"all", "write", "delete", "delete_index", "manage"} & set(grant["privileges"])


def test_the_stream_can_drain_before_it_is_killed() -> None:
    """Docker waits longer for the worker than the worker for what is under way."""
    grace = int(SERVICES["stream"]["stop_grace_period"].removesuffix("s"))

    assert grace > 30


def test_sources_are_named_once() -> None:
    """No two sources of the example share a topic."""
    sources = tomllib.loads((FOLDER / "tocsin.toml").read_text())["source"]

    assert len({source["topic"] for source in sources}) == len(sources)
