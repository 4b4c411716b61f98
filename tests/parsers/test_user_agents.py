"""What is told from a user agent's text."""

import pytest

from tocsin.parsers.user_agents import add_user_agent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            {"name": "Firefox", "version": "128.0", "os.name": "Ubuntu", "os.full": "Ubuntu"},
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1",
            {
                "name": "Mobile Safari",
                "version": "16.5",
                "os.name": "iOS",
                "os.version": "16.5",
                "os.full": "iOS 16.5",
                "device.name": "iPhone",
            },
        ),
        ("curl/7.54.0", {"name": "curl", "version": "7.54.0"}),
        ("x", {}),
        ("\ud800", {}),
        ("curl/7.54.0" + " " * 600, {}),
    ],
)
def test_a_user_agent_says_browser_system_and_device(text: str, expected: dict[str, str]) -> None:
    """What the text does not say is left out, and its own field stays as it is."""
    event: dict[str, object] = {"user_agent.original": text}

    add_user_agent(event)

    assert event == {"user_agent.original": text} | {
        f"user_agent.{name}": value for name, value in expected.items()
    }


def test_what_a_shipper_has_told_already_stays() -> None:
    """A document that was parsed before keeps its parts."""
    event: dict[str, object] = {"user_agent.original": "curl/7.54.0", "user_agent.name": "my-curl"}

    add_user_agent(event)

    assert event["user_agent.name"] == "my-curl"
    assert "user_agent.version" not in event
