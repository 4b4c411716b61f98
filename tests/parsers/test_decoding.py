"""Every record decodes; what is UTF-8 decodes to itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.decoding import decode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
        (b"caf\xe9 \x80 100", "café € 100"),
        (b"\x81\x8d\x8f\x90\x9d", "\x81\x8d\x8f\x90\x9d"),
        (b"\xff\xfea\x00\xe9\x00", "aé"),
        (b"\xfe\xff\x00a\x00\xe9", "aé"),
        (b"", ""),
        (b"a\x00b", "a\x00b"),
    ],
    ids=[
        "utf-8",
        "utf-8 with a mark",
        "windows-1252",
        "bytes that windows-1252 leaves undefined",
        "utf-16 little-endian",
        "utf-16 big-endian",
        "empty",
        "NUL",
    ],
)
def test_bytes_become_the_text_that_was_meant(data: bytes, text: str):
    """UTF-16 by its mark, else UTF-8, else Windows-1252."""
    assert decode(data) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"n\xc3\xa9 caf\xc3", "né caf\ufffd"),
        (b"n\xc3\xa9 1 \xe2\x82", "né 1 \ufffd"),
        (b"n\xc3\xa9 1 \xf0\x9f\x94", "né 1 \ufffd"),
    ],
)
def test_a_line_cut_inside_a_character_stays_utf8(data: bytes, text: str):
    """A device that cuts at a byte does not turn the whole line into Windows-1252."""
    assert decode(data) == text


@given(st.text())
def test_any_text_survives_utf8(text: str):
    """What is UTF-8 and bears no mark decodes to itself."""
    if not text.startswith("\ufeff"):
        assert decode(text.encode()) == text


@given(st.binary())
def test_any_bytes_decode_to_text_that_can_be_encoded(data: bytes):
    """No bytes raise, and no lone surrogate comes out."""
    decode(data).encode()
