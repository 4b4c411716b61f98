"""The sink under any sequence of faults: each document once, or refused for what it is.

The server here is a model behind the client's own transport: a store with the semantics of
`create`, and faults that strike before or after it has written.
"""

from typing import Any

import orjson
import pytest
from elastic_transport import (
    ApiResponseMeta,
    BaseNode,
    ConnectionError,  # noqa: A004
    ConnectionTimeout,
    HttpHeaders,
)
from elastic_transport._node import NodeApiResponse
from elasticsearch import Elasticsearch
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.connectors import elasticsearch as connector
from tocsin.pipelines.connectors.elasticsearch import Document, ElasticsearchSink

FAULTS = ("lost", "away", "busy", "unavailable", "some", "garbage", "imposter", "large")


class Server:
    """What is stored, and the faults to come; poisoned documents are refused by themselves."""

    def __init__(self, faults: list[str]) -> None:
        self.store: dict[str, bytes] = {}
        self.faults = faults

    def answer(self, body: bytes) -> tuple[int, bytes]:
        lines = body.splitlines()
        documents = list(zip(map(orjson.loads, lines[::2]), lines[1::2], strict=True))
        fault = self.faults.pop() if self.faults else None
        if fault == "away":
            raise ConnectionError("refused")
        if fault == "busy":
            return 429, b'{"error": {"type": "es_rejected_execution_exception"}, "status": 429}'
        if fault == "unavailable":
            return 503, b"<html>"
        if fault == "imposter":
            return 200, b"<html>welcome</html>"
        if fault == "large" and len(documents) > 1:
            return 413, b""
        items = [
            {"create": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}}
            if fault == "some" and number % 2
            else self.create(header["create"]["_id"], source)
            for number, (header, source) in enumerate(documents)
        ]
        if fault == "lost":
            raise ConnectionTimeout("no answer")
        if fault == "garbage":
            return 200, b'{"errors": tru'
        return 200, orjson.dumps({"errors": True, "items": items})

    def create(self, key: str, source: bytes) -> dict[str, Any]:
        if b"poison" in source:
            error = {"type": "document_parsing_exception", "reason": "poison"}
            return {"create": {"status": 400, "error": error}}
        if key in self.store:
            error = {"type": "version_conflict_engine_exception"}
            return {"create": {"status": 409, "error": error}}
        self.store[key] = source
        return {"create": {"status": 201}}


def client_of(server: Server) -> Elasticsearch:
    class Node(BaseNode):
        _CLIENT_META_HTTP_CLIENT = ("model", "1")

        def perform_request(self, method: str, target: str, body=None, **_: Any) -> NodeApiResponse:
            assert (method, target.partition("?")[0]) == ("PUT", "/_bulk")
            status, answer = server.answer(body)
            kind = "application/json" if answer[:1] == b"{" else "text/html"
            headers = HttpHeaders({"x-elastic-product": "Elasticsearch", "content-type": kind})
            return NodeApiResponse(
                ApiResponseMeta(status, "1.1", headers, 0.0, self.config), answer
            )

        def close(self) -> None:
            pass

    return Elasticsearch(
        "http://model:9200",
        node_class=Node,
        max_retries=0,
        retry_on_status=(),
        dead_node_backoff_factor=0,
    )


@pytest.fixture(autouse=True, scope="module")
def no_pauses():
    """Tries follow each other at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connector, "FIRST_PAUSE", 0.0)
        patch.setattr(connector, "BATCH_ITEMS", 5)
        yield


@given(
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    documents=st.lists(st.tuples(st.integers(0, 15), st.booleans()), max_size=30),
)
def test_each_document_is_stored_once_or_refused_for_what_it_is(
    faults: list[str], documents: list[tuple[int, bool]]
) -> None:
    """No fault loses, doubles or changes a document, or makes a dead letter of a good one."""
    sent = [
        Document("i", f"id-{key}", b'{"n": %d, "x": "%b"}' % (n, b"poison" if bad else b"good"))
        for n, (key, bad) in enumerate(documents)
    ]
    server = Server(faults)

    outcome = ElasticsearchSink(client_of(server)).create(sent)

    good = [document for document in sent if b"poison" not in document.source]
    poisoned = [document for document in sent if b"poison" in document.source]
    assert server.store.keys() == {document.id for document in good}
    assert all(Document("i", key, source) in good for key, source in server.store.items())
    assert {refused.document for refused in outcome.refused} == set(poisoned)
    assert outcome.stored + outcome.standing == len(good)
    assert outcome.stored <= len(server.store)
