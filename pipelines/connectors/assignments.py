"""What a consumer group gives to this member and takes from it, noted for the polling thread."""

from collections import deque
from collections.abc import Iterable

from kafka import TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener


class Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what the group gives and takes; the polling thread reads it after its poll.

    kafka-python calls listeners from its own thread, where the consumer cannot be used.
    """

    def __init__(self) -> None:
        self.changes: deque[tuple[bool, frozenset[TopicPartition]]] = deque()
        self.settled = False

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Note the partitions that are another's now."""
        self.changes.append((False, frozenset(revoked)))

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Note the partitions that were taken away while this member was not heard of."""
        self.changes.append((False, frozenset(lost)))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note the partitions that are this member's now."""
        self.changes.append((True, frozenset(assigned)))
        self.settled = True
