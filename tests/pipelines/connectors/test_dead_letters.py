"""Dead letters keep the record, where it came from, and why, and say so when they were cut."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.connectors import dead_letters
from tocsin.pipelines.connectors.kafka import Outgoing
from tocsin.schemas.records import DeadLetter

PLACE = "kafka/AAAAAAAAAAAAAAAAAAAAAA/0/17"
LETTER = DeadLetter(b"\xffbad", PLACE, 1_764_000_000_000_000, "mail-1", "acme", "parse", "no time")


class Message:
    """A sent record as a consumer gets it back."""

    def __init__(self, sent: Outgoing) -> None:
        self.topic, self.value, self.headers = sent.topic, sent.value, sent.headers
        self.partition, self.offset, self.timestamp = 5, 99, 1_800_000_000_000


def test_kafka_record_holds_bytes_and_provenance() -> None:
    """Value as it was, and everything else in headers."""
    record = dead_letters.to_outgoing(LETTER, "dead")

    assert record.value == b"\xffbad"
    headers = dict(record.headers)
    assert headers.pop("tocsin-digest")
    assert headers == {
        "tocsin-place": PLACE.encode(),
        "tocsin-received": b"1764000000000000",
        "tocsin-source": b"mail-1",
        "tocsin-organization": b"acme",
        "tocsin-stage": b"parse",
        "tocsin-reason": b"no time",
        "tocsin-length": b"4",
        "tocsin-truncated": b"false",
    }


def test_a_cut_value_says_so_and_is_not_replayed() -> None:
    """Length and digest are those of the whole value; reading it back to replay is refused."""
    whole = DeadLetter(b"x" * 50, PLACE, 0, "s", "o", "read", "too long")

    record = dead_letters.to_outgoing(whole, "dead", limit=10)

    headers = dict(record.headers)
    assert record.value == b"x" * 10
    assert headers["tocsin-length"] == b"50"
    assert headers["tocsin-truncated"] == b"true"
    assert (
        headers["tocsin-digest"]
        == dict(dead_letters.to_outgoing(whole, "dead").headers)["tocsin-digest"]
    )
    with pytest.raises(dead_letters.TruncatedError, match=r"/17: 10 of 50 bytes were kept"):
        dead_letters.from_message(Message(record))


def test_document_is_readable_and_named_after_its_failure() -> None:
    """Text with replacement characters, the id of the event it would have been, a fixed index."""
    document = dead_letters.to_indexed(LETTER)

    content = orjson.loads(document.source)
    assert document.index == "tocsin-dead-letters"
    assert content["@timestamp"] == "2025-11-24T16:00:00.000000Z"
    assert content["event"]["original"] == "\ufffdbad"
    assert content["error"] == {"message": "no time"}
    assert content["organization"] == {"name": "acme"}
    assert content["tocsin"]["source"] == "mail-1"
    assert content["tocsin"]["place"] == PLACE
    assert content["tocsin"]["dead_letter"]["stage"] == "parse"
    assert content["tocsin"]["dead_letter"]["length"] == 4
    assert content["tocsin"]["dead_letter"]["truncated"] is False


def test_the_same_failure_is_the_same_dead_letter() -> None:
    """Another reason does not make another letter; another stage does."""
    again = dead_letters.letter_id(
        DeadLetter(b"", PLACE, 0, "mail-1", "acme", "parse", "another reason")
    )
    later = dead_letters.letter_id(DeadLetter(b"", PLACE, 0, "mail-1", "acme", "index", "no time"))

    assert dead_letters.letter_id(LETTER) == again != later


def test_a_long_record_is_shown_by_its_beginning() -> None:
    """The document shows 8 KiB of a record of 20 MiB, and of a long reason 1,000 characters."""
    letter = DeadLetter(b"a" * (20 << 20), PLACE, 0, "s", "o", "read", "r" * 5_000)

    document = dead_letters.to_document(letter)

    assert document["event"]["original"] == "a" * 8_192
    assert document["tocsin"]["dead_letter"]["length"] == 20_971_520
    assert document["tocsin"]["dead_letter"]["truncated"] is True
    assert document["error"]["message"] == "r" * 1_000


@given(
    value=st.binary(max_size=200),
    offset=st.integers(0, 2**63 - 1),
    received=st.integers(0, 10**17),
    reason=st.text(max_size=1_000),
)
def test_what_was_sent_is_read_back(value: bytes, offset: int, received: int, reason: str) -> None:
    """A dead letter survives its way through Kafka, but for what no text can hold."""
    place = f"kafka/topic-id/3/{offset}"
    letter = DeadLetter(value, place, received, "source", "acme", "parse", reason)

    back = dead_letters.from_message(Message(dead_letters.to_outgoing(letter, "dead")))

    assert back == letter


@given(value=st.binary(max_size=100), reason=st.text(st.characters(categories=None), max_size=50))
def test_every_dead_letter_is_one_line_of_json(value: bytes, reason: str) -> None:
    """Whatever bytes and reason, lone surrogates included."""
    line = dead_letters.encode_dead_letter(DeadLetter(value, "p", 0, "s", "o", "parse", reason))

    assert b"\n" not in line
    assert orjson.loads(line)["tocsin"]["dead_letter"]["length"] == len(value)
