"""What an answer of Elasticsearch means for the documents it is about: pure, total, table-tested.

Status and error type decide; reasons never do, as they quote documents, and a document could
quote whatever would make the sink wait for ever. Source: DELIVERY §3.5, and what servers of 8.19
and 9.5 were seen to answer.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple


class Verdict(Enum):
    """What becomes of a document: stored, tried again somehow, or given up."""

    STORED = "stored"
    """The server has it now."""
    DUPLICATE = "duplicate"
    """The server had it: a `create` met its own id."""
    CONFLICT = "conflict"
    """Another writer came between reading and writing: read again, then decide again."""
    RETRY = "retry"
    """The server is busy or away: the same again, later."""
    HOLD = "hold"
    """Somebody must act (rights, setup, disk, shards): the same again, later, with an alarm."""
    HALVE = "halve"
    """The request as a whole was refused: its halves may pass."""
    DEAD = "dead"
    """The server will never take this document."""


class Answer(NamedTuple):
    """A verdict and what the server said; `reason` may quote values and is personal data."""

    verdict: Verdict
    status: int
    type: str = ""
    reason: str = ""


STORED = Answer(Verdict.STORED, 201)

_CONFIGURATION = frozenset(
    {
        "cluster_block_exception",
        "index_closed_exception",
        "index_not_found_exception",
        "media_type_header_exception",
        "security_exception",
        # Of an item: the index could not be made, as the cluster is at its maximum of shards.
        "validation_exception",
    }
)
"""Error types that no change of the document could cure, whatever their status."""

_MALFORMED = frozenset(
    {
        "action_request_validation_exception",
        "illegal_argument_exception",
        "parse_exception",
        "parsing_exception",
        "x_content_e_o_f_exception",
        "x_content_parse_exception",
    }
)
"""Why Elasticsearch refuses a whole request for something inside it, such as one overlong id."""


def classify_item(
    status: int, error_type: str, reason: str = "", *, on_conflict: Verdict = Verdict.DUPLICATE
) -> Answer:
    """The answer about one item of a bulk request; `on_conflict` is what a 409 means to it."""
    return Answer(_item_verdict(status, error_type, on_conflict), status, error_type, reason)


def _item_verdict(status: int, error_type: str, on_conflict: Verdict) -> Verdict:
    if 200 <= status < 300:
        return Verdict.STORED
    if error_type in _CONFIGURATION:
        return Verdict.HOLD
    if status == 409:
        return on_conflict
    if status == 404 and error_type == "document_missing_exception":
        return Verdict.CONFLICT
    if status in (400, 413):
        return Verdict.DEAD
    return _request_verdict(status)


def classify_request(status: int, error_type: str, reason: str, documents: int) -> Answer:
    """The answer about a whole request of `documents` documents that was not a 200."""
    verdict = _request_verdict(status)
    if error_type not in _CONFIGURATION and (
        status == 413 or (status == 400 and error_type in _MALFORMED)
    ):
        verdict = Verdict.HALVE if documents > 1 else Verdict.DEAD
    return Answer(verdict, status, error_type, reason)


def _request_verdict(status: int) -> Verdict:
    """What a status means that says nothing about a document.

    A 400 that is not Elasticsearch's own, from a proxy for instance, would otherwise send every
    document to the dead letters. What is no status of HTTP at all is as good as no answer.
    """
    if status in (408, 429) or not 300 <= status < 500:
        return Verdict.RETRY
    return Verdict.HOLD


def read_error(body: object) -> tuple[str, str]:
    """Error type and reason of a request's or an item's error, empty where it holds none."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, str):
        return "", error
    if not isinstance(error, Mapping):
        return "", ""
    return str(error.get("type") or ""), str(error.get("reason") or "")


def read_answers(
    body: Any, documents: int, *, on_conflict: Verdict = Verdict.DUPLICATE
) -> list[Answer]:
    """One answer for each of the `documents` of a bulk request that was answered with a 200.

    An answer that cannot be read, or has another number of items, says nothing: all again, which
    the ids make harmless.
    """
    if isinstance(body, Mapping) and body.get("errors") is False:
        return [STORED] * documents
    items = body.get("items") if isinstance(body, Mapping) else None
    if not isinstance(items, list) or len(items) != documents:
        return [Answer(Verdict.RETRY, 200, "", "unreadable answer")] * documents
    return [_read_item(item, on_conflict) for item in items]


def _read_item(item: Any, on_conflict: Verdict) -> Answer:
    match item:
        case {"create": {"status": int(status), **rest}}:
            pass
        case {"index": {"status": int(status), **rest}} | {
            "update": {"status": int(status), **rest}
        }:
            pass
        case _:
            return Answer(Verdict.RETRY, 200, "", "unreadable item")
    error_type, reason = read_error(rest)
    return classify_item(status, error_type, reason, on_conflict=on_conflict)
