"""Kafka, Elasticsearch and a Flink job server on this machine, without Docker.

`python deploy/local/services.py up | down | status` runs Kafka and Elasticsearch at their usual
ports until `down`; tests import the module and start what they need on free ports. The jars come
from Maven Central (`*/pom.xml` beside this file) once, into `$TOCSIN_CACHE` (default
`~/.cache/tocsin`). Needs Java 17 and Maven. Everything listens on loopback only.

The Elasticsearch is the server's core as Elastic publishes it for integration tests: indices,
mappings, bulk and search, but no ILM, ingest pipelines, scripts or Kibana. `deploy/compose` runs
the full distributions.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import uuid
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import processes
from processes import HOST, Service, ServiceError, claim_port, free_port, port_open

HERE = Path(__file__).resolve().parent
FETCH_SECONDS = 600
KAFKA_PORT = 9092
ELASTICSEARCH_PORT = 9200
NOBODY = 65534
"""Elasticsearch refuses to run as root; this user id exists everywhere without being made."""

CONFIGURATION = (
    "jvm.options",
    "log4j2.properties",
    "role_mapping.yml",
    "roles.yml",
    "users",
    "users_roles",
)
"""The files of Elasticsearch's `config` that a server needs besides `elasticsearch.yml`."""


def cache() -> Path:
    """The folder that keeps what was fetched: `$TOCSIN_CACHE`, by default `~/.cache/tocsin`."""
    return Path(os.environ.get("TOCSIN_CACHE") or Path.home() / ".cache" / "tocsin")


def missing_tools() -> str | None:
    """What this machine lacks to run the services, in a sentence, or None."""
    lacking = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if lacking:
        return f"{' and '.join(lacking)} not on the path: install Java 17 and Maven 3"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "setpriv not on the path: install util-linux, or do not run as root"
    return None


def fetch(name: str) -> Path:
    """The folder of the artifacts that `name/pom.xml` lists, fetched at most once.

    Raises ServiceError where Maven is missing or does not succeed.
    """
    if lacking := missing_tools():
        raise ServiceError(lacking)
    pom = HERE / name / "pom.xml"
    edition = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    folder = cache() / f"{name}-{edition}"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            _run_maven(pom, partial)
            partial.rename(folder)
    return folder


def _run_maven(pom: Path, output: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={output}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"{pom}: Maven did not end within {FETCH_SECONDS} s") from error
    if done.returncode:
        raise ServiceError(f"{pom}: Maven failed:\n{(done.stdout + done.stderr)[-2000:]}")


def start_kafka(
    folder: Path | None = None, port: int | None = None, settings: Mapping[str, str] | None = None
) -> Service:
    """A single Kafka 4.1 broker (KRaft); a `folder` that held one before goes on with its data.

    `settings` are added to `server.properties`. A restart after `kill` takes about 15 s, until
    the old broker's session has expired.
    """
    classpath = f"{fetch('kafka')}/*"
    port = claim_port(port)
    place, owned = _folder("kafka", folder)
    properties = place / "server.properties"
    properties.write_text(_kafka_properties(place, port, free_port(), settings or {}))
    if not (place / "data" / "meta.properties").exists():
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        command = ["java", "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", cluster]
        _run([*command, "-c", str(properties)], place / "server.log")
    heap = ["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC"]
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    command = ["java", *heap, quiet, "-cp", classpath, "kafka.Kafka", str(properties)]
    address = f"{HOST}:{port}"
    service = processes.start("kafka", address, place, command, owns_folder=owned)
    return processes.wait_for(service, lambda: _kafka_answers(service.address))


def _kafka_properties(folder: Path, port: int, controller: int, more: Mapping[str, str]) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "data"),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A topic that a typing error made is worse than one that is missing.
        "auto.create.topics.enable": "false",
        # Records of old logs carry old times; by default the broker deletes them at once.
        "log.retention.ms": "-1",
    } | dict(more)
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _kafka_answers(address: str) -> bool:
    from kafka import KafkaAdminClient  # noqa: PLC0415  # slow to import, and only needed here
    from kafka.errors import KafkaError  # noqa: PLC0415

    if not port_open(address):
        return False
    try:
        admin = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=5000)
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


def start_elasticsearch(
    folder: Path | None = None, port: int | None = None, settings: Mapping[str, str] | None = None
) -> Service:
    """A single Elasticsearch 8.19 node; a `folder` that held one before goes on with its data.

    `settings` are added to `elasticsearch.yml`; files that stand in `folder`'s `config` already,
    such as `users` and `roles.yml`, are taken as they are. As root the server runs as user 65534,
    for whom each parent of `folder` must be open; the default is a new folder below the system's
    temporary one. Needs 1.5 GiB of memory.
    """
    archive = next(fetch("elasticsearch").glob("*.zip"))
    port = claim_port(port)
    place, owned = _folder("elasticsearch", folder)
    home = place / archive.stem
    if not home.exists():
        _unzip(archive, place)
    config = place / "config"
    config.mkdir(exist_ok=True)
    for name in CONFIGURATION:
        if not (config / name).exists():
            shutil.copy(home / "config" / name, config / name)
    yaml = _elasticsearch_settings(place, port, free_port(), settings or {})
    (config / "elasticsearch.yml").write_text(yaml)
    java = Path(shutil.which("java") or "java").resolve().parent.parent
    environment = {
        "ES_PATH_CONF": str(config),
        "ES_JAVA_HOME": str(java),
        "ES_JAVA_OPTS": "-Xms1g -Xmx1g",
    }
    command = [str(home / "bin" / "elasticsearch")]
    if os.geteuid() == 0:
        _give_away(place)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    url = f"http://{HOST}:{port}"
    service = processes.start(
        "elasticsearch", url, place, command, owns_folder=owned, environment=environment
    )
    return processes.wait_for(service, lambda: _elasticsearch_answers(url))


def _elasticsearch_settings(
    folder: Path, port: int, transport: int, more: Mapping[str, str]
) -> str:
    settings = {
        "discovery.type": "single-node",
        "network.host": HOST,
        "http.port": str(port),
        "transport.port": str(transport),
        "path.data": str(folder / "data"),
        "path.logs": str(folder / "logs"),
        "xpack.security.enabled": "false",
        # A test machine's disk is often fuller than a server's may be.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    } | dict(more)
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())


def _elasticsearch_answers(url: str) -> bool:
    # Not `/`: the core distribution does not serve it.
    health = f"{url}/_cluster/health?wait_for_status=yellow&timeout=2s"
    try:
        with urllib.request.urlopen(health, timeout=10) as answer:  # noqa: S310  # our own URL
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        # With security on, a refusal is an answer too.
        return error.code == 401
    except OSError:
        return False


def start_flink_job_server(folder: Path | None = None, port: int | None = None) -> Service:
    """Beam's job server for Flink 1.19 with the cluster in its own process (`[local]`).

    `address` is the job endpoint of `--runner=PortableRunner`. Always pass
    `--finish_bundle_before_checkpointing`: without it every other streaming job never starts.
    """
    classpath = f"{fetch('flink')}/*"
    port = claim_port(port)
    place, owned = _folder("flink", folder)
    command = ["java", "-Xmx1g", "-cp", classpath]
    command += ["org.apache.beam.runners.flink.FlinkJobServerDriver", "--flink-master=[local]"]
    command += [f"--job-host={HOST}", f"--job-port={port}", "--artifact-port=0"]
    command += ["--expansion-port=0"]
    address = f"{HOST}:{port}"
    service = processes.start("flink", address, place, command, owns_folder=owned)
    return processes.wait_for(service, lambda: port_open(service.address))


def _folder(name: str, folder: Path | None) -> tuple[Path, bool]:
    if folder is None:
        made = Path(tempfile.mkdtemp(prefix=f"tocsin-{name}-"))
        made.chmod(0o755)
        return made, True
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve(), False


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            path = Path(zipped.extract(entry, folder))
            if mode := (entry.external_attr >> 16) & 0o777:
                path.chmod(mode)


def _give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    closed = [str(parent) for parent in folder.parents if not parent.stat().st_mode & 0o001]
    if closed:
        raise ServiceError(f"{folder}: user {NOBODY} cannot pass {closed[0]}; take another folder")


def _run(command: Sequence[str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(command, stdout=output, stderr=output, timeout=120, check=False)
    if done.returncode:
        raise ServiceError(f"{command[0]} failed:\n{processes.last_lines(log)}")


def up(kafka_port: int, elasticsearch_port: int) -> None:
    """Start Kafka and Elasticsearch, where they do not run yet, and leave them running."""
    starts = {
        "kafka": partial(start_kafka, port=kafka_port),
        "elasticsearch": partial(start_elasticsearch, port=elasticsearch_port),
    }
    started = _started()
    for name, begin in starts.items():
        if name in started and not _is_running(started[name]):
            shutil.rmtree(started.pop(name)["folder"], ignore_errors=True)
        if name not in started:
            service = begin()
            started[name] = {
                "address": service.address,
                "folder": str(service.folder),
                "pid": service.process.pid,
                "began": processes.began_at(service.process.pid),
            }
            _state().write_text(json.dumps(started))
        print(f"{name} {started[name]['address']}")


def down() -> None:
    """Stop what `up` started and remove its data."""
    for name, entry in _started().items():
        if _is_running(entry):
            processes.end_session(entry["pid"], signal.SIGTERM, lambda: None)
        shutil.rmtree(entry["folder"], ignore_errors=True)
        print(f"{name} stopped")
    _state().unlink(missing_ok=True)


def status() -> None:
    """Print what `up` started, and whether it still runs."""
    for name, entry in _started().items():
        state = f"pid {entry['pid']}" if _is_running(entry) else "ended by itself"
        print(f"{name} {entry['address']} {state}, in {entry['folder']}")


def _state() -> Path:
    return cache() / "up.json"


def _started() -> dict[str, dict[str, Any]]:
    started: dict[str, dict[str, Any]] = {}
    if _state().exists():
        started = json.loads(_state().read_text())
    return started


def _is_running(entry: Mapping[str, Any]) -> bool:
    """Whether the process of `entry` lives; another one may have its id by now."""
    began = processes.began_at(entry["pid"])
    return began is not None and began == entry["began"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Kafka and Elasticsearch without Docker")
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument("--kafka-port", type=int, default=KAFKA_PORT)
    parser.add_argument("--elasticsearch-port", type=int, default=ELASTICSEARCH_PORT)
    chosen = parser.parse_args(arguments)
    commands = {
        "up": partial(up, chosen.kafka_port, chosen.elasticsearch_port),
        "down": down,
        "status": status,
    }
    try:
        commands[chosen.command]()
    except ServiceError as error:
        print(f"services: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
