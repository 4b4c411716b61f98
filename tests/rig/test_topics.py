"""The matches topic's settings on a real broker."""

from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient

from tocsin.pipelines.connectors import kafka as connector
from tocsin.pipelines.connectors import topics

pytestmark = [pytest.mark.services, pytest.mark.slow]

HOUR_US, HOUR_MS = 3_600_000_000, 3_600_000


@pytest.fixture
def admin(kafka) -> Iterator[KafkaAdminClient]:
    client = connector.open_admin(connector.Cluster((kafka.address,)))
    yield client
    client.close()


def test_matches_stay_as_long_as_the_longest_source_and_the_horizon(
    admin: KafkaAdminClient,
) -> None:
    """Two hours of records and one of looking back make three hours of matches."""
    connector.create_topic(admin, "an-hour", 1, settings={"retention.ms": str(HOUR_MS)})
    connector.create_topic(admin, "two-hours", 1, settings={"retention.ms": str(2 * HOUR_MS)})
    connector.create_topic(admin, "for-ever", 1, settings={"retention.ms": "-1"})

    assert topics.matches_retention(admin, ["an-hour", "two-hours"], HOUR_US) == 3 * HOUR_MS
    assert topics.matches_retention(admin, ["an-hour"], 1) == HOUR_MS + 1
    assert topics.matches_retention(admin, ["an-hour", "for-ever"], HOUR_US) == -1
    assert topics.matches_retention(admin, [], HOUR_US) == HOUR_MS


def test_a_topic_is_as_it_has_to_be_or_told_apart(admin: KafkaAdminClient) -> None:
    """The settings that are asked for are those that are checked; each fault is named."""
    connector.create_topic(admin, "matches-1", 1, settings=topics.matches_settings(HOUR_MS))
    topics.check_matches_topic(admin, "matches-1", HOUR_MS)
    topics.check_matches_topic(admin, "matches-1", HOUR_MS // 2)

    with pytest.raises(
        connector.TopicError, match=r"retention\.ms is 3600000, expected -1 or at least 7200000"
    ):
        topics.check_matches_topic(admin, "matches-1", 2 * HOUR_MS)
    with pytest.raises(connector.TopicError, match=r"retention\.ms is 3600000, expected -1$"):
        topics.check_matches_topic(admin, "matches-1", topics.FOREVER)

    connector.create_topic(admin, "matches-2", 1, settings={"retention.bytes": "1000000"})
    with pytest.raises(connector.TopicError) as error:
        topics.check_matches_topic(admin, "matches-2", HOUR_MS)
    assert str(error.value) == (
        "topic matches-2: message.timestamp.type is CreateTime, expected LogAppendTime; "
        "retention.bytes is 1000000, expected -1"
    )
