"""Tests of rules from raw lines: what stands beside a rule as `NAME.test.yml`.

    received: 2026-11-24T12:00:00Z      # record time of all lines
    timezone: UTC                       # zone of times that name none; may be left out
    tests:
      - name: one sentence that says what holds
        records:
          - parser: linux
            times: 25                   # each line so often, <<n>> counting from 1 and
            lines: |                    #   <<nn>> the same in two digits; may be left out
              Nov 24 11:59:<<nn>> gw sshd[812]: Failed password for root from ...
        alerts:                         # all alerts of the rules in NAME.yml, in order of time;
          - rule.name: SSH password guessed     # of each the fields that it must have
            source.ip: 203.0.113.7

A test runs its lines through the stages that every host runs (parse, detect, correlate) with all
rules loaded, and compares the alerts of those rules that stand in the file beside it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.parsers import PARSERS
from tocsin.pipelines import config, stages
from tocsin.pipelines.detection.documents import read_documents
from tocsin.pipelines.detection.load import TEST_SUFFIX
from tocsin.pipelines.engine import Engine
from tocsin.schemas.alerts import Alert
from tocsin.schemas.events import flatten
from tocsin.schemas.matches import Match
from tocsin.schemas.records import Batch, Record, Source
from tocsin.schemas.times import parse_time

MOST_RECORDS = 100_000
"""The most lines that an entry may come to: more than any threshold needs, little to wait for."""

_FILE_KEYS = {"received", "timezone", "tests"}
_TEST_KEYS = {"name", "records", "alerts"}
_RECORD_KEYS = {"parser", "times", "lines"}


class RuleTestError(ValueError):
    """A test file that cannot be used; the text says where and what was expected."""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test: the `batches` of raw lines, and the fields of each alert that must come of them.

    `rules` are the RULE IDs of the file beside `path`; `line` is where the test begins.
    """

    path: Path
    line: int
    name: str
    batches: tuple[Batch, ...]
    alerts: tuple[Mapping[str, Any], ...]

    @property
    def rule_path(self) -> Path:
        """The rule file that the test stands beside."""
        return self.path.with_name(self.path.name.removesuffix(TEST_SUFFIX) + ".yml")

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name}"


