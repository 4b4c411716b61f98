"""What Sysmon reports of the Windows machines: processes, connections, files, registry, names."""

from dataclasses import dataclass

from tocsin.pipelines.demo.clock import utc_time
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.lines import Line
from tocsin.pipelines.demo.windows import SYSMON, SYSTEM, Account, event

_TERMINALS = {SYSTEM.user: "0"}


@dataclass(frozen=True, slots=True)
class Program:
    """A process: its image, command line and numbers."""

    image: str
    command_line: str
    pid: int = 4120

    @property
    def guid(self) -> str:
        """A process GUID that follows from the number, as one boot's do."""
        return f"{{7C1E33A2-4D0B-6919-{self.pid % 65_536:04X}-000000001F00}}"


def process(
    dice: Dice, ms: int, host: str, account: Account, program: Program, parent: Program
) -> Line:
    """Event 1: `parent` starts `program`."""
    name = program.image.rpartition("\\")[2]
    fields = {
        "RuleName": "-",
        "UtcTime": utc_time(ms),
        "ProcessGuid": program.guid,
        "ProcessId": str(program.pid),
        "Image": program.image,
        "FileVersion": "-",
        "Description": "-",
        "Product": "-",
        "Company": "-",
        "OriginalFileName": name,
        "CommandLine": program.command_line,
        "CurrentDirectory": "C:\\Windows\\system32\\",
        "User": account.qualified,
        "LogonGuid": "{7C1E33A2-4D0B-6919-0000-0020AB120700}",
        "LogonId": "0x712ab",
        "TerminalSessionId": _TERMINALS.get(account.user, "1"),
        "IntegrityLevel": "System" if account is SYSTEM else "Medium",
        "Hashes": f"MD5={dice.hexadecimal(32)},SHA256={dice.hexadecimal(64)}",
        "ParentProcessGuid": parent.guid,
        "ParentProcessId": str(parent.pid),
        "ParentImage": parent.image,
        "ParentCommandLine": parent.command_line,
        "ParentUser": account.qualified,
    }
    return event(ms, host, SYSMON, 1, fields)


def connection(
    ms: int,
    host: str,
    account: Account,
    program: Program,
    source: tuple[str, int],
    destination: tuple[str, int],
) -> Line:
    """Event 3: a connection that `program` opened."""
    fields = {
        "RuleName": "-",
        "UtcTime": utc_time(ms),
        "ProcessGuid": program.guid,
        "ProcessId": str(program.pid),
        "Image": program.image,
        "User": account.qualified,
        "Protocol": "tcp",
        "Initiated": "true",
        "SourceIsIpv6": "false",
        "SourceIp": source[0],
        "SourceHostname": "-",
        "SourcePort": str(source[1]),
        "SourcePortName": "-",
        "DestinationIsIpv6": "false",
        "DestinationIp": destination[0],
        "DestinationHostname": "-",
        "DestinationPort": str(destination[1]),
        "DestinationPortName": "https" if destination[1] == 443 else "-",
    }
    return event(ms, host, SYSMON, 3, fields)


def process_access(ms: int, host: str, account: Account, program: Program, target: str) -> Line:
    """Event 10: `program` opened the process of image `target` to read its memory."""
    fields = {
        "RuleName": "-",
        "UtcTime": utc_time(ms),
        "SourceProcessGUID": program.guid,
        "SourceProcessId": str(program.pid),
        "SourceThreadId": "7276",
        "SourceImage": program.image,
        "TargetProcessGUID": "{7C1E33A2-4D0B-6919-02B8-000000001F00}",
        "TargetProcessId": "696",
        "TargetImage": target,
        "GrantedAccess": "0x1010",
        "CallTrace": "C:\\Windows\\SYSTEM32\\ntdll.dll+9d104|UNKNOWN(000001D7A1B30000)",
        "SourceUser": account.qualified,
        "TargetUser": SYSTEM.qualified,
    }
    return event(ms, host, SYSMON, 10, fields)


def file_created(ms: int, host: str, account: Account, program: Program, path: str) -> Line:
    """Event 11: `program` created the file at `path`."""
    fields = {
        "RuleName": "-",
        "UtcTime": utc_time(ms),
        "ProcessGuid": program.guid,
        "ProcessId": str(program.pid),
        "Image": program.image,
        "TargetFilename": path,
        "CreationUtcTime": utc_time(ms),
        "User": account.qualified,
    }
    return event(ms, host, SYSMON, 11, fields)


def registry_set(
    ms: int, host: str, account: Account, program: Program, key: str, details: str
) -> Line:
    """Event 13: `program` set a registry value."""
    fields = {
        "RuleName": "-",
        "EventType": "SetValue",
        "UtcTime": utc_time(ms),
        "ProcessGuid": program.guid,
        "ProcessId": str(program.pid),
        "Image": program.image,
        "TargetObject": key,
        "Details": details,
        "User": account.qualified,
    }
    return event(ms, host, SYSMON, 13, fields)


def dns_query(
    ms: int, host: str, account: Account, program: Program, name: str, address: str
) -> Line:
    """Event 22: `program` asked for `name`."""
    fields = {
        "RuleName": "-",
        "UtcTime": utc_time(ms),
        "ProcessGuid": program.guid,
        "ProcessId": str(program.pid),
        "QueryName": name,
        "QueryStatus": "0",
        "QueryResults": f"::ffff:{address};",
        "Image": program.image,
        "User": account.qualified,
    }
    return event(ms, host, SYSMON, 22, fields)
