"""The generated templates on a real server: accepted, and no conforming event is ever refused."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch

from tocsin.pipelines.connectors import dead_letters, deployment
from tocsin.pipelines.connectors.elasticsearch import Document, ElasticsearchSink, open_client
from tocsin.schemas.events import Event, nest
from tocsin.schemas.fields import EVENT_FIELDS, VENDOR_ROOTS
from tocsin.schemas.records import DeadLetter
from tocsin.schemas.templates import index_templates
from tocsin.schemas.validation import conform

pytestmark = [pytest.mark.services, pytest.mark.slow]

DEEP: Any = "bottom"
for _ in range(40):
    DEEP = {"down": DEEP}

HOSTILE = [
    None,
    True,
    0,
    -1,
    2**63,
    1.5,
    1e400,
    float("nan"),
    "",
    " ",
    "text",
    "2025-13-45T99:99:99Z",
    "0001-01-01T00:00:00.000000Z",
    "999.1.1.1",
    "fe80::1%eth0",
    "lone \udc80 surrogate",
    "nul \x00 inside",
    "x" * 40_000,
    "\U0001f600" * 10_000,
    [],
    ["192.0.2.1", "text", None, 5],
    [["nested"], {"list": [1, {"a": 2}]}],
    {},
    {"": "empty name", "a.b": 1, "a": {"b": 2}},
    {f"key{n}": "v" for n in range(300)},
    DEEP,
]
"""What a log can hold where something else was expected."""


@pytest.fixture(scope="module")
def client(elasticsearch) -> Iterator[Elasticsearch]:
    with open_client([elasticsearch.address]) as client:
        for _ in deployment.deploy(client, index_templates(replicas=0)):
            pass
        yield client
        for name in index_templates():
            client.indices.delete_index_template(name=name)


def document(index: str, number: int, event: Event) -> Document:
    return Document(index, f"id-{number}", orjson.dumps(nest(event)))


def base(**fields: Any) -> Event:
    return {"@timestamp": "2025-11-24T16:00:00.000001Z", "event.id": "e", **fields}


def test_no_event_is_refused_for_any_value_in_any_field(client: Elasticsearch) -> None:
    """Every field and vendor root with every hostile value is stored, as it was or moved aside."""
    names = [*EVENT_FIELDS, *VENDOR_ROOTS, *(f"{root}.a.b" for root in VENDOR_ROOTS), "unknown.x"]
    events = [conform(base(**{name: value})) for name in names for value in HOSTILE]
    index = "tocsin-events-other-hostile-2025.11"
    sink = ElasticsearchSink(client)

    outcome = sink.create(document(index, n, event) for n, event in enumerate(events))

    assert [(refused.reason, refused.document.source[:200]) for refused in outcome.refused] == []
    assert outcome.stored == len(events)


def test_events_are_found_by_every_kind_of_field(client: Elasticsearch) -> None:
    """Addresses by network, names without regard to case, vendor fields by their name."""
    index = "tocsin-events-server-found-2025.11"
    event = conform(
        base(
            **{"source.ip": "192.0.2.77", "process.name": "PowerShell.EXE", "winlog.event_id": 4688}
        )
    )
    ElasticsearchSink(client).create([document(index, 1, event)])
    client.indices.refresh(index=index)

    for query in (
        {"term": {"source.ip": "192.0.2.0/24"}},
        {"term": {"process.name.caseless": "powershell.exe"}},
        {"term": {"winlog.event_id": "4688"}},
        {"range": {"@timestamp": {"gte": "2025-11-24T16:00:00Z", "lt": "2025-11-24T16:00:01Z"}}},
    ):
        assert client.count(index=index, query=query)["count"] == 1, query


def test_an_event_of_the_largest_record_is_stored(client: Elasticsearch) -> None:
    """An original of 1 MiB is kept whole, though nothing so long can be indexed."""
    index = "tocsin-events-other-large-2025.11"
    event = conform(base(**{"event.original": "x" * (1 << 20), "message": "y" * (1 << 20)}))

    outcome = ElasticsearchSink(client).create([document(index, 1, event)])

    assert outcome.stored == 1
    source = client.get(index=index, id="id-1")["_source"]
    assert len(source["event"]["original"]) == 1 << 20


def test_a_dead_letter_is_stored_and_found_by_its_stage(client: Elasticsearch) -> None:
    """What a person asks the dead-letter index can be answered."""
    letter = DeadLetter(b"\xff" * 100_000, "kafka/t/0/1", 5, "mail", "acme", "parse", "r" * 50_000)

    outcome = ElasticsearchSink(client).create([dead_letters.to_indexed(letter)])

    assert outcome.stored == 1
    client.indices.refresh(index="tocsin-dead-letters")
    query = {"term": {"tocsin.dead_letter.stage": "parse"}}
    assert client.count(index="tocsin-dead-letters", query=query)["count"] == 1
