"""Plans of the channels beside Security and Sysmon, and which source's plans an event follows.

Event ids mean something only within a source: the channel, and in the shared logs System and
Application the provider. Sources of ids: the providers' manifests as Microsoft documents them.
"""

from functools import lru_cache
from typing import Any

from tocsin.parsers.server import windows_values as values
from tocsin.parsers.server.windows_plans import (
    Plan,
    Step,
    account,
    address,
    command_line,
    executable,
    number,
    path,
    plan,
    text,
)
from tocsin.parsers.server.windows_security import SECURITY
from tocsin.parsers.server.windows_sysmon import SYSMON
from tocsin.schemas.events import Event
from tocsin.schemas.remembering import remembering


def _detected_path(event: Event, value: Any) -> None:
    r"""The first of Defender's resources, `file:_C:\x.exe; process:_pid:4,ProcessStart:…`."""
    if not isinstance(value, str):
        return
    for resource in value.split(";"):
        kind, separator, place = resource.strip().partition(":_")
        if separator and kind in {"file", "containerfile", "CmdLine"} and place:
            found = values.split_path(place.partition("->")[0])
            event["file.path"], event["file.name"] = found.path, found.name
            if found.directory:
                event["file.directory"] = found.directory
            if found.extension:
                event["file.extension"] = found.extension
            return


def _context(event: Event, value: Any) -> None:
    """PowerShell's context, one `name = value` a line (4103, 800)."""
    if not isinstance(value, str):
        return
    for name, content in filter(None, map(_context_of, value.split("\n"))):
        _CONTEXT[name](event, content)


@remembering(8192)
def _context_of(line: str) -> tuple[str, str] | None:
    """Name and value in a line, if the name is one that is looked for."""
    name, _, content = line.partition("=")
    name, content = name.strip(), content.strip()
    return (name, content) if content and name in _CONTEXT else None


_CONTEXT = {
    "Host Application": command_line("process"),
    "HostApplication": command_line("process"),
    "User": account("user"),
    "UserId": account("user"),
    "Script Name": path("file"),
    "ScriptName": path("file"),
}


def _classic(event: Event, value: Any) -> None:
    """The unnamed values of `Windows PowerShell` events; the last ones hold context."""
    for part in value if isinstance(value, list) else [value]:
        _context(event, part)


_DATA: tuple[Step, ...] = (("Data", _classic), ("ContextInfo", _context))
_THREAT: tuple[Step, ...] = (
    ("Threat Name", text("rule.name")),
    ("ThreatName", text("rule.name")),
    ("Threat ID", text("rule.id")),
    ("Category Name", text("rule.category")),
    ("Path", _detected_path),
    ("Process Name", executable("process")),
    ("Detection User", account("user")),
    ("User", account("user")),
    ("Domain", text("user.domain")),
)
_TASK: tuple[Step, ...] = (("UserContext", account("user")), ("UserName", account("user")))
_ACTION: tuple[Step, ...] = (
    *_TASK,
    ("ActionName", executable("process")),
    ("EnginePID", number("process.pid")),
)
_TRANSFER: tuple[Step, ...] = (
    ("url", text("url.original")),
    ("Url", text("url.original")),
    ("fileLength", number("file.size")),
)
_FIREWALL: tuple[Step, ...] = (
    ("RuleName", text("rule.name")),
    ("RuleId", text("rule.id")),
    ("ModifyingApplication", executable("process")),
    ("ModifyingUser", text("user.id")),
)
_SUBJECT: tuple[Step, ...] = (
    ("SubjectUserName", text("user.name")),
    ("SubjectDomainName", text("user.domain")),
)
_SESSION: tuple[Step, ...] = (("User", account("user")), ("Address", address("source.ip")))
_BLOCKED: tuple[Step, ...] = (("FilePath", path("file")), ("TargetUser", text("user.id")))


def _detection(action: str) -> Plan:
    return plan(action, "malware", "info", _THREAT, kind="alert")


def _change(action: str, *steps: tuple[Step, ...]) -> Plan:
    return plan(action, "configuration", "change", *steps)


