"""Rules from files: every document becomes a rule in intermediate form, or a refusal.

    files ─▶ drafts (`drafts`) ─▶ RULE IDs, filters ─▶ DetectionRule, CorrelationDocument

A rule that cannot be given exactly its meaning is refused with path, line and reason, and all
others go on. Nothing of a rule's text is ever run: no code, no templates, no look-ups of its names.

Rules are read here and not by pySigma, which gives neither lines nor the selection that a value
stands in, and errs in conditions, encodings, filters and dates (see `conditions`, `modifiers`).
The tests hold both against each other over all public rules.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.pipelines.detection.documents import MAX_BYTES, DocumentError
from tocsin.pipelines.detection.drafts import (
    DetectionDraft,
    Draft,
    FilterDraft,
    Skipped,
    drafts_of,
)
from tocsin.pipelines.detection.filters import Filter, read_filter
from tocsin.pipelines.detection.gates import gate_node, rule_fields
from tocsin.pipelines.detection.ir import And
from tocsin.pipelines.detection.placeholders import Placeholders
from tocsin.pipelines.detection.rules import (
    CorrelationDocument,
    DetectionRule,
    Refusal,
    RuleSet,
)
from tocsin.pipelines.detection.selections import Dialect

SUFFIXES = (".yml", ".yaml")

TEST_SUFFIX = ".test.yml"
"""What stands beside a rule to test it (`tocsin.pipelines.rule_tests`), and is no rule itself."""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file that was read: `path` below its rules directory, `place` as one finds it.

    Of a larger one `data` is one byte more than `MAX_BYTES`; `refusal` says why there is none.
    """

    place: str
    path: str
    data: bytes
    refusal: Refusal | None = None


def load_rules(
    paths: Iterable[str | Path],
    *,
    native: bool = False,
    placeholders: Placeholders | None = None,
) -> RuleSet:
    """The rules of `paths`: files, and directories with all `*.yml` and `*.yaml` below them.

    With `native`, field names are those of the source (see `tocsin.schemas.sigma`). `placeholders`
    are the values for the modifier `expand`. A file that is given twice is read once. Raises
    OSError for a path that cannot be read; what is wrong in a file below a directory, or in a
    document, is a refusal, and so is a directory without rules.
    """
    values = placeholders or {}
    found: list[Draft | Refusal] = []
    for file in read_files(paths):
        found += file_drafts(file, native=native, placeholders=values)
    return assemble(found, native=native, placeholders=values)


def file_drafts(
    file: RuleFile, *, native: bool, placeholders: Placeholders
) -> Sequence[Draft | Refusal]:
    """What one file comes to by itself."""
    if file.refusal is not None:
        return [file.refusal]
    found = drafts_of(file.data, file.place, file.path, native=native, placeholders=placeholders)
    return list(found)


def read_files(paths: Iterable[str | Path]) -> Iterator[RuleFile]:
    """The rule files of `paths`, each once, in order; raises OSError for one of `paths` itself."""
    files: dict[str, tuple[Path, str]] = {}
    folders: dict[str, str] = {}
    for path in paths:
        found = list(rule_files(path))
        if not found:
            refusal = Refusal(str(path), 0, "no rule files (*.yml, *.yaml) below this directory")
            yield RuleFile(str(path), "", b"", refusal)
        for place, below in found:
            folder, name = os.path.split(place)
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            whole = os.path.join(folders[folder], name)  # noqa: PTH118  # some thousand of them
            if place.is_symlink():
                whole = os.path.realpath(place)
            files.setdefault(whole, (place, below))
    for place, below in files.values():
        try:
            with place.open("rb") as file:
                yield RuleFile(str(place), below, file.read(MAX_BYTES + 1))
        except OSError as error:
            refusal = Refusal(str(place), 1, f"cannot be read: {error.strerror}")
            yield RuleFile(str(place), below, b"", refusal)


def rule_files(given: str | Path) -> Iterator[tuple[Path, str]]:
    """The rule files of a path, in order, each with its path below the directory."""
    path = Path(given)
    if not path.is_dir():
        path.stat()
        yield path, path.name
        return
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        rules = (name for name in names if name.endswith(SUFFIXES))
        found += [Path(folder, name) for name in rules if not name.endswith(TEST_SUFFIX)]
    for place in sorted(found):
        if _is_waiting(place):
            continue
        yield place, place.relative_to(path).as_posix()


