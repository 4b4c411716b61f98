"""Raw log files: a record a line, or an event of an EVTX file, each with a place that stays.

A file is known by the digest of its decompressed content and a record by its byte position in
it (DELIVERY §1.1), so one file gives the same events whether it is plain or compressed, back-filled
or sent through Kafka, here or elsewhere. Lines end at LF alone: VT, FF, NEL and U+2028 belong to
their record. An event of an EVTX file has its number, from 0, for a position.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tocsin.pipelines.connectors import evtx
from tocsin.schemas.identity import content_digest
from tocsin.schemas.records import Batch, Record, Source, file_place
from tocsin.schemas.times import SECOND

BATCH_RECORDS = 4096
"""Fewer, and the steps between stages cost more than they move; more, and only memory grows."""

BATCH_BYTES = 8 << 20
"""A batch of very long lines ends here, so that its size in memory stays bounded."""

BLOCK_BYTES = 64 << 20
"""The grid of positions on which files are split and archived; no batch crosses its lines."""

LINE_BYTES = 1 << 20
"""A longer line is one record cut to this length; no log source of ours writes such lines."""

INFLATE_RATIO = 200
INFLATE_FREE = 64 << 20
"""Real logs compress ten- to a hundredfold; a file that unpacks to more than `INFLATE_RATIO` times
its size, and to more than `INFLATE_FREE` bytes, is a bomb and is read no further."""

_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ReadError(Exception):
    """A file that could not be read, or not to its end; the records before that were given."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class UnknownFormatError(ReadError):
    """A file that no parser is known for; nothing of it was read."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file to be read: its content digest, sizes in bytes, and record time in microseconds."""

    path: Path
    digest: str
    stored: int
    size: int
    received: int
    compressed: bool
    utf16: bool = False
    evtx: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class FileRange:
    """The records of `file` that start at byte `start` or later and before byte `end`."""

    file: LogFile
    start: int
    end: int


def inspect(path: Path, received: int | None = None) -> LogFile:
    """Read `path` through for its digest; record time is `received`, else the file's own date.

    A file that is damaged further on is described up to the damage, which `problem` names.
    Raises ReadError where it cannot be opened.
    """
    try:
        stat = path.stat()
        with path.open("rb") as head:
            compressed = head.read(2) == _GZIP_MAGIC
    except OSError as error:
        raise ReadError(path, error.strerror or str(error)) from error
    size = 0
    mark = b""
    problem: str | None = None

    def chunks() -> Iterator[bytes]:
        nonlocal size, mark, problem
        try:
            for chunk in _chunks(path, compressed=compressed):
                mark = mark or chunk[: len(evtx.MAGIC)]
                size += len(chunk)
                yield chunk
        except ReadError as error:
            problem = error.reason

    digest = content_digest(chunks())
    when = stat.st_mtime_ns // 1000 // SECOND * SECOND if received is None else received
    return LogFile(
        path,
        digest,
        stat.st_size,
        size,
        when,
        compressed,
        utf16=mark[:2] in _UTF16_MARKS,
        evtx=mark == evtx.MAGIC,
        problem=problem,
    )


def split(file: LogFile, bytes_each: int = BLOCK_BYTES) -> list[FileRange]:
    """Ranges of `bytes_each` that together hold each record of `file` once.

    A file of lines in UTF-8 that is not compressed can be read from anywhere; others are one range.
    """
    if file.compressed or file.utf16 or file.evtx or file.size <= bytes_each:
        return [FileRange(file, 0, file.size)]
    starts = range(0, file.size, bytes_each)
    return [FileRange(file, start, min(start + bytes_each, file.size)) for start in starts]


def read_records(file: LogFile, start: int = 0, end: int | None = None) -> Iterator[Record]:
    """Each line of `file` that begins in [start, end) as a record, without its line end.

    Raises ReadError after the last readable record where the file is damaged.
    """
    end = file.size if end is None else end
    found = _evtx_events(file) if file.evtx else _lines(file, start, end)
    for position, value in found:
        yield Record(value, file_place(file.digest, position), file.received)
    if file.problem is not None and end == file.size:
        raise ReadError(file.path, file.problem)


