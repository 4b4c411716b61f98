"""What the processes of a backfill leave for each other and for the end: lines of JSON in parts.

A part is written by one process and read when that process is done. The same line may stand in two
parts, where a runner did a piece of work twice; whoever merges them drops repeats by id.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from tocsin.schemas.alerts import Alert
from tocsin.schemas.matches import Match


class PartWriter:
    """Appends lines to one part of `kind` below `folder`; the file appears with its first line."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._path = folder / f"{kind}-{uuid4().hex}.ndjson"

    def write(self, lines: Iterable[bytes]) -> None:
        """Append `lines`, none of which holds a line feed."""
        with self._path.open("ab") as file:
            file.writelines(line + b"\n" for line in lines)


def read_parts(folder: Path, kind: str) -> Iterator[bytes]:
    """Every line of every part of `kind` below `folder`."""
    for path in sorted(folder.glob(f"{kind}-*.ndjson")):
        with path.open("rb") as file:
            yield from file


def encode_alert(alert: Alert) -> bytes:
    """An alert as one line."""
    return orjson.dumps((alert.id, alert.index, alert.revisable, alert.document))


def decode_alert(line: bytes) -> Alert:
    """The alert of one line."""
    key, index, revisable, document = orjson.loads(line)
    return Alert(key, index, document, revisable)


def encode_match(match: Match) -> bytes:
    """A match as one line."""
    return orjson.dumps((match.organization, match.rule, match.event_id, match.time, match.fields))


def decode_match(line: bytes) -> Match:
    """The match of one line."""
    return Match(*orjson.loads(line))


def merge_alerts(folder: Path) -> list[Alert]:
    """The alerts of all parts, each id once, sorted by time and id."""
    alerts = {alert.id: alert for alert in map(decode_alert, read_parts(folder, "alerts"))}
    return sorted(alerts.values(), key=lambda alert: (alert.document["@timestamp"], alert.id))


def write_lines(path: Path, documents: Iterable[Mapping[str, Any]]) -> None:
    """`documents` as the lines of `path`, which appears when it is whole."""
    passing = path.with_name(f".{path.name}.part")
    with passing.open("wb") as file:
        file.writelines(orjson.dumps(document) + b"\n" for document in documents)
    passing.replace(path)
