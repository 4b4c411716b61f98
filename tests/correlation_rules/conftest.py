"""The shipped rules, loaded once."""

import pytest

from tocsin.pipelines.engine import Engine, load_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """All shipped rules, compiled."""
    return load_engine([])
