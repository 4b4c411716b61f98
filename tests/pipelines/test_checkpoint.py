"""What a correlator commits, and where it starts again, DELIVERY §4.8."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipelines.checkpoint import (
    Checkpoint,
    Point,
    Retention,
    decode_checkpoint,
    encode_checkpoint,
)
from tocsin.schemas.marks import Watermark
from tocsin.schemas.times import BEGINNING_OF_TIME, END_OF_TIME

TIMES = st.integers(BEGINNING_OF_TIME, END_OF_TIME)
POINTS = st.builds(Point, TIMES, TIMES)


def test_the_lowest_offset_is_that_of_a_match_which_the_state_still_needs():
    """Segments of ten: the first holds times up to 50, the second up to 70."""
    kept = Retention(100, Checkpoint(), span=10)
    for offset, newest in ((100, 50), (105, 40), (110, 70), (120, 90)):
        kept.read(offset)
        kept.match("city", newest)

    offset, checkpoint = kept.release(121, {"city": 60})

    assert offset == 110
    assert checkpoint.read == 121
    assert checkpoint.point("city").complete_from == 51


def test_one_organisation_keeps_what_another_would_release():
    """They share the partition and its one offset."""
    kept = Retention(0, Checkpoint(), span=10)
    kept.match("city", 50)
    kept.match("library", 5000)
    kept.read(10)

    offset, _ = kept.release(11, {"city": 10_000, "library": 4000})

    assert offset == 0


def test_the_watermark_of_a_checkpoint_is_the_one_in_force_at_its_offset():
    """Lateness is judged after a restart as it was before it."""
    kept = Retention(0, Checkpoint(), span=10)
    kept.match("city", 5)
    kept.advance(Watermark("city", 20))
    kept.read(10)
    kept.advance(Watermark("city", 30))

    offset, checkpoint = kept.release(11, {"city": 25})

    assert offset == 10
    assert checkpoint.point("city") == Point(watermark=20, complete_from=6)


def test_a_second_start_keeps_what_the_first_commit_said():
    """Nothing new was read of the organisation, so nothing new is known of it."""
    start = Checkpoint(7, {"city": Point(20, 6)})

    kept = Retention(10, start, span=10)

    assert kept.watermark("city") == 20
    assert kept.release(10, {}) == (10, Checkpoint(10, {"city": Point(20, 6)}))


@given(st.integers(0, 1 << 62), st.dictionaries(st.text("abc-_", min_size=1), POINTS, max_size=5))
def test_a_checkpoint_survives_its_commit(read: int, points: dict[str, Point]):
    """What fits the metadata of a commit comes back as it was."""
    checkpoint = Checkpoint(read, points)

    assert decode_checkpoint(encode_checkpoint(checkpoint)) == checkpoint


def test_organisations_beyond_the_limit_share_a_point_that_claims_the_least():
    """The lowest watermark, completeness from the latest time."""
    checkpoint = Checkpoint(5, {"a": Point(1, 1), "b": Point(9, 3), "c": Point(4, 7)})

    text = encode_checkpoint(checkpoint, limit=70)
    read = decode_checkpoint(text)

    assert read is not None
    assert read.point("a") == Point(1, 1)
    assert read.point("b") == read.point("c") == Point(BEGINNING_OF_TIME, 7)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"read":1}', '{"read":1,"points":{"a":[1]},"others":[0,0]}', "\ud800"],
)
def test_metadata_of_another_kind_is_no_checkpoint(text: str):
    """The correlator then starts as one without a commit's metadata does."""
    assert decode_checkpoint(text) is None
