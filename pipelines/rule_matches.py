"""Detections over a file of events, as fast as it goes: `tocsin rules run --matches`.

Lines are read, matched and forgotten in small batches, so that what a batch needs stays near the
processor. Several processes may take parts of a plain file in turn, or blocks of lines that this
one reads, where the input is compressed or a pipe. Parquet goes by columns
(`parquet_matches`); its rows are its lines.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson

from tocsin.pipelines.detection.detector import Detector
from tocsin.pipelines.processes import map_forked
from tocsin.pipelines.rule_run import open_events
from tocsin.schemas.events import DepthError, Event, flatten

BATCH = 128
"""Lines that are matched together. Some thousand would wash each other out of the processor's
caches, which costs half of the speed."""

PART = 8 << 20
"""Bytes of a file that a process takes at a time."""

BLOCK = 1 << 20
"""Bytes of lines that a process is given at a time."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What `lines` lines came to: matches and unreadable lines, each with its place from 0."""

    lines: int
    matches: list[tuple[int, str]]
    problems: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of a plain file that start at a byte from `start` to before `end`."""

    path: Path
    start: int
    end: int


def match_file(
    path: Path, detector: Detector, errors: list[str], *, native: bool, workers: int = 1
) -> Iterator[tuple[int, str]]:
    """(line, RULE ID) of every match in the file, sorted by line, then rule.

    `errors` gets the lines that are no events. Parquet is matched by one process. Raises
    ReadError for Parquet that is damaged or holds no events, ChildProcessError where one died.
    """
    first = 1
    if path.suffix == ".parquet":
        from tocsin.pipelines.parquet_matches import match_parquet  # noqa: PLC0415

        with _without_collections():
            yield from ((first + row, rule.info.id) for row, rule in match_parquet(path, detector))
        return
    for matched in _matched(path, detector, native, workers):
        yield from ((first + line, rule) for line, rule in matched.matches)
        errors += (f"{path}:{first + line}: {reason}" for line, reason in matched.problems)
        first += matched.lines


def _matched(path: Path, detector: Detector, native: bool, workers: int) -> Iterator[Matched]:
    if workers > 1 and path.suffix != ".gz" and path.is_file():
        yield from _matched_by_processes(path, detector, native, workers)
        return
    if workers > 1:
        with open_events(path) as stream, _without_collections():
            work = partial(_match_block, detector, native)
            yield from map_forked(work, _blocks(stream), workers)
        return
    with open_events(path) as stream, _without_collections():
        while lines := list(islice(stream, BATCH)):
            yield match_lines(lines, detector, native=native)


def _matched_by_processes(
    path: Path, detector: Detector, native: bool, workers: int
) -> Iterator[Matched]:
    size = path.stat().st_size
    step = max(1, min(PART, -(-size // workers)))
    parts = [Part(path, start, min(start + step, size)) for start in range(0, size, step)]
    if parts:
        with _without_collections():
            yield from map_forked(partial(_match_part, detector, native), parts, workers)


def _match_part(detector: Detector, native: bool, part: Part) -> Matched:
    with part.path.open("rb") as stream:
        return _match_batches(detector, native, _batches(stream, part))


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """What `stream` holds, cut between lines."""
    while block := stream.read(BLOCK):
        yield block + stream.readline()


def _match_block(detector: Detector, native: bool, block: bytes) -> Matched:
    lines = BytesIO(block)
    batches = iter(lambda: list(islice(lines, BATCH)), [])
    return _match_batches(detector, native, batches)


def _match_batches(detector: Detector, native: bool, batches: Iterable[list[bytes]]) -> Matched:
    whole = Matched(0, [], [])
    lines = 0
    for batch in batches:
        found = match_lines(batch, detector, native=native)
        whole.matches.extend((lines + line, rule) for line, rule in found.matches)
        whole.problems.extend((lines + line, reason) for line, reason in found.problems)
        lines += len(batch)
    return Matched(lines, whole.matches, whole.problems)


def _batches(stream: BinaryIO, part: Part) -> Iterator[list[bytes]]:
    if part.start:
        stream.seek(part.start - 1)
        stream.readline()
    at = stream.tell()
    while at < part.end:
        batch: list[bytes] = []
        while at < part.end and len(batch) < BATCH:
            batch.append(stream.readline())
            at += len(batch[-1])
        yield batch


def match_lines(lines: Sequence[bytes], detector: Detector, *, native: bool) -> Matched:
    """The matches of the events that `lines` hold, one JSON object each."""
    problems: list[tuple[int, str]] = []
    try:
        numbers: Sequence[int] = range(len(lines))
        texts = lines
        events = [_event(line, native) for line in lines]
    except (orjson.JSONDecodeError, DepthError, _NoObjectError):
        numbers, texts, events, problems = _readable(lines, native)
    found = detector.match(events, texts)
    matches = [(numbers[index], rule.info.id) for index, rule in found]
    return Matched(len(lines), matches, problems)


def _readable(
    lines: Sequence[bytes], native: bool
) -> tuple[list[int], list[bytes], list[Event], list[tuple[int, str]]]:
    """Of lines that are not all events: the places, texts and events of those that are."""
    numbers: list[int] = []
    texts: list[bytes] = []
    events: list[Event] = []
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        if line.isspace():
            continue
        try:
            events.append(_event(line, native))
        except (orjson.JSONDecodeError, DepthError, _NoObjectError) as error:
            problems.append((number, str(error)))
            continue
        numbers.append(number)
        texts.append(line)
    return numbers, texts, events, problems


class _NoObjectError(ValueError):
    """A line is JSON, but no object."""


def _event(line: bytes, native: bool) -> Event:
    """The flat event of a line; native Windows events, which name a channel, are flat already."""
    event = orjson.loads(line)
    if not isinstance(event, dict):
        raise _NoObjectError("expected a JSON object")
    if native:
        if "Channel" in event:
            return event
        source = event.get("logsource")
        if isinstance(source, dict):
            del event["logsource"]
            for name, value in source.items():
                event[f"logsource.{name}"] = value
    return flatten(event) if dict in map(type, event.values()) else event


@contextmanager
def _without_collections() -> Iterator[None]:
    """Without the collector of cycles, as events have none; it would walk all caches again."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
