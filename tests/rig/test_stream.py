"""The whole way over real servers: produced files, streamed by two processes, one of them killed.

What two workers make of the demo's day through Kafka, with a kill -9 in mid-stream, is what a
backfill makes of the same files (DELIVERY §5.1).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import scan
from pyarrow import parquet

from tocsin.pipelines.demo.generate import PARSERS
from tocsin.schemas.events import flatten

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TOCSIN = Path(sys.executable).with_name("tocsin")
RECEIVED = "2026-11-18T00:00:00Z"
WHOLE = os.environ.get("TOCSIN_LONG") == "1"

PROVENANCE = {
    "event.created",
    "event.ingested",
    "tocsin.detected",
    "tocsin.origin",
    "tocsin.run",
    "tocsin.watermark",
}


@pytest.fixture(scope="module")
def logs(thinned_day: Callable[[int], Path]) -> Path:
    """The demo's logs, a tenth of the quiet records where it is not to take long."""
    return thinned_day(1 if WHOLE else 10)


def run(*words: object, timeout: float = 300) -> None:
    """Run a command of ours to its end, which must be status 0."""
    done = subprocess.run(
        [TOCSIN, *map(str, words)], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"tocsin {words[0]}: {done.stderr[-2000:]}"


class Stream:
    """A configuration of its own over the session's servers, and the processes that stream it."""

    def __init__(self, folder: Path, organization: str, kafka: str, elasticsearch: str) -> None:
        self.folder = folder
        self.organization = organization
        self.client = Elasticsearch(elasticsearch)
        self.config = folder / "tocsin.toml"
        self.config.write_text(self._toml(kafka, elasticsearch))
        self.running: list[subprocess.Popen[bytes]] = []

    def _toml(self, kafka: str, elasticsearch: str) -> str:
        name = self.organization
        tables = [
            f'[kafka]\nbootstrap_servers = ["{kafka}"]\ngroup = "{name}"',
            f'matches_topic = "{name}-matches"\ndead_letters_topic = "{name}-dead-letters"',
            f'[elasticsearch]\nhosts = ["{elasticsearch}"]',
        ]
        tables += [
            f'[[source]]\nname = "{source}"\ntopic = "{self.topic(source)}"\nparser = "{parser}"\n'
            f'organization = "{name}"\nhistory = true\nplace = "header"'
            for source, parser in PARSERS.items()
        ]
        return "\n".join(tables)

    def topic(self, source: str) -> str:
        return f"{self.organization}-{source}"

    def start(self, index: int) -> subprocess.Popen[bytes]:
        output = (self.folder / f"stream-{index}.log").open("ab")
        command = [TOCSIN, "stream", "--config", self.config, "--index", str(index), "--until-idle"]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        output.close()
        self.running.append(process)
        return process

    def said(self) -> str:
        return "".join(path.read_text()[-2000:] for path in self.folder.glob("stream-*.log"))

    def count(self, kind: str) -> int:
        """How many documents there are so far; none in an index whose shard is only starting."""
        pattern = f"tocsin-{kind}-*"
        query = {"term": {"organization.name": self.organization}}
        try:
            self.client.indices.refresh(index=pattern)
            return int(self.client.count(index=pattern, query=query)["count"])
        except ApiError as error:
            if error.status_code != 503:
                raise
            return 0

    def documents(self, kind: str) -> dict[str, dict[str, Any]]:
        """Every document by id; fails where one id stands in two indices."""
        pattern = f"tocsin-{kind}-*"
        self.client.indices.refresh(index=pattern)
        query = {"query": {"term": {"organization.name": self.organization}}}
        found: dict[str, dict[str, Any]] = {}
        for hit in scan(self.client, index=pattern, query=query, size=2000):
            assert hit["_id"] not in found
            found[hit["_id"]] = hit["_source"]
        return found

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait(30)
        self.client.close()


@pytest.fixture
def stream(kafka, elasticsearch, tmp_path: Path) -> Iterator[Stream]:
    built = Stream(tmp_path, f"city-{os.getpid()}", kafka.address, elasticsearch.address)
    yield built
    built.close()


def compared(document: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two alerts the same: all but provenance and what analysts own."""
    return {
        name: value
        for name, value in flatten(document).items()
        if name not in PROVENANCE and not name.startswith("kibana.alert.workflow_")
    }


def differences(
    first: Mapping[str, dict[str, Any]], second: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, tuple[Any, Any]]]:
    """The fields in which documents of the same id differ, with both values."""
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        fields = {
            name: (one.get(name), other.get(name))
            for name in one.keys() | other.keys()
            if one.get(name) != other.get(name)
        }
        if fields:
            found[key] = fields
    return found


def wait_for_events(stream: Stream, wanted: int, *processes: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while stream.count("events") < wanted:
        assert time.monotonic() < deadline, stream.said()
        assert all(process.poll() is None for process in processes), stream.said()
        time.sleep(0.05)


def test_two_workers_one_killed_give_what_a_backfill_gives(stream: Stream, logs: Path):
    """Every event exactly once, and exactly the backfill's alerts, document by document."""
    run("deploy", "elasticsearch", "--config", stream.config)
    run("deploy", "kafka", "--config", stream.config, "--partitions", 2)
    for name, parser in PARSERS.items():
        words = ("--parser", parser, "--received", RECEIVED, "--config", stream.config)
        run("produce", logs / f"{name}.log", "--topic", stream.topic(name), *words)
    records = sum(
        len(path.read_bytes().splitlines()) for path in logs.iterdir() if path.suffix == ".log"
    )

    first, second = stream.start(0), stream.start(1)
    wait_for_events(stream, records // 4, first, second)
    second.send_signal(signal.SIGKILL)
    second.wait(30)
    killed_at = stream.count("events")
    again = stream.start(1)
    assert first.wait(600) == 0, stream.said()
    assert again.wait(60) == 0, stream.said()

    out = stream.folder / "backfill"
    words = ("--received", RECEIVED, "--organization", stream.organization)
    run("backfill", logs, "--out", out, *words)
    events = {
        identity
        for path in (out / "events").glob("*.parquet")
        for identity in parquet.read_table(path, columns=["event.id"])["event.id"].to_pylist()
    }
    alerts = [json.loads(line) for line in (out / "alerts.ndjson").read_text().splitlines()]
    expected = {alert.pop("_id"): compared(alert) for alert in alerts}
    streamed = {key: compared(alert) for key, alert in stream.documents("alerts").items()}

    assert killed_at < records
    assert len(events) == records
    assert stream.documents("events").keys() == events
    assert streamed.keys() == expected.keys()
    assert differences(streamed, expected) == {}
    assert len(expected) > 10
