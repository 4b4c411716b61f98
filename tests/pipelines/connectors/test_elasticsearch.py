"""The sink against answers that a real server cannot be made to give: those of a proxy before it.

All else is tried on a real server, in `tests/rig/test_elasticsearch_sink.py`.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tocsin.pipelines.connectors import elasticsearch as connector
from tocsin.pipelines.connectors.elasticsearch import Document, ElasticsearchSink
from tocsin.schemas.alerts import Alert

Reply = tuple[int, bytes] | None
DOCUMENTS = [Document("i", str(n), b'{"n": %d}' % n) for n in range(4)]


def bulk_reply(*statuses: int) -> Reply:
    """A bulk answer with these statuses."""
    items = [{"create": {"status": status}} for status in statuses]
    return 200, json.dumps({"errors": any(s >= 300 for s in statuses), "items": items}).encode()


@contextmanager
def answering(replies: Iterator[Reply]) -> Iterator[tuple[str, list[list[str]]]]:
    """A server that gives `replies` in turn (None cuts the line), and the ids of each request."""
    requests: list[list[str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            lines = self.rfile.read(int(self.headers["content-length"])).splitlines()
            if self.path.startswith("/_bulk"):
                requests.append([json.loads(line)["create"]["_id"] for line in lines[::2]])
            else:
                requests.append([self.path])
            reply = next(replies)
            if reply is None:
                self.close_connection = True
                return
            status, body = reply
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header(
                "Content-Type", "application/json" if body[:1] == b"{" else "text/html"
            )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "reply",
    [
        (502, b"<html>bad gateway</html>"),
        (504, b"<html>time-out</html>"),
        (503, b'{"error": {"type": "x", "reason": "y"}, "status": 503}'),
        (200, b"<html>welcome</html>"),
        (200, b'{"took": 1}'),
        (200, b'{"errors": true, "items": []}'),
        None,
    ],
)
def test_an_answer_that_says_nothing_is_asked_for_again(reply: Reply) -> None:
    """Every document is sent again, and stands already where the first request had passed."""
    with (
        answering(iter([reply, bulk_reply(409, 409, 201, 201)])) as (url, requests),
        connector.open_client([url]) as client,
    ):
        outcome = ElasticsearchSink(client).create(DOCUMENTS)

    assert requests == [["0", "1", "2", "3"]] * 2
    assert (outcome.stored, outcome.standing, outcome.refused) == (2, 2, ())


def test_only_what_was_not_taken_is_sent_again() -> None:
    """Of a mixed answer the 429 and the 503 go again, in order, until they are settled."""
    replies = [bulk_reply(201, 429, 409, 503), bulk_reply(429, 201), bulk_reply(201)]
    with (
        answering(iter(replies)) as (url, requests),
        connector.open_client([url]) as client,
    ):
        outcome = ElasticsearchSink(client).create(DOCUMENTS)

    assert requests == [["0", "1", "2", "3"], ["1", "3"], ["1"]]
    assert (outcome.stored, outcome.standing) == (3, 1)


def test_a_refused_request_is_halved_down_to_the_document_at_fault() -> None:
    """One document that spoils its request is found by halving; its neighbours are stored."""
    refusal = (400, b'{"error": {"type": "action_request_validation_exception", "reason": "r"}}')
    replies = [refusal, bulk_reply(201, 201), refusal, refusal, bulk_reply(201)]
    with (
        answering(iter(replies)) as (url, requests),
        connector.open_client([url]) as client,
    ):
        outcome = ElasticsearchSink(client).create(DOCUMENTS)

    assert requests == [["0", "1", "2", "3"], ["0", "1"], ["2", "3"], ["2"], ["3"]]
    assert outcome.stored == 3
    assert [(refused.document.id, refused.reason) for refused in outcome.refused] == [
        ("2", "400 action_request_validation_exception: r")
    ]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((400, b"<html>not for this host</html>"), "400"),
        ((401, b"<html>log in</html>"), "401"),
        ((404, b"<html>no such page</html>"), "404"),
        ((400, b'{"error": {"type": "media_type_header_exception", "reason": "r"}}'), "media_type"),
    ],
)
def test_a_wrong_address_refuses_no_document(reply: Reply, said: str) -> None:
    """What answers like no Elasticsearch holds with an alarm; nothing becomes a dead letter."""
    alarms: list[str] = []
    stop: Callable[[], bool] = lambda: bool(alarms)  # noqa: E731
    with (
        answering(iter([reply])) as (url, _),
        connector.open_client([url]) as client,
        pytest.raises(connector.StoppedError, match="4 documents not written"),
    ):
        ElasticsearchSink(client, stop=stop, alarm=alarms.append).create(DOCUMENTS)

    assert len(alarms) == 1
    assert said in alarms[0]


def test_requests_are_bounded_in_bytes_and_documents() -> None:
    """No request holds more than 2,000 documents or, where one is not larger itself, 5 MiB."""
    many = [Document("i", str(n), b"{}") for n in range(4_001)]
    big = [Document("i", f"big{n}", b'{"x": "%b"}' % (b"x" * (2 << 20))) for n in range(3)]
    replies = [bulk_reply(*[201] * size) for size in (2000, 2000, 3, 1)]
    with (
        answering(iter(replies)) as (url, requests),
        connector.open_client([url]) as client,
    ):
        outcome = ElasticsearchSink(client).create([*many, *big])

    assert [len(ids) for ids in requests] == [2000, 2000, 3, 1]
    assert outcome.stored == 4_004


def test_a_reading_that_says_nothing_is_repeated() -> None:
    """An alert is not taken for new because a proxy answered in the server's place."""
    replies = [
        (200, b"<html>welcome</html>"),
        (200, b'{"docs": []}'),
        (503, b""),
        (200, b'{"docs": [{"_index": "i", "_id": "a", "found": false}]}'),
        bulk_reply(201),
    ]
    with (
        answering(iter(replies)) as (url, requests),
        connector.open_client([url]) as client,
    ):
        outcome = ElasticsearchSink(client).revise([Alert("a", "i", {})], 0, {})

    assert requests == [["/_mget"]] * 4 + [["a"]]
    assert outcome.stored == 1
