"""What the tests of correlations share: rules without files, and the brute-force reference."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tocsin.pipelines.correlation import compile_correlations
from tocsin.pipelines.detection.rules import CorrelationDocument, RuleInfo

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).parent / "reference.py")
_reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_reference)


@dataclass
class Detection:
    """A detection as correlations see it; a field maps to itself unless `targets` says more."""

    info: RuleInfo
    targets: dict = field(default_factory=dict)

    def field_targets(self, name):
        """The event fields of `name`."""
        return tuple(self.targets.get(name, (name,)))


@dataclass
class Rules:
    """Loaded rules."""

    detections: list
    correlations: list


def info(rule_id, **extra):
    """What is known of a rule, for tests."""
    extra.setdefault("digest", rule_id)
    extra.setdefault("name", rule_id)
    return RuleInfo(id=rule_id, title=rule_id, path=f"{rule_id}.yml", line=1, **extra)


class Workshop:
    """Makes plans and references from short descriptions of rules."""

    Reference = _reference.Reference

    def rules(self, *documents, detections="abcd", targets=None, tocsin=None):
        """Loaded rules: correlation `documents` as in a file, and detections by name."""
        targets, tocsin = targets or {}, tocsin or {}
        return Rules(
            [
                Detection(info(name, tocsin=tocsin.get(name, {})), targets.get(name, {}))
                for name in detections
            ],
            [
                CorrelationDocument(
                    info(
                        document["id"],
                        digest=repr(document),
                        tocsin=document.get("tocsin", {}),
                        level=document.get("level", "medium"),
                    ),
                    document,
                )
                for document in documents
            ],
        )

    def plan(self, *documents, lateness=0, **rules):
        """The plan of correlation `documents`."""
        return compile_correlations(self.rules(*documents, **rules), lateness=lateness)

    def correlation(self, rule_id="rule", *, tocsin=None, top=None, **body):
        """A correlation document; `group_by` stands for `group-by`."""
        body = {
            key.replace("_", "-") if key == "group_by" else key: value
            for key, value in body.items()
        }
        body.setdefault("timespan", "10s")
        return {"id": rule_id, "correlation": body, "tocsin": tocsin or {}, **(top or {})}


@pytest.fixture(scope="session")
def workshop():
    """Rules and references for tests."""
    return Workshop()
