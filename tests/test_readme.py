"""What README and the documents say of commands, targets and files is there."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]


def test_make_targets_of_the_readme_are_those_of_the_makefile() -> None:
    """Each `make X` that README names is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)?)\b", README)) <= targets


def test_commands_of_the_readme_are_in_the_reference() -> None:
    """Each `tocsin X` that README names has its heading in docs/commands.md."""
    named = set(re.findall(r"\btocsin ((?:rules|deploy) [a-z]+|[a-z]+)\b", README))
    reference = (REPOSITORY / "docs" / "commands.md").read_text()
    headings = set(re.findall(r"^## `tocsin ([a-z ]+)`", reference, re.MULTILINE))

    assert named - {"is"} <= headings


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []
