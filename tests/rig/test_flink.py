"""The Beam graph on a real Flink, embedded in Beam's job server: what a backfill gives, it gives.

Produced files go through Kafka and the graph into Elasticsearch, once with the transforms in the
submitting process, once in workers of their own of which one is killed (DELIVERY §5.1).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import ScanError, scan
from processes import Service, ServiceError, end_session, port_open
from pyarrow import parquet

from tocsin.pipelines.config import load_config
from tocsin.pipelines.demo.generate import PARSERS
from tocsin.pipelines.stream import plan_job, run_on_runner
from tocsin.pipelines.streaming import StreamError
from tocsin.schemas.events import flatten

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BIN = Path(sys.executable).parent
RECEIVED = "2026-11-18T00:00:00Z"
PROVENANCE = {
    "event.created",
    "event.ingested",
    "tocsin.detected",
    "tocsin.origin",
    "tocsin.run",
    "tocsin.watermark",
}

SECONDS = 150
"""A start may be slow, and one that stalls is made again after a minute."""


@pytest.fixture(scope="module")
def logs(thinned_day: Callable[[int], Path]) -> Path:
    """The demo's logs, some 6,000 records, and a line that no parser reads."""
    folder = thinned_day(50)
    with (folder / "netfilter.log").open("ab") as log:
        log.write(b"this is no line of syslog\n")
    return folder


