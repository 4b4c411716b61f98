"""What a backfill reads: paths to units of work that processes can share."""

import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tocsin.pipelines.connectors.archive import covering, is_archive, stretch_of
from tocsin.pipelines.connectors.files import FileRange, ReadError, inspect, split
from tocsin.schemas.records import Source


@dataclass(frozen=True, slots=True)
class RawUnit:
    """A piece of work that one process does alone: a range of a file, as records of `source`."""

    source: Source
    span: FileRange

    @property
    def path(self) -> Path:
        """The file that is read."""
        return self.span.file.path

    @property
    def size(self) -> int:
        """Bytes to read, for sharing the work and showing its progress."""
        return self.span.end - self.span.start


@dataclass(frozen=True, slots=True)
class ArchiveUnit:
    """A piece of work that one process does alone: the events of one archive file."""

    path: Path
    size: int


Unit = RawUnit | ArchiveUnit


def plan_units(
    paths: Iterable[Path],
    source_of: Callable[[Path], Source],
    received: int | None = None,
    range_bytes: int | None = None,
) -> tuple[list[Unit], list[ReadError]]:
    """The units of all files in `paths` (folders are walked), and what cannot be read.

    `source_of` tells a raw file's source or raises UnknownFormatError; `received` is the record
    time, else each file's date. Of archive files that hold the same positions the fewest are read.
    The same content under two paths is read once, since its events would be the same.
    """
    units: list[Unit] = []
    problems: list[ReadError] = []
    archived: list[Path] = []
    seen: set[str] = set()
    for file in _all_files(paths, problems):
        try:
            if is_archive(file):
                archived.append(file)
                continue
            source = source_of(file)
            log = inspect(file, received)
        except ReadError as error:
            problems.append(error)
        except OSError as error:
            problems.append(ReadError(file, error.strerror or str(error)))
        else:
            if log.digest not in seen:
                seen.add(log.digest)
                ranges = split(log, range_bytes) if range_bytes else split(log)
                units += [RawUnit(source, span) for span in ranges]
    units += [ArchiveUnit(file, file.stat().st_size) for file in _covering(archived)]
    return units, problems


def _all_files(paths: Iterable[Path], problems: list[ReadError]) -> Iterator[Path]:
    """The files of `paths`; a path that has none is added to `problems`, as it was asked for."""
    for path in paths:
        told = len(problems)
        found = False
        for file in _files(path, problems):
            found = True
            yield file
        if not found and len(problems) == told:
            problems.append(ReadError(path, "a folder without files"))


def _files(path: Path, problems: list[ReadError]) -> Iterator[Path]:
    """The files of `path` in order of their names; hidden ones are nobody's logs.

    What cannot be looked at (not there, no permission, a link to nothing) is added to `problems`.
    """
    try:
        mode = path.stat().st_mode
        children = sorted(path.iterdir()) if stat.S_ISDIR(mode) else []
    except OSError as error:
        problems.append(ReadError(path, error.strerror or str(error)))
        return
    if stat.S_ISREG(mode):
        yield path
    elif not stat.S_ISDIR(mode):
        problems.append(ReadError(path, "neither a file nor a folder"))
    for child in children:
        if not child.name.startswith("."):
            yield from _files(child, problems)


def _covering(files: list[Path]) -> list[Path]:
    named = {stretch: file for file in files if (stretch := stretch_of(file)) is not None}
    others = [file for file in files if stretch_of(file) is None]
    return others + [named[stretch] for stretch in covering(named)]
