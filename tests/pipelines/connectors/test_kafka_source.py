"""How the Beam source is dealt out, and what its marks look like."""

from kafka import TopicPartition

from tocsin.pipelines.connectors.kafka import Cluster
from tocsin.pipelines.connectors.kafka_source import (
    KafkaSource,
    OffsetsCoder,
    OffsetsMark,
    Partition,
)
from tocsin.schemas.records import Source

SOURCE = Source("server", "linux", "city")


def source(partitions: int, splits: int) -> KafkaSource:
    members = tuple(Partition("server", number, SOURCE, "topic-a") for number in range(partitions))
    return KafkaSource(lambda: Cluster(("127.0.0.1:9092",)), "group", members, 10, splits)


def numbers(whole: KafkaSource, desired: int = 20) -> list[list[int]]:
    return [[member.number for member in part.partitions] for part in whole.split(desired)]


def test_split_deals_every_partition_to_one_source():
    """Partitions are dealt like cards, to no more sources than are asked for or can be used."""
    assert numbers(source(5, splits=1)) == [[0, 1, 2, 3, 4]]
    assert numbers(source(5, splits=2)) == [[0, 2, 4], [1, 3]]
    assert numbers(source(2, splits=4)) == [[0], [1]]
    assert numbers(source(5, splits=4), desired=2) == [[0, 2, 4], [1, 3]]


def test_marks_have_one_spelling():
    """Equal marks are equal bytes, whatever the order in which their partitions came."""
    there = {TopicPartition("a", 1): 7, TopicPartition("a", 0): 5}
    back = dict(reversed(there.items()))
    coder = OffsetsCoder()

    assert coder.encode(OffsetsMark(there)) == b'[["a",0,5],["a",1,7]]'
    assert coder.encode(OffsetsMark(back)) == coder.encode(OffsetsMark(there))
    assert coder.decode(b'[["a",0,5],["a",1,7]]').offsets == there


def test_only_the_mark_that_was_made_tells_that_it_is_final():
    """Its copy, from which another reader goes on, tells nobody."""
    told: list[object] = []
    mark = OffsetsMark({TopicPartition("a", 0): 5}, told.append)
    coder = OffsetsCoder()

    coder.decode(coder.encode(mark)).finalize_checkpoint()
    assert told == []
    mark.finalize_checkpoint()
    assert told == [{TopicPartition("a", 0): 5}]