def load_rule_tests(paths: Iterable[Path]) -> list[RuleTest]:
    """The tests of `paths`: test files, and directories with all `*.test.yml` below them.

    Raises RuleTestError with path and line, also for a path without tests, and OSError for one
    that cannot be read.
    """
    return [test for path in paths for file in _files(path) for test in _read(file)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(path.rglob(f"*{TEST_SUFFIX}"))
        if not found:
            raise RuleTestError(f"{path}: no test files (*{TEST_SUFFIX}) below this directory")
        return found
    path.stat()
    if not path.name.endswith(TEST_SUFFIX):
        raise RuleTestError(f"{path}: expected a directory, or a test file NAME{TEST_SUFFIX}")
    return [path]


def _read(path: Path) -> Iterator[RuleTest]:
    for document in read_documents(path.read_bytes()):
        if document.error is not None or document.body is None:
            reason = document.error.reason if document.error else "no test file"
            raise RuleTestError(f"{path}:{document.line}: {reason}")
        reader = _Reader(path, document.body)
        yield from reader.tests()


class _Reader:
    """Reads the one document of a test file."""

    def __init__(self, path: Path, body: Any) -> None:
        self._path = path
        self._body = body
        self._keys(body, _FILE_KEYS)
        try:
            self._received = parse_time(str(body["received"]))
            self._zone = config.zone(str(body.get("timezone", "UTC")))
        except (KeyError, ValueError) as error:
            raise self._error(body, f"received, timezone: {error}") from error

    def tests(self) -> Iterator[RuleTest]:
        for entry in self._list(self._body, "tests"):
            self._keys(entry, _TEST_KEYS)
            batches = []
            position = 0
            for records in self._list(entry, "records"):
                batch = self._batch(records, position)
                position += len(batch.records)
                batches.append(batch)
            alerts = entry.get("alerts")
            if not isinstance(alerts, list) or not all(isinstance(one, dict) for one in alerts):
                raise self._error(entry, "alerts: expected a list of fields and values")
            name = str(entry.get("name", ""))
            yield RuleTest(self._path, entry.line, name, tuple(batches), tuple(alerts))

    def _batch(self, entry: Any, position: int) -> Batch:
        self._keys(entry, _RECORD_KEYS)
        parser, lines = entry.get("parser"), entry.get("lines")
        if parser not in PARSERS:
            raise self._error(entry, f"parser: {parser!r} is none of {', '.join(sorted(PARSERS))}")
        if not isinstance(lines, str):
            raise self._error(entry, "lines: expected text")
        times = entry.get("times", 1)
        most = MOST_RECORDS // max(1, len(lines.splitlines()))
        if not isinstance(times, int) or not 1 <= times <= most:
            raise self._error(entry, f"times: expected a number from 1 to {most}")
        texts = [
            line.replace("<<n>>", str(n)).replace("<<nn>>", f"{n:02}")
            for n in range(1, times + 1)
            for line in lines.splitlines()
            if line.strip()
        ]
        records = [
            Record(text.encode(), f"test/{position + number}", self._received)
            for number, text in enumerate(texts)
        ]
        return Batch(Source(str(parser), str(parser), timezone=self._zone), records)

    def _list(self, body: Any, key: str) -> list[Any]:
        values = body.get(key)
        if not isinstance(values, list) or not values:
            raise self._error(body, f"{key}: expected a list that is not empty")
        return values

    def _keys(self, body: Any, known: set[str]) -> None:
        if not isinstance(body, dict):
            raise RuleTestError(f"{self._path}: expected keys {', '.join(sorted(known))}")
        for key in body:
            if key not in known:
                raise self._error(body, f"unknown key {key!r}, known: {', '.join(sorted(known))}")

    def _error(self, body: Any, reason: str) -> RuleTestError:
        return RuleTestError(f"{self._path}:{body.line}: {reason}")


def run_rule_test(test: RuleTest, engine: Engine) -> list[str]:
    """What is wrong: unread lines, alerts missing or too many, fields that differ; else empty."""
    problems: list[str] = []
    rules = _rules_of(test.rule_path, engine)
    if not rules:
        return [f"no rule of {test.rule_path} was loaded"]
    alerts: list[Alert] = []
    matches: list[Match] = []
    for batch in test.batches:
        normalized = stages.normalize(batch)
        problems += [f"not parsed: {letter.reason}" for letter in normalized.dead_letters]
        detected = stages.detect(normalized.events, engine)
        alerts += detected.alerts
        matches += detected.matches
    alerts += stages.correlate_history(matches, engine).alerts
    found = [flatten(alert.document) for alert in alerts]
    found = [alert for alert in found if alert["rule.id"] in rules]
    found.sort(key=lambda alert: (alert["@timestamp"], alert["rule.name"]))
    if len(found) != len(test.alerts):
        names = ", ".join(alert["rule.name"] for alert in found) or "none"
        problems.append(f"expected {len(test.alerts)} alerts, found {len(found)}: {names}")
        return problems
    for number, (alert, expected) in enumerate(zip(found, test.alerts, strict=True), start=1):
        problems += [
            f"alert {number}: {field} is {alert.get(field)!r}, expected {value!r}"
            for field, value in expected.items()
            if alert.get(field) != value
        ]
    return problems


def _rules_of(path: Path, engine: Engine) -> frozenset[str]:
    """The RULE IDs of the rules in the file at `path`, as far as `engine` took them."""
    written = {
        str(document.body.get("id") or document.body.get("name"))
        for document in read_documents(path.read_bytes())
        if document.body is not None
    }
    taken = {rule.info.id for rule in engine.rules.detections}
    taken |= {rule.info.id for rule in engine.rules.correlations}
    return frozenset(written & taken)