@pytest.fixture
def flink(services: ModuleType) -> Iterator[Service]:
    """A job server with its cluster, for one test, as a job ends only with them."""
    try:
        services.fetch("flink")
    except ServiceError as error:
        if os.environ.get("TOCSIN_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"the jars of Beam's Flink runner cannot be had: {error}")
    with services.start_flink_job_server() as server:
        yield server


@dataclass(frozen=True)
class Pool:
    """A process that starts a Python worker whenever Flink asks at `port` for one."""

    port: int
    pid: int

    def workers(self) -> set[int]:
        """The process ids of its workers, which its threads started."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/children")
        return {int(child) for children in threads for child in children.read_text().split()}


@pytest.fixture
def pool(services: ModuleType, tmp_path: Path) -> Iterator[Pool]:
    """A pool of workers that are ended with it."""
    port = services.free_port()
    words = ["-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
    # The pool takes the first `python` of its path for its workers.
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    with (tmp_path / "pool.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *words],
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    wait_until(lambda: port_open(f"127.0.0.1:{port}"), lambda: "the pool did not start", 30)
    yield Pool(port, process.pid)
    end_session(process.pid, signal.SIGKILL, process.poll)


class City:
    """An organisation of its own over the session's servers, and what is stored of it."""

    def __init__(self, folder: Path, kafka: Service, elasticsearch: Service) -> None:
        self.folder = folder
        self.organization = f"{folder.name[-12:].strip('-_').replace('_', '-')}-{os.getpid()}"
        self.client = Elasticsearch(elasticsearch.address)
        self.config = folder / "tocsin.toml"
        self.config.write_text(self._toml(kafka.address, elasticsearch.address))
        self.process: subprocess.Popen[bytes] | None = None

    def _toml(self, kafka: str, elasticsearch: str) -> str:
        name = self.organization
        tables = [
            f'[kafka]\nbootstrap_servers = ["{kafka}"]\ngroup = "{name}"',
            f'matches_topic = "{name}-matches"\ndead_letters_topic = "{name}-dead-letters"',
            f'[elasticsearch]\nhosts = ["{elasticsearch}"]\nreplicas = 0',
        ]
        tables += [
            f'[[source]]\nname = "{source}"\ntopic = "{name}-{source}"\nparser = "{parser}"\n'
            f'organization = "{name}"\nhistory = true\nplace = "header"'
            for source, parser in PARSERS.items()
        ]
        return "\n".join(tables)

    def run(self, *words: object) -> None:
        """Run a command of ours to its end, which must be status 0."""
        command = [BIN / "tocsin", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"tocsin {words[0]}: {done.stderr[-2000:]}"

    def deploy(self) -> None:
        self.run("deploy", "elasticsearch", "--config", self.config)
        self.run("deploy", "kafka", "--config", self.config, "--partitions", 2)

    def produce(self, logs: Path, *names: str) -> None:
        for name in names:
            words = ("--parser", PARSERS[name], "--received", RECEIVED, "--config", self.config)
            topic = f"{self.organization}-{name}"
            self.run("produce", logs / f"{name}.log", "--topic", topic, *words)

    def stream(self, flink: Service, *options: str) -> None:
        """Submit the graph; the process stays, as the job's worker or as its onlooker."""
        command = [BIN / "tocsin", "stream", "--config", self.config]
        command += ["--runner", "PortableRunner", "--", f"--job_endpoint={flink.address}"]
        command += [f"--state_backend_storage_path=file://{self.folder}/checkpoints", *options]
        with (self.folder / "stream.log").open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    def said(self) -> str:
        files = (self.folder / name for name in ("stream.log", "pool.log"))
        return "".join(path.read_text()[-3000:] for path in files if path.exists())

    def documents(self, kind: str) -> dict[str, dict[str, Any]]:
        """Every document so far by id, none while a shard is only starting.

        Fails where one id stands in two indices.
        """
        found: dict[str, dict[str, Any]] = {}
        query = {"query": {"match_phrase": {"organization.name": self.organization}}}
        try:
            self.client.indices.refresh(index=f"tocsin-{kind}*")
            for hit in scan(self.client, index=f"tocsin-{kind}*", query=query, size=2000):
                assert hit["_id"] not in found
                found[hit["_id"]] = hit["_source"]
        except ScanError:
            return {}
        except ApiError as error:
            if error.status_code != 503:
                raise
            return {}
        return found

    def alerts(self) -> dict[str, dict[str, Any]]:
        return {key: compared(alert) for key, alert in self.documents("alerts").items()}

    def expected(self, logs: Path) -> tuple[set[str], dict[str, dict[str, Any]], set[str]]:
        """What a backfill of `logs` gives: ids of events, alerts by id, ids of dead letters."""
        out = self.folder / "backfill"
        words = ("--received", RECEIVED, "--organization", self.organization)
        self.run("backfill", logs, "--out", out, *words)
        events = {
            identity
            for path in (out / "events").glob("*.parquet")
            for identity in parquet.read_table(path, columns=["event.id"])["event.id"].to_pylist()
        }
        alerts = [json.loads(line) for line in (out / "alerts.ndjson").read_text().splitlines()]
        letters = (out / "dead_letters.ndjson").read_text().splitlines()
        return (
            events,
            {alert.pop("_id"): compared(alert) for alert in alerts},
            {json.loads(letter)["_id"] for letter in letters},
        )

    def wait_for(self, events: int) -> None:
        wait_until(lambda: len(self.documents("events")) >= events, self.said)

    def close(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(30)
        self.client.close()


@pytest.fixture
def city(kafka: Service, elasticsearch: Service, tmp_path: Path) -> Iterator[City]:
    built = City(tmp_path, kafka, elasticsearch)
    yield built
    built.close()


def compared(document: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two alerts the same: all but provenance and what analysts own."""
    return {
        name: value
        for name, value in flatten(document).items()
        if name not in PROVENANCE and not name.startswith("kibana.alert.workflow_")
    }


def wait_until(
    holds: Callable[[], bool], said: Callable[[], str], seconds: float = SECONDS
) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, said()
        time.sleep(0.5)


def differing(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Which alerts are missing, too many, or not the same."""
    return (
        f"missing {sorted(expected.keys() - found.keys())},"
        f" unexpected {sorted(found.keys() - expected.keys())},"
        f" other {sorted(key for key in found if found[key] != expected.get(key, found[key]))}"
    )


def test_flink_gives_what_a_backfill_gives(city: City, flink: Service, logs: Path):
    """Every event exactly once, and exactly the backfill's alerts, document by document."""
    city.deploy()
    city.produce(logs, *PARSERS)
    city.stream(flink, "--environment_type=LOOPBACK")
    events, alerts, letters = city.expected(logs)

    city.wait_for(len(events))
    wait_until(lambda: city.alerts() == alerts, lambda: differing(city.alerts(), alerts))

    assert city.documents("events").keys() == events
    wait_until(
        lambda: city.documents("dead-letters").keys() == letters, lambda: f"missing {letters}"
    )
    assert len(events) > 5000
    assert len(alerts) > 10
    assert len(letters) == 1


def test_a_killed_worker_loses_and_doubles_nothing(
    city: City, flink: Service, pool: Pool, logs: Path
):
    """Flink has another one go on where the last checkpoint was, with the state that it had."""
    before, after = sorted(PARSERS)[::2], sorted(PARSERS)[1::2]
    city.deploy()
    city.produce(logs, *before)
    city.stream(flink, "--environment_type=EXTERNAL", f"--environment_config=localhost:{pool.port}")
    events, alerts, letters = city.expected(logs)
    city.wait_for(sum(len((logs / f"{name}.log").read_bytes().splitlines()) for name in before))

    city.produce(logs, *after)
    killed = pool.workers()
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    city.wait_for(len(events))
    wait_until(lambda: city.alerts() == alerts, lambda: differing(city.alerts(), alerts))

    assert killed
    assert pool.workers() - killed
    assert city.documents("events").keys() == events
    wait_until(
        lambda: city.documents("dead-letters").keys() == letters, lambda: f"missing {letters}"
    )


def test_a_job_that_fails_is_told_with_the_reason(city: City, flink: Service):
    """Flink takes no job whose state is to be kept in files and is not told where."""
    city.deploy()
    job = plan_job(load_config(city.config, PARSERS), "test")
    options = ["--runner=PortableRunner", f"--job_endpoint={flink.address}"]
    options += ["--environment_type=LOOPBACK"]

    with pytest.raises(StreamError, match=r"the job ended: .*[sS]torage"):
        run_on_runner(job, options, lambda: False, lambda _: None)


def test_a_job_that_does_not_begin_is_submitted_again_and_then_given_up(city: City, flink: Service):
    """Nothing listens where its workers should be: Flink tries on, and says nothing of it."""
    city.deploy()
    job = plan_job(load_config(city.config, PARSERS), "test")
    options = [
        "--runner=PortableRunner",
        f"--job_endpoint={flink.address}",
        f"--state_backend_storage_path=file://{city.folder}/checkpoints",
        "--environment_type=EXTERNAL",
        "--environment_config=127.0.0.1:9",
    ]
    said: list[str] = []

    with pytest.raises(StreamError, match="the job read nothing within 5 s, twice"):
        run_on_runner(job, options, lambda: False, said.append, patience=5)

    assert said == ["the job read nothing within 5 s: submitting it again"]
