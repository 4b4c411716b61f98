"""Who may import whom: the rooms keep their directions, the pure core knows no runner."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

ROOMS = {
    "tocsin.schemas": (),
    "tocsin.parsers": ("tocsin.schemas",),
    "tocsin.correlation_rules": (),
    "tocsin.pipelines.detection": ("tocsin.schemas",),
    "tocsin.pipelines.correlation": (
        "tocsin.schemas",
        "tocsin.pipelines.detection.rules",
        "tocsin.pipelines.detection.documents",
    ),
    "tocsin.pipelines.alerts": (
        "tocsin.schemas",
        "tocsin.pipelines.detection",
        "tocsin.pipelines.correlation",
    ),
    "tocsin.pipelines.connectors": ("tocsin.schemas",),
}
"""What the modules of a room may import of ours, besides their own room."""

PURE = (
    "tocsin.schemas",
    "tocsin.parsers",
    "tocsin.pipelines.detection",
    "tocsin.pipelines.correlation",
    "tocsin.pipelines.alerts",
    "tocsin.pipelines.stages",
)

OUTSIDE_THE_CORE = {
    "apache_beam",
    "kafka",
    "elasticsearch",
    "elastic_transport",
    "socket",
    "requests",
}

MODULES = sorted(
    path
    for folder in ("schemas", "parsers", "pipelines", "correlation_rules")
    for path in (REPOSITORY / folder).rglob("*.py")
)


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(("tocsin", *(part for part in parts if part != "__init__")))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    """Imports point from hosts to rooms, from rooms to the core, and never back."""
    name = module_name(path)
    ours = {found for found in imports(path) if found.startswith("tocsin.")}
    room = next((room for room in ROOMS if within(name, (room,))), None)

    if room is None:
        forbidden = () if within(name, ("tocsin.pipelines.cli",)) else ("tocsin.pipelines.cli",)
        wrong = {found for found in ours if within(found, forbidden)}
    else:
        wrong = {found for found in ours if not within(found, (room, *ROOMS[room]))}

    assert not wrong


@pytest.mark.parametrize(
    "path", [path for path in MODULES if within(module_name(path), PURE)], ids=module_name
)
def test_the_pure_core_knows_no_runner_and_no_server(path: Path) -> None:
    """Parsing, detection, correlation and alerts are functions: no Beam, Kafka, Elasticsearch."""
    assert not {found.partition(".")[0] for found in imports(path)} & OUTSIDE_THE_CORE


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_is_about_one_thing(path: Path) -> None:
    """A module of more than 450 lines is about more than one thing."""
    assert len(path.read_text().splitlines()) <= 450
