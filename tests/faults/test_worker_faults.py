"""Workers that are killed, frozen, stopped and joined: nothing lost, nothing doubled.

Every record has a number. What counts is which numbers are stored at the end, and how often.
"""

import random
import signal
import time

import pytest

from tocsin.pipelines.connectors import kafka as connector

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_workers_killed_at_random_instants(plant):
    """Three kills of either of two workers, each restarted; every number is there once."""
    dice = random.Random(7)
    workers = [plant.start(0), plant.start(1)]
    sent = 0
    for _ in range(3):
        plant.send(range(sent, sent + 3000))
        sent += 3000
        before = plant.count()
        plant.wait(lambda before=before: plant.count() > before)
        time.sleep(dice.uniform(0, 1.0))
        victim = dice.randrange(2)
        workers[victim].send_signal(signal.SIGKILL)
        workers[victim].wait(30)
        workers[victim] = plant.start(victim)
    plant.wait(lambda: plant.count() >= sent and plant.lag() == 0)

    assert plant.numbers() == list(range(sent))
    assert all(worker.poll() is None for worker in workers)


def test_a_frozen_worker_that_wakes_up_does_no_harm(plant):
    """SIGSTOP for longer than its session: the other goes on, and the zombie joins again."""
    first, second = plant.start(0), plant.start(1)
    plant.send(range(2000))
    plant.wait(lambda: plant.count() >= 500)
    first.send_signal(signal.SIGSTOP)
    plant.send(range(2000, 4000))
    plant.wait(lambda: plant.count() >= 4000 and plant.lag() == 0)
    first.send_signal(signal.SIGCONT)
    plant.send(range(4000, 6000))
    plant.wait(lambda: plant.count() >= 6000 and plant.lag() == 0)

    assert plant.numbers() == list(range(6000))
    assert first.poll() is None
    assert second.poll() is None


def test_sigterm_drains_commits_and_ends_with_status_0(plant):
    """What is stored is committed: the next worker repeats nothing and misses nothing."""
    worker = plant.start(0)
    plant.send(range(20_000))
    plant.wait(lambda: plant.count() > 0)
    worker.send_signal(signal.SIGTERM)
    status = worker.wait(30)
    stored = plant.count()
    left = plant.lag()
    plant.start(0)
    plant.wait(lambda: plant.count() >= 20_000 and plant.lag() == 0, seconds=180)

    assert status == 0, plant.said()
    assert stored + left == 20_000
    assert plant.numbers() == list(range(20_000))


def test_workers_that_come_and_go_leave_no_lag(plant):
    """A worker joins, one leaves, one joins again, while records pour in."""
    keeper = plant.start(0)
    sent = 0
    for index in (1, 2):
        guest = plant.start(index)
        plant.wait(lambda index=index: plant.joined(index))
        for _ in range(5):
            plant.send(range(sent, sent + 400))
            sent += 400
            time.sleep(0.5)
        guest.send_signal(signal.SIGTERM)
        assert guest.wait(30) == 0, plant.said()
    plant.wait(lambda: plant.count() >= sent and plant.lag() == 0)

    assert plant.numbers() == list(range(sent))
    assert keeper.poll() is None


def test_a_poison_record_costs_itself_only(plant):
    """Garbage among good lines is a dead letter with its bytes; its neighbours are stored."""
    garbage = [
        b"x" * ((1 << 20) + 1),
        b"\xff\xfe\x00garbage",
        b"\x00" * 100,
        b"<999>]]",
        b"{" * 5000,
    ]
    plant.send(range(100))
    connector.send(
        plant.producer,
        (connector.Outgoing(plant.name, value, partition=0) for value in garbage),
    )
    plant.send(range(100, 200))
    worker = plant.start(0, "--until-idle")
    assert worker.wait(90) == 0, plant.said()

    letters = plant.dead_letters()
    assert plant.numbers() == list(range(200))
    assert b"x" * (512 << 10) in letters
    assert plant.events() + len(letters) == 200 + len(garbage)
    assert plant.lag() == 0
