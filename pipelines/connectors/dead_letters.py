"""Dead letters where they are kept: as Kafka records, as documents, as lines of a file.

The Kafka record holds the bytes, so that it can be replayed; document and line hold the beginning
as text, so that a person can see what was wrong (DELIVERY §3.6).
"""

from typing import Any

import orjson

from tocsin.pipelines.connectors.elasticsearch import Document
from tocsin.pipelines.connectors.kafka import Message, Outgoing, place_headers, to_record
from tocsin.schemas.identity import content_digest, digest, event_id
from tocsin.schemas.indices import DEAD_LETTERS_INDEX
from tocsin.schemas.records import DeadLetter, Record, Source
from tocsin.schemas.times import format_micros
from tocsin.schemas.values import clean

VALUE_BYTES = 512 << 10
"""A longer value is cut to this in Kafka, half of what brokers take by default."""

TEXT_BYTES = 8 << 10
"""How much of the value is shown as text: enough to see what it is."""

REASON_CHARACTERS = 1_000
"""A reason may quote a whole record; this much of it says what was wrong."""

_SOURCE = "tocsin-source"
_ORGANIZATION = "tocsin-organization"
_STAGE = "tocsin-stage"
_REASON = "tocsin-reason"
_LENGTH = "tocsin-length"
_DIGEST = "tocsin-digest"
_TRUNCATED = "tocsin-truncated"


class TruncatedError(ValueError):
    """A dead letter whose value was cut and which therefore cannot be replayed from Kafka."""


def to_outgoing(letter: DeadLetter, topic: str, limit: int = VALUE_BYTES) -> Outgoing:
    """`letter` as a record of the dead-letter topic, its value cut to `limit` bytes.

    Headers: `tocsin-place` and `tocsin-received` as on every record that travels, `tocsin-source`,
    `-organization`, `-stage`, `-reason`, and `-length` (decimal), `-digest` and `-truncated`
    (true or false) of the value as it was.
    """
    length = len(letter.value)
    return Outgoing(
        topic,
        letter.value[:limit],
        headers=[
            *place_headers(Record(b"", letter.place, letter.received)),
            (_SOURCE, letter.source.encode()),
            (_ORGANIZATION, letter.organization.encode()),
            (_STAGE, letter.stage.encode()),
            (_REASON, _reason(letter).encode()),
            (_LENGTH, b"%d" % length),
            (_DIGEST, content_digest([letter.value]).encode()),
            (_TRUNCATED, b"true" if length > limit else b"false"),
        ],
    )


def from_message(message: Message) -> DeadLetter:
    """The dead letter that `to_outgoing` made `message` of, to replay it.

    Raises TruncatedError where the value was cut. A header that is missing is empty text.
    """
    headers = {name: value.decode("utf-8", "replace") for name, value in message.headers}
    source = Source(headers.get(_SOURCE, ""), parser="", place="header")
    record = to_record(message, source, message.topic)
    if headers.get(_TRUNCATED) == "true":
        length = headers.get(_LENGTH, "unknown")
        raise TruncatedError(f"{record.place}: {len(record.value)} of {length} bytes were kept")
    return DeadLetter(
        record.value,
        record.place,
        record.received,
        source.name,
        headers.get(_ORGANIZATION, ""),
        headers.get(_STAGE, ""),
        headers.get(_REASON, ""),
    )


def letter_id(letter: DeadLetter) -> str:
    """One a record and stage: the same failure again is the same dead letter."""
    return digest(letter.organization, letter.place, letter.stage)


def to_document(letter: DeadLetter) -> dict[str, Any]:
    """`letter` as a nested document; `event.id` is that of the event it would have been."""
    shown = letter.value[:TEXT_BYTES]
    return {
        "@timestamp": format_micros(letter.received),
        "error": {"message": _reason(letter)},
        "event": {
            "id": event_id(letter.organization, letter.place),
            "kind": "pipeline_error",
            "original": shown.decode("utf-8", "replace"),
        },
        "organization": {"name": letter.organization},
        "tocsin": {
            "dead_letter": {
                "digest": content_digest([letter.value]),
                "length": len(letter.value),
                "stage": letter.stage,
                "truncated": len(shown) < len(letter.value),
            },
            "place": letter.place,
            "received": format_micros(letter.received),
            "source": letter.source,
        },
    }


def to_indexed(letter: DeadLetter) -> Document:
    """`letter` as it is sent to the dead-letter index."""
    return Document(DEAD_LETTERS_INDEX, letter_id(letter), orjson.dumps(to_document(letter)))


def encode_dead_letter(letter: DeadLetter) -> bytes:
    """`letter` as one line of JSON, with its `_id` inside and no line feed."""
    return orjson.dumps({"_id": letter_id(letter), **to_document(letter)})


def _reason(letter: DeadLetter) -> str:
    return clean(letter.reason)[:REASON_CHARACTERS]
