"""What a FortiOS log means: `event.kind`, `.category`, `.type` and `.outcome` by type and action.

Source: FortiOS Log Message Reference (7.x), "Log types and subtypes", and the field definitions of
each log, which say of a session: `deny` was blocked by policy, `start` has begun, and every other
action was allowed and tells how the session closed.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Kind(NamedTuple):
    """The classification of one log, in ECS's allowed values."""

    kind: str
    category: tuple[str, ...]
    type: tuple[str, ...]
    outcome: str | None = None


DENIED = frozenset(
    {
        "block",
        "blocked",
        "clear_session",
        "close-tls",
        "deny",
        "denied",
        "drop",
        "dropped",
        "drop_session",
        "quarantine",
        "quarantined",
        "redirect",
        "reset",
        "reset_both",
        "reset_client",
        "reset_server",
        "server-blocked",
        "ztna-block",
    }
)
ALLOWED = frozenset(
    {
        "accept",
        "allow",
        "allowed",
        "analytics",
        "detected",
        "exempt",
        "log",
        "log-only",
        "monitor",
        "monitored",
        "pass",
        "pass_session",
        "passthrough",
        "permit",
    }
)

UTM_CATEGORIES = {
    "anomaly": ("intrusion_detection", "network"),
    "app-ctrl": ("network",),
    "casb": ("network", "web"),
    "cifs": ("file", "network"),
    "dlp": ("file", "network"),
    "dns": ("network",),
    "emailfilter": ("email", "network"),
    "file-filter": ("file", "network"),
    "gtp": ("network",),
    "icap": ("network", "web"),
    "ips": ("intrusion_detection", "network"),
    "ssh": ("network",),
    "ssl": ("network",),
    "virtual-patch": ("intrusion_detection", "network"),
    "virus": ("malware", "network"),
    "voip": ("network",),
    "waf": ("intrusion_detection", "web"),
    "webfilter": ("network", "web"),
}
"""Security profiles; their subtypes also stand as types (`type="dns"`, `type="anomaly"`)."""

_DETECTIONS = frozenset({"anomaly", "ips", "virtual-patch", "virus", "waf"})
_NO_DETECTION = frozenset(
    {"exempt-hash", "filename", "mimefragmented", "oversize", "scanerror", "switchproto"}
)

_EVENT_CATEGORIES = {
    "cifs-auth-fail": ("authentication",),
    "compliance-check": ("configuration",),
    "connector": ("network",),
    "endpoint": ("host",),
    "fortiextender": ("network",),
    "ha": ("host",),
    "rest-api": ("api", "web"),
    "router": ("network",),
    "sdwan": ("network",),
    "security-rating": ("configuration",),
    "switch-controller": ("network",),
    "system": ("host",),
    "user": ("authentication",),
    "vpn": ("network", "session"),
    "wad": ("network", "web"),
    "wanopt": ("network",),
    "webproxy": ("network", "web"),
    "wireless": ("network",),
}

_LOGON = (("authentication",), ("start",))
_LOGOFF = (("authentication",), ("end",))
_TUNNEL_UP = (("network", "session"), ("connection", "start"))
_TUNNEL_DOWN = (("network", "session"), ("connection", "end"))

_EVENT_ACTIONS = {
    "FSSO-logoff": _LOGOFF,
    "FSSO-logon": _LOGON,
    "auth-logoff": _LOGOFF,
    "auth-logon": _LOGON,
    "auth-logout": _LOGOFF,
    "auth-timed-out": _LOGOFF,
    "authentication": _LOGON,
    "login": _LOGON,
    "logoff": _LOGOFF,
    "logon": _LOGON,
    "logout": _LOGOFF,
    "perf-stats": (("host",), ("info",)),
    "phase2-down": _TUNNEL_DOWN,
    "phase2-up": _TUNNEL_UP,
    "ssl-login-fail": _LOGON,
    "ssl-new-con": (("network", "session"), ("connection", "start")),
    "ssl-web-deny": (("network", "web"), ("access", "denied")),
    "ssl-web-pass": (("network", "web"), ("access", "allowed")),
    "tunnel-down": _TUNNEL_DOWN,
    "tunnel-stats": (("network", "session"), ("info",)),
    "tunnel-up": _TUNNEL_UP,
}

