"""What is added to every event that has the ends of a flow."""

from typing import Any

import pytest

from tocsin.schemas.flows import add_flow, community_id

FLOW = {
    "source.ip": "128.232.110.120",
    "source.port": 34855,
    "destination.ip": "66.35.250.204",
    "destination.port": 80,
    "network.transport": "tcp",
}


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        # The specification's example, in both directions, then one of another implementation.
        (("128.232.110.120", 34855), ("66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("66.35.250.204", 80), ("128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("1.2.3.4", 4584), ("43.3.132.3", 3483), "1:koNcqhFRD5kb254ZrLsdv630jCM="),
    ],
)
def test_a_tcp_flow_has_the_published_community_id(
    source: tuple[str, int], destination: tuple[str, int], expected: str
) -> None:
    """Version 1 with seed 0; who began the flow does not matter."""
    assert community_id(6, source, destination) == expected


def test_an_event_with_a_whole_flow_gets_its_community_id_and_addresses() -> None:
    """ECS wants an `address` beside each `ip`."""
    event: dict[str, Any] = dict(FLOW)

    add_flow(event)

    assert event == FLOW | {
        "source.address": "128.232.110.120",
        "destination.address": "66.35.250.204",
        "network.community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"source.port": None},
        {"destination.port": 70_000},
        {"destination.ip": "::1"},
        {"destination.ip": "mail.example.org"},
        {"network.transport": "icmp"},
    ],
)
def test_a_flow_that_is_not_wholly_known_has_no_community_id(change: dict[str, Any]) -> None:
    """Part of a flow would give an id that no other sensor knows."""
    event = FLOW | change

    add_flow(event)

    assert "network.community_id" not in event


def test_what_the_source_says_of_a_flow_stays() -> None:
    """A name as the source wrote it, and an id that another sensor computed with its own seed."""
    event: dict[str, Any] = FLOW | {"source.address": "pc7", "network.community_id": "1:abc="}

    add_flow(event)

    assert (event["source.address"], event["network.community_id"]) == ("pc7", "1:abc=")


def test_an_end_known_by_name_alone_has_the_name_for_address() -> None:
    """As proxies know servers."""
    event: dict[str, Any] = {"destination.domain": "www.example.org"}

    add_flow(event)

    assert event["destination.address"] == "www.example.org"
