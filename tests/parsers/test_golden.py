"""Golden corpora: raw lines and the events they are, under the same name, by parser.

`golden/PARSER/CASE.log` holds records, one a line; `CASE.json` the list of their events. All were
received at one time from a source in one zone.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context

GOLDEN = Path(__file__).parent / "golden"
CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), ZoneInfo("Europe/Madrid"))
CASES = sorted(path.relative_to(GOLDEN).with_suffix("") for path in GOLDEN.glob("*/*.log"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lines_become_exactly_the_events_written_beside_them(case: Path):
    """Each line of a golden log gives its event: every field, and no other."""
    lines = (GOLDEN / case).with_suffix(".log").read_text(encoding="utf-8").splitlines()
    expected = json.loads((GOLDEN / case).with_suffix(".json").read_text(encoding="utf-8"))
    parse = PARSERS[case.parts[0]].parse

    events = [parse(line, CONTEXT) for line in lines]

    for number, (event, wanted) in enumerate(zip(events, expected, strict=True), start=1):
        assert event == wanted, f"{case}.log:{number}"
