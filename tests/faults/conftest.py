"""Servers that tests may kill, workers as processes, and records that are counted by number."""

import gc
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import scan
from kafka import TopicPartition
from kafka.errors import CoordinatorNotAvailableError, GroupIdNotFoundError
from processes import Service

from tocsin.pipelines.connectors import kafka as connector
from tocsin.pipelines.connectors.deployment import deploy
from tocsin.pipelines.connectors.topics import FOREVER, matches_settings
from tocsin.schemas.templates import index_templates
from tocsin.schemas.times import format_micros

TOCSIN = Path(sys.executable).with_name("tocsin")
PARTITIONS = 4
NUMBER = re.compile(r"invalid user u(\d+) ")


class Plant:
    """A topic with numbered log-on failures, an organisation, and the workers that stream it."""

    def __init__(self, folder: Path, kafka: Service, elasticsearch: Service) -> None:
        self.name = f"faults-{uuid4().hex[:8]}"
        self.folder = folder
        self.kafka = kafka
        self.elasticsearch = elasticsearch
        self.cluster = connector.Cluster((kafka.address,))
        self.client = Elasticsearch(elasticsearch.address, max_retries=0)
        for _ in deploy(self.client, index_templates(replicas=0)):
            pass
        self.producer = connector.open_producer(self.cluster)
        self.workers: list[subprocess.Popen[bytes]] = []
        admin = connector.open_admin(self.cluster)
        kept = matches_settings(FOREVER)
        connector.create_topic(admin, self.name, PARTITIONS)
        connector.create_topic(admin, f"{self.name}-matches", PARTITIONS, settings=kept)
        connector.create_topic(admin, f"{self.name}-dead-letters", PARTITIONS)
        admin.close()
        self.config = folder / "tocsin.toml"
        self.config.write_text(
            f'[kafka]\nbootstrap_servers = ["{kafka.address}"]\ngroup = "{self.name}"\n'
            f'matches_topic = "{self.name}-matches"\n'
            f'dead_letters_topic = "{self.name}-dead-letters"\n'
            f'[elasticsearch]\nhosts = ["{elasticsearch.address}"]\nreplicas = 0\n'
            "[limits]\nbatch_records = 100\n"
            f'[[source]]\nname = "gate"\ntopic = "{self.name}"\nparser = "linux"\n'
            f'organization = "{self.name}"\n'
        )

    def send(self, numbers: range) -> None:
        """Send the records of `numbers`, spread over the partitions; all are acknowledged."""
        now = format_micros(time.time_ns() // 1000)
        connector.send(
            self.producer,
            (
                connector.Outgoing(
                    self.name,
                    f"{now} gate sshd[{number % 30000}]: Failed password for invalid user"
                    f" u{number} from 192.0.2.{number % 200} port 4711 ssh2".encode(),
                    partition=number % PARTITIONS,
                )
                for number in numbers
            ),
        )

    def start(self, index: int, *options: str) -> subprocess.Popen[bytes]:
        """A worker process, the `index`th of this machine."""
        output = (self.folder / f"worker-{index}.log").open("ab")
        command = [TOCSIN, "stream", "--config", self.config, "--index", str(index), *options]
        worker = subprocess.Popen(command, stdout=output, stderr=output)
        output.close()
        self.workers.append(worker)
        return worker

    def said(self) -> str:
        """What the workers said last."""
        return "\n".join(path.read_text()[-1500:] for path in self.folder.glob("worker-*.log"))

    def numbers(self) -> list[int]:
        """The numbers of all events that are stored, in order, each as often as it is there."""
        index = f"tocsin-events-server-{self.name}-*"
        query = {"_source": ["event.original"]}
        try:
            self.client.indices.refresh(index=index)
            hits = scan(self.client, index=index, query=query, size=2000)
            texts = [hit["_source"]["event"]["original"] for hit in hits]
        except ApiError as error:
            if error.status_code != 503:
                raise
            return []
        return sorted(int(found[1]) for text in texts if (found := NUMBER.search(text)))

    def count(self) -> int:
        """How many numbers are stored."""
        return len(self.numbers())

    def events(self) -> int:
        """How many events are stored, numbered or not."""
        index = f"tocsin-events-server-{self.name}-*"
        self.client.indices.refresh(index=index)
        return int(self.client.count(index=index)["count"])

    def lag(self) -> int:
        """How many records the group has not committed yet."""
        reader = connector.open_consumer(self.cluster, self.name, "onlooker")
        try:
            committed = connector.committed_offsets(reader, self.name)
            ends = connector.end_offsets(reader, self.name)
        finally:
            reader.close()
        return sum(end - (committed[partition] or 0) for partition, end in ends.items())

    def joined(self, index: int) -> bool:
        """Whether the `index`th worker is a member of the workers' group."""
        admin = connector.open_admin(self.cluster)
        try:
            members = admin.describe_groups([self.name])[self.name]["members"]
        except (CoordinatorNotAvailableError, GroupIdNotFoundError):
            return False
        finally:
            admin.close()
        return any(member["group_instance_id"].endswith(f"-{index}") for member in members)

    def dead_letters(self) -> list[bytes]:
        """The values on the dead-letter topic."""
        topic = f"{self.name}-dead-letters"
        reader = connector.open_consumer(self.cluster, f"{self.name}-reader", "onlooker")
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        reader.assign(partitions)
        reader.seek_to_beginning(*partitions)
        ends = reader.end_offsets(partitions)
        values: list[bytes] = []
        while any(reader.position(partition) < ends[partition] for partition in partitions):
            for messages in reader.poll(500).values():
                values += [message.value for message in messages]
        reader.close()
        return values

    def wait(self, until: Callable[[], bool], seconds: float = 90) -> None:
        """Wait until `until` holds; fails with what the workers said when it does not in time."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"{self.count()} events\n{self.said()}"
            time.sleep(0.1)

    def close(self) -> None:
        """End the workers of the test, whatever their state."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait(30)
        connector.close_producer(self.producer, seconds=1)
        self.client.close()


@pytest.fixture(autouse=True)
def refused_connections() -> Iterator[None]:
    """Collects the sockets that kafka-python leaves of a broker that is away, where it is known."""
    yield
    gc.collect()


MakePlant = Callable[[Service, Service], Plant]


@pytest.fixture
def make_plant(tmp_path: Path) -> Iterator[MakePlant]:
    """Makes a plant over a given broker and node, for tests that kill them."""
    made: list[Plant] = []

    def make(kafka: Service, elasticsearch: Service) -> Plant:
        made.append(Plant(tmp_path, kafka, elasticsearch))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def plant(make_plant: MakePlant, kafka: Service, elasticsearch: Service) -> Plant:
    """A topic, an organisation and workers of the test's own."""
    return make_plant(kafka, elasticsearch)
