"""Palo Alto Networks PAN-OS: logs as comma-separated columns, in a syslog envelope.

Source: PAN-OS Administrator's Guide, "Syslog Field Descriptions". Columns stay under `panw.panos`
with the guide's variable names; those of later versions than ours as `column_N`.
"""

import csv
import re
from collections.abc import Callable
from typing import Any

from tocsin.parsers.addresses import NUMBERS, count, ip, ip_type, is_public, mac, port
from tocsin.parsers.context import Context, ParseError
from tocsin.parsers.firewall.paloalto_columns import COLUMNS, HEAD
from tocsin.parsers.syslog import envelope_fields, parse_envelope
from tocsin.parsers.timestamps import scan, zone_name
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event
from tocsin.schemas.times import format_micros, parse_time

ROOT = "panw.panos."

_START = re.compile(
    r"(?<!\d)\d{0,10},\d{4}/\d\d/\d\d \d\d:\d\d:\d\d,[^,]{0,32},[A-Z0-9-]{3,20},", re.ASCII
)
_LINE_ENDS = {ord(char): " " for char in "\r\n\0"}
_THREAT = re.compile(r"(?P<name>.*)\((?P<id>\d+)\)", re.DOTALL)
_UNSET = frozenset({"", "0.0.0.0", "::", "any", "N/A"})  # noqa: S104
_SEVERITIES = {"critical": 1, "high": 2, "medium": 3, "low": 4, "informational": 5}

_FLOWS = {
    "start": ("flow_started", ("connection", "start", "allowed")),
    "end": ("flow_terminated", ("connection", "end", "allowed")),
    "drop": ("flow_dropped", ("connection", "denied")),
    "deny": ("flow_denied", ("connection", "denied")),
}
_THREATS = {
    "data": ("data_match", ("network", "file")),
    "file": ("file_match", ("network", "file")),
    "flood": ("flood_detected", ("network", "intrusion_detection")),
    "ml-virus": ("virus_detected", ("network", "malware")),
    "packet": ("packet_attack", ("network", "intrusion_detection")),
    "scan": ("scan_detected", ("network", "intrusion_detection")),
    "spyware": ("spyware_detected", ("network", "malware")),
    "url": ("url_filtering", ("network", "web")),
    "virus": ("virus_detected", ("network", "malware")),
    "vulnerability": ("exploit_detected", ("network", "intrusion_detection")),
    "wildfire": ("wildfire_verdict", ("network", "malware")),
    "wildfire-virus": ("virus_detected", ("network", "malware")),
}
_NO_ALERT = frozenset({"data", "file", "url"})
_ALLOWED = frozenset(
    {"alert", "allow", "continue", "override", "wildfire-upload-success", "forward"}
)
_FAILED = re.compile(r"\bfail|denied|reject", re.IGNORECASE)
_LOGON = re.compile(r"auth-|login|logon|logout|logoff")
_USER = re.compile(r"\buser '(?P<user>.*)'", re.DOTALL)
_FROM = re.compile(r"From: (?P<ip>[0-9A-Fa-f.:]{2,45}?)\.?\s*\Z")


def parse(text: str, context: Context) -> Event:
    """The event of one log.

    Raises ParseError if the columns of PAN-OS are not there.
    """
    envelope = parse_envelope(text, context)
    start = _START.search(envelope.message)
    if start is None:
        raise ParseError("no log of PAN-OS: expected ,RECEIVE TIME,SERIAL,TYPE, columns")
    fields = _read_columns(envelope.message[start.start() :])
    event = envelope_fields(envelope, context)
    _set_time(event, fields, context)
    event["event.module"] = "panw"
    event["event.dataset"] = "panw.panos"
    event["event.kind"] = "event"
    event["event.outcome"] = "success"
    event["observer.vendor"] = "Palo Alto Networks"
    event["observer.product"] = "PAN-OS"
    event["observer.type"] = "firewall"
    if envelope.hostname is not None:
        event["observer.name"] = envelope.hostname
    for name, value in fields.items():
        event[ROOT + name] = value
        plan = _PLANS.get(name)
        if plan is not None and value not in _UNSET:
            converted = plan[1](value)
            if converted is not None:
                event[plan[0]] = converted
    _set_kind(event, fields)
    _set_network(event, fields)
    return event


