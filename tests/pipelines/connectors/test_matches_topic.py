"""The records of the matches topic as bytes, DELIVERY §4.1 to §4.4."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.connectors.matches_topic import (
    DecodeError,
    Matches,
    decode,
    encode_mark,
    encode_matches,
    encode_watermark,
)
from tocsin.schemas.marks import Kind, Mark, Origin, Watermark
from tocsin.schemas.matches import Match
from tocsin.schemas.times import END_OF_TIME

ORIGIN = Origin("firewall", "topic-a", 3)


def match(event: str, **fields: object) -> Match:
    return Match("city", "rule-1", event, 1_000_000, fields)


def test_matches_travel_with_their_fields_and_their_reach():
    """What a correlation groups by and compares arrives as it was, nested values too."""
    sent = Matches("city", ORIGIN, 10, 20, (match("e1", ip=["192.0.2.1", None], n=3, ok=True),))

    [value] = encode_matches(sent)
    received = decode(b"city", value)

    assert received == sent
    assert isinstance(received, Matches)
    assert received.matches[0].fields == {"ip": ["192.0.2.1", None], "n": 3, "ok": True}


def test_many_matches_are_cut_into_records_with_the_same_reach():
    """A broker refuses a record over its limit."""
    sent = Matches("city", ORIGIN, 10, 20, tuple(match(f"event-{n:03}") for n in range(100)))

    values = list(encode_matches(sent, record_bytes=1000))
    received = [decode(b"city", value) for value in values]

    assert len(values) == 4
    assert all(len(value) < 1100 for value in values)
    assert [each for record in received for each in record.matches] == list(sent.matches)
    assert {(record.first, record.next) for record in received} == {(10, 20)}


def test_no_matches_make_no_record():
    """The mark alone says that the offsets are done."""
    assert list(encode_matches(Matches("city", ORIGIN, 10, 20, ()))) == []


@pytest.mark.parametrize("kind", Kind)
def test_marks_come_back_as_they_were(kind: Kind):
    """Of every kind, at the end of time too."""
    mark = Mark("city", ORIGIN, 10, 20, END_OF_TIME, kind, 7)

    assert decode(b"city", encode_mark(mark)) == mark


def test_watermarks_come_back_as_they_were():
    """With the partitions that were passed."""
    watermark = Watermark("city", -5, (ORIGIN, Origin("mail", "topic-b", 0)))

    assert decode(b"city", encode_watermark(watermark)) == watermark


MARK = {"type": "mark", "from": ["s", "t", 0, 1, 2], "time": 5, "kind": "open", "generation": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "other"}, "expected matches, a mark or a watermark"),
        ({"from": ["s", "t", 0, 3, 2]}, "from: expected"),
        ({"from": ["s", "t", 0, -1, 2]}, "from: expected"),
        ({"from": ["s", "t", -1, 1, 2]}, "source, topic id, partition"),
        ({"from": "s"}, "from: expected"),
        ({"time": True}, "time: expected a whole number"),
        ({"time": 1 << 62}, "time: expected a whole number"),
        ({"kind": "ajar"}, "ajar"),
        ({"generation": "1"}, "generation: expected a whole number"),
    ],
)
def test_a_record_that_is_none_is_refused_with_what_was_wrong(change: dict, reason: str):
    """Somebody else wrote it; the correlator counts it and goes on."""
    with pytest.raises(DecodeError, match=reason):
        decode(b"city", orjson.dumps(MARK | change))


@given(st.binary(max_size=60) | st.none(), st.binary(max_size=10) | st.none())
def test_any_bytes_decode_or_are_refused(value: bytes | None, key: bytes | None):
    """Nothing on the topic can end the correlator."""
    with pytest.raises(DecodeError):
        decode(key, value)
