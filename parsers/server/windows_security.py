"""The Security log: one plan an event id (Microsoft Learn, "Advanced security auditing").

Who acted is `user`; the account acted upon is `user.target`, one whose rights are used
`user.effective`. For logons the account that logs on is `user`. Actions are the names that
Kibana's content for Windows knows.
"""

from typing import Any

from tocsin.parsers.server import windows_values as values
from tocsin.parsers.server.windows_objects import OBJECT, REGISTRY_VALUE
from tocsin.parsers.server.windows_plans import (
    Plan,
    Step,
    address,
    choice,
    command_line,
    executable,
    number,
    path,
    plan,
    port,
    principal,
    remembered,
    text,
    words,
)
from tocsin.schemas.events import Event

_LOGON_TYPES = {
    "0": "System",
    "2": "Interactive",
    "3": "Network",
    "4": "Batch",
    "5": "Service",
    "7": "Unlock",
    "8": "NetworkCleartext",
    "9": "NewCredentials",
    "10": "RemoteInteractive",
    "11": "CachedInteractive",
    "12": "CachedRemoteInteractive",
    "13": "CachedUnlock",
}
_FAILURES = {
    "0xc000005e": "No logon servers available to service the logon request",
    "0xc0000064": "User logon with misspelled or bad user account",
    "0xc000006a": "User logon with misspelled or bad password",
    "0xc000006d": "Bad user name or authentication information",
    "0xc000006e": "Account restriction",
    "0xc000006f": "User logon outside authorized hours",
    "0xc0000070": "User logon from unauthorized workstation",
    "0xc0000071": "User logon with expired password",
    "0xc0000072": "User logon to account disabled by administrator",
    "0xc00000dc": "Server in the wrong state for the operation",
    "0xc0000133": "Clocks of domain controller and other computer too far out of sync",
    "0xc000015b": "Logon type not granted to the user at this machine",
    "0xc000018c": "Trust relationship between domains failed",
    "0xc0000192": "Netlogon service not started",
    "0xc0000193": "User logon with expired account",
    "0xc0000224": "User must change password at next logon",
    "0xc0000225": "Windows bug, not a risk",
    "0xc0000234": "User logon with account locked",
    "0xc00002ee": "Error occurred during logon",
    "0xc0000413": "Machine protected by an authentication firewall",
}
_REASONS = {
    "%%2304": "An Error occured during Logon.",
    "%%2305": "The specified user account has expired.",
    "%%2306": "The NetLogon component is not active.",
    "%%2307": "Account locked out.",
    "%%2308": "The user has not been granted the requested logon type at this machine.",
    "%%2309": "The specified account's password has expired.",
    "%%2310": "Account currently disabled.",
    "%%2311": "Account logon time restriction violation.",
    "%%2312": "User not allowed to logon at this computer.",
    "%%2313": "Unknown user name or bad password.",
}
"""Messages of the Security log's message table, which forwarded events leave unexpanded."""
_PROTOCOLS = {"1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "47": "gre", "58": "ipv6-icmp"}
_DIRECTIONS = {
    "%%14592": "ingress",
    "%%14593": "egress",
    "Inbound": "ingress",
    "Outbound": "egress",
}


def _failure(field: str) -> Any:
    def write(event: Event, value: Any) -> None:
        reason = _FAILURES.get(value.lower()) if isinstance(value, str) else None
        if reason is not None:
            event[field] = reason

    return write


def _iana(event: Event, value: Any) -> None:
    code = str(value)
    name = _PROTOCOLS.get(code)
    if name is not None:
        event["network.transport"] = name
    if values.integer(code) is not None:
        event["network.iana_number"] = code


def _member(event: Event, value: Any) -> None:
    """The name in a member's distinguished name `CN=Alice,OU=Staff,DC=example,DC=org`."""
    if isinstance(value, str):
        first = value.partition(",")[0]
        event["user.target.name"] = first[3:] if first[:3].upper() == "CN=" else value


def _ticket_status(event: Event, value: Any) -> None:
    """Kerberos and NTLM results: zero is success, all else failure."""
    code = values.integer(value) if isinstance(value, str) else value
    if isinstance(code, int):
        event["event.outcome"] = "failure" if code else "success"


def _who(prefix: str, source: str, logon: bool = False) -> tuple[Step, ...]:
    steps: tuple[Step, ...] = (
        (f"{source}UserSid", text(f"{prefix}.id")),
        (f"{source}UserName", text(f"{prefix}.name")),
        (f"{source}DomainName", text(f"{prefix}.domain")),
    )
    return (*steps, (f"{source}LogonId", text("winlog.logon.id"))) if logon else steps


_SUBJECT = _who("user", "Subject", logon=True)
_TARGET = _who("user", "Target", logon=True)
_ACTED_ON: tuple[Step, ...] = (
    ("TargetSid", text("user.target.id")),
    ("TargetUserName", text("user.target.name")),
    ("TargetDomainName", text("user.target.domain")),
)
_EFFECTIVE = _who("user.effective", "Target")
_GROUP: tuple[Step, ...] = (
    ("TargetSid", text("group.id")),
    ("TargetUserName", text("group.name")),
    ("TargetDomainName", text("group.domain")),
)
_MEMBER: tuple[Step, ...] = (("MemberName", _member), ("MemberSid", text("user.target.id")))
_PROCESS: tuple[Step, ...] = (
    ("ProcessId", number("process.pid")),
    ("ProcessName", executable("process")),
)
_ORIGIN: tuple[Step, ...] = (
    ("WorkstationName", text("source.domain")),
    ("IpAddress", address("source.ip")),
    ("IpPort", port("source.port")),
)
_LOGON: tuple[Step, ...] = (
    *_TARGET,
    ("LogonType", choice("winlog.logon.type", _LOGON_TYPES, otherwise=True)),
    *_PROCESS,
    *_ORIGIN,
)
_LOGON_FAILURE: tuple[Step, ...] = (
    *_LOGON,
    ("Status", _failure("winlog.logon.failure.status")),
    ("SubStatus", _failure("winlog.logon.failure.sub_status")),
    ("FailureReason", choice("winlog.logon.failure.reason", _REASONS, otherwise=True)),
)
_LOGOFF: tuple[Step, ...] = (
    *_TARGET,
    ("LogonType", choice("winlog.logon.type", _LOGON_TYPES, otherwise=True)),
)
_PRIVILEGES: tuple[Step, ...] = (("PrivilegeList", words("winlog.logon.privileges")),)
_TICKET: tuple[Step, ...] = (
    ("TargetSid", text("user.id")),
    *_TARGET,
    ("TargetUserName", principal("user")),
    ("ServiceName", text("service.name")),
    *_ORIGIN,
    ("Status", _ticket_status),
)
_CREATION: tuple[Step, ...] = (
    *_SUBJECT,
    *_EFFECTIVE,
    ("NewProcessId", number("process.pid")),
    ("NewProcessName", executable("process")),
    ("CommandLine", command_line("process")),
    ("ProcessId", number("process.parent.pid")),
    ("ParentProcessName", executable("process.parent")),
)
_SERVICE: tuple[Step, ...] = (("ServiceName", text("service.name")),)
_SHARE: tuple[Step, ...] = (*_SUBJECT, *_ORIGIN)
_SHARED_FILE: tuple[Step, ...] = (*_SHARE, ("RelativeTargetName", path("file")))
_FILTERED: tuple[Step, ...] = (
    ("ProcessID", number("process.pid")),
    ("ProcessId", number("process.pid")),
    ("Application", executable("process")),
    ("Direction", choice("network.direction", _DIRECTIONS)),
    ("Protocol", _iana),
    ("SourceAddress", address("source.ip")),
    ("SourcePort", port("source.port")),
    ("DestAddress", address("destination.ip")),
    ("DestPort", port("destination.port")),
)
_SESSION: tuple[Step, ...] = (
    ("AccountName", text("user.name")),
    ("AccountDomain", text("user.domain")),
    ("LogonID", text("winlog.logon.id")),
    ("ClientName", text("source.domain")),
    ("ClientAddress", address("source.ip")),
)
_USER = (_SUBJECT, _ACTED_ON)
_OBJECT = (remembered(*_SUBJECT, *_PROCESS),)


def _group(action: str, change: str) -> Plan:
    return plan(action, "iam", f"group {change}", _SUBJECT, _GROUP, _MEMBER)


def _user(action: str, change: str) -> Plan:
    return plan(action, "iam", f"user {change}", *_USER)


def _task(action: str, change: str) -> Plan:
    return plan(action, "iam configuration", f"admin {change}", _SUBJECT)


def _setting(action: str) -> Plan:
    return plan(action, "iam configuration", "admin change", _SUBJECT)


def _network(action: str, types: str, outcome: str | None = None) -> Plan:
    more = {} if outcome is None else {"outcome": outcome}
    return plan(action, "network", types, _FILTERED, **more)


_GROUPS: dict[int, tuple[str, str]] = {
    **dict.fromkeys((4727, 4731, 4754, 4783, 4790), ("added-group-account", "creation")),
    **dict.fromkeys((4728, 4732, 4756, 4785, 4787), ("added-member-to-group", "change")),
    **dict.fromkeys((4729, 4733, 4757, 4786, 4788), ("removed-member-from-group", "change")),
    **dict.fromkeys((4730, 4734, 4758, 4789, 4792), ("deleted-group-account", "deletion")),
    **dict.fromkeys((4735, 4737, 4755, 4784, 4791), ("modified-group-account", "change")),
    **dict.fromkeys((4744, 4749, 4759), ("added-distribution-group-account", "creation")),
    **dict.fromkeys((4745, 4750, 4760), ("changed-distribution-group-account", "change")),
    **dict.fromkeys((4746, 4751, 4761), ("added-member-to-distribution-group", "change")),
    **dict.fromkeys((4747, 4752, 4762), ("removed-member-from-distribution-group", "change")),
    **dict.fromkeys((4748, 4753, 4763), ("deleted-distribution-group-account", "deletion")),
    4764: ("type-changed-group-account", "change"),
}

SECURITY: dict[int, Plan] = {
    1100: plan("logging-service-shutdown", "process", "end"),
    1102: plan("audit-log-cleared", "iam", "admin change", _SUBJECT),
    1104: plan("logging-full", "iam", "admin"),
    1105: plan("auditlog-archived", "iam", "admin"),
    1108: plan("logging-processing-error", "iam", "admin"),
    4608: plan("system-started", "host", "start"),
    4609: plan("system-shutdown", "host", "end"),
    4611: plan("logon-process-registered", "configuration", "change", _SUBJECT),
    4616: plan("system-time-changed", "configuration", "change", *_OBJECT),
    4624: plan("logged-in", "authentication", "start", _LOGON),
    4625: plan("logon-failed", "authentication", "start", _LOGON_FAILURE, outcome="failure"),
    4627: plan("group-membership", "iam", "info", _TARGET),
    4634: plan("logged-out", "authentication", "end", _LOGOFF),
    4647: plan("logged-out", "authentication", "end", _LOGOFF),
    4648: plan(
        "logged-in-explicit", "authentication", "start", _SUBJECT, _EFFECTIVE, _PROCESS, _ORIGIN
    ),
    4656: plan("object-handle-requested", "", "", *_OBJECT, OBJECT),
    4657: plan(
        "registry-value-modified", "configuration registry", "change", *_OBJECT, REGISTRY_VALUE
    ),
    4658: plan("object-handle-closed", "", "", *_OBJECT),
    4660: plan("object-deleted", "", "", *_OBJECT),
    4661: plan("object-handle-requested", "", "", *_OBJECT),
    4662: plan("object-operation-performed", "iam", "info", _SUBJECT),
    4663: plan("object-accessed", "", "", *_OBJECT, OBJECT),
    4670: plan("permissions-changed", "iam configuration", "admin change", *_OBJECT, OBJECT),
    4672: plan("logged-in-special", "iam", "admin", _SUBJECT, _PRIVILEGES),
    4673: plan("privileged-service-called", "iam", "admin", *_OBJECT, _PRIVILEGES),
    4674: plan("privileged-operation", "iam", "admin", *_OBJECT, _PRIVILEGES),
    4688: plan("created-process", "process", "start", _CREATION),
    4689: plan(
        "exited-process", "process", "end", *_OBJECT, (("Status", number("process.exit_code")),)
    ),
    4690: plan("object-handle-duplicated", "", "", _SUBJECT),
    4696: plan("primary-token-assigned", "process", "change", *_OBJECT),
    4697: plan("service-installed", "iam configuration", "admin change", _SUBJECT, _SERVICE),
    4698: _task("scheduled-task-created", "creation"),
    4699: _task("scheduled-task-deleted", "deletion"),
    4700: _task("scheduled-task-enabled", "change"),
    4701: _task("scheduled-task-disabled", "change"),
    4702: _task("scheduled-task-updated", "change"),
    4703: plan("token-right-adjusted", "iam", "admin change", *_OBJECT),
    4704: _setting("user-right-assigned"),
    4705: _setting("user-right-removed"),
    4706: _setting("domain-trust-added"),
    4707: _setting("domain-trust-removed"),
    4713: _setting("kerberos-policy-changed"),
    4714: _setting("encrypted-data-recovery-policy-changed"),
    4715: _setting("object-audit-policy-changed"),
    4716: _setting("trusted-domain-information-changed"),
    4717: _setting("system-security-access-granted"),
    4718: _setting("system-security-access-removed"),
    4719: _setting("changed-audit-config"),
    4720: _user("added-user-account", "creation"),
    4722: _user("enabled-user-account", "change"),
    4723: _user("changed-password", "change"),
    4724: _user("reset-password", "change"),
    4725: _user("disabled-user-account", "change"),
    4726: _user("deleted-user-account", "deletion"),
    4738: _user("modified-user-account", "change"),
    4739: _setting("domain-policy-changed"),
    4740: _user("locked-out-user-account", "change"),
    4741: plan("added-computer-account", "iam", "creation admin", *_USER),
    4742: plan("changed-computer-account", "iam", "change admin", *_USER),
    4743: plan("deleted-computer-account", "iam", "deletion admin", *_USER),
    4765: _user("sid-history-added", "change"),
    4766: _user("sid-history-add-attempted", "change"),
    4767: _user("unlocked-user-account", "change"),
    4768: plan("kerberos-authentication-ticket-requested", "authentication", "start", _TICKET),
    4769: plan("kerberos-service-ticket-requested", "authentication", "start", _TICKET),
    4770: plan("kerberos-service-ticket-renewed", "authentication", "start", _TICKET),
    4771: plan("kerberos-preauth-failed", "authentication", "start", _TICKET, outcome="failure"),
    4776: plan(
        "credential-validated",
        "authentication",
        "start",
        _TARGET,
        (("Workstation", text("source.domain")), ("Status", _ticket_status)),
    ),
    4778: plan("session-reconnected", "authentication session", "start", _SESSION),
    4779: plan("session-disconnected", "authentication session", "end", _SESSION),
    4780: _user("administrator-acl-set", "change"),
    4781: plan(
        "renamed-user-account",
        "iam",
        "user change",
        _SUBJECT,
        (
            ("TargetSid", text("user.target.id")),
            ("OldTargetUserName", text("user.target.name")),
            ("NewTargetUserName", text("user.changes.name")),
            ("TargetDomainName", text("user.target.domain")),
        ),
    ),
    4782: _user("password-hash-accessed", "info"),
    4793: plan("password-policy-checked", "iam", "info", _SUBJECT),
    4794: _setting("directory-restore-password-set"),
    4797: plan("blank-password-queried", "iam", "user info", *_USER),
    4798: plan("group-membership-enumerated", "iam", "user info", *_USER),
    4799: plan("user-member-enumerated", "iam", "group info", _SUBJECT, _GROUP),
    4800: plan("workstation-locked", "session", "end", _TARGET),
    4801: plan("workstation-unlocked", "session", "start", _TARGET),
    4817: _setting("object-audit-changed"),
    4886: plan("certificate-requested", "iam", "info", (("Requester", text("user.name")),)),
    4887: plan("certificate-issued", "iam", "creation", (("Requester", text("user.name")),)),
    4902: _setting("user-audit-policy-created"),
    4904: _setting("security-event-source-added"),
    4905: _setting("security-event-source-removed"),
    4906: _setting("crash-on-audit-changed"),
    4907: _setting("audit-setting-changed"),
    4908: _setting("special-group-table-changed"),
    4912: _setting("per-user-audit-policy-changed"),
    4946: plan(
        "firewall-rule-added", "configuration", "creation", (("RuleName", text("rule.name")),)
    ),
    4947: plan(
        "firewall-rule-modified", "configuration", "change", (("RuleName", text("rule.name")),)
    ),
    4948: plan(
        "firewall-rule-deleted", "configuration", "deletion", (("RuleName", text("rule.name")),)
    ),
    4950: plan("firewall-setting-changed", "configuration", "change"),
    4964: plan("logged-in-special", "iam", "admin group", _TARGET),
    5136: plan("directory-service-object-modified", "iam configuration", "change", _SUBJECT),
    5137: plan("directory-service-object-created", "iam configuration", "creation", _SUBJECT),
    5138: plan("directory-service-object-undeleted", "iam configuration", "creation", _SUBJECT),
    5139: plan("directory-service-object-moved", "iam configuration", "change", _SUBJECT),
    5141: plan("directory-service-object-deleted", "iam configuration", "deletion", _SUBJECT),
    5140: plan("network-share-object-accessed", "network file", "info access", _SHARE),
    5142: plan("network-share-object-added", "configuration", "creation", _SUBJECT),
    5143: plan("network-share-object-modified", "configuration", "change", _SUBJECT),
    5144: plan("network-share-object-deleted", "configuration", "deletion", _SUBJECT),
    5145: plan("network-share-object-access-checked", "network file", "info access", _SHARED_FILE),
    5150: _network("windows-firewall-packet-block", "denied", "failure"),
    5151: _network("windows-firewall-packet-block", "denied", "failure"),
    5152: _network("windows-firewall-packet-block", "denied", "failure"),
    5153: _network("windows-firewall-packet-block", "denied", "failure"),
    5154: _network("windows-firewall-listen-permit", "allowed"),
    5155: _network("windows-firewall-listen-block", "denied", "failure"),
    5156: _network("windows-firewall-connection", "connection allowed"),
    5157: _network("windows-firewall-connection-block", "connection denied", "failure"),
    5158: _network("windows-firewall-bind-permit", "allowed"),
    5159: _network("windows-firewall-bind-block", "denied", "failure"),
    5376: plan("credentials-backed-up", "iam", "user info", _SUBJECT),
    5377: plan("credentials-restored", "iam", "user change", _SUBJECT),
    5379: plan("credentials-read", "iam", "user info", _SUBJECT),
    6416: plan("external-device-recognized", "host", "change", _SUBJECT),
    **{number_: _group(*meaning) for number_, meaning in _GROUPS.items()},
}