def read_batches(source: Source, span: FileRange) -> Iterator[Batch]:
    """The records of `span` in batches of `source`; raises ReadError as `read_records` does."""
    records: list[Record] = []
    held, first = 0, span.start
    line = _next_line(first)
    problem: ReadError | None = None
    try:
        for record in read_records(span.file, span.start, span.end):
            position = int(record.place.rpartition("/")[2])
            full = len(records) == BATCH_RECORDS or held >= BATCH_BYTES
            if records and (full or position >= line):
                yield Batch(source, tuple(records), 0, first, position, span.file.digest)
                records, held, first = [], 0, position
            if position >= line:
                line = _next_line(position)
            records.append(record)
            held += len(record.value)
    except ReadError as error:
        problem = error
    if records:
        yield Batch(source, tuple(records), 0, first, span.end, span.file.digest)
    if problem is not None:
        raise problem


def _next_line(position: int) -> int:
    """The grid line above `position`."""
    return (position // BLOCK_BYTES + 1) * BLOCK_BYTES


def _evtx_events(file: LogFile) -> Iterator[tuple[int, bytes]]:
    """(number, JSON text) of the events of an EVTX file; then ReadError for unreadable ones."""
    whole = b"".join(_chunks(file.path, compressed=True)) if file.compressed else file.path
    damage: list[str] = []
    try:
        for number, event in enumerate(evtx.read_evtx(whole)):
            if isinstance(event, str):
                yield number, event.encode()
            else:
                damage.append(str(event))
    except ValueError as error:
        raise ReadError(file.path, str(error)) from error
    if damage:
        raise ReadError(file.path, f"{len(damage)} events unreadable, the first: {damage[0]}")


def _lines(file: LogFile, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(position, line) of the lines that begin in [start, end).

    Reading sets in one byte before `start`, as that byte tells whether a line begins there.
    """
    position = max(start - 1, 0)
    skipping = start > 0
    kept, length = b"", 0
    for chunk in _text_chunks(file, position):
        begin = 0
        while (stop := chunk.find(b"\n", begin)) >= 0:
            if not skipping:
                if position >= end:
                    return
                line = kept + chunk[begin : min(stop, begin + LINE_BYTES)]
                yield position, line[:LINE_BYTES].removesuffix(b"\r")
            skipping = False
            position += length + stop + 1 - begin
            kept, length, begin = b"", 0, stop + 1
        if len(kept) < LINE_BYTES:
            kept += chunk[begin:]
        length += len(chunk) - begin
        if position >= end and not skipping:
            return
    if length and not skipping and position < end:
        yield position, kept[:LINE_BYTES].removesuffix(b"\r")


def _text_chunks(file: LogFile, start: int) -> Iterator[bytes]:
    """The content of `file` from `start` on, UTF-16 recoded to UTF-8."""
    chunks = _chunks(file.path, compressed=file.compressed, start=start)
    if not file.utf16:
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _chunks(path: Path, *, compressed: bool, start: int = 0) -> Iterator[bytes]:
    """The decompressed content of `path` from `start` on; raises ReadError where it breaks off."""
    try:
        with gzip.open(path) if compressed else path.open("rb") as stream:
            stream.seek(start)
            stored = path.stat().st_size
            inflated = 0
            while chunk := stream.read1(_CHUNK):
                inflated += len(chunk)
                if compressed and inflated > max(INFLATE_FREE, INFLATE_RATIO * stored):
                    reason = f"unpacks to over {INFLATE_RATIO} times its {stored} bytes"
                    raise ReadError(path, reason)
                yield chunk
    except EOFError as error:
        raise ReadError(path, "the gzip stream is cut short") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ReadError(path, f"not gzip from here on: {error}") from error
    except OSError as error:
        raise ReadError(path, error.strerror or str(error)) from error
