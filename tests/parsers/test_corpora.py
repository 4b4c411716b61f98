"""Lines that real devices wrote, from public corpora, are understood; none is copied here."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context
from tocsin.parsers.decoding import decode

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))


@pytest.fixture
def samples() -> Path:
    """The folder of raw line samples."""
    root = os.environ.get("TOCSIN_CORPORA")
    if not root:
        pytest.skip("TOCSIN_CORPORA names no folder of public corpora")
    return Path(root) / "samples"


def lines(path: Path) -> Iterator[str]:
    """The lines of a sample that are not blank."""
    return filter(str.strip, decode(path.read_bytes()).split("\n"))


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("apache", "loghub/Apache_2k.log"),
        ("cisco_asa", "metron/cisco_asa.log"),
        ("paloalto", "metron/paloalto.log"),
        ("squid", "metron/squid.log"),
    ],
)
def test_every_line_is_wholly_understood(samples: Path, name: str, sample: str):
    """Each line is an event, none of them partial."""
    for line in lines(samples / sample):
        event = PARSERS[name].parse(line, CONTEXT)

        assert "error.message" not in event, line
