"""Rules kept on disk in intermediate form, so that the next start need not read them again.

    <folder>/<key>.rules      digest of what follows, newline, JSON

The key is a digest of everything that the form depends on: the bytes and names of all rule files,
placeholders, field maps, and the code that reads rules. So nothing is ever out of date; what is not
there is read from its files. The JSON is plain data of known shapes: a file that is damaged, or was
written by something else, is not taken, and no content of it can do more than be wrong. Who may
write to the folder could put rules there, as in the rules' own; one that others may write to is not
used.
"""

import gc
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import orjson

from tocsin.pipelines.detection.documents import MAX_BYTES
from tocsin.pipelines.detection.load import load_rules, rule_files
from tocsin.pipelines.detection.rules import RuleSet
from tocsin.pipelines.detection.serial import from_plain, to_plain

SUFFIX = ".rules"

KEPT = 16
"""Entries in a folder; the least recently written are removed."""


def stored_rules(
    paths: Sequence[str | Path],
    folder: Path | None,
    *,
    native: bool = False,
    placeholders: Mapping[str, Sequence[str]] | None = None,
) -> RuleSet:
    """`load_rules`, from `folder` where the same has been loaded before; None keeps nothing.

    A folder that cannot be used is as none.
    """
    if folder is None or not _is_private(folder):
        return load_rules(paths, native=native, placeholders=placeholders)
    entry = folder / f"{_key(paths, native, placeholders or {})}{SUFFIX}"
    rules = _read(entry)
    if rules is None:
        rules = load_rules(paths, native=native, placeholders=placeholders)
        _write(entry, rules)
    return rules


def _key(paths: Iterable[str | Path], native: bool, placeholders: Mapping[str, object]) -> str:
    digest = blake2b(digest_size=16)
    told = orjson.dumps([native, placeholders], option=orjson.OPT_SORT_KEYS, default=list)
    for part in (_code(), told):
        digest.update(part)
    for path in paths:
        for place, below in rule_files(path):
            try:
                with place.open("rb") as file:
                    content = blake2b(file.read(MAX_BYTES + 1), digest_size=32).digest()
            except OSError as error:
                content = str(error).encode()
            digest.update(f"\0{place}\0{below}\0".encode(errors="surrogateescape") + content)
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


def _read(entry: Path) -> RuleSet | None:
    try:
        digest, _, body = entry.read_bytes().partition(b"\n")
        if digest.decode("ascii", "replace") != blake2b(body, digest_size=32).hexdigest():
            return None
        with _without_collections():
            return from_plain(orjson.loads(body))
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


@contextmanager
def _without_collections() -> Iterator[None]:
    """Without the collector of cycles: a hundred thousand new objects would each time be walked."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _write(entry: Path, rules: RuleSet) -> None:
    """Write whole or not at all, whoever else writes the same."""
    body = orjson.dumps(to_plain(rules))
    data = blake2b(body, digest_size=32).hexdigest().encode() + b"\n" + body
    try:
        with tempfile.NamedTemporaryFile(dir=entry.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(entry)
        others = sorted(entry.parent.glob(f"*{SUFFIX}"), key=lambda each: each.stat().st_mtime)
        for old in others[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return
