"""The stages: one answer a record, and the same answers however records are batched."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines import stages
from tocsin.schemas.identity import event_id
from tocsin.schemas.records import Batch, DeadLetter, Record, Source
from tocsin.schemas.times import parse_time

SOURCE = Source("auth", "linux", organization="city")
RECEIVED = parse_time("2026-11-24T12:00:00Z")
FAILED = b"Nov 24 11:59:58 gw sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2"
BLANK = b"  \t"
FOREIGN = b'{"Channel": "Security"'


def batch(*values: bytes) -> Batch:
    return Batch(
        SOURCE, tuple(Record(value, f"file/d/{n}", RECEIVED) for n, value in enumerate(values))
    )


def test_an_event_has_its_identity_origin_and_related_values() -> None:
    """What is the same for every format is added after parsing."""
    (event,) = stages.normalize(batch(FAILED)).events

    assert event["@timestamp"] == "2026-11-24T11:59:58.000000Z"
    assert event["event.id"] == event_id("city", "file/d/0")
    assert event["event.original"] == FAILED.decode()
    assert event["organization.name"] == "city"
    assert event["tocsin.received"] == "2026-11-24T12:00:00.000000Z"
    assert event["tocsin.source_group"] == "server"
    assert event["related.ip"] == ["192.0.2.7"]
    assert event["related.user"] == ["root"]


def test_a_blank_record_is_filtered_and_an_unreadable_one_a_dead_letter() -> None:
    """Records = events + dead letters + filtered; the good ones are not stopped by the others."""
    source = Source("auth", "windows", organization="city")
    records = [Record(BLANK, "file/d/0", 0), Record(FOREIGN, "file/d/1", 0)]

    done = stages.normalize(Batch(source, records))

    assert (len(done.events), len(done.dead_letters), done.filtered) == (0, 1, 1)
    (letter,) = done.dead_letters
    assert (letter.value, letter.place, letter.stage) == (FOREIGN, "file/d/1", "parse")


def test_an_oversize_record_is_refused_before_it_is_parsed() -> None:
    """The limit is in bytes, and the reason names it."""
    done = stages.normalize(batch(b"x" * 11), record_bytes=10)

    assert done.dead_letters[0].stage == "read"
    assert done.dead_letters[0].reason == "11 bytes, over the limit of 10"


def test_a_record_that_states_no_time_happened_when_it_was_received() -> None:
    """The record time stands in for a missing event time."""
    (event,) = stages.normalize(batch(b"sshd[7]: Server listening on 0.0.0.0 port 22.")).events

    assert event["@timestamp"] == "2026-11-24T12:00:00.000000Z"


def test_a_dead_letter_stands_in_its_record_s_place() -> None:
    """`parse` prints it as a pipeline_error event with the record's text and the reason."""
    letter = DeadLetter(b"raw", "file/d/0", RECEIVED, "auth", "city", "parse", "why")

    event = stages.failure(letter)

    assert event["event.kind"] == "pipeline_error"
    assert event["error.message"] == "why"
    assert event["event.original"] == "raw"
    assert event["@timestamp"] == "2026-11-24T12:00:00.000000Z"


@given(
    st.lists(st.sampled_from([FAILED, BLANK, b"x" * 40, "ü€".encode("utf-16")]), max_size=12),
    st.integers(1, 5),
)
def test_batches_do_not_matter(values: Sequence[bytes], size: int) -> None:
    """Records cut into other batches give the same events and dead letters."""
    whole = batch(*values)

    together = stages.normalize(whole)
    apart = [
        stages.normalize(Batch(SOURCE, whole.records[start : start + size]))
        for start in range(0, len(values), size)
    ]

    assert [event for part in apart for event in part.events] == together.events
    assert [letter for part in apart for letter in part.dead_letters] == together.dead_letters
    total = len(together.events) + len(together.dead_letters) + together.filtered
    assert total == len(values)


def test_the_time_of_a_record_is_its_event_time_or_none() -> None:
    """Merging files by time asks a record for its time without making an event of it."""
    assert stages.time_of(Record(FAILED, "p", RECEIVED), SOURCE) == parse_time(
        "2026-11-24T11:59:58Z"
    )
    windows = Source("w", "windows")
    assert stages.time_of(Record(FOREIGN, "p", RECEIVED), windows) is None
