"""The Elasticsearch sink: each document is stored once, or comes back with the reason.

It waits as long as it takes. A server that is busy, away, full or set up wrongly is asked again,
in the last cases with an alarm; only what the server refuses about a document itself ends that
document. Ids make every repeat harmless (DELIVERY §3.3 to §3.5).
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from tocsin.pipelines.connectors.bulk import (
    Answer,
    Verdict,
    classify_request,
    read_answers,
    read_error,
)
from tocsin.pipelines.connectors.revisions import Stored, Write, revise
from tocsin.schemas.alerts import Alert

BATCH_BYTES = 5 << 20
BATCH_ITEMS = 2_000
"""Larger requests cost the server no less a document, and hold more of its memory at once."""

READ_ITEMS = 200
"""Alerts that are read together before they are revised; their documents come back whole."""

ID_BYTES = 512
"""Elasticsearch refuses a whole request for one longer id."""

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0

REQUEST_SECONDS = 120
"""A request was seen to take 12 s during a merge; one given up early is only sent again."""

PRIMARY_TIMEOUT = "30s"
"""How long the server itself waits for a primary shard before it answers 503."""

T = TypeVar("T")


class StoppedError(RuntimeError):
    """The sink was told to stop before every document was settled; none of those is lost."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it is sent: JSON of one line, stored under `id` in `index`."""

    index: str
    id: str
    source: bytes


