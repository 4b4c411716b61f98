"""What a deployment reckons with; putting it on a server is tried in `tests/rig`."""

from tocsin.pipelines.connectors import deployment


def test_indices_of_a_year() -> None:
    """Two organisations, one with mail and servers: 13 months and one outside, for each."""
    streams = [("mail", "acme"), ("server", "acme"), ("server", "globex")]

    # (3 kinds of events + 2 of alerts) x 14, and the dead letters.
    assert deployment.expected_indices(streams) == 71
