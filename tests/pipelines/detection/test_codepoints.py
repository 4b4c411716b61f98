"""Sets of code points."""

from tocsin.pipelines.detection.codepoints import EVERYTHING, CodePoints, folded


def test_sets_of_code_points_are_sets():
    """Union, complement and folding, with adjacent ranges joined."""
    assert (CodePoints.of("ac") | CodePoints.of("df")).ranges == ((97, 102),)
    assert (~CodePoints.of("b\U0010ffff")).ranges == ((0, 97),)
    assert ~~CodePoints.of("az") == CodePoints.of("az")
    assert (~CodePoints(())) == EVERYTHING
    assert folded(CodePoints.of("kk")) == CodePoints.of("KK", "kk", "\u212a\u212a")