POWERSHELL = {
    400: plan("Engine Lifecycle", "process", "start", _DATA),
    403: plan("Engine Lifecycle", "process", "end", _DATA),
    600: plan("Provider Lifecycle", "process", "info", _DATA),
    800: plan("Pipeline Execution Details", "process", "info", _DATA),
}
POWERSHELL_OPERATIONAL = {
    4103: plan("Executing Pipeline", "process", "info", _DATA),
    4104: plan(
        "Execute a Remote Command",
        "process",
        "info",
        (("Path", path("file")), ("MessageNumber", number("event.sequence"))),
    ),
    4105: plan("Starting Command", "process", "start"),
    4106: plan("Stopping Command", "process", "end"),
}
DEFENDER = {
    **{code: _detection("malware-detected") for code in (1006, 1015, 1116)},
    **{code: _detection("malware-action-taken") for code in (1007, 1117)},
    **{code: _detection("malware-action-failed") for code in (1008, 1118, 1119)},
    1009: plan("quarantine-restored", "malware", "info", _THREAT),
    1013: plan("malware-history-deleted", "configuration", "deletion"),
    1121: plan(
        "attack-surface-rule-blocked", "intrusion_detection", "denied", _THREAT, kind="alert"
    ),
    1122: plan("attack-surface-rule-audited", "intrusion_detection", "info", _THREAT, kind="alert"),
    2000: _change("signatures-updated"),
    2001: plan("signature-update-failed", "configuration", "change", outcome="failure"),
    5000: _change("realtime-protection-enabled"),
    5001: _change("realtime-protection-disabled"),
    5004: _change("realtime-protection-changed"),
    5007: _change("antimalware-configuration-changed"),
    5010: _change("antispyware-scanning-disabled"),
    5012: _change("antivirus-scanning-disabled"),
    5013: plan("tamper-protection-blocked-change", "configuration", "change", outcome="failure"),
}
TASK_SCHEDULER = {
    106: plan("scheduled-task-created", "configuration", "creation", _TASK),
    129: plan(
        "scheduled-task-process-created",
        "process",
        "start",
        (("Path", executable("process")), ("ProcessID", number("process.pid"))),
    ),
    140: plan("scheduled-task-updated", "configuration", "change", _TASK),
    141: plan("scheduled-task-deleted", "configuration", "deletion", _TASK),
    142: plan("scheduled-task-disabled", "configuration", "change", _TASK),
    200: plan("scheduled-task-action-started", "process", "start", _ACTION),
    201: plan("scheduled-task-action-completed", "process", "end", _ACTION),
}
BITS = {
    3: plan(
        "bits-job-created",
        "network",
        "start",
        (("string2", account("user")), ("processPath", executable("process"))),
    ),
    59: plan("bits-transfer-started", "network", "start", _TRANSFER),
    60: plan("bits-transfer-stopped", "network", "end", _TRANSFER),
    61: plan("bits-transfer-stopped", "network", "end", _TRANSFER),
    16403: plan(
        "bits-file-added",
        "network",
        "info",
        (("RemoteName", text("url.original")), ("LocalName", path("file"))),
    ),
}
WMI = {
    5857: plan("wmi-provider-started", "process", "info", (("ProcessID", number("process.pid")),)),
    5858: plan("wmi-operation-failed", "process", "info", _SESSION, outcome="failure"),
    5860: plan("wmi-temporary-subscription", "configuration", "creation", _SESSION),
    5861: plan("wmi-permanent-subscription", "configuration", "creation", _SESSION),
}
FIREWALL = {
    **{
        code: _change("firewall-setting-changed", _FIREWALL)
        for code in (2002, 2003, 2008, 2082, 2083)
    },
    **{
        code: plan("firewall-rule-added", "configuration", "creation", _FIREWALL)
        for code in (2004, 2071, 2097)
    },
    **{code: _change("firewall-rule-modified", _FIREWALL) for code in (2005, 2073, 2099)},
    **{
        code: plan("firewall-rule-deleted", "configuration", "deletion", _FIREWALL)
        for code in (2006, 2052)
    },
    **{
        code: plan("firewall-rules-deleted", "configuration", "deletion", _FIREWALL)
        for code in (2033, 2059)
    },
}
TERMINAL_SESSIONS = {
    21: plan("session-logged-in", "session", "start", _SESSION, outcome="success"),
    23: plan("session-logged-out", "session", "end", _SESSION, outcome="success"),
    24: plan("session-disconnected", "session", "end", _SESSION, outcome="success"),
    25: plan("session-reconnected", "session", "start", _SESSION, outcome="success"),
}
TERMINAL_CONNECTIONS = {
    1149: plan(
        "remote-desktop-authenticated",
        "network",
        "connection",
        (
            ("Param1", text("user.name")),
            ("Param2", text("user.domain")),
            ("Param3", address("source.ip")),
        ),
    ),
}
APPLOCKER = {
    **{code: plan("application-allowed", "process", "info", _BLOCKED) for code in (8002, 8005)},
    **{code: plan("application-audited", "process", "info", _BLOCKED) for code in (8003, 8006)},
    **{
        code: plan("application-blocked", "process", "info", _BLOCKED, outcome="failure")
        for code in (8004, 8007)
    },
}
DNS_CLIENT = {
    code: plan("dns-query", "network", "protocol info", (("QueryName", text("dns.question.name")),))
    for code in (3006, 3008, 3020)
}
SERVICE_CONTROL = {
    7034: plan(
        "service-terminated",
        "host",
        "change",
        (("param1", text("service.name")),),
        outcome="failure",
    ),
    7035: plan("service-control-sent", "host", "change", (("param1", text("service.name")),)),
    7036: plan(
        "service-state-changed",
        "host",
        "change",
        (("param1", text("service.name")), ("param2", text("service.state"))),
    ),
    7040: _change("service-start-type-changed", (("param1", text("service.name")),)),
    7045: plan(
        "service-installed", "configuration", "creation", (("ServiceName", text("service.name")),)
    ),
}
EVENTLOG = {
    104: plan("log-cleared", "configuration", "deletion", _SUBJECT),
    1102: SECURITY[1102],
    6005: plan("eventlog-started", "host", "start"),
    6006: plan("eventlog-stopped", "host", "end"),
    6008: plan("unexpected-shutdown", "host", "end", outcome="failure"),
}
SHUTDOWN = {
    1074: plan(
        "shutdown-initiated",
        "host",
        "end",
        (("param1", executable("process")), ("param7", account("user"))),
    )
}
INSTALLER = {
    **{code: plan("package-installed", "package", "installation") for code in (1033, 11707)},
    **{code: plan("package-removed", "package", "deletion") for code in (1034, 11724)},
}

