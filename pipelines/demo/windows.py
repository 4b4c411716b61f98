"""What the Windows machines report: events as flat JSON lines, in the form of an NXLog collector.

Field names are those of the events' own `EventData`; the constants of a channel's events are in
one table. Facts of Security events: Microsoft's "Appendix L: Events to Monitor" and the event
pages; of Sysmon events: the Sysinternals documentation, schema 4.90.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from tocsin.pipelines.demo.city import DOMAIN_SID, NETBIOS, fqdn
from tocsin.pipelines.demo.clock import iso_time
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.lines import Line


@dataclass(frozen=True, slots=True)
class Channel:
    """A Windows event log and the provider that writes the demo's events into it."""

    name: str
    provider: str
    guid: str
    keywords: str = "0x8000000000000000"


SECURITY = Channel(
    "Security",
    "Microsoft-Windows-Security-Auditing",
    "{54849625-5478-4994-A5BA-3E3B0328C30D}",
)
SYSMON = Channel(
    "Microsoft-Windows-Sysmon/Operational",
    "Microsoft-Windows-Sysmon",
    "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
)
DEFENDER = Channel(
    "Microsoft-Windows-Windows Defender/Operational",
    "Microsoft-Windows-Windows Defender",
    "{11CD958A-C507-4EF3-B3F2-5FD9DFBD2C78}",
)
SERVICES = Channel(
    "System",
    "Service Control Manager",
    "{555908D1-A6D7-4695-8E1E-26931D2012F4}",
    "0x8080000000000000",
)
EVENTLOG = Channel(
    "Security",
    "Microsoft-Windows-Eventlog",
    "{FC65DDD8-D6EF-4962-83D5-6E5CFE9CE148}",
    "0x4020000000000000",
)

_SUCCESS = "0x8020000000000000"
_FAILURE = "0x8010000000000000"
_TASKS = {4624: 12544, 4625: 12544, 4634: 12545, 4672: 12548, 4720: 13824, 4728: 13826,
          4768: 14339, 1102: 104}  # fmt: skip


def event(
    ms: int, host: str, channel: Channel, event_id: int, fields: Mapping[str, object]
) -> Line:
    """One event as a JSON line."""
    if channel is SECURITY:
        keywords = _FAILURE if event_id == 4625 else _SUCCESS
        kind = "AUDIT_FAILURE" if event_id == 4625 else "AUDIT_SUCCESS"
    else:
        keywords, kind = channel.keywords, "INFO"
    document = {
        "EventTime": iso_time(ms, event_id % 1000),
        "Hostname": fqdn(host),
        "Keywords": keywords,
        "EventType": kind,
        "SeverityValue": 4 if kind == "AUDIT_FAILURE" else 2,
        "Severity": "ERROR" if kind == "AUDIT_FAILURE" else "INFO",
        "EventID": event_id,
        "SourceName": channel.provider,
        "ProviderGuid": channel.guid,
        "Task": event_id if channel is SYSMON else _TASKS.get(event_id, 0),
        "OpcodeValue": 0,
        "RecordNumber": 1_000_000 + ms * 3 + event_id % 3,
        "ExecutionProcessID": 712 if channel is SECURITY else 3284,
        "Channel": channel.name,
        **fields,
    }
    return ms, orjson.dumps(document).decode()


@dataclass(frozen=True, slots=True)
class Account:
    """Who acts: a user name and its security identifier."""

    user: str
    sid: str
    domain: str = NETBIOS

    @property
    def qualified(self) -> str:
        """The account as Sysmon writes it."""
        return f"{self.domain}\\{self.user}"


SYSTEM = Account("SYSTEM", "S-1-5-18", "NT AUTHORITY")


def domain_account(user: str, relative: int) -> Account:
    """A domain account by the last part of its identifier."""
    return Account(user, f"{DOMAIN_SID}-{relative}")


def _subject(account: Account, logon_id: str) -> dict[str, str]:
    return {
        "SubjectUserSid": account.sid,
        "SubjectUserName": account.user,
        "SubjectDomainName": account.domain,
        "SubjectLogonId": logon_id,
    }


def logon(
    dice: Dice, ms: int, host: str, account: Account, kind: int, source: tuple[str, str]
) -> Line:
    """4624: a logon of `kind` (2 at the console, 3 over the network, 10 remote desktop).

    `source` is the address and the name of the workstation it comes from.
    """
    network = kind == 3
    return event(
        ms,
        host,
        SECURITY,
        4624,
        {
            **_subject(Account("-", "S-1-0-0", "-"), "0x0"),
            "TargetUserSid": account.sid,
            "TargetUserName": account.user,
            "TargetDomainName": account.domain,
            "TargetLogonId": f"0x{dice.hexadecimal(7).lower()}",
            "LogonType": str(kind),
            "LogonProcessName": "Kerberos" if network else "User32 ",
            "AuthenticationPackageName": "Kerberos" if network else "Negotiate",
            "WorkstationName": "-" if network else source[1],
            "LogonGuid": _guid(dice),
            "TransmittedServices": "-",
            "LmPackageName": "-",
            "KeyLength": "0",
            "ProcessId": "0x0" if network else "0x4d8",
            "ProcessName": "-" if network else "C:\\Windows\\System32\\svchost.exe",
            "IpAddress": source[0],
            "IpPort": str(dice.between(49_152, 65_000)) if network else "0",
            "ImpersonationLevel": "%%1833",
            "ElevatedToken": "%%1843",
        },
    )


