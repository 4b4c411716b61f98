"""How the matches topic has to be set, and whether it is (DELIVERY §4.1, §4.9).

A correlator rebuilds its state from the matches topic, so a match must stay there as long as any
correlation looks back, counted from the oldest record that may still be read.
"""

from collections.abc import Iterable

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from tocsin.pipelines.connectors.kafka import TopicError
from tocsin.schemas.times import SECOND

FOREVER = -1
_MILLISECOND = SECOND // 1000


def topic_settings(admin: KafkaAdminClient, topic: str) -> dict[str, str]:
    """Every setting of `topic` as it holds now, defaults included.

    Raises `kafka.errors.KafkaError` where the topic is not there.
    """
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    found = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return {name: setting["value"] for name, setting in found.items()}


def matches_retention(admin: KafkaAdminClient, sources: Iterable[str], horizon: int) -> int:
    """Milliseconds that matches have to be kept, or FOREVER.

    The longest retention of the topics `sources`, as any of their records may come to be read
    again, and `horizon` (microseconds), as far as any correlation looks back from there.
    """
    kept = [int(topic_settings(admin, topic)["retention.ms"]) for topic in sources]
    if FOREVER in kept:
        return FOREVER
    return max(kept, default=0) - (-horizon // _MILLISECOND)


def matches_settings(retention: int) -> dict[str, str]:
    """The settings of a matches topic that keeps its records for `retention` milliseconds."""
    return {
        # A record's time is when the broker took it: senders' clocks may differ.
        "message.timestamp.type": "LogAppendTime",
        # Compaction would keep one record of an organisation.
        "cleanup.policy": "delete",
        "retention.bytes": str(FOREVER),
        "retention.ms": str(retention),
    }


def check_matches_topic(admin: KafkaAdminClient, topic: str, retention: int) -> None:
    """Raise TopicError, with what to set, unless `topic` keeps matches for `retention`."""
    found = topic_settings(admin, topic)
    wrong = [
        f"{name} is {found[name]}, expected {wanted}"
        for name, wanted in matches_settings(retention).items()
        if name != "retention.ms" and found[name] != wanted
    ]
    kept = int(found["retention.ms"])
    if not _keeps(kept, retention):
        wanted = "-1" if retention == FOREVER else f"-1 or at least {retention}"
        wrong.append(f"retention.ms is {kept}, expected {wanted}")
    if wrong:
        raise TopicError(f"topic {topic}: {'; '.join(wrong)}")


def _keeps(kept: int, retention: int) -> bool:
    return kept == FOREVER or (retention != FOREVER and kept >= retention)
