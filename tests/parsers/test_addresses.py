"""Addresses come out as ECS wants them, or not at all."""

import pytest

from tocsin.parsers.addresses import count, ip, is_public, mac, port


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::5", "2001:db8::5"),
        ("fe80:0000:0000:0000:0216:3eff:fedd:eeff", "fe80::216:3eff:fedd:eeff"),
        ("fe80::1%eth0", "fe80::1"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.256", None),
        ("192.0.2", None),
        ("192.0.2.01", None),
        ("N/A", None),
        ("", None),
        ("1" * 10_000, None),
    ],
)
def test_one_address_has_one_text(text, address):
    """IPv6 is shortened, mapped IPv4 unmapped, and what is no address is none."""
    assert ip(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a2:e9:00:ec:40:01", "A2-E9-00-EC-40-01"),
        ("A2-E9-00-EC-40-01", "A2-E9-00-EC-40-01"),
        ("a2e9.00ec.4001", "A2-E9-00-EC-40-01"),
        ("a2:e9:00:ec:40", None),
        ("a2:e9:00:ec:40:0g", None),
        ("", None),
    ],
)
def test_macs_are_written_as_rfc_7042_does(text, address):
    """Colons, hyphens and Cisco's dots become one form."""
    assert mac(text) == address


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("65535", 65_535), ("65536", None), ("-1", None), ("http", None)]
)
def test_ports_have_sixteen_bits(text, number):
    """What exceeds them is no port."""
    assert port(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("9" * 18, 999_999_999_999_999_999), ("9" * 19, None), ("1.5", None), ("", None),
     ("٣", None), ("²", None)],
)  # fmt: skip
def test_counts_fit_a_long(text, number):
    """Elasticsearch's long holds every number of 18 digits; others stay text."""
    assert count(text) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.9", True),
        ("2001:db8::9", True),
        ("10.1.2.3", False),
        ("172.31.255.255", False),
        ("172.32.0.0", True),
        ("fd00::1", False),
        ("fe80::1", False),
        ("branch", False),
    ],
)
def test_addresses_of_private_and_local_ranges_lie_in_no_country(text, expected):
    """What a firewall says of such an address's place is a region of its administrator's."""
    assert is_public(text) is expected
