"""Bytes to text: every record decodes, and well-formed UTF-8 decodes to itself."""

import codecs

_UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

_LONGEST_CUT = 3
"""The most bytes that a cut can leave of one UTF-8 sequence."""


def _western(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


_WESTERN = "".join(map(_western, range(256)))
"""Windows-1252, with the five bytes that it leaves undefined read as Latin-1."""


def decode(data: bytes) -> str:
    """The text of `data`; never fails.

    UTF-16 where a byte order mark says so, else UTF-8 (a mark is dropped), else Windows-1252.
    A sequence cut off at the end is one U+FFFD: devices cut long lines at a byte.
    """
    encoding = _UTF16_MARKS.get(data[:2])
    if encoding:
        return data[2:].decode(encoding, "replace")
    if data.startswith(codecs.BOM_UTF8):
        data = data[3:]
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and len(data) - error.start <= _LONGEST_CUT:
            return data[: error.start].decode() + "\ufffd"
    return codecs.charmap_decode(data, "strict", _WESTERN)[0]