class Refused(NamedTuple):
    """A document that the server will never take; `reason` may quote values of it."""

    document: Document
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of documents: `stored` are new or revised, `standing` were there and stand."""

    stored: int
    standing: int
    refused: tuple[Refused, ...]


class _Action(NamedTuple, Generic[T]):
    """One action of a bulk request: the lines that are sent, for `item`."""

    lines: bytes
    document: Document
    item: T


def open_client(
    hosts: Sequence[str], username: str = "", password: str = "", ca_certs: str = ""
) -> Elasticsearch:
    """A client that never tries again by itself: the sink does, and knows which documents."""
    more: dict[str, Any] = {}
    if username:
        more["basic_auth"] = (username, password)
    if ca_certs:
        more["ca_certs"] = ca_certs
    return Elasticsearch(
        list(hosts),
        request_timeout=REQUEST_SECONDS,
        max_retries=0,
        retry_on_timeout=False,
        retry_on_status=(),
        **more,
    )


class ElasticsearchSink:
    """Writes documents through `client` and returns when each one is settled.

    While it waits, `stop` is asked several times a second whether to give up, and `alarm` is told
    in a sentence what somebody has to see to, at least every half minute. The sentence names
    indices and the server's words about them, never a document's values.
    """

    def __init__(
        self,
        client: Elasticsearch,
        *,
        stop: Callable[[], bool] = lambda: False,
        alarm: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._stop = stop
        self._alarm = alarm

    def create(self, documents: Iterable[Document]) -> Outcome:
        """Store each of `documents` unless its id is there already.

        Raises StoppedError where `stop` says so first.
        """
        tally = _Tally()
        sendable = _sendable(documents, tally)
        for part in _parts(_action("create", each, each.source, each) for each in sendable):
            for action, answer in self._settle(part, Verdict.DUPLICATE):
                tally.count(action.document, answer)
        return tally.outcome()

    def revise(
        self, alerts: Iterable[Alert], watermark: int, at_creation: Mapping[str, Any]
    ) -> Outcome:
        """Write `alerts` as seen at `watermark` over what is stored of them, where they may.

        See `revisions.revise`. Raises StoppedError where `stop` says so first.
        """
        tally = _Tally()
        for part in _slices(list(alerts), READ_ITEMS):
            waiting = part
            while waiting:
                waiting = self._revise_once(waiting, watermark, at_creation, tally)
        return tally.outcome()

    def _revise_once(
        self,
        alerts: Sequence[Alert],
        watermark: int,
        at_creation: Mapping[str, Any],
        tally: "_Tally",
    ) -> list[Alert]:
        """Those of `alerts` that another writer came before: to be read and decided again."""
        actions = []
        for alert, stored in zip(alerts, self._read(alerts), strict=True):
            write = revise(alert, stored, watermark, at_creation)
            if write is None:
                tally.standing += 1
            else:
                actions.append(_write_action(alert, write))
        again = []
        for part in _parts(actions):
            for action, answer in self._settle(part, Verdict.CONFLICT):
                if answer.verdict is Verdict.CONFLICT:
                    again.append(action.item)
                else:
                    tally.count(action.document, answer)
        return again

    def _settle(
        self, actions: Sequence[_Action[T]], on_conflict: Verdict
    ) -> Iterator[tuple[_Action[T], Answer]]:
        """Each of `actions` with the answer that settles it: no RETRY, no HOLD, no HALVE."""
        pause = _Pause(self._stop)
        parts = [actions]
        while parts:
            part = parts.pop()
            waiting: list[tuple[_Action[T], Answer]] = []
            answers = self._ask(part, on_conflict)
            if answers[0].verdict is Verdict.HALVE:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
                continue
            for action, answer in zip(part, answers, strict=True):
                if answer.verdict in (Verdict.RETRY, Verdict.HOLD):
                    waiting.append((action, answer))
                else:
                    yield action, answer
            if waiting:
                if len(waiting) < len(part):
                    pause.restart()
                self._raise_alarm([(each.document.index, said) for each, said in waiting], pause)
                pause.wait(sum(map(len, parts)) + len(waiting))
                parts.append([action for action, _ in waiting])

    def _ask(self, actions: Sequence[_Action[T]], on_conflict: Verdict) -> list[Answer]:
        """One bulk request of `actions`, and an answer for each."""
        try:
            response = self._client.bulk(
                operations=[action.lines for action in actions],  # type: ignore[misc]
                filter_path="errors,items.*.status,items.*.error.type,items.*.error.reason",
                timeout=PRIMARY_TIMEOUT,
            )
        except ApiError as error:
            status = error.meta.status
            answer = classify_request(status, *read_error(error.body), len(actions))
            return [answer] * len(actions)
        except TransportError as error:
            return [Answer(Verdict.RETRY, 0, type(error).__name__)] * len(actions)
        return read_answers(response.body, len(actions), on_conflict=on_conflict)

    def _read(self, alerts: Sequence[Alert]) -> list[Stored | None]:
        """What is stored of each of `alerts` now, refreshed or not; None where nothing is."""
        wanted = [{"_index": alert.index, "_id": alert.id} for alert in alerts]
        pause = _Pause(self._stop)
        while True:
            try:
                return _read_documents(self._client.mget(docs=wanted).body, len(wanted))
            except ApiError as error:
                answer = classify_request(error.meta.status, *read_error(error.body), 1)
            except TransportError as error:
                answer = Answer(Verdict.RETRY, 0, type(error).__name__)
            except _UnreadableError as error:
                answer = error.answer
            self._raise_alarm([(alerts[0].index, answer)], pause)
            pause.wait(len(alerts))

    def _raise_alarm(self, waiting: Sequence[tuple[str, Answer]], pause: "_Pause") -> None:
        """Say once for each index what holds its documents, or that the server is away."""
        held = {
            f"{index}: {answer.status} {answer.type}: {answer.reason}"
            for index, answer in waiting
            if answer.verdict is Verdict.HOLD
        }
        for sentence in sorted(held):
            self._alarm(f"Elasticsearch does not take documents for {sentence}")
        if not held and pause.is_longest:
            _, answer = waiting[0]
            said = f"{answer.status} {answer.type}" if answer.status else answer.type
            self._alarm(f"Elasticsearch is busy or away: {said}")


class _Tally:
    """What has become of the documents so far."""

    def __init__(self) -> None:
        self.stored = 0
        self.standing = 0
        self.refused: list[Refused] = []

    def count(self, document: Document, answer: Answer) -> None:
        """Take in the answer that settled `document`."""
        if answer.verdict is Verdict.STORED:
            self.stored += 1
        elif answer.verdict is Verdict.DUPLICATE:
            self.standing += 1
        else:
            reason = f"{answer.status} {answer.type}: {answer.reason}"
            self.refused.append(Refused(document, reason))

    def outcome(self) -> Outcome:
        return Outcome(self.stored, self.standing, tuple(self.refused))


class _UnreadableError(Exception):
    """A document that could not be read, for a reason that is not its absence."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class _Pause:
    """Waiting between tries: twice as long each time, with jitter, up to half a minute."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._length = FIRST_PAUSE

    @property
    def is_longest(self) -> bool:
        return self._length >= LONGEST_PAUSE

    def restart(self) -> None:
        """Begin with short waits again: the server takes documents."""
        self._length = FIRST_PAUSE

    def wait(self, documents: int) -> None:
        """Wait; raises StoppedError, which counts the `documents` not settled, on `stop`."""
        end = time.monotonic() + self._length * random.uniform(0.5, 1)  # noqa: S311  # jitter
        self._length = min(2 * self._length, LONGEST_PAUSE)
        while True:
            if self._stop():
                raise StoppedError(f"{documents} documents not written before the stop")
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.2))


def _action(action: str, document: Document, body: bytes, item: T, **guard: int) -> _Action[T]:
    header = {action: {"_index": document.index, "_id": document.id} | guard}
    return _Action(b"%b\n%b\n" % (orjson.dumps(header), body), document, item)


def _write_action(alert: Alert, write: Write) -> _Action[Alert]:
    document = Document(alert.index, alert.id, orjson.dumps(alert.document))
    guard = {}
    if write.seq_no is not None and write.primary_term is not None:
        guard = {"if_seq_no": write.seq_no, "if_primary_term": write.primary_term}
    return _action(write.action, document, orjson.dumps(write.body), alert, **guard)


def _sendable(documents: Iterable[Document], tally: "_Tally") -> Iterator[Document]:
    """Those of `documents` whose ids the server can take; the others are refused here."""
    for document in documents:
        length = len(document.id.encode())
        if 0 < length <= ID_BYTES:
            yield document
        else:
            reason = f"id of {length} bytes, expected 1 to {ID_BYTES}"
            tally.refused.append(Refused(document, reason))


def _parts(actions: Iterable[_Action[T]]) -> Iterator[list[_Action[T]]]:
    """`actions` in requests of at most `BATCH_ITEMS` actions and about `BATCH_BYTES`."""
    part: list[_Action[T]] = []
    size = 0
    for action in actions:
        if part and (len(part) == BATCH_ITEMS or size + len(action.lines) > BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(action)
        size += len(action.lines)
    if part:
        yield part


def _slices(items: list[T], length: int) -> Iterator[list[T]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]


def _read_documents(body: Any, wanted: int) -> list[Stored | None]:
    """What a multi-get found, in order; raises _UnreadableError for what is no answer to it."""
    docs = body.get("docs") if isinstance(body, Mapping) else None
    if not isinstance(docs, list) or len(docs) != wanted:
        raise _UnreadableError(Answer(Verdict.RETRY, 200, "", "unreadable answer"))
    return [_stored(doc) for doc in docs]


def _stored(doc: Mapping[str, Any]) -> Stored | None:
    if doc.get("found"):
        return Stored(doc["_source"], doc["_seq_no"], doc["_primary_term"])
    error_type, reason = read_error(doc)
    if "error" not in doc or error_type == "index_not_found_exception":
        return None
    raise _UnreadableError(Answer(Verdict.HOLD, 200, error_type, reason))
