"""The configuration file is checked whole, and every message says where and what was expected."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tocsin.pipelines import config
from tocsin.schemas.times import MINUTE, SECOND

PARSERS = {"fortigate": None, "linux": None}
REPOSITORY = Path(__file__).parents[2]


def load(folder: Path, text: str) -> config.Config:
    path = folder / "tocsin.toml"
    path.write_text(text)
    return config.load_config(path, PARSERS)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(config.ConfigError) as raised:
        load(folder, text)
    return [problem.removeprefix(f"{folder}/tocsin.toml: ") for problem in raised.value.problems]


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    """Everything has a default that works on one machine."""
    assert load(tmp_path, "") == config.Config()
    assert config.Config().correlation.lateness == MINUTE


def test_sources_and_tables_are_read(tmp_path: Path) -> None:
    """Names become values of their own types."""
    loaded = load(
        tmp_path,
        """
        [[source]]
        name = "edge"
        topic = "raw.edge"
        parser = "fortigate"
        organization = "city"
        timezone = "Europe/Madrid"
        history = true
        place = "header"

        [correlation]
        lateness = "30s"
        """,
    )

    (source,) = loaded.sources
    assert source.name == "edge"
    assert source.timezone == ZoneInfo("Europe/Madrid")
    assert (source.history, source.place) == (True, "header")
    assert loaded.correlation.lateness == 30 * SECOND


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """One message with the path, as for any other mistake."""
    path = tmp_path / "tocsin.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(config.ConfigError) as raised:
        config.load_config(path, PARSERS)

    (problem,) = raised.value.problems
    assert problem.startswith(f"{path}: expected text in UTF-8")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[kafka]\nbootstrap_server = []", "kafka.bootstrap_server: no such key; did you mean "
         "bootstrap_servers?"),
        ("[kakfa]", "kakfa: no such table; did you mean kafka?"),
        ('[correlation]\nlateness = "5x"', "correlation.lateness: expected a number and a unit of "
         "s, m, h or d, such as 10m, not '5x'"),
        ("[limits]\nbatch_records = 0", "limits.batch_records: expected a whole number of at "
         "least 1, not 0"),
        ('[[source]]\nname = "a"\ntopic = "t"', "source 1: parser is missing"),
        ('[[source]]\nname = "a"\ntopic = "t"\nparser = "fortigat"',
         "source 1.parser: fortigat: no such parser; did you mean fortigate?"),
        ('[[source]]\nname = "a"\ntopic = "t"\nparser = "linux"\norganization = "City Hall"',
         "source 1.organization: expected lower-case letters, digits, - and _, at most 63 of "
         "them, not 'City Hall'"),
        ("kafka = 3", "kafka: expected a table of keys"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, text: str, problem: str) -> None:
    """A message has the key, what was found, and what was expected or probably meant."""
    assert problems(tmp_path, text) == [problem]


def test_placeholders_are_lists_of_values(tmp_path: Path) -> None:
    """A table gives each placeholder of the rules its values; anything else is refused."""
    loaded = load(tmp_path, '[rules.placeholders]\nadmins = ["ann", "bob"]')

    assert dict(loaded.rules.placeholders) == {"admins": ("ann", "bob")}
    assert problems(tmp_path, '[rules.placeholders]\nadmins = "ann"') == [
        'rules.placeholders: expected a list of strings, such as ["a", "b"], '
        "not {'admins': 'ann'}"
    ]


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    """A syntax error carries TOML's own line and column."""
    (problem,) = problems(tmp_path, "[kafka\n")

    assert "line 1" in problem


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Nobody should have to start three times to find three mistakes."""
    assert len(problems(tmp_path, '[rules]\nexclude = "x"\n[foo]\n[limits]\nx = 1')) == 3


def test_secrets_come_from_files_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file named by its key wins over the environment; neither means none."""
    monkeypatch.delenv("TOCSIN_KAFKA_PASSWORD", raising=False)
    secret = tmp_path / "password"
    secret.write_text("from file\n")

    assert config.Kafka().password() is None
    monkeypatch.setenv("TOCSIN_KAFKA_PASSWORD", "from environment")
    assert config.Kafka().password() == "from environment"
    assert config.Kafka(password_file=str(secret)).password() == "from file"


def test_the_reference_is_current() -> None:
    """docs/configuration.md is what the code generates."""
    assert (REPOSITORY / "docs" / "configuration.md").read_text() == config.reference()
