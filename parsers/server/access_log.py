r"""Access logs in the common and the combined format, as nginx and Apache write them.

    [HOST[:PORT]] ADDRESS - USER [TIME] "REQUEST" STATUS SIZE ["REFERRER" "AGENT" [...]]

where proxies may stand before the address, as `$proxy_add_x_forwarded_for` lists them.

Source: Apache's `mod_log_config` and nginx's `ngx_http_log_module`. Both escape quotes inside
values (`\"`, `\x22`), so the first `] "` of a line is the server's own, whatever a client sent.
Nothing is unescaped: rules see the log's text.
"""

import re
from collections.abc import Mapping

from tocsin.parsers.addresses import count, ip, ip_type
from tocsin.parsers.timestamps import parse_clf
from tocsin.parsers.urls import set_url
from tocsin.schemas.events import Event

_STRING = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_REQUEST = re.compile(
    rf"{_STRING} (\d{{3}}|-) (\d+|-)(?: {_STRING} {_STRING})?(?: (?P<rest>.*))?", re.DOTALL
)
_PART = re.compile(
    r'(?:([A-Za-z_]\w*)=)?(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\Z)|([^\s"]+))', re.ASCII | re.DOTALL
)
_INGRESS = re.compile(
    r"(\d+) ([\d.]+) \[([^\]]*)\] \[([^\]]*)\] ((?:\S+, )*+\S+) ((?:\S+, )*+\S+) "
    r"((?:\S+, )*+\S+) ((?:\S+, )*+\S+) (\S+)",
    re.ASCII,
)
_INGRESS_NAMES = (
    "request_length",
    "request_time",
    "proxy_upstream_name",
    "proxy_alternative_upstream_name",
    "upstream_addr",
    "upstream_response_length",
    "upstream_response_time",
    "upstream_status",
    "req_id",
)
"""What the ingress controller of Kubernetes appends; lists where an upstream was tried again."""
_METHOD = re.compile(r"[A-Za-z][A-Za-z_-]{1,31}", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)

ALIASES = {
    "agent": "http_user_agent",
    "body_bytes": "body_bytes_sent",
    "bytes": "body_bytes_sent",
    "client_ip": "remote_addr",
    "clientip": "remote_addr",
    "http_host": "host",
    "http_referrer": "http_referer",
    "method": "request_method",
    "referer": "http_referer",
    "referrer": "http_referer",
    "remote_ip": "remote_addr",
    "rt": "request_time",
    "time_iso8601": "time",
    "timestamp": "time",
    "@timestamp": "time",
    "url": "request_uri",
    "user": "remote_user",
    "user_agent": "http_user_agent",
    "x_forwarded_for": "http_x_forwarded_for",
    "xff": "http_x_forwarded_for",
}
"""Names that people give nginx's variables in formats of their own, here for both servers."""


def parse_access(line: str, event: Event, module: str) -> Event | None:
    """`event`, completed from an access `line` of `module`; None if it is none."""
    end = line.find('] "')
    start = line.rfind(" [", 0, end) if end >= 0 else -1
    time = parse_clf(line[start + 2 : end]) if start >= 0 else None
    if time is None:
        return None
    variables = _read_head(line[:start])
    if variables is None:
        return None
    event["@timestamp"] = time
    event.pop("event.timezone", None)
    variables["time_local"] = line[start + 2 : end]
    match = _REQUEST.match(line, end + 2)
    if match is None:
        variables["request"] = line[end + 3 :]
        event["tags"] = ["parse_partial"]
        event["error.message"] = "the line is cut off: expected a request, status and size"
    else:
        names = ("request", "status", "body_bytes_sent", "http_referer", "http_user_agent")
        for name, value in zip(names, match.groups(), strict=False):
            if value is not None:
                variables[name] = value
        rest = match["rest"]
        if rest:
            _read_rest(variables, rest)
    return set_access(event, variables, module)


