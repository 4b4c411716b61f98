"""The services of `deploy/local`: they answer, keep their data, and leave nothing behind."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest
from kafka import KafkaAdminClient

pytestmark = [pytest.mark.services, pytest.mark.slow]


def test_kafka_answers(kafka) -> None:
    """The broker of the session knows itself as the one node of its cluster."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    try:
        nodes = [broker["broker_id"] for broker in admin.describe_cluster()["brokers"]]
    finally:
        admin.close()

    assert nodes == [1]


def test_elasticsearch_answers(elasticsearch) -> None:
    """The node of the session is healthy."""
    with urllib.request.urlopen(f"{elasticsearch.address}/_cluster/health") as answer:
        assert b'"number_of_nodes":1' in answer.read()


def test_killed_broker_goes_on_with_its_topics(services: ModuleType, tmp_path: Path) -> None:
    """A broker that was killed and started again in its folder still has its topic."""
    with services.start_kafka(tmp_path) as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        admin.create_topics({"kept": {"num_partitions": 2}}, wait_for_metadata=True)
        admin.close()
        broker.kill()

    with services.start_kafka(tmp_path) as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        topics = admin.describe_topics(["kept"])
        admin.close()

    assert [len(topic["partitions"]) for topic in topics] == [2]


def test_stopped_service_leaves_no_folder(services: ModuleType) -> None:
    """A folder that was made for a service goes with it."""
    service = services.start_kafka()
    assert service.folder.is_dir()

    service.stop()

    assert not service.folder.exists()
    assert service.process.poll() is not None


def test_server_that_cannot_start_says_why(services: ModuleType) -> None:
    """The error holds the server's own words."""
    with pytest.raises(services.ServiceError, match=r"no\.such\.setting"):
        services.start_elasticsearch(settings={"no.such.setting": "1"})


def test_a_taken_port_is_told(services: ModuleType, kafka) -> None:
    """A server is not taken for one that answers at its port."""
    port = int(kafka.address.split(":")[1])

    with pytest.raises(services.ServiceError, match=f"port {port} is taken"):
        services.start_elasticsearch(port=port)


def test_up_leaves_services_running_until_down(services: ModuleType, tmp_path: Path) -> None:
    """`up` twice starts each service once; `down` ends them and removes their folders."""
    for name in ("kafka", "elasticsearch"):
        folder = services.fetch(name)
        (tmp_path / folder.name).symlink_to(folder)
    ports = services.free_port(), services.free_port()

    def run(command: str) -> list[str]:
        options = [f"--kafka-port={ports[0]}", f"--elasticsearch-port={ports[1]}"]
        done = subprocess.run(
            [sys.executable, services.__file__, command, *options],
            env=os.environ | {"TOCSIN_CACHE": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
        return done.stdout.splitlines()

    try:
        up = [f"kafka 127.0.0.1:{ports[0]}", f"elasticsearch http://127.0.0.1:{ports[1]}"]
        assert run("up") == up
        running = run("status")
        assert run("up") == up
        assert run("status") == running
    finally:
        down = run("down")

    assert down == ["kafka stopped", "elasticsearch stopped"]
    assert run("status") == []
    for line in running:
        assert " pid " in line
        assert not Path(line.rpartition(" in ")[2]).exists()
    assert not services.port_open(f"127.0.0.1:{ports[0]}")


def test_flink_job_server_answers(services: ModuleType) -> None:
    """Beam's job service for Flink accepts a call at the address that it states."""
    import grpc

    with services.start_flink_job_server() as server, grpc.insecure_channel(server.address) as line:
        grpc.channel_ready_future(line).result(timeout=30)

    assert server.process.poll() is not None
