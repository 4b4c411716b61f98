"""What a job of the Beam graph is planned to be, from a real broker's topics."""

import time
import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, TopicPartition

from tocsin.pipelines.config import Config, Kafka
from tocsin.pipelines.connectors import kafka as connector
from tocsin.pipelines.stream import plan_job
from tocsin.schemas.records import Source
from tocsin.schemas.times import BEGINNING_OF_TIME

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def admin(kafka) -> Iterator[KafkaAdminClient]:
    client = connector.open_admin(connector.Cluster((kafka.address,)))
    yield client
    client.close()


@pytest.fixture
def config(kafka, admin: KafkaAdminClient) -> Config:
    """Two sources of one organisation, one of them history, in topics of two partitions."""
    name = uuid.uuid4().hex[:8]
    sources = (
        Source("server", "linux", "city", topic=f"{name}-server"),
        Source("old", "linux", "city", topic=f"{name}-old", history=True),
    )
    for source in sources:
        connector.create_topic(admin, str(source.topic), 2)
    return Config(sources, Kafka(bootstrap_servers=(kafka.address,), group=name))


def test_a_job_reads_every_partition_and_waits_for_those_that_count(config: Config):
    """History is read, but never holds the watermark beside a live source."""
    job = plan_job(config, "run")

    assert [(part.source.name, part.number) for part in job.partitions] == [
        ("server", 0),
        ("server", 1),
        ("old", 0),
        ("old", 1),
    ]
    assert [(origin.source, origin.partition) for origin in job.origins["city"]] == [
        ("server", 0),
        ("server", 1),
    ]
    assert job.group == f"{config.kafka.group}-beam"


def test_logs_with_their_beginning_are_the_whole_history(config: Config):
    """Nothing was taken from any topic yet."""
    assert plan_job(config, "run").complete_from == BEGINNING_OF_TIME


def test_a_log_without_its_beginning_makes_what_is_older_than_now_incomplete(
    config: Config, kafka, admin: KafkaAdminClient
):
    """Retention took the first two of three records, and nobody knows their event times."""
    topic = str(config.sources[0].topic)
    producer = connector.open_producer(connector.Cluster((kafka.address,)))
    connector.send(producer, [connector.Outgoing(topic, b"x", partition=1)] * 3)
    connector.close_producer(producer)
    admin.delete_records({TopicPartition(topic, 1): 2})
    began = time.time_ns() // 1000

    assert began <= plan_job(config, "run").complete_from <= time.time_ns() // 1000


def test_a_topic_that_is_missing_is_told(config: Config):
    """Nothing is planned over topics that are not there."""
    missing = Config((Source("none", "linux", topic="no-such-topic"),), config.kafka)

    with pytest.raises(connector.TopicError, match="no-such-topic"):
        plan_job(missing, "run")
