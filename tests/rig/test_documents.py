"""Alerts, dead letters and large events through the sink under the deployed templates."""

from collections.abc import Iterator

import orjson
import pytest
from elasticsearch import Elasticsearch

from tocsin.pipelines.connectors import dead_letters
from tocsin.pipelines.connectors.elasticsearch import Document, ElasticsearchSink, open_client
from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import nest
from tocsin.schemas.records import DeadLetter
from tocsin.schemas.times import END_OF_TIME
from tocsin.schemas.validation import conform

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture
def client(elasticsearch) -> Iterator[Elasticsearch]:
    with open_client([elasticsearch.address]) as client:
        yield client


def test_a_backfill_s_view_of_an_alert_is_stored_and_found(client: Elasticsearch) -> None:
    """The end of time is a date that the server takes; group, evidence and status are searched."""
    fields = {
        "@timestamp": "2025-11-24T16:00:00.000001Z",
        "event.kind": "alert",
        "tocsin.group": {"source.ip": "192.0.2.9"},
        "tocsin.count": 5,
        "tocsin.evidence.first": [{"id": "e1", "time": "2025-11-24T15:59:00.000000Z"}],
        "tocsin.period.start": "2025-11-24T15:00:00.000000Z",
    }
    index = "tocsin-alerts-documents-2025.11"
    alert = Alert("a", index, nest(fields), revisable=True)
    once = nest({"kibana.alert.workflow_status": "open", "tocsin.origin": "backfill"})

    outcome = ElasticsearchSink(client).revise([alert], END_OF_TIME, once)

    assert (outcome.stored, outcome.refused) == (1, ())
    client.indices.refresh(index=index)
    for query in (
        {"term": {"tocsin.group.source.ip": "192.0.2.9"}},
        {"term": {"tocsin.evidence.first.id": "e1"}},
        {"term": {"kibana.alert.workflow_status": "open"}},
        {"range": {"tocsin.watermark": {"gte": "9999-12-31"}}},
    ):
        assert client.count(index=index, query=query)["count"] == 1, query


def test_an_event_of_the_largest_record_is_stored(client: Elasticsearch) -> None:
    """An original of 1 MiB is kept whole, though nothing so long can be indexed."""
    index = "tocsin-events-other-documents-2025.11"
    event = conform(
        {
            "@timestamp": "2025-11-24T16:00:00.000001Z",
            "event.original": "x" * (1 << 20),
            "message": "y" * (1 << 20),
        }
    )

    outcome = ElasticsearchSink(client).create(
        [Document(index, "large", orjson.dumps(nest(event)))]
    )

    assert outcome.stored == 1
    source = client.get(index=index, id="large")["_source"]
    assert len(source["event"]["original"]) == 1 << 20


def test_a_dead_letter_is_stored_and_found_by_its_stage(client: Elasticsearch) -> None:
    """What a person asks the dead-letter index can be answered."""
    letter = DeadLetter(b"\xff" * 100_000, "kafka/t/0/1", 5, "mail", "lone", "parse", "r" * 50_000)

    outcome = ElasticsearchSink(client).create([dead_letters.to_indexed(letter)])

    assert outcome.stored == 1
    client.indices.refresh(index="tocsin-dead-letters")
    terms = {"organization.name": "lone", "tocsin.dead_letter.stage": "parse"}
    query = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
    assert client.count(index="tocsin-dead-letters", query=query)["count"] == 1
