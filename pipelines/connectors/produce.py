"""Log files into a topic, so that history goes the way of live records (DELIVERY §5.2).

Each line is one Kafka record that carries its place and record time in headers; so a file gives
the same events whether it is produced or back-filled, and producing it twice adds nothing.

A correlation sees matches behind a watermark, which follows the highest time of each partition.
Therefore several files are merged by time, and blocks of consecutive records go to the partitions
in turn: all partitions then move through time together, and no record is late for having stood in
another file. Only a parser can tell a line's time; without one, files are sent one after the other,
which is right for files that follow each other, or for rules that do not correlate.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from kafka import KafkaProducer

from tocsin.pipelines.connectors.files import LogFile, ReadError, read_records
from tocsin.pipelines.connectors.kafka import Outgoing, end_record, place_headers, send
from tocsin.schemas.records import Record

BLOCK_RECORDS = 512
"""Consecutive records that go to one partition: enough to compress together, few enough that
partitions differ by a moment."""

TimeOf = Callable[[Record], int | None]


@dataclass(frozen=True, slots=True)
class Produced:
    """How many records are in the topic now, and what of the files could not be read."""

    records: int
    problems: tuple[str, ...]


def produce(
    producer: KafkaProducer,
    topic: str,
    partitions: int,
    files: Sequence[LogFile],
    *,
    time_of: TimeOf | None = None,
    end: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> Produced:
    """Send every record of `files` to `topic`, then the end of the history to each partition.

    `time_of` gives a record's time in microseconds, or None where it states none. Damaged files
    are sent up to the damage. Without `end` more of the history may follow. Raises SendError as
    `send` does; the end is sent only when all records are acknowledged, so producing again after
    that completes the history.
    """
    problems: list[str] = []
    records = merge(files, time_of, problems) if time_of else _chain(files, problems)
    sent = send(producer, spread(records, topic, partitions), stop)
    if end:
        send(producer, (end_record(topic, partition) for partition in range(partitions)), stop)
    return Produced(sent, tuple(problems))


def spread(records: Iterable[Record], topic: str, partitions: int) -> Iterator[Outgoing]:
    """`records` as records of `topic`, in blocks of `BLOCK_RECORDS` over its partitions."""
    # Kafka's own time stays that of sending: a broker may delete what is old by its time.
    for number, record in enumerate(records):
        partition = number // BLOCK_RECORDS % partitions
        headers = place_headers(record)
        yield Outgoing(topic, record.value, headers=headers, partition=partition)


def merge(files: Sequence[LogFile], time_of: TimeOf, problems: list[str]) -> Iterator[Record]:
    """The records of all `files` by time, each file's own in their order.

    A record counts with the highest time of its file so far, as clocks and writers step back a
    little; one without a time follows its predecessor. A file is open only from its first time to
    its last. What cannot be read is told in `problems`.
    """
    waiting: list[tuple[int, int, _Reader]] = []
    for number, file in enumerate(files):
        reader = _Reader(file, time_of, problems)
        if reader.peek():
            heappush(waiting, (reader.time, number, reader))
    while waiting:
        _, number, reader = heappop(waiting)
        following = waiting[0][:2] if waiting else None
        for record in reader:
            yield record
            if following and (reader.time, number) > following:
                heappush(waiting, (reader.time, number, reader))
                break


class _Reader:
    """The records of one file, with the time of the next one known before it is taken."""

    def __init__(self, file: LogFile, time_of: TimeOf, problems: list[str]) -> None:
        self._file = file
        self._time_of = time_of
        self._problems = problems
        self._records: Iterator[Record] | None = None
        self._next: Record | None = None
        self.time = 0

    def peek(self) -> bool:
        """Learn the time of the first record and close the file; False where there is none."""
        for record in islice(_readable(self._file, []), 1):
            self.time = self._time_of(record) or 0
            return True
        if self._file.problem:
            self._problems.append(f"{self._file.path}: {self._file.problem}")
        return False

    def __iter__(self) -> Iterator[Record]:
        """The records from where reading was left; `time` is that of the next one."""
        if self._records is None:
            self._records = _readable(self._file, self._problems)
            self._advance()
        while (record := self._next) is not None:
            self._advance()
            yield record

    def _advance(self) -> None:
        assert self._records is not None
        self._next = next(self._records, None)
        if self._next is not None:
            self.time = max(self.time, self._time_of(self._next) or 0)


def _chain(files: Iterable[LogFile], problems: list[str]) -> Iterator[Record]:
    for file in files:
        yield from _readable(file, problems)


def _readable(file: LogFile, problems: list[str]) -> Iterator[Record]:
    """The records of `file` up to its damage, which `problems` then names."""
    try:
        yield from read_records(file)
    except ReadError as error:
        problems.append(str(error))
