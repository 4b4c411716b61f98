"""What a rule says of itself, apart from what it looks for.

Only what changes verdicts or alerts can refuse a rule here: its log source, taxonomy and level.
Other metadata that is not as the specification has it is left out, and the rule runs.
"""

import json
from collections.abc import Iterable
from typing import Any

from tocsin.pipelines.detection.documents import DocumentError, Mapping
from tocsin.pipelines.detection.rules import RuleInfo
from tocsin.schemas.identity import digest
from tocsin.schemas.sigma import LogSource

LEVELS = ("informational", "low", "medium", "high", "critical")

_PARTS = ("product", "category", "service")


def rule_id(body: Mapping, path: str) -> str:
    """The RULE ID (SEMANTICS §1.5): `id`, else `name`, else the path below the directory."""
    for key in ("id", "name"):
        value = body.get(key)
        if value is not None and not isinstance(value, str):
            value = str(value)
        if value:
            return value
    return path


def rule_info(body: Mapping, path: str, line: int, *meaning: str, place: str = "") -> RuleInfo:
    """What an alert says of the rule; `meaning` is what, beside the document, its digest covers.

    Raises DocumentError for an unknown level.
    """
    identity = rule_id(body, path)
    level = body.get("level", "medium")
    if level not in LEVELS:
        raise DocumentError(
            body.line_of("level"), f"unknown level `{level}`: expected one of {', '.join(LEVELS)}"
        )
    tocsin = body.get("tocsin", {})
    if not isinstance(tocsin, Mapping | dict):
        raise DocumentError(body.line_of("tocsin"), "`tocsin` is a mapping")
    return RuleInfo(
        id=identity,
        title=_text(body, "title") or _text(body, "name") or identity,
        path=path,
        line=line,
        digest=digest(written(body), *meaning),
        name=_text(body, "name"),
        level=level,
        status=_text(body, "status"),
        description=_text(body, "description"),
        author=_text(body, "author"),
        tags=tuple(_texts(body.get("tags"))),
        references=tuple(_texts(body.get("references"))),
        false_positives=tuple(_texts(body.get("falsepositives"))),
        related=tuple(_related(body.get("related"))),
        tocsin=tocsin,
        place=place,
    )


def log_source(body: Mapping) -> LogSource:
    """The log source that the document names; raises DocumentError."""
    section = body.get("logsource")
    line = body.line_of("logsource")
    if not isinstance(section, Mapping):
        raise DocumentError(line, "`logsource` is missing, or no mapping")
    parts: dict[str, str] = {}
    for name in _PARTS:
        value = section.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not value:
            raise DocumentError(section.line_of(name), f"`{name}` is text")
        parts[name] = value.lower()
    if not parts:
        raise DocumentError(line, "`logsource` names no product, category or service")
    return LogSource(**parts)


def is_ecs(body: Mapping, source: LogSource) -> bool:
    """Whether the rule is written in ECS (SEMANTICS §2.10); raises DocumentError."""
    taxonomy = body.get("taxonomy", "sigma")
    line = body.line_of("taxonomy")
    if taxonomy not in ("sigma", "ecs"):
        raise DocumentError(line, f"unknown taxonomy `{taxonomy}`: expected sigma or ecs")
    ecs = bool(taxonomy == "ecs")
    if ecs != (source.product == "ecs"):
        raise DocumentError(
            body.line_of("logsource"), "`taxonomy: ecs` and `logsource: {product: ecs}` go together"
        )
    if ecs and source.service is not None:
        raise DocumentError(body.line_of("logsource"), "rules in ECS name no `service`")
    return ecs


def written(body: Any) -> str:
    """A document as one text, the same for the same content."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _text(body: Mapping, key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) and value else None


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _related(value: Any) -> Iterable[tuple[str, str]]:
    for each in value if isinstance(value, list) else []:
        if isinstance(each, Mapping) and isinstance(each.get("id"), str):
            yield each["id"], str(each.get("type"))