def _is_waiting(place: Path) -> bool:
    """Whether reading would wait for whoever writes."""
    try:
        mode = place.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def assemble(
    found: Iterable[Draft | Refusal], *, native: bool, placeholders: Placeholders
) -> RuleSet:
    """The rules that all drafts together come to."""
    drafts = []
    assembly = _Assembly(native, placeholders)
    for each in found:
        if isinstance(each, Refusal):
            assembly.refusals.append(each)
        else:
            drafts.append(each)
    assembly.add_all(drafts)
    return RuleSet(
        tuple(assembly.detections),
        tuple(assembly.correlations),
        tuple(assembly.refusals),
        tuple(assembly.skipped),
        tuple(assembly.unfed),
    )


@dataclass(slots=True)
class _Assembly:
    """Turns drafts into rules, filters first, as they may apply to any rule."""

    native: bool
    placeholders: Placeholders
    refusals: list[Refusal] = field(default_factory=list)
    detections: list[DetectionRule] = field(default_factory=list)
    correlations: list[CorrelationDocument] = field(default_factory=list)
    skipped: list[Refusal] = field(default_factory=list)
    unfed: list[Refusal] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    applied: set[str] = field(default_factory=set)
    taken: dict[str, Draft] = field(default_factory=dict)

    def add_all(self, drafts: Sequence[Draft]) -> None:
        """Add every draft that can be used; the others become refusals."""
        for draft in drafts:
            if isinstance(draft.outcome, FilterDraft):
                self._attempt(draft)
        for draft in drafts:
            if not isinstance(draft.outcome, FilterDraft):
                self._attempt(draft)
        for draft in drafts:
            if not isinstance(draft.outcome, FilterDraft) or self.taken.get(draft.id) is not draft:
                continue
            if draft.id not in self.applied:
                line = draft.outcome.body.line_of("filter")
                reason = "the filter applies to no rule (see its `rules` and log source)"
                self.refusals.append(Refusal(draft.place, line, reason))

    def _attempt(self, draft: Draft) -> None:
        """Add a draft under its RULE ID, which only accepted ones take."""
        first = self.taken.get(draft.id)
        if first is not None:
            reason = f"the rule id `{draft.id}` is taken by {first.place}:{first.line}"
            self.refusals.append(Refusal(draft.place, draft.id_line, reason))
            return
        try:
            self._add(draft)
        except DocumentError as error:
            self.refusals.append(Refusal(draft.place, error.line, error.reason))
            return
        if not isinstance(draft.outcome, Refusal):
            self.taken[draft.id] = draft

    def _add(self, draft: Draft) -> None:
        match draft.outcome:
            case Refusal() as refusal:
                self.refusals.append(refusal)
            case Skipped(line):
                reason = "rules in ECS do not run on native events"
                self.skipped.append(Refusal(draft.place, line, reason))
            case FilterDraft(body, path):
                self.filters.append(read_filter(body, path, self.placeholders))
            case CorrelationDocument() as correlation:
                self.correlations.append(correlation)
            case DetectionDraft() as detection:
                self._add_detection(draft, detection)

    def _add_detection(self, draft: Draft, detection: DetectionDraft) -> None:
        source = detection.logsource
        fields = rule_fields(source, ecs=detection.ecs, native=self.native)
        dialect = Dialect(fields, self.native, self.placeholders)
        names = (draft.id, detection.info.name)
        applying = [each for each in self.filters if each.applies_to(source, names)]
        added = tuple(each.node(dialect) for each in applying if each.expiry is None)
        exceptions = (each.exception(dialect) for each in applying)
        condition, info = detection.condition, detection.info
        if applying:
            written = (each.written for each in applying)
            info = detection.filtered(written, fields, self.placeholders)
        rule = DetectionRule(
            info,
            source,
            fields,
            self.native,
            gate_node(fields.gate, detection.line),
            And((condition, *added)) if added else condition,
            tuple(each for each in exceptions if each is not None),
        )
        self.detections.append(rule)
        self.applied.update(each.id for each in applying)
        if fields.gate is None:
            self.unfed.append(Refusal(draft.place, detection.line, fields.reason))
