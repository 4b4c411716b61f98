"""The distribution holds what the checkout holds, under one top-level package."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROOMS = ("correlation_rules", "parsers", "pipelines", "schemas")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def test_every_package_is_listed() -> None:
    """A folder of modules that setuptools is not told of would be missing from the wheel."""
    folders = {
        ".".join(("tocsin", *init.parent.relative_to(REPOSITORY).parts))
        for room in ROOMS
        for init in (REPOSITORY / room).rglob("__init__.py")
    }

    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders


def test_constraints_pin_every_dependency() -> None:
    """constraints.txt names one version of each, for a range of Pythons perhaps, and no address."""
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines}
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
    ]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=\[; ]", need)[0]).lower() for need in wanted}

    assert all(
        re.fullmatch(r"[\w.-]+==[\w.+!-]+(; python_version [<>]=? \"3\.\d+\")?", line)
        for line in lines
    )
    assert names <= pinned


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a clean export: what stands in the index or is new and not ignored."""
    folder = tmp_path_factory.mktemp("wheel")
    export = folder / "export"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, check=True, capture_output=True,
    ).stdout.split(b"\0")  # fmt: skip
    for name in filter(None, map(os.fsdecode, listed)):
        source, target = REPOSITORY / name, export / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, export],
        check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_has_one_top_level_package_and_all_modules(wheel: Path) -> None:
    """Everything installs below `tocsin`, data files included."""
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tocsin"}
    for room in ROOMS:
        for path in (REPOSITORY / room).rglob("*"):
            if path.suffix in {".py", ".yml"} or path.name == "py.typed":
                assert f"tocsin/{path.relative_to(REPOSITORY)}" in names


@pytest.mark.slow
def test_the_installed_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """The command parses, checks its rules and shows its help from the installed wheel alone."""
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel],
        check=True,
    )
    code = "import sys; from tocsin.pipelines.cli.main import run; sys.exit(run(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def tocsin(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-c", code, *words],
            input=stdin, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    line = "Nov 24 10:00:00 web1 sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2\n"
    parsed = tocsin("parse", "linux", "-", stdin=line)
    checked = tocsin("rules", "check")

    assert tocsin("--help").returncode == 0
    assert parsed.returncode == 0, parsed.stderr
    assert '"192.0.2.7"' in parsed.stdout
    assert checked.returncode == 0, checked.stderr