_CHANNELS: dict[str, dict[int, Plan]] = {
    "security": SECURITY,
    "microsoft-windows-sysmon/operational": SYSMON,
    "windows powershell": POWERSHELL,
    "microsoft-windows-powershell/operational": POWERSHELL_OPERATIONAL,
    "powershellcore/operational": POWERSHELL_OPERATIONAL,
    "microsoft-windows-windows defender/operational": DEFENDER,
    "microsoft-windows-taskscheduler/operational": TASK_SCHEDULER,
    "microsoft-windows-bits-client/operational": BITS,
    "microsoft-windows-wmi-activity/operational": WMI,
    "microsoft-windows-windows firewall with advanced security/firewall": FIREWALL,
    "microsoft-windows-terminalservices-localsessionmanager/operational": TERMINAL_SESSIONS,
    "microsoft-windows-terminalservices-remoteconnectionmanager/operational": TERMINAL_CONNECTIONS,
    "microsoft-windows-applocker/exe and dll": APPLOCKER,
    "microsoft-windows-applocker/msi and script": APPLOCKER,
    "microsoft-windows-dns-client/operational": DNS_CLIENT,
}
_PROVIDERS: dict[str, dict[int, Plan]] = {
    "microsoft-windows-security-auditing": SECURITY,
    "microsoft-windows-sysmon": SYSMON,
    "powershell": POWERSHELL,
    "microsoft-windows-powershell": POWERSHELL_OPERATIONAL,
    "microsoft-windows-windows defender": DEFENDER,
    "microsoft-windows-taskscheduler": TASK_SCHEDULER,
    "microsoft-windows-bits-client": BITS,
    "microsoft-windows-wmi-activity": WMI,
    "service control manager": SERVICE_CONTROL,
    "microsoft-windows-eventlog": EVENTLOG,
    "eventlog": EVENTLOG,
    "user32": SHUTDOWN,
    "msiinstaller": INSTALLER,
}
_SYSTEM = {**SERVICE_CONTROL, 104: EVENTLOG[104]}
"""For events of the System log whose provider was lost on the way."""

_NONE: dict[int, Plan] = {}
UNKNOWN = plan(None, "", "")


def plans(channel: str, provider: str) -> dict[int, Plan]:
    """The plans, by event id, of the events that `provider` writes to `channel`."""
    found = _CHANNELS.get(channel.lower())
    if found is None:
        found = _PROVIDERS.get(provider.lower())
    if found is None and channel.lower() == "system" and not provider:
        found = _SYSTEM
    return _NONE if found is None else found


MAX_LENGTH = 256
"""Characters of channel and provider; none of Windows' own has a third of that."""


def meaning(channel: str, provider: str, code: int | None) -> tuple[Event, Plan]:
    """What every event of `channel`, `provider` and event id says: its fields, and its plan."""
    found = _meaning if len(channel) + len(provider) <= MAX_LENGTH else _meaning.__wrapped__
    return found(channel, provider, code)


@lru_cache(maxsize=1024)
def _meaning(channel: str, provider: str, code: int | None) -> tuple[Event, Plan]:
    chosen = UNKNOWN if code is None else plans(channel, provider).get(code, UNKNOWN)
    fields: Event = {
        "event.module": "windows",
        "event.dataset": f"windows.{values.slug(channel or provider)}",
        "event.kind": chosen.kind,
    }
    if provider:
        fields["event.provider"] = provider
    if code is not None:
        fields["winlog.event_id"], fields["event.code"] = code, str(code)
    if chosen.action is not None:
        fields["event.action"] = chosen.action
    if chosen.outcome is not None:
        fields["event.outcome"] = chosen.outcome
    return fields, chosen
