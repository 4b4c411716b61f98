"""Keywords are found by a pass over records, which must see all that they could stand in."""

import gzip
import json
from datetime import UTC, datetime
from itertools import islice

import orjson
import pytest

from tocsin.parsers import PARSERS
from tocsin.parsers.context import Context
from tocsin.pipelines.detection.detector import compile_rules
from tocsin.pipelines.detection.keywords import _shared
from tocsin.pipelines.detection.source_text import source_texts

RULES = """\
title: K
id: k
logsource: {product: windows}
detection: {words: [sekurlsa, 'misc::skeleton', 'misc::shadow', 'C:\\kiwi'], condition: words}
"""
CONTEXT = Context(datetime(2026, 11, 24, tzinfo=UTC))


def normalized(record: str) -> dict[str, object]:
    return PARSERS["windows"].parse(record, CONTEXT) | {"event.original": record}


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("a SEKURLSA b", True),
        ("misc::Skeleton", True),
        ("misc::ske", False),
        ("c:\\KIWI\\x", True),
        ("c:/kiwi", False),
        ("se\u212aurlsa", True),
        ("nothing", False),
    ],
)
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_keywords_of_normalised_events(load, text, held, ensure_ascii):
    """Whatever the record writes as an escape, alone and in a batch of others."""
    record = json.dumps(
        {"Channel": "Application", "EventID": 1, "Payload": text}, ensure_ascii=ensure_ascii
    )
    other = json.dumps({"Channel": "Application", "EventID": 1, "Payload": "other"})
    detector = compile_rules(load(RULES))

    found = detector.match([normalized(other), normalized(record), normalized(other)])

    assert [(index, rule.info.id) for index, rule in found] == [(1, "k")] * held


def test_keywords_beside_records_that_are_no_json(load):
    """Events of records in XML, or of none, are looked at text by text."""
    xml = (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        "<Provider Name='P'/><EventID>1</EventID><Channel>Application</Channel></System>"
        "<EventData><Data Name='Payload'>seku&#x72;lsa</Data></EventData></Event>"
    )
    plain = json.dumps({"Channel": "Application", "EventID": 1, "Payload": "x"})
    without = normalized(plain) | {"winlog.event_data.Payload": "sekurlsa"}
    del without["event.original"]
    detector = compile_rules(load(RULES))

    found = detector.match([normalized(plain), normalized(xml), without])

    assert [index for index, _ in found] == [1, 2]


def test_keywords_of_records_that_only_look_like_json(load):
    """Text within braces is no JSON, and writes a backslash as it is."""
    text = "{a C:\\kiwi b}"
    event = {
        "winlog.channel": "Application",
        "winlog.event_id": 1,
        "message": text,
        "event.original": text,
    }

    assert len(compile_rules(load(RULES)).match([event])) == 1


def test_runs_that_begin_alike_are_looked_for_as_one():
    """Only where what they share is long enough to be rare."""
    runs = ["misc::skeleton", "misc::shadowcopies", "mimidrv.sys", "miscalls", "mimilib"]

    assert _shared(runs) == ["mimidrv.sys", "mimilib", "misc::s", "miscalls"]


@pytest.mark.slow
def test_all_source_text_stands_in_the_record(sigmahq):
    """Parsers move the values of JSON, and change none of those that keywords look at."""
    path = sigmahq[0].parents[1] / "otrf" / "windows_200k.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        records = list(islice(lines, 0, None, 100))

    for record in records:
        written = orjson.dumps(orjson.loads(record)).decode()
        for key, text in source_texts(normalized(record), native=False):
            assert orjson.dumps(text).decode()[1:-1] in written, key
