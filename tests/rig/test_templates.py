"""The index templates on a real server: whatever conforms is taken, and found."""

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch

from tocsin.pipelines.connectors.elasticsearch import open_client
from tocsin.schemas.events import nest
from tocsin.schemas.fields import EVENT_FIELDS
from tocsin.schemas.validation import conform

pytestmark = [pytest.mark.services, pytest.mark.slow]

INDEX = "tocsin-events-server-templates-2026.11"

HOSTILE: list[Any] = [
    None,
    "",
    " ",
    "N/A",
    "x" * 100_000,
    "\u20ac" * 40_000,
    "a\0b",
    "a\ud800b",
    "fe80::1%eth0",
    "::ffff:192.0.2.1",
    "0001-01-01T00:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z",
    "2026-11-24T11:52:50+23:59",
    0,
    -1,
    2**63 - 1,
    2**63,
    -(2**63),
    10**400,
    1.5,
    1e308,
    -0.0,
    float("nan"),
    float("inf"),
    True,
    [],
    ["a", None, 1],
    [["a"], [["b"]]],
    {},
    {"a": {"b": [{"c": "x" * 40_000}]}},
    {"": {"": 1}, "a.b": 1, "a": 2, ".": 3, "\0": 4},
    {"n" * 2_000: "\u20ac" * 9_000},
]
HOSTILE_NAMES = [
    "unknown",
    "",
    ".",
    "a..b",
    "winlog",
    "winlog.",
    "winlog..x",
    "winlog.event_data",
    "winlog.event_data.",
    "winlog.event_data." + "a." * 200,
    "winlog.event_data." + "n" * 5_000,
    "winlog.event_data.a\0b",
    "host",
    "source.ip.v4",
    "labels",
    "labels.a",
    "dns.answers",
    "dns.answers.data",
    "tocsin.misfit",
]


@pytest.fixture
def client(elasticsearch) -> Iterator[Elasticsearch]:
    with open_client([elasticsearch.address]) as client:
        yield client


def _store(client: Elasticsearch, events: list[dict[str, Any]]) -> list[Any]:
    """What the server refused of `events`, with the reasons."""
    lines = []
    for event in events:
        lines += [b'{"create":{}}', orjson.dumps(nest(conform(event)))]
    answer = client.bulk(index=INDEX, body=b"\n".join(lines) + b"\n", refresh=True)
    return [item["create"] for item in answer["items"] if item["create"]["status"] != 201]


def test_every_hostile_value_in_every_field_is_stored(client: Elasticsearch) -> None:
    """Conforming events are never refused: not one of some thousands."""
    names = [*EVENT_FIELDS, *HOSTILE_NAMES]
    for value in HOSTILE:
        assert _store(client, [{name: value} for name in names]) == []


def test_hostile_fields_side_by_side_are_stored(client: Elasticsearch) -> None:
    """Names that are values and parents at once, in one event."""
    dice = random.Random(1)
    names = [*EVENT_FIELDS, *HOSTILE_NAMES * 10]
    short = [value for value in HOSTILE if len(repr(value)) < 1_000]
    events = [{name: dice.choice(short) for name in dice.sample(names, 30)} for _ in range(2_000)]

    assert _store(client, events) == []


def test_stored_events_are_found_by_type(client: Elasticsearch) -> None:
    """Address ranges, times, vendor names, and text in any case."""
    event = {
        "@timestamp": "2026-11-24T11:52:50.123456Z",
        "event.id": "found-by-type",
        "event.category": ["process"],
        "source.ip": "192.0.2.7",
        "process.command_line": "C:\\Windows\\System32\\CMD.EXE /c whoami",
        "winlog.event_data.TargetUserName": "Anna",
        "event.sequence": "not a number",
    }
    assert _store(client, [event]) == []

    for query in (
        {"term": {"source.ip": "192.0.2.0/28"}},
        {
            "range": {
                "@timestamp": {"gte": "2026-11-24T11:52:50.123Z", "lt": "2026-11-24T11:52:51Z"}
            }
        },
        {"wildcard": {"process.command_line.caseless": "*cmd.exe*"}},
        {"term": {"winlog.event_data.TargetUserName": "Anna"}},
        {"term": {"tocsin.misfit.event.sequence": "not a number"}},
        {"term": {"tags": "field_misfit"}},
    ):
        wanted = {"bool": {"filter": [query, {"term": {"event.id": "found-by-type"}}]}}
        assert client.count(index=INDEX, query=wanted)["count"] == 1, query
