"""Records for the tests of this folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.pipelines.demo.generate import PARSERS, generate


@pytest.fixture(scope="session")
def thinned_day(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A function that makes a folder of the demo's logs, with one in so many quiet records.

    The attack is there as a whole.
    """

    def make(every: int) -> Path:
        folder = tmp_path_factory.mktemp("city")
        full, quiet = folder / "full", folder / "quiet"
        generate(full)
        generate(quiet, story=False)
        thin = folder / "thin"
        thin.mkdir()
        for name in PARSERS:
            usual = set((quiet / "logs" / f"{name}.log").read_bytes().splitlines(keepends=True))
            lines = (full / "logs" / f"{name}.log").read_bytes().splitlines(keepends=True)
            kept = (
                line
                for number, line in enumerate(lines)
                if number % every == 0 or line not in usual
            )
            (thin / f"{name}.log").write_bytes(b"".join(kept))
        shutil.rmtree(full)
        shutil.rmtree(quiet)
        return thin

    return make
