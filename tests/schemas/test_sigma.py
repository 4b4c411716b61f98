"""Sigma log sources: which events they mean and where their fields stand."""

import os
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tocsin.schemas.sigma import Gate, LogSource, field_map, field_targets, gate, read_table

SYSMON = "Microsoft-Windows-Sysmon/Operational"


def test_process_creation_is_sysmon_1_or_security_4688() -> None:
    """Both logs tell of new processes, so either satisfies the gate."""
    assert gate("windows", "process_creation", None) == (
        {"winlog.channel": (SYSMON,), "winlog.event_id": (1,)},
        {"winlog.channel": ("Security",), "winlog.event_id": (4688,)},
    )


def test_a_service_beside_a_category_narrows_its_gate() -> None:
    """Gates of entries that do not refine one another hold together."""
    assert gate("windows", "process_creation", "sysmon") == (
        {"winlog.channel": (SYSMON,), "winlog.event_id": (1,)},
    )


def test_service_and_category_that_exclude_one_another_have_no_events() -> None:
    """Module loads are in Sysmon's channel, never in the security log."""
    assert gate("windows", "image_load", "security") == ()


def test_a_refining_entry_takes_the_place_of_the_wider_one() -> None:
    """`windows` alone asks for any channel; a service of it asks for its own only."""
    assert gate("windows", None, None) == ({"winlog.channel": ()},)
    assert gate("windows", None, "system") == ({"winlog.channel": ("System",)},)


def test_a_category_without_product_stands_for_every_product_that_has_it() -> None:
    """`category: process_creation` alone means what the only fed product means by it."""
    assert gate(None, "process_creation", None) == gate("windows", "process_creation", None)
    assert field_map(None, "process_creation", None).targets("Image") == (
        "winlog.event_data.Image",
        "winlog.event_data.NewProcessName",
    )


def test_log_sources_are_found_in_any_case() -> None:
    """Sigma wants lower case; what differs only in that is understood."""
    assert gate("Windows", None, "Security") == gate("windows", None, "security")


@pytest.mark.parametrize(
    ("source", "name", "targets"),
    [
        (("windows", None, "security"), "TargetUserName", ("winlog.event_data.TargetUserName",)),
        (("windows", None, "security"), "EventID", ("winlog.event_id",)),
        (("windows", None, "security"), "Provider_Name", ("winlog.provider_name",)),
        (("windows", None, "application"), "Message", ("message",)),
        (("windows", None, "openssh"), "process", ("winlog.event_data.process",)),
        (("windows", None, "security"), "source.ip", ("source.ip",)),
        (("windows", None, "security"), "winlog.task", ("winlog.task",)),
        (
            ("windows", "process_creation", None),
            "User",
            ("winlog.event_data.User", "winlog.event_data.SubjectUserName"),
        ),
        (
            ("windows", None, "wmi"),
            "Query",
            ("winlog.event_data.Query", "winlog.user_data.Query"),
        ),
        ((None, "firewall", None), "dst_port", ("destination.port",)),
        (("fortigate", None, "event"), "cfgpath", ("fortinet.firewall.cfgpath",)),
        ((None, "webserver", None), "cs-method", ("http.request.method",)),
        (("linux", None, "sshd"), "user.name", ("user.name",)),
        (("aws", None, "cloudtrail"), "eventName", ("eventName",)),
    ],
)
def test_fields_stand_where_their_text_is_kept(
    source: tuple[str | None, ...], name: str, targets: tuple[str, ...]
) -> None:
    """An explicit target, the vendor remainder, or the event's own name."""
    assert field_targets(*source, name) == targets


def test_a_log_source_that_nothing_feeds_says_why() -> None:
    """No gate, and a reason that an engineer can act upon."""
    unfed = field_map("linux", None, "auditd")
    unknown = field_map("windows", None, "no-such-service")

    assert unfed.gate is None
    assert unfed.reason == "there is no auditd parser yet"
    assert unknown.gate is None
    assert unknown.reason == ("no parser feeds log source product windows, service no-such-service")


def test_native_windows_events_are_told_apart_by_channel_and_event_id() -> None:
    """The same table, in the event log's own names; targets lose their place in our events."""
    native = field_map("windows", None, "wmi", native=True)

    assert native.gate == ({"Channel": ("Microsoft-Windows-WMI-Activity/Operational",)},)
    assert native.targets("Query") == ("Query",)
    assert native.targets("EventID") == ("EventID",)
    assert field_map("windows", "process_creation", None, native=True).targets("Image") == (
        "Image",
        "NewProcessName",
    )


def test_other_native_events_carry_their_log_source() -> None:
    """Every key that the rule names must be the event's."""
    native = field_map("linux", None, "sshd", native=True)

    assert native.gate == ({"logsource.product": ("linux",), "logsource.service": ("sshd",)},)
    assert native.targets("anything") == ("anything",)


def test_rules_in_ecs_take_all_events_or_those_of_a_category() -> None:
    """SEMANTICS §2.10: the gate is event.category; a service is refused."""
    assert gate("ecs", None, None) == ({},)
    assert gate("ecs", "email", None) == ({"event.category": ("email",)},)
    assert gate("ecs", None, "sshd") is None
    assert field_targets("ecs", "email", None, "email.subject") == ("email.subject",)


def test_two_fields_of_one_log_source_never_share_a_target() -> None:
    """SEMANTICS §2.9: otherwise a rule could not tell the two apart."""
    for entry in read_table().entries:
        counted = Counter(target for targets in entry.fields.values() for target in targets)
        assert {target for target, count in counted.items() if count > 1} == set(), entry.source


def test_every_refining_gate_implies_the_wider_one() -> None:
    """A narrower log source never holds events that the wider one has not."""

    def narrows(inner: Gate, outer: Gate) -> bool:
        return all(
            any(
                all(
                    name in one and (not values or set(one[name]) <= set(values))
                    for name, values in other.items()
                )
                for other in outer
            )
            for one in inner
        )

    entries = [entry for entry in read_table().entries if not entry.derived]
    exceptions = {
        # A dataset or process belongs to a module, which the dataset's name does not spell out.
        LogSource("linux", None, "auth"),
    }
    for inner in entries:
        for outer in entries:
            refines = inner is not outer and outer.source.covers(inner.source)
            if refines and inner.source not in exceptions:
                assert narrows(inner.gate, outer.gate), inner.source


def test_every_log_source_of_the_public_rules_is_mapped_or_listed() -> None:
    """None is left out by oversight: each has a gate or an entry that says why it has none."""
    corpora = os.environ.get("TOCSIN_CORPORA")
    if not corpora or not Path(corpora, "sigmahq").is_dir():
        pytest.skip("needs the public Sigma rules: set TOCSIN_CORPORA")
    left_out = set()
    for path in Path(corpora, "sigmahq").glob("rules*/**/*.yml"):
        for document in yaml.load_all(
            path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        ):
            source = document["logsource"]
            found = field_map(*(source.get(key) for key in ("product", "category", "service")))
            if found.gate is None and found.reason.startswith("no parser feeds"):
                left_out.add(found.reason)
    assert left_out == set()
