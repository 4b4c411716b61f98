"""Memoryless identity: ids follow from what a thing is (DELIVERY §1)."""

from base64 import b32encode
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.identity import (
    alert_id,
    content_digest,
    digest,
    event_id,
    period_alert_id,
)
from tocsin.schemas.records import file_place, kafka_place

PARTS = st.lists(st.text() | st.binary(), max_size=4)


def test_a_digest_is_128_bit_blake2b_in_lower_case_base32() -> None:
    """Over the parts, each with its length before it."""
    expected = b32encode(blake2b(b"1:a2:\xc3\xa9", digest_size=16).digest())

    assert digest("a", "é") == expected.decode().rstrip("=").lower()
    assert len(digest()) == 26


@given(PARTS, PARTS)
def test_different_parts_have_different_digests(one: list, other: list) -> None:
    """Parts do not run into one another: ("ab", "c") is not ("a", "bc")."""

    def as_bytes(parts: list) -> list[bytes]:
        return [
            part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            for part in parts
        ]

    assert (digest(*one) == digest(*other)) == (as_bytes(one) == as_bytes(other))


def test_event_ids_follow_from_organisation_and_place() -> None:
    """The same place in two organisations is two events."""
    place = kafka_place("Zm9v", 3, 42)

    assert place == "kafka/Zm9v/3/42"
    assert event_id("city", place) == digest("city", "kafka/Zm9v/3/42")
    assert event_id("city", place) != event_id("library", place)
    assert file_place("abc", 7) == "file/abc/7"


def test_alert_ids_name_organisation_rule_and_event() -> None:
    """One alert a rule and event, whatever was processed before."""
    assert alert_id("city", "r", "e") == digest("city", "r", "event", "e")
    assert alert_id("city", "r", "e") != alert_id("city", "e", "r")


def test_period_alert_ids_do_not_depend_on_the_order_of_the_group() -> None:
    """A group is a mapping; its names are sorted before it is hashed."""
    one = period_alert_id("city", "r", {"a": "1", "b": None}, 0)
    other = period_alert_id("city", "r", {"b": None, "a": "1"}, 0)

    assert one == other == digest("city", "r", "period", b'{"a":"1","b":null}', "0")
    assert one != period_alert_id("city", "r", {"a": "1", "b": None}, 3_600_000_000)
    assert one != period_alert_id("city", "r", {"a": "1", "b": "null"}, 0)


def test_content_digest_is_of_the_content_not_its_chunks() -> None:
    """However a file is read, it is the same file."""
    assert (
        content_digest([b"ab", b"c"]) == content_digest([b"abc"]) == content_digest([b"", b"abc"])
    )
    assert content_digest([b"abc"]) != content_digest([b"abd"])
