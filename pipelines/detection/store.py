"""Drafts of rule files kept on disk, so that the next start need not read them again.

    <folder>/<key>.rules      digest of what follows, newline, JSON {file: [draft, ...]}

The key is a digest of the paths and of all that drafts depend on besides files: placeholders, field
maps, and the code that reads rules. A file's key is a digest of its place and bytes. So nothing is
ever out of date, and of changed rules only the changed files are read; what the files mean
together, ids and filters, is worked out each time.

The JSON is plain data of known shapes: an entry that is damaged, or was written by something else,
is not taken, and no content of it can do more than be wrong. Who may write to the folder could put
rules there, as in the rules' own; one that others may write to is not used.
"""

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import orjson

from tocsin.pipelines.detection.collector import collections_held
from tocsin.pipelines.detection.drafts import Draft
from tocsin.pipelines.detection.load import (
    RuleFile,
    assemble,
    file_drafts,
    load_rules,
    read_files,
)
from tocsin.pipelines.detection.placeholders import Placeholders
from tocsin.pipelines.detection.rules import Refusal, RuleSet
from tocsin.pipelines.detection.serial import Plain, from_plain, to_plain

SUFFIX = ".rules"
UNFINISHED = ".part"

KEPT = 16
"""Entries in a folder; the least recently used are removed."""

MAX_ENTRY = 64 << 20
"""Bytes of an entry; all public rules take 18 MB."""

STALE_SECONDS = 3600
"""After which an unfinished file is one that nobody writes any more."""

Entry = dict[str, Plain]
"""The drafts of files as plain data, by the key of the file."""


def stored_rules(
    paths: Sequence[str | Path],
    folder: Path | None,
    *,
    native: bool = False,
    placeholders: Placeholders | None = None,
) -> RuleSet:
    """`load_rules`, with what `folder` keeps of the files; None keeps nothing.

    A folder that cannot be used is as none.
    """
    values = placeholders or {}
    if folder is None or not _is_private(folder):
        return load_rules(paths, native=native, placeholders=values)
    place = folder / f"{_key(paths, native, values)}{SUFFIX}"
    with collections_held():
        known = _read(place)
        entry: Entry = {}
        changed = False
        found: list[Draft | Refusal] = []
        for file in read_files(paths):
            key = _file_key(file)
            drafts = _known_drafts(known.get(key))
            if drafts is not None:
                entry[key] = known[key]
            else:
                drafts = file_drafts(file, native=native, placeholders=values)
                plain = to_plain(drafts)
                if _is_json(plain):
                    entry[key] = plain
                    changed = True
            found += drafts
        if changed or entry.keys() != known.keys():
            _write(place, entry)
        return assemble(found, native=native, placeholders=values)


def _key(paths: Iterable[str | Path], native: bool, placeholders: Placeholders) -> str:
    told = [native, placeholders, [os.fsencode(Path(path).absolute()).hex() for path in paths]]
    digest = blake2b(_code(), digest_size=16)
    digest.update(orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=list))
    return digest.hexdigest()


def _file_key(file: RuleFile) -> str:
    digest = blake2b(file.data, digest_size=32)
    digest.update(f"\0{file.place}\0{file.path}\0{file.refusal}".encode(errors="surrogateescape"))
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _code() -> bytes:
    """A digest of what reads rules: this room and the schemas, field maps included."""
    digest = blake2b(digest_size=32)
    for package in ("tocsin.pipelines.detection", "tocsin.schemas", "tocsin.schemas.logsources"):
        for item in sorted(files(package).iterdir(), key=lambda each: each.name):
            if item.name.endswith((".py", ".yml")):
                digest.update(f"\0{item.name}\0".encode() + item.read_bytes())
    return digest.digest()


def _is_private(folder: Path) -> bool:
    """Whether the folder is there, or can be made, and nobody else may write to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _is_json(data: Plain) -> bool:
    """Whether JSON can say it, which has no lone surrogates and no integers beyond 64 bits."""
    try:
        orjson.dumps(data)
    except orjson.JSONEncodeError:
        return False
    return True


def _read(place: Path) -> Entry:
    """The entry of that place; empty where there is none, or none of ours."""
    try:
        os.utime(place)
        digest, _, body = place.read_bytes().partition(b"\n")
        if digest.decode("ascii", "replace") != blake2b(body, digest_size=32).hexdigest():
            return {}
        found = orjson.loads(body)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _known_drafts(data: Plain) -> Sequence[Draft | Refusal] | None:
    try:
        return from_plain(data)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None


def _write(place: Path, entry: Entry) -> None:
    """Write whole or not at all, whoever else writes the same."""
    body = orjson.dumps(entry)
    if len(body) > MAX_ENTRY:
        return
    data = blake2b(body, digest_size=32).hexdigest().encode() + b"\n" + body
    with suppress(OSError):
        descriptor, name = tempfile.mkstemp(UNFINISHED, dir=place.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(place)
        except OSError:
            Path(name).unlink(missing_ok=True)
        _make_room(place.parent)


def _make_room(folder: Path) -> None:
    """Remove the entries that are too many, and what was never finished."""
    entries = sorted(folder.glob(f"*{SUFFIX}"), key=lambda each: each.stat().st_mtime)
    stale = time.time() - STALE_SECONDS
    left = [each for each in folder.glob(f"*{UNFINISHED}") if each.stat().st_mtime < stale]
    for old in [*entries[:-KEPT], *left]:
        old.unlink(missing_ok=True)