_CONFIGURATION_TYPES = {"add": "creation", "delete": "deletion", "edit": "change", "move": "change"}
_ACCOUNT_PATHS = {
    "system.accprofile": "admin",
    "system.admin": "user",
    "system.api-user": "user",
    "user.group": "group",
    "user.ldap": "user",
    "user.local": "user",
    "user.peer": "user",
    "vpn.ssl.web.user-group": "group",
}
"""Configuration objects that are accounts: their changes are `iam` events too."""

_SUCCEEDED = frozenset({"success", "succeeded", "ok", "authenticated", "logon", "up"})
_FAILED = frozenset(
    {
        "failed",
        "failure",
        "fail",
        "error",
        "denied",
        "timed_out",
        "negotiate_error",
        "upgrade_failed",
    }
)
_DONE = frozenset(
    {
        "FSSO-logoff",
        "FSSO-logon",
        "auth-logon",
        "auth-logout",
        "ssl-new-con",
        "tunnel-down",
        "tunnel-up",
    }
)
"""Actions that are logged without a status, when they are done."""


def classify(fields: Mapping[str, str]) -> Kind:
    """What the log of these `fields` means."""
    type_, subtype = fields.get("type", ""), fields.get("subtype", "")
    if type_ == "traffic":
        return _TRAFFIC.get(fields.get("action", ""), _SESSION_ENDED)
    if type_ == "event":
        return _classify_event(subtype, fields)
    return _classify_utm(subtype if type_ == "utm" else type_, fields)


_SESSION_ENDED = Kind("event", ("network",), ("connection", "end", "allowed"), "success")
_SESSION_DENIED = Kind("event", ("network",), ("connection", "denied"), "success")
_TRAFFIC = {
    "start": Kind("event", ("network",), ("connection", "start", "allowed"), "success"),
    "": Kind("event", ("network",), ("connection",)),
    **dict.fromkeys(sorted(DENIED), _SESSION_DENIED),
}


def _classify_utm(profile: str, fields: Mapping[str, str]) -> Kind:
    category = UTM_CATEGORIES.get(profile, ("network",))
    detected = profile in _DETECTIONS and fields.get("eventtype") not in _NO_DETECTION
    action = fields.get("action", "").lower()
    types = ["protocol"] if profile == "dns" else []
    if action in DENIED:
        types.append("denied")
    elif action in ALLOWED:
        types.append("allowed")
    if not types or profile in {"emailfilter", "virus"}:
        types.insert(0, "info")
    return Kind("alert" if detected else "event", category, tuple(types), "success")


def _classify_event(subtype: str, fields: Mapping[str, str]) -> Kind:
    action = fields.get("action", "")
    outcome = _outcome(action, fields)
    path = fields.get("cfgpath", "")
    if path:
        change = _CONFIGURATION_TYPES.get(action.lower(), "change")
        account = _ACCOUNT_PATHS.get(path)
        if account is None:
            return Kind("event", ("configuration",), (change,), outcome or "success")
        return Kind("event", ("configuration", "iam"), (change, account), outcome or "success")
    known = _EVENT_ACTIONS.get(action)
    if known:
        return Kind("metric" if action == "perf-stats" else "event", *known, outcome)
    types = ("error",) if outcome == "failure" and subtype in {"system", "ha"} else ("info",)
    return Kind("event", _EVENT_CATEGORIES.get(subtype, ("network",)), types, outcome)


def _outcome(action: str, fields: Mapping[str, str]) -> str | None:
    status = (fields.get("status") or fields.get("result") or "").lower()
    if status in _SUCCEEDED:
        return "success"
    if status in _FAILED or action.endswith(("-fail", "-failed")):
        return "failure"
    return "success" if action in _DONE else None
