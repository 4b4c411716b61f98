"""What a run shows at its end."""

import pytest

from tocsin.pipelines.cli.summary import PLAIN_WIDTH, print_alerts
from tocsin.schemas.alerts import Alert


def alert(reason: str) -> Alert:
    document = {
        "@timestamp": "2026-11-24T10:00:00.000000Z",
        "rule": {"name": "Large volume sent to one address by a host of the city"},
        "event": {"reason": reason},
        "host": {"name": "\x1b[31mfile-server.city.example"},
        "tocsin": {"rule": {"level": "high"}},
    }
    return Alert("a", "alerts", document)


def test_each_alert_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Cut to the width, so that the list can be read down its columns; nothing acts on a terminal."""
    print_alerts((alert("short"), alert("very long " * 100)))

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(len(line) <= PLAIN_WIDTH for line in lines)
    assert lines[0].split() == ["time", "level", "rule", "entity", "reason"]
    assert lines[1].startswith(
        "2026-11-24 10:00:00  high      Large volume sent to one address by "
    )
    assert r"\x1b[31mfile-server.city.example" in lines[1]
    assert lines[2].endswith("…")


def test_a_reason_does_not_say_again_what_other_columns_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The room is for the evidence."""
    rule = "Large volume sent to one address by a host of the city"
    print_alerts((alert(f"{rule} on file-server: source.bytes 7"),))

    line = capsys.readouterr().out.splitlines()[1]
    assert line.rstrip().endswith("  source.bytes 7")
    assert line.count("Large volume") == 1
