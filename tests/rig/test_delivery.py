"""What follows from a batch, written to real servers (DELIVERY §3.3, §3.6, §4.1, §5.2, §5.4)."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from kafka import TopicPartition

from tocsin.pipelines.connectors import kafka as connector
from tocsin.pipelines.connectors.elasticsearch import ElasticsearchSink, open_client
from tocsin.pipelines.connectors.matches_topic import Matches, MatchesTopic, decode
from tocsin.pipelines.delivery import Delivery, Topics
from tocsin.pipelines.engine import load_engine
from tocsin.pipelines.metrics import UNSEEN, Account, Counters, accounts, total
from tocsin.schemas.indices import DEAD_LETTERS_INDEX
from tocsin.schemas.marks import Origin
from tocsin.schemas.records import Batch, Record, Source
from tocsin.schemas.times import parse_time

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RULES = """
title: Refused log-on
id: refused
logsource: {product: ecs, category: authentication}
taxonomy: ecs
detection:
  selection: {event.outcome: failure}
  condition: selection
---
title: Three refused within a minute
id: guessing
correlation:
  type: event_count
  rules: [refused]
  group-by: [source.ip]
  timespan: 1m
  condition: {gte: 3}
  generate: true
"""
RECEIVED = parse_time("2026-11-17T10:00:00Z")
REFUSED = (
    b"2026-11-17T09:59:%02dZ gate sshd[1]: Failed password for root from 192.0.2.7 port 1 ssh2"
)
TOO_LONG = b"x" * 2001


class Rig:
    """A delivery of one organisation, and what it wrote."""

    def __init__(self, kafka: str, elasticsearch: str, rules: Path, correlated: str) -> None:
        self.name = f"city-{uuid.uuid4().hex[:8]}"
        self.source = Source("gate", "linux", self.name)
        self.cluster = connector.Cluster((kafka,))
        self.matches = MatchesTopic(f"{self.name}-matches", 2)
        self.letters = f"{self.name}-dead-letters"
        admin = connector.open_admin(self.cluster)
        connector.create_topic(admin, self.matches.name, 2)
        connector.create_topic(admin, self.letters, 1)
        admin.close()
        self.producer = connector.open_producer(self.cluster)
        self.client: Elasticsearch = open_client([elasticsearch])
        self.counters = Counters()
        self.deliver = Delivery(
            load_engine([rules]),
            ElasticsearchSink(self.client),
            self.producer,
            Topics(self.matches, self.letters),
            self.counters,
            correlated=frozenset({correlated}),
            record_bytes=2000,
            dead_letter_bytes=100,
            run="test-1",
            stop=lambda: False,
            alarm=pytest.fail,
        )

    def batch(self, *values: bytes) -> Batch:
        records = [
            Record(value, f"kafka/topic-a/0/{10 + number}", RECEIVED)
            for number, value in enumerate(values)
        ]
        return Batch(self.source, records, 0, 10, 10 + len(values), "topic-a")

    def documents(self, index: str) -> list[dict]:
        self.client.indices.refresh(index=index)
        query = {"term": {"organization.name.keyword": self.name}}
        either = {"bool": {"should": [query, {"term": {"organization.name": self.name}}]}}
        hits = self.client.search(index=index, query=either, size=100)["hits"]["hits"]
        return [hit["_source"] for hit in hits]

    def topic(self, name: str, partition: int) -> list[connector.Message]:
        reader = connector.open_consumer(self.cluster, f"{self.name}-reader", "reader")
        key = TopicPartition(name, partition)
        reader.assign([key])
        reader.seek_to_beginning(key)
        end = reader.end_offsets([key])[key]
        messages: list[connector.Message] = []
        while reader.position(key) < end:
            messages += reader.poll(500).get(key, [])
        reader.close()
        return messages

    def close(self) -> None:
        connector.close_producer(self.producer)
        self.client.close()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules.yml").write_text(RULES)
    return tmp_path


@pytest.fixture
def rig(kafka, elasticsearch, rules: Path) -> Iterator[Rig]:
    built = Rig(kafka.address, elasticsearch.address, rules, correlated="gate")
    yield built
    built.close()


def test_each_record_of_a_batch_has_its_answer_where_it_belongs(rig: Rig):
    """Two events with alerts and matches, a dead letter, a blank line; and the account balances."""
    highest = rig.deliver(rig.batch(REFUSED % 1, TOO_LONG, b" ", REFUSED % 2))

    partition = rig.matches.partition(rig.name)
    [matches] = [decode(each.key, each.value) for each in rig.topic(rig.matches.name, partition)]
    [letter] = rig.topic(rig.letters, 0)
    [shown] = rig.documents(DEAD_LETTERS_INDEX)
    assert highest == parse_time("2026-11-17T09:59:02Z")
    assert list(accounts(rig.counters.snapshot())) == [("gate", 0, Account(4, 2, 1, 1))]
    assert len(rig.documents(f"tocsin-events-server-{rig.name}-2026.11")) == 2
    alerts = rig.documents(f"tocsin-alerts-{rig.name}-2026.11")
    assert [alert["rule"]["id"] for alert in alerts] == ["refused", "refused"]
    assert {alert["kibana"]["alert"]["workflow_status"] for alert in alerts} == {"open"}
    assert isinstance(matches, Matches)
    assert (matches.origin, matches.first, matches.next) == (Origin("gate", "topic-a", 0), 10, 14)
    assert [match.fields["source.ip"] for match in matches.matches] == ["192.0.2.7"] * 2
    assert letter.value == TOO_LONG[:100]
    assert dict(letter.headers)["tocsin-place"] == b"kafka/topic-a/0/11"
    assert shown["tocsin"]["dead_letter"]["stage"] == "read"


def test_a_batch_that_is_delivered_again_changes_nothing_that_is_stored(rig: Rig):
    """Not even when it was first read: provenance is written once."""
    batch = rig.batch(REFUSED % 1, REFUSED % 2)
    rig.deliver(batch)
    events = f"tocsin-events-server-{rig.name}-2026.11"
    before = rig.documents(events) + rig.documents(f"tocsin-alerts-{rig.name}-2026.11")

    rig.deliver(batch)
    after = rig.documents(events) + rig.documents(f"tocsin-alerts-{rig.name}-2026.11")

    key = lambda document: (document["event"]["kind"], document["event"]["id"])  # noqa: E731
    assert sorted(before, key=key) == sorted(after, key=key)
    assert len(after) == 4


def test_several_threads_deliver_at_once(rig: Rig):
    """Detection is asked by one at a time, and every batch is whole."""
    batches = [
        replace(
            rig.batch(),
            records=[
                Record(REFUSED % (number % 60), f"kafka/topic-a/{part}/{number}", RECEIVED)
                for number in range(200)
            ],
            partition=part,
        )
        for part in range(4)
    ]

    threads = [threading.Thread(target=rig.deliver, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    found = list(accounts(rig.counters.snapshot()))
    assert found == [("gate", part, Account(200, 200, 0, 0)) for part in range(4)]
    index = f"tocsin-events-server-{rig.name}-2026.11"
    rig.client.indices.refresh(index=index)
    assert rig.client.count(index=index)["count"] == 800


def test_matches_of_history_beside_live_sources_are_a_backfills_business(
    kafka, elasticsearch, rules: Path
):
    """The event and its own alert are written, the topic sees nothing, and that is counted."""
    rig = Rig(kafka.address, elasticsearch.address, rules, correlated="another")
    try:
        rig.deliver(rig.batch(REFUSED % 1))

        assert len(rig.documents(f"tocsin-events-server-{rig.name}-2026.11")) == 1
        assert rig.topic(rig.matches.name, rig.matches.partition(rig.name)) == []
        assert total(rig.counters.snapshot(), UNSEEN) == 1
    finally:
        rig.close()
