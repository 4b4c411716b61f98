"""Rules from files: every document becomes a rule in intermediate form, or a refusal.

    file ─▶ documents ─▶ action: global, repeat, reset ─▶ detection rule ─┐
                                                        ├▶ filter ────────┴▶ DetectionRule
                                                        └▶ correlation ────▶ CorrelationDocument

A rule that cannot be given exactly its meaning is refused with path, line and reason, and all
others go on. Nothing of a rule's text is ever run: no code, no templates, no look-ups of its names.

Rules are read here and not by pySigma, which gives neither lines nor the selection that a value
stands in, and errs in conditions, encodings, filters and dates (see `conditions`, `modifiers`).
The tests hold both against each other over all public rules.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.pipelines.detection.documents import MAX_BYTES, DocumentError, Mapping, read_documents
from tocsin.pipelines.detection.filters import Filter, read_filter
from tocsin.pipelines.detection.gates import gate_node, rule_fields
from tocsin.pipelines.detection.ir import And, Item, Node, Reference, leaves
from tocsin.pipelines.detection.metadata import is_ecs, log_source, rule_id, rule_info, written
from tocsin.pipelines.detection.placeholders import Placeholders
from tocsin.pipelines.detection.rules import (
    CorrelationDocument,
    DetectionRule,
    Refusal,
    RuleInfo,
    RuleSet,
)
from tocsin.pipelines.detection.selections import Dialect, detection_node
from tocsin.schemas.sigma import FieldMap

SUFFIXES = (".yml", ".yaml")

TEST_SUFFIX = ".test.yml"
"""What stands beside a rule to test it (`tocsin.pipelines.rule_tests`), and is no rule itself."""


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One document of a rule file: `path` below its rules directory, `place` as one finds it."""

    path: str
    place: str
    line: int
    body: Mapping


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
    document, is a refusal.
    """
    documents: list[RuleDocument] = []
    refusals: list[Refusal] = []
    files: dict[Path, tuple[Path, str]] = {}
    for path in paths:
        for place, below in rule_files(path):
            files.setdefault(place.resolve(), (place, below))
    for place, below in files.values():
        for found in _read(place, below):
            if isinstance(found, Refusal):
                refusals.append(found)
            else:
                documents.append(found)
    assembly = _Assembly(native, placeholders or {}, refusals)
    assembly.add_all(documents)
    return RuleSet(
        tuple(assembly.detections),
        tuple(assembly.correlations),
        tuple(assembly.refusals),
        tuple(assembly.skipped),
        tuple(assembly.unfed),
    )


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
        if place.is_fifo() or place.is_socket():
            continue  # reading would wait for whoever writes
        yield place, place.relative_to(path).as_posix()


def _read(place: Path, below: str) -> Iterator[RuleDocument | Refusal]:
    """The rules of one file, and what of it cannot be used."""
    try:
        with place.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        yield Refusal(str(place), 1, f"cannot be read: {error.strerror}")
        return
    documents = []
    for document in read_documents(data):
        if document.body is None:
            problem = document.error or DocumentError(document.line, "no rule")
            yield Refusal(str(place), problem.line, problem.reason)
        else:
            documents.append(RuleDocument(below, str(place), document.line, document.body))
    yield from apply_actions(documents)


def apply_actions(documents: Iterable[RuleDocument]) -> Iterator[RuleDocument | Refusal]:
    """The documents of one file after `action`: `global`, `repeat` and `reset`.

    Global keys are merged into the rules that follow, up to a reset; a repeat adds to the rule
    before it. Correlations and filters stand for themselves.
    """
    shared: Mapping | None = None
    previous: RuleDocument | None = None
    for document in documents:
        action = document.body.get("action")
        if action is None and ("correlation" in document.body or "filter" in document.body):
            yield document
        elif action is None:
            previous = _merged(document, shared)
            yield previous
        elif action == "global":
            shared = _without_action(document.body)
        elif action == "reset":
            shared = None
        elif action == "repeat" and previous is not None:
            own = RuleDocument(previous.path, previous.place, document.line, previous.body)
            previous = _merged(own, _without_action(document.body))
            yield previous
        else:
            line = document.body.line_of("action")
            reason = "no rule before it to repeat" if action == "repeat" else "unknown action"
            yield Refusal(document.place, line, f"action `{action}`: {reason}")


def _without_action(body: Mapping) -> Mapping:
    rest = deepcopy(body)
    del rest["action"]
    return rest


def _merged(document: RuleDocument, added: Mapping | None) -> RuleDocument:
    if added is None:
        return document
    body = deepcopy(document.body)
    _merge(body, added)
    return RuleDocument(document.path, document.place, document.line, body)


def _merge(target: Mapping, added: Mapping) -> None:
    for key, value in added.items():
        existing = target.get(key)
        if isinstance(existing, Mapping) and isinstance(value, Mapping):
            _merge(existing, value)
        else:
            target[key] = deepcopy(value)
            target.lines[key] = added.line_of(key)


@dataclass(slots=True)
class _Assembly:
    """Turns documents into rules, filters first, as they may apply to any rule."""

    native: bool
    placeholders: Placeholders
    refusals: list[Refusal]
    detections: list[DetectionRule] = field(default_factory=list)
    correlations: list[CorrelationDocument] = field(default_factory=list)
    skipped: list[Refusal] = field(default_factory=list)
    unfed: list[Refusal] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    applied: set[str] = field(default_factory=set)
    taken: dict[str, RuleDocument] = field(default_factory=dict)

    def add_all(self, documents: Sequence[RuleDocument]) -> None:
        """Add every document that can be used; the others become refusals."""
        filters = [each for each in documents if "filter" in each.body]
        added = [each for each in filters if self._attempt(each, self._add_filter)]
        for document in documents:
            if "correlation" in document.body:
                self._attempt(document, self._add_correlation)
            elif "filter" not in document.body:
                self._attempt(document, self._add_detection)
        for document in added:
            if rule_id(document.body, document.path) not in self.applied:
                line = document.body.line_of("filter")
                reason = "the filter applies to no rule (see its `rules` and log source)"
                self.refusals.append(Refusal(document.place, line, reason))

    def _attempt(self, document: RuleDocument, add: Callable[[RuleDocument], None]) -> bool:
        """Add a document under its RULE ID, which only accepted ones take."""
        identity = rule_id(document.body, document.path)
        try:
            self._claim(identity, document)
            add(document)
        except DocumentError as error:
            self.refusals.append(Refusal(document.place, error.line, error.reason))
            return False
        self.taken[identity] = document
        return True

    def _claim(self, identity: str, document: RuleDocument) -> None:
        first = self.taken.get(identity)
        if first is not None:
            key = next((key for key in ("id", "name") if key in document.body), None)
            line = document.line if key is None else document.body.line_of(key)
            place = f"{first.place}:{first.line}"
            raise DocumentError(line, f"the rule id `{identity}` is taken by {place}")

    def _add_filter(self, document: RuleDocument) -> None:
        self.filters.append(read_filter(document.body, document.path, self.placeholders))

    def _add_correlation(self, document: RuleDocument) -> None:
        info = rule_info(document.body, document.path, document.line, place=document.place)
        self.correlations.append(CorrelationDocument(info, document.body))

    def _add_detection(self, document: RuleDocument) -> None:
        body = document.body
        section = body.get("detection")
        if not isinstance(section, Mapping):
            raise DocumentError(
                body.line_of("detection"), "no `detection`, `correlation` or `filter` mapping"
            )
        source = log_source(body)
        line = body.line_of("logsource")
        ecs = is_ecs(body, source)
        if ecs and self.native:
            reason = "rules in ECS do not run on native events"
            self.skipped.append(Refusal(document.place, body.line_of("taxonomy"), reason))
            return
        fields = rule_fields(source, ecs=ecs, native=self.native)
        dialect = Dialect(fields, self.native, self.placeholders)
        condition = detection_node(section, dialect)
        names = (rule_id(body, document.path), _name(body))
        applying = [each for each in self.filters if each.applies_to(source, names)]
        added = tuple(each.node(dialect) for each in applying if each.expiry is None)
        exceptions = (each.exception(dialect) for each in applying)
        rule = DetectionRule(
            self._info(document, condition, fields, applying),
            source,
            fields,
            self.native,
            gate_node(fields.gate, line),
            And((condition, *added)) if added else condition,
            tuple(each for each in exceptions if each is not None),
        )
        self.detections.append(rule)
        self.applied.update(each.id for each in applying)
        if fields.gate is None:
            self.unfed.append(Refusal(document.place, line, fields.reason))

    def _info(
        self,
        document: RuleDocument,
        condition: Node,
        fields: FieldMap,
        applying: Sequence[Filter],
    ) -> RuleInfo:
        meaning = [each.written for each in applying]
        meaning.append(written(fields.gate))
        meaning.extend(_targets(condition))
        if self.placeholders:
            meaning.append(written({name: list(v) for name, v in self.placeholders.items()}))
        return rule_info(
            document.body, document.path, document.line, *meaning, place=document.place
        )


def _targets(condition: Node) -> Iterator[str]:
    """The event fields that the tree reads, in order."""
    for leaf in leaves(condition):
        if isinstance(leaf, Item):
            yield from leaf.targets
            if isinstance(leaf.predicate, Reference):
                yield from leaf.predicate.targets


def _name(body: Mapping) -> str | None:
    name = body.get("name")
    return name if isinstance(name, str) else None