def _read_columns(line: str) -> dict[str, str]:
    """Columns by name. A quote that nothing closes holds the rest, as a cut line should."""
    try:
        row = next(csv.reader([line.translate(_LINE_ENDS)]), [])
    except csv.Error as error:
        raise ParseError(f"no columns of PAN-OS: {error}") from None
    names = (*HEAD, *COLUMNS.get(row[3] if len(row) > 3 else "", ()))
    fields: dict[str, str] = {}
    for place, value in enumerate(row):
        name = names[place] if place < len(names) else f"column_{place + 1}"
        if name != "-":
            fields[name] = value.strip()
    return fields


def _set_time(event: Event, fields: dict[str, str], context: Context) -> None:
    for name in ("high_res_timestamp", "time_generated", "receive_time"):
        stamp = scan(fields.get(name, ""), context)
        if stamp is not None:
            event["@timestamp"] = stamp.time
            event.pop("event.timezone", None)
            if not stamp.zoned:
                event["event.timezone"] = zone_name(context.timezone)
            return


def _set_kind(event: Event, fields: dict[str, str]) -> None:
    type_, subtype = fields.get("type", ""), fields.get("subtype", "")
    if type_ == "TRAFFIC":
        action, types = _FLOWS.get(subtype, ("flow_terminated", ("connection",)))
        event["event.action"] = action
        event["event.category"] = ["network"]
        event["event.type"] = list(types)
    elif type_ == "THREAT":
        _set_threat(event, fields, subtype)
    elif type_ == "CONFIG":
        event["event.action"] = fields.get("cmd", "config")
        event["event.category"] = ["configuration"]
        event["event.type"] = ["change"]
        if fields.get("result") == "Failed":
            event["event.outcome"] = "failure"
    else:
        _set_system(event, fields, type_, subtype)


def _set_system(event: Event, fields: dict[str, str], type_: str, subtype: str) -> None:
    """Logs of the device itself, among them those of its users' logons."""
    action = fields.get("eventid") or fields.get("event") or subtype or type_.lower()
    event["event.action"] = action
    if type_ not in {"AUTHENTICATION", "USERID", "GLOBALPROTECT"} and not _LOGON.search(action):
        event["event.category"] = ["host"]
        event["event.type"] = ["info"]
        return
    event["event.category"] = ["authentication"]
    event["event.type"] = ["end" if "logout" in action or subtype == "logout" else "start"]
    told = (action, fields.get("status", ""), fields.get("desc", ""))
    if any(map(_FAILED.search, told)):
        event["event.outcome"] = "failure"
    if type_ == "SYSTEM":
        text = fields.get("opaque", "")
        user, origin = _USER.search(text), _FROM.search(text)
        if user:
            event["user.name"] = user["user"]
        address = ip(origin["ip"]) if origin else None
        if address:
            event["source.ip"] = address


def _set_threat(event: Event, fields: dict[str, str], subtype: str) -> None:
    action, category = _THREATS.get(subtype, ("threat_detected", ("network", "threat")))
    event["event.action"] = action
    event["event.category"] = list(category)
    event["event.kind"] = "event" if subtype in _NO_ALERT else "alert"
    event["event.type"] = ["allowed" if fields.get("action") in _ALLOWED else "denied"]
    if "malware" in category:
        event["event.type"].insert(0, "info")
    if fields.get("severity") not in _SEVERITIES:
        event["tags"] = ["parse_partial"]
        event["error.message"] = "the columns are cut off or shifted: expected a severity"
        return
    threat = _THREAT.fullmatch(fields.get("threatid", ""))
    if threat and threat["name"]:
        event["rule.id"] = threat["id"]
        event["rule.name"] = threat["name"]
    misc = fields.get("misc")
    if misc and subtype == "url":
        # PAN-OS leaves out the scheme; without one, host and path could not be told apart.
        set_url(event, misc if "://" in misc else f"http://{misc}")
        if "://" not in misc:
            event["url.original"] = misc
            event.pop("url.full", None)
            event.pop("url.scheme", None)
    elif misc and subtype in {"file", "virus", "wildfire", "wildfire-virus", "data", "ml-virus"}:
        event["file.name"] = misc


def _set_location(event: Event, side: str, value: str) -> None:
    """A country by code or name; private addresses have their range, or an own region, instead."""
    if not is_public(event.get(f"{side}.ip", "")):
        return
    if _COUNTRY_CODE.fullmatch(value):
        event[f"{side}.geo.country_iso_code"] = value
    elif _COUNTRY.fullmatch(value):
        event[f"{side}.geo.country_name"] = value


