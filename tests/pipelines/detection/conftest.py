"""What tests of detection share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from tocsin.pipelines.detection.load import load_rules

# The first example of a process pays for tables that are made once.
settings.register_profile("detection", deadline=None)
settings.load_profile("detection")


@pytest.fixture(scope="session")
def sigmahq():
    """The directories of all active public rules; skips where there are none."""
    corpora = os.environ.get("TOCSIN_CORPORA")
    if not corpora:
        pytest.skip("TOCSIN_CORPORA is not set")
    folders = sorted(Path(corpora, "sigmahq").glob("rules*"))
    if not folders:
        pytest.skip(f"no sigmahq/rules* in {corpora}")
    return folders


@pytest.fixture
def load(tmp_path):
    """A function that loads rule files given as texts by name."""

    def load(files, **options):
        if isinstance(files, str | bytes):
            files = {"rule.yml": files}
        for name, text in files.items():
            path = tmp_path / "rules" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_rules([tmp_path / "rules"], **options)

    return load


@pytest.fixture(scope="session")
def expressions():
    """A function that gives a strategy: regular expressions made of some atoms.

    Two may be alternatives, and what is no anchor or repetition may be repeated.
    """

    @st.composite
    def expressions(draw, atoms):
        pattern = ""
        for _ in range(draw(st.integers(1, 5))):
            atom = draw(st.sampled_from(atoms))
            if draw(st.booleans()):
                atom = f"({atom}|{draw(st.sampled_from(atoms))})"
            if atom not in ("^", "$", r"\b", r"\B") and atom[-1] != "}" and draw(st.booleans()):
                atom += draw(st.sampled_from(["*", "+", "?", "*?", "{1,2}", "{2,}"]))
            pattern += atom
        return pattern

    return expressions