def _read_head(head: str) -> dict[str, str] | None:
    """What stands before the time: addresses, identity and user; users may have spaces.

    A virtual host may stand before the address, which is the last thing before the `-`, so that a
    client's `Host` cannot pose as the client.
    """
    before, found, user = head.partition(" - ")
    names = before.replace('"', " ").replace(",", " ").split()
    if found and names and ("," in before or len(names) == 1):
        variables = {"remote_addr": names[-1], "remote_user": user}
        if len(names) > 1:
            variables["http_x_forwarded_for"] = before.strip('"')
        return variables
    if found and len(names) == 2 and ip(names[1]):
        return {"host": names[0], "remote_addr": names[1], "remote_user": user}
    parts = head.split(" ", 2)
    if len(parts) == 3 and ip(parts[0]):
        return {"remote_addr": parts[0], "ident": parts[1], "remote_user": parts[2]}
    return None


def _read_rest(variables: dict[str, str], rest: str) -> None:
    """What stands after the user agent: `"$http_x_forwarded_for"`, then `name=value` pairs.

    A pair inside quotes is none: cookies and other headers are what the client likes.
    """
    ingress = _INGRESS.fullmatch(rest)
    if ingress:
        variables.update(zip(_INGRESS_NAMES, ingress.groups(), strict=True))
        return
    if rest.startswith('"'):
        forwarded, _, rest = rest[1:].partition('"')
        variables["http_x_forwarded_for"] = forwarded
    for name, quoted, bare in _PART.findall(rest):
        if name:
            variables.setdefault(ALIASES.get(name, name), quoted or bare)
    if rest.strip():
        variables["extra"] = rest.strip()


def set_access(event: Event, variables: Mapping[str, str], module: str) -> Event:
    """`event`, completed from the `variables` of one request, by nginx's names.

    They are kept below `module`.access.
    """
    root = f"{module}.access."
    event["event.module"] = module
    event["event.dataset"] = f"{module}.access"
    event["event.kind"] = "event"
    event["event.category"] = ["web"]
    event["event.type"] = ["access"]
    for name, value in variables.items():
        event[root + name] = value
        target = _TARGETS.get(name)
        if target is not None and value not in {"-", ""}:
            event[target] = value
    address = ip(variables.get("remote_addr", ""))
    if address:
        event["source.ip"] = address
        event["network.type"] = ip_type(address)
    _set_request(event, variables)
    status = count(variables.get("status", ""))
    if status is not None and 100 <= status <= 999:
        event["http.response.status_code"] = status
        event["event.outcome"] = "success" if status < 400 else "failure"
    for name, target in _SIZES:
        size = count(variables[name]) if name in variables else None
        if size is not None:
            event[target] = size
    if "http_x_forwarded_for" in variables:
        first = ip(variables["http_x_forwarded_for"].partition(",")[0].strip())
        if first:
            event["network.forwarded_ip"] = first
    if "request_time" in variables and _SECONDS.fullmatch(variables["request_time"]):
        event["event.duration"] = round(float(variables["request_time"]) * 1e9)
    return event


def _set_request(event: Event, variables: Mapping[str, str]) -> None:
    method = variables.get("request_method", "")
    target = variables.get("request_uri") or variables.get("uri", "")
    protocol = variables.get("server_protocol", "")
    if "request" in variables:
        method, _, rest = variables["request"].partition(" ")
        target, _, protocol = rest.rpartition(" ")
        if not protocol.startswith("HTTP/"):
            target, protocol = rest, ""
    if not _METHOD.fullmatch(method) or not target:
        return
    event["http.request.method"] = method
    if protocol.startswith("HTTP/"):
        event["http.version"] = protocol[5:]
    host = variables.get("host", "")
    if host not in {"", "-"}:
        domain, _, number = host.rpartition(":") if host[-1:] != "]" else (host, "", "")
        event["url.domain"] = domain if domain and number.isdecimal() else host
    set_url(event, target)


_TARGETS = {
    "http_referer": "http.request.referrer",
    "http_user_agent": "user_agent.original",
    "remote_addr": "source.address",
    "remote_user": "user.name",
    "request_id": "http.request.id",
}
_SIZES = (
    ("body_bytes_sent", "http.response.body.bytes"),
    ("bytes_sent", "http.response.bytes"),
    ("request_length", "http.request.bytes"),
)
