"""Sysmon's events: one plan an event id (Microsoft Sysinternals, Sysmon documentation, "Events").

Actions are the task names of Sysmon's manifest, as Windows renders them.
"""

from typing import Any

from tocsin.parsers.server import windows_values as values
from tocsin.parsers.server.windows_plans import (
    Plan,
    Step,
    account,
    address,
    command_line,
    executable,
    flag,
    guid,
    hashes,
    library,
    number,
    path,
    plan,
    port,
    remembered,
    text,
)
from tocsin.schemas.events import Event


def _registry_key(event: Event, value: Any) -> None:
    found = values.registry_path(value) if isinstance(value, str) else None
    if found is not None:
        event["registry.hive"], event["registry.key"] = found.hive, found.key
        event["registry.path"] = f"{found.hive}\\{found.key}"


def _registry_value(event: Event, value: Any) -> None:
    found = values.registry_path(value) if isinstance(value, str) else None
    if found is not None:
        event["registry.hive"], event["registry.value"] = found.hive, found.last
        event["registry.path"] = f"{found.hive}\\{found.key}"
        key = found.key[: -len(found.last) - 1]
        if key:
            event["registry.key"] = key


def _registry_details(event: Event, value: Any) -> None:
    if isinstance(value, str):
        kind, strings = values.registry_data(value)
        event["registry.data.type"] = kind
        if strings:
            event["registry.data.strings"] = strings


def _initiated(event: Event, value: Any) -> None:
    event["network.direction"] = "egress" if value in {"true", "True", True} else "ingress"


def _transport(event: Event, value: Any) -> None:
    if isinstance(value, str):
        event["network.transport"] = value.lower()


def _ip_version(event: Event, value: Any) -> None:
    event["network.type"] = "ipv6" if value in {"true", "True", True} else "ipv4"


def _query(event: Event, value: Any) -> None:
    if isinstance(value, str):
        event["dns.question.name"] = value
        event["network.protocol"] = "dns"


_RECORD_TYPES = {
    "1": "A",
    "2": "NS",
    "5": "CNAME",
    "12": "PTR",
    "15": "MX",
    "16": "TXT",
    "33": "SRV",
}


def _answers(event: Event, value: Any) -> None:
    """Sysmon joins answers by `;`: addresses bare, other records as `type:  5 name`."""
    if not isinstance(value, str):
        return
    answers: list[dict[str, str]] = []
    resolved: list[str] = []
    for part in filter(None, map(str.strip, value.split(";"))):
        if part.startswith("type:"):
            number_text, _, data = part.removeprefix("type:").strip().partition(" ")
            answers.append(
                {"type": _RECORD_TYPES.get(number_text, number_text), "data": data.strip()}
            )
            continue
        found = values.address(part)
        if found is not None:
            answers.append({"type": "AAAA" if ":" in found else "A", "data": found})
            resolved.append(found)
    if answers:
        event["dns.answers"] = answers
    if resolved:
        event["dns.resolved_ip"] = list(dict.fromkeys(resolved))


_RULE: tuple[Step, ...] = (("RuleName", text("rule.name")),)
_USER: tuple[Step, ...] = (("User", account("user")),)
_NEW_PROCESS: tuple[Step, ...] = (
    *_RULE,
    ("ProcessGuid", guid("process.entity_id")),
    ("ProcessId", number("process.pid")),
    ("Image", executable("process")),
    *_USER,
)
_PROCESS = remembered(*_NEW_PROCESS)
_SOURCE_PROCESS = remembered(
    *_RULE,
    ("SourceProcessGUID", guid("process.entity_id")),
    ("SourceProcessGuid", guid("process.entity_id")),
    ("SourceProcessId", number("process.pid")),
    ("SourceImage", executable("process")),
    ("SourceUser", account("user")),
)
_SOURCE_THREAD: tuple[Step, ...] = (("SourceThreadId", number("process.thread.id")),)
_PARENT: tuple[Step, ...] = (
    ("ParentProcessGuid", guid("process.parent.entity_id")),
    ("ParentProcessId", number("process.parent.pid")),
    ("ParentImage", executable("process.parent")),
    ("ParentCommandLine", command_line("process.parent")),
    ("ParentUser", account("process.parent.user")),
)


def _pe(prefix: str) -> tuple[Step, ...]:
    return (
        ("Company", text(f"{prefix}.pe.company")),
        ("Description", text(f"{prefix}.pe.description")),
        ("FileVersion", text(f"{prefix}.pe.file_version")),
        ("Product", text(f"{prefix}.pe.product")),
        ("OriginalFileName", text(f"{prefix}.pe.original_file_name")),
        ("Hashes", hashes(prefix)),
    )


def _signature(prefix: str) -> tuple[Step, ...]:
    return (
        ("Signed", flag(f"{prefix}.code_signature.exists")),
        ("Signature", text(f"{prefix}.code_signature.subject_name")),
        ("SignatureStatus", text(f"{prefix}.code_signature.status")),
    )


