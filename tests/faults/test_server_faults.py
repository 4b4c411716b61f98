"""Servers that go away and come back under a running worker: it waits, and goes on by itself."""

import tempfile
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

AWAY = 20
"""Seconds, longer than a consumer's session: a worker that stops polling would lose its place."""


def test_elasticsearch_killed_for_longer_than_a_session(services, kafka, make_plant):
    """The worker stays a member of its group, and stores every number once when it is back."""
    with tempfile.TemporaryDirectory(prefix="tocsin-away-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = services.free_port()
        node = services.start_elasticsearch(folder, port)
        plant = make_plant(kafka, node)
        worker = plant.start(0)
        plant.send(range(2000))
        plant.wait(lambda: plant.count() >= 500)

        node.kill()
        plant.send(range(2000, 4000))
        time.sleep(AWAY)
        held = plant.lag()
        with services.start_elasticsearch(folder, port):
            plant.wait(lambda: plant.count() >= 4000 and plant.lag() == 0)

            assert held >= 2000
            assert plant.numbers() == list(range(4000))
            assert worker.poll() is None
            plant.close()


def test_the_only_broker_killed_and_started_again(services, elasticsearch, make_plant, tmp_path):
    """The worker connects again by itself, and goes on from its commit."""
    port = services.free_port()
    broker = services.start_kafka(tmp_path / "kafka", port)
    plant = make_plant(broker, elasticsearch)
    worker = plant.start(0)
    plant.send(range(2000))
    plant.wait(lambda: plant.count() >= 500)

    broker.kill()
    time.sleep(5)
    with services.start_kafka(tmp_path / "kafka", port):
        plant.send(range(2000, 4000))
        plant.wait(lambda: plant.count() >= 4000 and plant.lag() == 0)

        assert plant.numbers() == list(range(4000))
        assert worker.poll() is None
        plant.close()
