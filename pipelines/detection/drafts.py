"""Rule files as drafts: what each document comes to by itself, whatever the other files are.

    file ─▶ documents ─▶ action: global, repeat, reset ─▶ detection ─▶ DetectionDraft
                                                        ├▶ correlation ─▶ CorrelationDocument
                                                        └▶ filter ─▶ FilterDraft

A file's drafts depend on its bytes, its place, and the dialect that it is read in, and on nothing
else. So `store` keeps them file by file; `load` makes rules of them.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

from tocsin.pipelines.detection.documents import DocumentError, Mapping, read_documents
from tocsin.pipelines.detection.gates import rule_fields
from tocsin.pipelines.detection.ir import Item, Node, Reference, leaves
from tocsin.pipelines.detection.metadata import is_ecs, log_source, rule_id, rule_info, written
from tocsin.pipelines.detection.placeholders import Placeholders
from tocsin.pipelines.detection.rules import CorrelationDocument, Refusal, RuleInfo
from tocsin.pipelines.detection.selections import Dialect, detection_node
from tocsin.schemas.identity import digest
from tocsin.schemas.sigma import FieldMap, LogSource


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One document of a rule file: `path` below its rules directory, `place` as one finds it."""

    path: str
    place: str
    line: int
    body: Mapping


@dataclass(frozen=True, slots=True)
class DetectionDraft:
    """A detection as it would be without filters, but for what its log source says.

    `line` is where it names that; `document` is the whole document as its digest covers it.
    """

    info: RuleInfo
    logsource: LogSource
    ecs: bool
    line: int
    condition: Node
    document: str

    def filtered(self, filters: Iterable[str], fields: FieldMap, values: Placeholders) -> RuleInfo:
        """The rule's info when filters, given as they are written, apply to it."""
        meaning = _meaning(self.condition, fields, values)
        return replace(self.info, digest=digest(self.document, *filters, *meaning))


@dataclass(frozen=True, slots=True)
class FilterDraft:
    """A filter, to be read together with the rules that it applies to."""

    body: Mapping
    path: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule in ECS, which a run over native events leaves out; `line` says that it is one."""

    line: int


Outcome = DetectionDraft | CorrelationDocument | FilterDraft | Skipped | Refusal


@dataclass(frozen=True, slots=True)
class Draft:
    """A document: its RULE ID with the line that says it, its place, and what it comes to."""

    id: str
    id_line: int
    place: str
    line: int
    outcome: Outcome


def drafts_of(
    data: bytes, place: str, path: str, *, native: bool, placeholders: Placeholders
) -> Iterator[Draft | Refusal]:
    """The drafts of a file's `data`, and what of it is no document; see `load.load_rules`."""
    documents = []
    for document in read_documents(data):
        if document.body is None:
            problem = document.error or DocumentError(document.line, "no rule")
            yield Refusal(place, problem.line, problem.reason)
        else:
            documents.append(RuleDocument(path, place, document.line, document.body))
    for found in apply_actions(documents):
        yield found if isinstance(found, Refusal) else _draft(found, native, placeholders)


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


def _draft(document: RuleDocument, native: bool, placeholders: Placeholders) -> Draft:
    body = document.body
    try:
        outcome = _outcome(document, native, placeholders)
    except DocumentError as error:
        outcome = Refusal(document.place, error.line, error.reason)
    key = next((key for key in ("id", "name") if key in body), None)
    line = document.line if key is None else body.line_of(key)
    return Draft(rule_id(body, document.path), line, document.place, document.line, outcome)


def _outcome(document: RuleDocument, native: bool, placeholders: Placeholders) -> Outcome:
    """What the document comes to; raises DocumentError."""
    body = document.body
    if "correlation" in body:
        info = rule_info(body, document.path, document.line, place=document.place)
        return CorrelationDocument(info, body)
    if "filter" in body:
        return FilterDraft(body, document.path)
    section = body.get("detection")
    if not isinstance(section, Mapping):
        raise DocumentError(
            body.line_of("detection"), "no `detection`, `correlation` or `filter` mapping"
        )
    source = log_source(body)
    ecs = is_ecs(body, source)
    if ecs and native:
        return Skipped(body.line_of("taxonomy"))
    fields = rule_fields(source, ecs=ecs, native=native)
    condition = detection_node(section, Dialect(fields, native, placeholders))
    meaning = _meaning(condition, fields, placeholders)
    info = rule_info(body, document.path, document.line, *meaning, place=document.place)
    line = body.line_of("logsource")
    return DetectionDraft(info, source, ecs, line, condition, written(body))


def _meaning(condition: Node, fields: FieldMap, placeholders: Placeholders) -> Iterator[str]:
    """What a rule's digest covers beside documents."""
    yield written(fields.gate)
    yield from _targets(condition)
    if placeholders:
        yield written({name: list(each) for name, each in placeholders.items()})


def _targets(condition: Node) -> Iterator[str]:
    """The event fields that the tree reads, in order."""
    for leaf in leaves(condition):
        if isinstance(leaf, Item):
            yield from leaf.targets
            if isinstance(leaf.predicate, Reference):
                yield from leaf.predicate.targets