def failed_logon(
    dice: Dice, ms: int, host: str, account: Account, kind: int, source: tuple[str, str]
) -> Line:
    """4625: a wrong password."""
    return event(
        ms,
        host,
        SECURITY,
        4625,
        {
            **_subject(Account("-", "S-1-0-0", "-"), "0x0"),
            "TargetUserSid": "S-1-0-0",
            "TargetUserName": account.user,
            "TargetDomainName": account.domain,
            "Status": "0xc000006d",
            "FailureReason": "%%2313",
            "SubStatus": "0xc000006a",
            "LogonType": str(kind),
            "LogonProcessName": "NtLmSsp " if kind == 3 else "User32 ",
            "AuthenticationPackageName": "NTLM" if kind == 3 else "Negotiate",
            "WorkstationName": source[1],
            "TransmittedServices": "-",
            "LmPackageName": "-",
            "KeyLength": "0",
            "ProcessId": "0x0",
            "ProcessName": "-",
            "IpAddress": source[0],
            "IpPort": str(dice.between(49_152, 65_000)),
        },
    )


def logoff(dice: Dice, ms: int, host: str, account: Account, kind: int) -> Line:
    """4634: the end of a logon."""
    return event(
        ms,
        host,
        SECURITY,
        4634,
        {
            "TargetUserSid": account.sid,
            "TargetUserName": account.user,
            "TargetDomainName": account.domain,
            "TargetLogonId": f"0x{dice.hexadecimal(7).lower()}",
            "LogonType": str(kind),
        },
    )


def ticket(dice: Dice, ms: int, host: str, account: Account, address: str) -> Line:
    """4768: a Kerberos ticket-granting ticket, asked for at the domain controller."""
    return event(
        ms,
        host,
        SECURITY,
        4768,
        {
            "TargetUserName": account.user,
            "TargetDomainName": f"{account.domain}.EXAMPLE",
            "TargetSid": account.sid,
            "ServiceName": "krbtgt",
            "ServiceSid": f"{DOMAIN_SID}-502",
            "TicketOptions": "0x40810010",
            "Status": "0x0",
            "TicketEncryptionType": "0x12",
            "PreAuthType": "2",
            "IpAddress": f"::ffff:{address}",
            "IpPort": str(dice.between(49_152, 65_000)),
        },
    )


def special_privileges(dice: Dice, ms: int, host: str, account: Account) -> Line:
    """4672: a logon that holds administrators' privileges."""
    privileges = "SeSecurityPrivilege\r\n\t\t\tSeBackupPrivilege\r\n\t\t\tSeDebugPrivilege"
    fields = _subject(account, f"0x{dice.hexadecimal(7).lower()}")
    return event(ms, host, SECURITY, 4672, {**fields, "PrivilegeList": privileges})


def account_created(dice: Dice, ms: int, host: str, account: Account, creator: Account) -> Line:
    """4720: a new domain account."""
    fields = {
        "TargetUserName": account.user,
        "TargetDomainName": account.domain,
        "TargetSid": account.sid,
        **_subject(creator, f"0x{dice.hexadecimal(7).lower()}"),
        "PrivilegeList": "-",
        "SamAccountName": account.user,
        "UserAccountControl": "\r\n\t\t%%2080\r\n\t\t%%2082\r\n\t\t%%2084",
    }
    return event(ms, host, SECURITY, 4720, fields)


def added_to_group(
    dice: Dice, ms: int, host: str, account: Account, group: tuple[str, int], actor: Account
) -> Line:
    """4728: a member added to a global group, given by name and last part of its identifier."""
    fields = {
        "MemberName": f"CN={account.user},CN=Users,DC=porttarrow,DC=example",
        "MemberSid": account.sid,
        "TargetUserName": group[0],
        "TargetDomainName": NETBIOS,
        "TargetSid": f"{DOMAIN_SID}-{group[1]}",
        **_subject(actor, f"0x{dice.hexadecimal(7).lower()}"),
        "PrivilegeList": "-",
    }
    return event(ms, host, SECURITY, 4728, fields)


def log_cleared(ms: int, host: str, account: Account) -> Line:
    """1102: somebody cleared the Security log."""
    return event(ms, host, EVENTLOG, 1102, _subject(account, "0x1f3a7c2"))


def service_installed(ms: int, host: str, name: str, path: str, account: str) -> Line:
    """7045: a new service."""
    fields = {
        "ServiceName": name,
        "ImagePath": path,
        "ServiceType": "user mode service",
        "StartType": "demand start",
        "AccountName": account,
    }
    return event(ms, host, SERVICES, 7045, fields)


def protection_disabled(ms: int, host: str) -> Line:
    """5001: Defender's real-time protection was switched off."""
    fields = {"Product Name": "Microsoft Defender Antivirus", "Product Version": "4.18.26090.11"}
    return event(ms, host, DEFENDER, 5001, fields)


def signatures_updated(ms: int, host: str) -> Line:
    """2000: Defender has new signatures."""
    fields = {
        "Product Name": "Microsoft Defender Antivirus",
        "Product Version": "4.18.26090.11",
        "Current security intelligence Version": "1.439.211.0",
        "Previous security intelligence Version": "1.439.187.0",
    }
    return event(ms, host, DEFENDER, 2000, fields)


def _guid(dice: Dice) -> str:
    digits = dice.hexadecimal(32)
    return f"{{{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}}}"