_LOCATIONS = (("srcloc", "source"), ("dstloc", "destination"))
_COUNTRY_CODE = re.compile(r"[A-Z]{2}", re.ASCII)
_COUNTRY = re.compile(r"(?!Reserved|Unknown)[A-Z][a-z]+(?:[ .'()-]+[A-Za-z]+)*\.?")


def _set_network(event: Event, fields: dict[str, str]) -> None:
    address = event.get("source.ip") or event.get("destination.ip")
    if address:
        event["network.type"] = ip_type(address)
    for column, side in _LOCATIONS:
        if fields.get(column):
            _set_location(event, side, fields[column])
    _split_users(event)
    for side in ("source", "destination"):
        if f"{side}.nat.ip" not in event:
            event.pop(f"{side}.nat.port", None)
    number = NUMBERS.get(event.get("network.transport", ""))
    if number is not None:
        event["network.iana_number"] = number
    seconds = count(fields.get("elapsed", ""))
    if seconds is not None and seconds >> 32 == 0:
        event["event.duration"] = seconds * 1_000_000_000
        end = event["@timestamp"]
        event["event.start"] = format_micros(parse_time(end) - seconds * 1_000_000)
        event["event.end"] = end


def _split_users(event: Event) -> None:
    r"""Of `domain\name`, the name and the domain; who began a session is the event's user, too."""
    for owner in ("source.user", "destination.user", "user"):
        domain, found, name = event.get(f"{owner}.name", "").partition("\\")
        if found and domain and name:
            event[f"{owner}.domain"], event[f"{owner}.name"] = domain, name
    if "source.user.name" in event and "user.name" not in event:
        event["user.name"] = event["source.user.name"]
        if "source.user.domain" in event:
            event["user.domain"] = event["source.user.domain"]


def _text(value: str) -> str | None:
    return value


def _sha256(value: str) -> str | None:
    return value.lower() if len(value) == 64 else None


def _list(value: str) -> list[str]:
    return [value]


def _nat_port(value: str) -> int | None:
    return port(value) or None


_PLANS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "admin": ("user.name", _text),
    "app": ("network.application", str.lower),
    "bytes": ("network.bytes", count),
    "bytes_received": ("destination.bytes", count),
    "bytes_sent": ("source.bytes", count),
    "device_name": ("observer.name", _text),
    "dport": ("destination.port", port),
    "dst": ("destination.ip", ip),
    "dst_mac": ("destination.mac", mac),
    "dstuser": ("destination.user.name", _text),
    "host": ("source.ip", ip),
    "from": ("observer.ingress.zone", _text),
    "filedigest": ("file.hash.sha256", _sha256),
    "http_method": ("http.request.method", str.upper),
    "inbound_if": ("observer.ingress.interface.name", _text),
    "ip": ("source.ip", ip),
    "natdport": ("destination.nat.port", _nat_port),
    "natdst": ("destination.nat.ip", ip),
    "natsport": ("source.nat.port", _nat_port),
    "natsrc": ("source.nat.ip", ip),
    "opaque": ("message", _text),
    "outbound_if": ("observer.egress.interface.name", _text),
    "packets": ("network.packets", count),
    "pkts_received": ("destination.packets", count),
    "pkts_sent": ("source.packets", count),
    "proto": ("network.transport", str.lower),
    "public_ip": ("source.ip", ip),
    "recipient": ("email.to.address", _list),
    "referer": ("http.request.referrer", _text),
    "rule": ("rule.name", _text),
    "rule_uuid": ("rule.uuid", _text),
    "sender": ("email.from.address", _list),
    "serial": ("observer.serial_number", _text),
    "session_end_reason": ("event.reason", _text),
    "severity": ("event.severity", _SEVERITIES.get),
    "sport": ("source.port", port),
    "src": ("source.ip", ip),
    "src_mac": ("source.mac", mac),
    "srcuser": ("source.user.name", _text),
    "subject": ("email.subject", _text),
    "to": ("observer.egress.zone", _text),
    "user": ("user.name", _text),
    "user_agent": ("user_agent.original", _text),
    "xff_ip": ("network.forwarded_ip", ip),
}
