"""Real Windows events: what rules read in the source's fields they read in ours, letter by letter."""

import gzip
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from evtx import PyEvtxParser

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context
from tocsin.schemas.sigma import field_map, read_table
from tocsin.schemas.validation import conform

pytestmark = pytest.mark.slow

CONTEXT = Context(datetime(2026, 11, 24, 12, tzinfo=UTC))


@pytest.fixture
def corpora() -> Path:
    folder = Path(os.environ.get("TOCSIN_CORPORA", "absent"))
    if not folder.is_dir():
        pytest.skip("needs recorded Windows events: set TOCSIN_CORPORA")
    return folder


def _event(record: str) -> dict[str, Any]:
    return conform(PARSERS["windows"].parse(record, CONTEXT))


def _exported(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """EventData of every event of the EVTX files, and the event as JSON text."""
    for path in sorted(folder.glob("**/*.evtx")):
        for record in PyEvtxParser(str(path)).records_json():
            content = orjson.loads(record["data"])["Event"]
            data = dict(content.get("EventData") or {})
            data.pop("#attributes", None)
            yield data, record["data"]


def test_event_data_of_exported_logs_is_kept(corpora: Path) -> None:
    """Every value of EventData stands at its field's target, unchanged."""
    windows = field_map("windows", None, None)
    seen = 0
    for data, record in _exported(corpora / "sigmahq" / "regression_data"):
        event = _event(record)
        for name, value in data.items():
            (target,) = windows.targets(name)
            assert event[target] == value, (name, record[:200])
            seen += 1
    assert seen > 4_000


def test_fields_that_public_rules_use_are_kept_of_shipped_events(corpora: Path) -> None:
    """Of every 50th of 200,000 events, each field that a shipper sent; known differences aside."""
    windows = field_map("windows", None, None)
    named = {name for entry in read_table().entries for name in entry.fields}
    sysmon = {"Image", "CommandLine", "TargetFilename", "TargetObject", "Details", "Hashes", "User"}
    fields = (named | sysmon) - set(read_table().differs)
    seen = 0
    with gzip.open(corpora / "otrf" / "windows_200k.jsonl.gz") as lines:
        for number, line in enumerate(lines):
            if number % 50:
                continue
            native, event = orjson.loads(line), _event(line.decode())
            for name in fields & native.keys():
                (target,) = windows.targets(name)
                assert event[target] == native[name], (name, native["Channel"])
                seen += 1
    assert seen > 20_000