_CREATION: tuple[Step, ...] = (
    ("CommandLine", command_line("process")),
    ("CurrentDirectory", text("process.working_directory")),
    ("LogonId", text("winlog.logon.id")),
    *_pe("process"),
    *_PARENT,
)
_NETWORK: tuple[Step, ...] = (
    ("Protocol", _transport),
    ("Initiated", _initiated),
    ("SourceIsIpv6", _ip_version),
    ("SourceIp", address("source.ip")),
    ("SourceHostname", text("source.domain")),
    ("SourcePort", port("source.port")),
    ("DestinationIp", address("destination.ip")),
    ("DestinationHostname", text("destination.domain")),
    ("DestinationPort", port("destination.port")),
    ("DestinationPortName", text("network.protocol")),
)
_FILE: tuple[Step, ...] = (("TargetFilename", path("file")), ("Hashes", hashes("file")))
_DRIVER: tuple[Step, ...] = (("ImageLoaded", path("file")), *_pe("file"), *_signature("file"))
_LIBRARY = remembered(
    *_DRIVER,
    ("ImageLoaded", library("dll")),
    *_pe("dll"),
    *_signature("dll"),
)
_REGISTRY_KEY: tuple[Step, ...] = (("TargetObject", _registry_key),)
_REGISTRY_VALUE: tuple[Step, ...] = (("TargetObject", _registry_value),)
_PIPE: tuple[Step, ...] = (("PipeName", text("file.name")),)

SYSMON: dict[int, Plan] = {
    1: plan("Process Create (rule: ProcessCreate)", "process", "start", _NEW_PROCESS, _CREATION),
    2: plan("File creation time changed (rule: FileCreateTime)", "file", "change", _PROCESS, _FILE),
    3: plan(
        "Network connection detected (rule: NetworkConnect)",
        "network",
        "start connection protocol",
        _PROCESS,
        _NETWORK,
    ),
    4: plan("Sysmon service state changed", "process", "change"),
    5: plan("Process terminated (rule: ProcessTerminate)", "process", "end", _PROCESS),
    6: plan("Driver loaded (rule: DriverLoad)", "driver", "start", _RULE, _DRIVER),
    7: plan("Image loaded (rule: ImageLoad)", "process", "change", _PROCESS, _LIBRARY),
    8: plan(
        "CreateRemoteThread detected (rule: CreateRemoteThread)",
        "process",
        "change",
        _SOURCE_PROCESS,
        _SOURCE_THREAD,
    ),
    9: plan("RawAccessRead detected (rule: RawAccessRead)", "process", "access", _PROCESS),
    10: plan(
        "Process accessed (rule: ProcessAccess)",
        "process",
        "access",
        _SOURCE_PROCESS,
        _SOURCE_THREAD,
    ),
    11: plan("File created (rule: FileCreate)", "file", "creation", _PROCESS, _FILE),
    12: plan(
        "Registry object added or deleted (rule: RegistryEvent)",
        "configuration registry",
        "change",
        _PROCESS,
        _REGISTRY_KEY,
    ),
    13: plan(
        "Registry value set (rule: RegistryEvent)",
        "configuration registry",
        "change",
        _PROCESS,
        _REGISTRY_VALUE,
        (("Details", _registry_details),),
    ),
    14: plan(
        "Registry object renamed (rule: RegistryEvent)",
        "configuration registry",
        "change",
        _PROCESS,
        _REGISTRY_KEY,
    ),
    15: plan(
        "File stream created (rule: FileCreateStreamHash)",
        "file",
        "access",
        _PROCESS,
        (("TargetFilename", path("file")), ("Hash", hashes("file"))),
    ),
    16: plan("Sysmon config state changed", "configuration", "change"),
    17: plan("Pipe Created (rule: PipeEvent)", "file", "creation", _PROCESS, _PIPE),
    18: plan("Pipe Connected (rule: PipeEvent)", "file", "access", _PROCESS, _PIPE),
    19: plan(
        "WmiEventFilter activity detected (rule: WmiEvent)", "configuration", "change", _RULE, _USER
    ),
    20: plan(
        "WmiEventConsumer activity detected (rule: WmiEvent)",
        "configuration",
        "change",
        _RULE,
        _USER,
    ),
    21: plan(
        "WmiEventConsumerToFilter activity detected (rule: WmiEvent)",
        "configuration",
        "change",
        _RULE,
        _USER,
    ),
    22: plan(
        "Dns query (rule: DnsQuery)",
        "network",
        "connection protocol info",
        _PROCESS,
        (("QueryName", _query), ("QueryResults", _answers)),
    ),
    23: plan("File Delete archived (rule: FileDelete)", "file", "deletion", _PROCESS, _FILE),
    24: plan("Clipboard changed (rule: ClipboardChange)", "process", "change", _PROCESS),
    25: plan("Process Tampering (rule: ProcessTampering)", "process", "change", _PROCESS),
    26: plan("File Delete logged (rule: FileDeleteDetected)", "file", "deletion", _PROCESS, _FILE),
    27: plan("File Block Executable (rule: FileBlockExecutable)", "file", "info", _PROCESS, _FILE),
    28: plan("File Block Shredding (rule: FileBlockShredding)", "file", "info", _PROCESS, _FILE),
    29: plan(
        "File Executable Detected (rule: FileExecutableDetected)",
        "file",
        "creation",
        _PROCESS,
        _FILE,
    ),
    255: plan("Error report", "process", "info"),
}
