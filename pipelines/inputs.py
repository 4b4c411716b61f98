"""What a backfill reads: paths to units of work that processes can share."""

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
) -> tuple[list[Unit], list[str]]:
    """The units of all files in `paths` (folders are walked), and what cannot be read.

    `source_of` tells a raw file's source; `received` is the record time, else each file's date.
    Of archive files that hold the same positions the fewest are read. The same content under two
    paths is read once, since its events would be the same.
    """
    units: list[Unit] = []
    problems: list[str] = []
    archived: list[Path] = []
    seen: set[str] = set()
    for path in paths:
        found = False
        for file in _files(path):
            found = True
            try:
                if is_archive(file):
                    archived.append(file)
                    continue
                log = inspect(file, received)
            except (OSError, ReadError) as error:
                reason = error.reason if isinstance(error, ReadError) else error.strerror
                problems.append(f"{file}: {reason}")
                continue
            if log.digest not in seen:
                seen.add(log.digest)
                source = source_of(file)
                ranges = split(log, range_bytes) if range_bytes else split(log)
                units += [RawUnit(source, span) for span in ranges]
        if not found:
            problems.append(f"{path}: no such file, or a folder without files")
    units += [ArchiveUnit(file, file.stat().st_size) for file in _covering(archived)]
    return units, problems


def _files(path: Path) -> Iterator[Path]:
    """The files of `path` in order of their names; hidden ones are nobody's logs."""
    if path.is_file():
        yield path
    elif path.is_dir():
        for child in sorted(path.iterdir()):
            if not child.name.startswith("."):
                yield from _files(child)


def _covering(files: list[Path]) -> list[Path]:
    named = {stretch: file for file in files if (stretch := stretch_of(file)) is not None}
    others = [file for file in files if stretch_of(file) is None]
    return others + [named[stretch] for stretch in covering(named)]
