"""What each answer of Elasticsearch means: a table of what servers said, and laws over all else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.connectors import bulk
from tocsin.pipelines.connectors.bulk import Verdict

ITEMS = [
    (201, "", Verdict.STORED),
    (200, "", Verdict.STORED),
    (409, "version_conflict_engine_exception", Verdict.DUPLICATE),
    (400, "document_parsing_exception", Verdict.DEAD),
    (400, "mapper_parsing_exception", Verdict.DEAD),
    (400, "strict_dynamic_mapping_exception", Verdict.DEAD),
    (400, "illegal_argument_exception", Verdict.DEAD),
    (400, "invalid_index_name_exception", Verdict.DEAD),
    (400, "index_closed_exception", Verdict.HOLD),
    (400, "validation_exception", Verdict.HOLD),
    (401, "security_exception", Verdict.HOLD),
    (403, "security_exception", Verdict.HOLD),
    (403, "cluster_block_exception", Verdict.HOLD),
    (404, "index_not_found_exception", Verdict.HOLD),
    (404, "document_missing_exception", Verdict.CONFLICT),
    (429, "cluster_block_exception", Verdict.HOLD),
    (429, "es_rejected_execution_exception", Verdict.RETRY),
    (429, "circuit_breaking_exception", Verdict.RETRY),
    (500, "node_closed_exception", Verdict.RETRY),
    (503, "unavailable_shards_exception", Verdict.RETRY),
    (0, "", Verdict.RETRY),
]


@pytest.mark.parametrize(("status", "error_type", "verdict"), ITEMS)
def test_item(status: int, error_type: str, verdict: Verdict) -> None:
    """One item of a bulk answer, as `create` was asked."""
    assert bulk.classify_item(status, error_type).verdict is verdict


REQUESTS = [
    (400, "action_request_validation_exception", 2, Verdict.HALVE),
    (400, "action_request_validation_exception", 1, Verdict.DEAD),
    (400, "illegal_argument_exception", 500, Verdict.HALVE),
    (400, "x_content_parse_exception", 1, Verdict.DEAD),
    (400, "media_type_header_exception", 1, Verdict.HOLD),
    (400, "", 1, Verdict.HOLD),
    (401, "security_exception", 1, Verdict.HOLD),
    (403, "security_exception", 10, Verdict.HOLD),
    (404, "", 10, Verdict.HOLD),
    (405, "", 1, Verdict.HOLD),
    (301, "", 1, Verdict.HOLD),
    (408, "", 1, Verdict.RETRY),
    (413, "", 2, Verdict.HALVE),
    (413, "", 1, Verdict.DEAD),
    (429, "es_rejected_execution_exception", 1, Verdict.RETRY),
    (502, "", 1, Verdict.RETRY),
    (503, "", 1, Verdict.RETRY),
    (504, "", 1, Verdict.RETRY),
]


@pytest.mark.parametrize(("status", "error_type", "documents", "verdict"), REQUESTS)
def test_request(status: int, error_type: str, documents: int, verdict: Verdict) -> None:
    """A whole request that was refused."""
    assert bulk.classify_request(status, error_type, "", documents).verdict is verdict


def test_conflict_means_what_the_writer_says() -> None:
    """To a guarded update a 409 is no success."""
    answer = bulk.classify_item(
        409, "version_conflict_engine_exception", on_conflict=Verdict.CONFLICT
    )

    assert answer.verdict is Verdict.CONFLICT


def test_answers_stand_in_the_order_of_the_documents() -> None:
    """Each item has its own verdict, with the server's words."""
    body = {
        "errors": True,
        "items": [
            {"create": {"status": 201}},
            {
                "create": {
                    "status": 400,
                    "error": {"type": "document_parsing_exception", "reason": "r"},
                }
            },
            {"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}},
            {"update": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}},
        ],
    }

    answers = bulk.read_answers(body, 4)

    assert [answer.verdict for answer in answers] == [
        Verdict.STORED,
        Verdict.DEAD,
        Verdict.DUPLICATE,
        Verdict.RETRY,
    ]
    assert answers[1] == (Verdict.DEAD, 400, "document_parsing_exception", "r")


@pytest.mark.parametrize(
    "body",
    [
        None,
        "<html>",
        [],
        {},
        {"errors": True},
        {"errors": True, "items": []},
        {"errors": True, "items": [{}]},
        {"errors": True, "items": [{"create": {"status": "201"}}]},
        {"errors": None, "items": "x"},
    ],
)
def test_unreadable_answer_is_no_answer(body: object) -> None:
    """What cannot be read is asked again; nothing is taken for stored or given up."""
    assert [answer.verdict for answer in bulk.read_answers(body, 1)] == [Verdict.RETRY]


def test_words_of_a_document_decide_nothing() -> None:
    """A document that quotes the shard limit in its value is still the one at fault."""
    reason = "Preview of field's value: 'this action would add [2] maximum normal shards open'"

    answer = bulk.classify_item(400, "document_parsing_exception", reason)

    assert answer.verdict is Verdict.DEAD


TYPES = st.sampled_from([case[1] for case in ITEMS] + [case[1] for case in REQUESTS]) | st.text()


@given(status=st.integers(-10, 1000), error_type=TYPES, conflict=st.sampled_from(Verdict))
def test_only_its_own_fault_makes_an_item_a_dead_letter(
    status: int, error_type: str, conflict: Verdict
) -> None:
    """Every item has one verdict; only 400 and 413 are dead, and 409 is success for create alone."""
    verdict = bulk.classify_item(status, error_type).verdict

    if status not in (400, 413):
        assert verdict is not Verdict.DEAD
    assert (verdict is Verdict.STORED) == (200 <= status < 300)
    if verdict is Verdict.DUPLICATE:
        assert status == 409
    if status >= 500 and verdict is not Verdict.HOLD:
        assert verdict is Verdict.RETRY
    if conflict is not Verdict.DUPLICATE:
        guarded = bulk.classify_item(status, error_type, on_conflict=conflict).verdict
        assert guarded is not Verdict.DUPLICATE


@given(status=st.integers(300, 1000), error_type=TYPES, documents=st.integers(1, 5000))
def test_a_request_is_refused_whole_only_for_what_is_in_it(
    status: int, error_type: str, documents: int
) -> None:
    """Nothing but 400 and 413 halves or kills; one document is never halved; none is stored."""
    verdict = bulk.classify_request(status, error_type, "", documents).verdict

    assert verdict in {Verdict.RETRY, Verdict.HOLD, Verdict.HALVE, Verdict.DEAD}
    if verdict in {Verdict.HALVE, Verdict.DEAD}:
        assert status in (400, 413)
        assert (verdict is Verdict.DEAD) == (documents == 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["errors", "items", "create", "update", "status", "error", "type"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(body=JSON, documents=st.integers(1, 4))
def test_every_body_has_one_answer_a_document(body: object, documents: int) -> None:
    """Whatever stands in a body, each document has exactly one answer."""
    assert len(bulk.read_answers(body, documents)) == documents
