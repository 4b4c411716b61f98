"""The messages of Cisco ASA that say who did what to whom, by message id.

Source: Cisco Secure Firewall ASA Series Syslog Messages. A named group is a field of the vendor
remainder; `source` and `destination` are the initiator and the peer of a session. Names that users
choose are bounded by what follows them, from the right, so that they cannot pose as other fields.
"""

from tocsin.parsers.firewall.cisco_asa_text import (
    DESTINATION,
    PROTOCOL,
    SOURCE,
    USER,
    Message,
    compiled,
    mapped,
    plain,
)

_NETWORK = ("network",)
_AUTHENTICATION = ("authentication",)
_DENIED = ("connection", "denied")
_STARTED = ("connection", "start", "allowed")
_ENDED = ("connection", "end")
_LOGON = ("start",)
_LOGOFF = ("end",)

_FLAGS = r"flags (?P<tcp_flags>[A-Z]*+(?: [A-Z]++)*+) *"
_HASHES = r"(?: \[[^\]]*\])?"

_BUILT = compiled(
    rf"Built (?P<direction>inbound|outbound) {PROTOCOL} connection (?P<connection_id>\d+) for "
    rf"(?P<source_interface>[^\s:]+): ?{plain('source')}{mapped('source')}"
    rf"{USER.format('source')} to "
    rf"(?P<destination_interface>[^\s:]+): ?{plain('destination')}{mapped('destination')}"
    r"(?:\((?P<destination_username>[^()]*)\))?(?: \((?P<username>[^()]*)\))?"
)
_TORN_DOWN = compiled(
    rf"Teardown {PROTOCOL} connection (?P<connection_id>\d+) for {SOURCE} to {DESTINATION} "
    r"duration (?P<duration>[\d:]+) bytes (?P<bytes>\d+)"
    r"(?: (?P<reason>[^()]*[^()\s]))?(?: \((?P<username>[^()]*)\))?"
)
_ICMP = (
    r"(?:(?P<direction>inbound|outbound) )?ICMP connection for faddr "
    rf"{plain('foreign')}(?:\((?P<source_username>[^()]*)\))? "
    rf"gaddr {plain('global')} laddr {plain('local')}(?:\((?P<destination_username>[^()]*)\))?"
    r"(?: type (?P<icmp_type>\d+) code (?P<icmp_code>\d+))?(?: \((?P<username>[^()]*)\))?"
)
_TRANSLATION = rf"(?:dynamic|static) {PROTOCOL} translation from {SOURCE} to "
_MAPPED_SOURCE = (
    r"(?P<destination_interface>[^\s:]+):(?P<mapped_source_ip>[^\s/()]+)"
    r"(?:/(?P<mapped_source_port>\d+))?"
)
_GROUP_EQUALS = (
    r"Group = (?P<tunnel_group>[^,]*), Username = (?P<username>.*), IP = (?P<source_ip>[^\s,]+), "
)
_GROUP_ANGLE = (
    r"Group <(?P<tunnel_group>[^>]*)> User <(?P<username>.*)> IP <(?P<source_ip>[^>\s]+)> "
)
_DENY_INBOUND = compiled(
    rf"Deny inbound {PROTOCOL} from {plain('source')} to {plain('destination')}"
    r"(?: due to (?P<reason>DNS \w+))?(?: on interface (?P<source_interface>\S+))?"
)
_DENY_SRC_DST = compiled(
    rf"Deny (?:inbound )?{PROTOCOL} src {SOURCE} dst {DESTINATION}"
    r"(?: \(type (?P<icmp_type>\d+), code (?P<icmp_code>\d+)\))?"
    rf"(?: by access-group \"?(?P<rule_name>[^\s\"]+)\"?)?{_HASHES}"
)

MESSAGES: dict[str, Message] = {
    "106001": Message(
        compiled(
            rf"Inbound {PROTOCOL} connection denied from {plain('source')} to "
            rf"{plain('destination')} {_FLAGS}on interface "
            r"(?P<source_interface>\S+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106006": Message(_DENY_INBOUND, "firewall-rule", _NETWORK, _DENIED),
    "106007": Message(_DENY_INBOUND, "firewall-rule", _NETWORK, _DENIED),
    "106010": Message(_DENY_SRC_DST, "firewall-rule", _NETWORK, _DENIED),
    "106014": Message(_DENY_SRC_DST, "firewall-rule", _NETWORK, _DENIED),
    "106015": Message(
        compiled(
            rf"Deny {PROTOCOL} \((?P<reason>[^()]*)\) from {plain('source')} to "
            rf"{plain('destination')} {_FLAGS}on interface "
            r"(?P<source_interface>\S+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106016": Message(
        compiled(
            r"Deny IP spoof from \((?P<source_ip>[^()\s]+)\) to (?P<destination_ip>\S+) on "
            r"interface (?P<source_interface>\S+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106021": Message(
        compiled(
            rf"Deny {PROTOCOL} reverse path check from (?P<source_ip>\S+) to "
            r"(?P<destination_ip>\S+) on interface (?P<source_interface>\S+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106023": Message(_DENY_SRC_DST, "firewall-rule", _NETWORK, _DENIED),
    "106100": Message(
        compiled(
            r"access-list (?P<rule_name>\S+) (?P<verdict>permitted|denied|est-allowed) "
            rf"{PROTOCOL} (?P<source_interface>[^\s/]+)/"
            r"(?P<source_ip>[^\s()]+)\((?P<source_port>\d+)\)"
            r"(?:\((?P<source_username>[^()]*)\))? -> (?P<destination_interface>[^\s/]+)/"
            r"(?P<destination_ip>[^\s()]+)\((?P<destination_port>\d+)\)"
            r"(?:\((?P<destination_username>[^()]*)\))? hit-cnt (?P<hit_count>\d+)"
        ),
        "firewall-rule", _NETWORK, ("connection",),
    ),
    "302013": Message(_BUILT, "flow-creation", _NETWORK, _STARTED),
    "302014": Message(_TORN_DOWN, "flow-expiration", _NETWORK, _ENDED),
    "302015": Message(_BUILT, "flow-creation", _NETWORK, _STARTED),
    "302016": Message(_TORN_DOWN, "flow-expiration", _NETWORK, _ENDED),
    "302017": Message(_BUILT, "flow-creation", _NETWORK, _STARTED),
    "302018": Message(_TORN_DOWN, "flow-expiration", _NETWORK, _ENDED),
    "302020": Message(compiled("Built " + _ICMP), "flow-creation", _NETWORK, _STARTED),
    "302021": Message(compiled("Teardown " + _ICMP), "flow-expiration", _NETWORK, _ENDED),
    "302303": Message(_BUILT, "flow-creation", _NETWORK, _STARTED),
    "302304": Message(_TORN_DOWN, "flow-expiration", _NETWORK, _ENDED),
    "305011": Message(
        compiled(f"Built {_TRANSLATION}{_MAPPED_SOURCE}"),
        "translation-creation", _NETWORK, ("connection", "start"),
    ),
    "305012": Message(
        compiled(rf"Teardown {_TRANSLATION}{_MAPPED_SOURCE} duration (?P<duration>[\d:]+)"),
        "translation-expiration", _NETWORK, _ENDED,
    ),
    "313001": Message(
        compiled(
            r"Denied (?P<protocol>ICMP) type=(?P<icmp_type>\d+), code=(?P<icmp_code>\d+) from "
            r"(?P<source_ip>\S+) on interface (?P<source_interface>\S+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "313004": Message(
        compiled(
            r"Denied (?P<protocol>ICMP) type=(?P<icmp_type>\d+), from (?:laddr )?"
            r"(?P<source_ip>\S+) on interface (?P<source_interface>\S+) to "
            r"(?P<destination_ip>[^\s:]+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "313005": Message(
        compiled(
            r"No matching connection for ICMP error message: (?P<protocol>icmp) src "
            rf"{SOURCE} dst {DESTINATION} \(type (?P<icmp_type>\d+), code (?P<icmp_code>\d+)\)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "609001": Message(
        compiled(rf"Built local-host {SOURCE}"), "host-creation", _NETWORK, ("info",)
    ),
    "609002": Message(
        compiled(rf"Teardown local-host {SOURCE} duration (?P<duration>[\d:]+)"),
        "host-expiration", _NETWORK, ("info",),
    ),
    "710001": Message(
        compiled(rf"{PROTOCOL} access requested from {plain('source')} to {DESTINATION}"),
        "firewall-rule", _NETWORK, ("connection",),
    ),
    "710002": Message(
        compiled(rf"{PROTOCOL} access permitted from {plain('source')} to {DESTINATION}"),
        "firewall-rule", _NETWORK, ("connection", "allowed"),
    ),
    "710003": Message(
        compiled(rf"{PROTOCOL} access denied by ACL from {plain('source')} to {DESTINATION}"),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "710005": Message(
        compiled(rf"{PROTOCOL} request discarded from {plain('source')} to {DESTINATION}"),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "110002": Message(
        compiled(
            rf"Failed to locate egress interface for {PROTOCOL} from {SOURCE} to "
            rf"{plain('destination')}"
        ),
        "routing-failed", _NETWORK, ("info",), "failure",
    ),
    "111008": Message(
        compiled(r"User '(?P<username>[^']*)' executed the '(?P<command>.*)' command\."),
        "command-executed", ("configuration",), ("change",),
    ),
    "111010": Message(
        compiled(
            r"User '(?P<username>[^']*)', running '(?P<application>[^']*)' from IP "
            r"(?P<source_ip>[^\s,]+), executed '(?P<command>.*)'"
        ),
        "command-executed", ("configuration",), ("change",),
    ),
    "113004": Message(
        compiled(
            r"AAA user (?P<aaa_type>\S+) Successful : server = +(?P<server_ip>\S+) : user = "
            r"(?P<username>.*)"
        ),
        "logon", _AUTHENTICATION, _LOGON,
    ),
    "113005": Message(
        compiled(
            r"AAA user (?P<aaa_type>\S+) Rejected ?: reason = (?P<reason>[^:]*?) ?: server = "
            r"(?P<server_ip>\S+) : user = (?P<username>.*?)(?: : user IP = (?P<source_ip>\S+))?$"
        ),
        "logon-failed", _AUTHENTICATION, _LOGON, "failure",
    ),
    "113012": Message(
        compiled(
            r"AAA user (?P<aaa_type>\S+) Successful ?: local database ?: user = (?P<username>.*)"
        ),
        "logon", _AUTHENTICATION, _LOGON,
    ),
    "113015": Message(
        compiled(
            r"AAA user (?P<aaa_type>\S+) Rejected ?: reason = (?P<reason>[^:]*?) ?: "
            r"local database ?: user = (?P<username>.*) : user IP = (?P<source_ip>\S+)$"
        ),
        "logon-failed", _AUTHENTICATION, _LOGON, "failure",
    ),
    "113019": Message(
        compiled(
            _GROUP_EQUALS + r"Session disconnected\. Session Type: (?P<session_type>[^,]*), "
            r"Duration: (?P<duration>[\dhms:d ]+), Bytes xmt: (?P<sent_bytes>\d+), "
            r"Bytes rcv: (?P<received_bytes>\d+), Reason: (?P<reason>.*)"
        ),
        "session-ended", ("network", "session"), ("connection", "end"),
    ),
    "113039": Message(
        compiled(_GROUP_ANGLE + r"AnyConnect parent session started\."),
        "session-started", ("network", "session"), ("connection", "start"),
    ),
    "605004": Message(
        compiled(rf"Login denied from {plain('source')} to {DESTINATION} "
            r'for user "(?P<username>.*)"'),
        "logon-failed", _AUTHENTICATION, _LOGON, "failure",
    ),
    "605005": Message(
        compiled(
            rf"Login permitted from {plain('source')} to {DESTINATION} "
            r'for user "(?P<username>.*)"'
        ),
        "logon", _AUTHENTICATION, _LOGON,
    ),
    "611101": Message(
        compiled(
            r"User authentication succeeded: (?:IP address: (?P<source_ip>[^\s,]+), )?"
            r"Uname: (?P<username>.*)"
        ),
        "logon", _AUTHENTICATION, _LOGON,
    ),
    "611102": Message(
        compiled(
            r"User authentication failed: (?:IP address: (?P<source_ip>[^\s,]+), )?"
            r"Uname: (?P<username>.*)"
        ),
        "logon-failed", _AUTHENTICATION, _LOGON, "failure",
    ),
    "611103": Message(
        compiled(r"User logged out: Uname: (?P<username>.*)"), "logoff", _AUTHENTICATION, _LOGOFF
    ),
    "716001": Message(
        compiled(_GROUP_ANGLE + r"WebVPN session started\."),
        "session-started", ("network", "session"), ("connection", "start"),
    ),
    "716002": Message(
        compiled(_GROUP_ANGLE + r"WebVPN session terminated: (?P<reason>.*)"),
        "session-ended", ("network", "session"), ("connection", "end"),
    ),
    "716039": Message(
        compiled(_GROUP_ANGLE + r"Authentication: rejected, Session Type: (?P<session_type>.*)"),
        "logon-failed", _AUTHENTICATION, _LOGON, "failure",
    ),
    "722051": Message(
        compiled(
            _GROUP_ANGLE + r"IPv4 Address <(?P<assigned_ip>[^>]*)> IPv6 address "
            r"<(?P<assigned_ipv6>[^>]*)> assigned to session"
        ),
        "address-assigned", ("network", "session"), ("info",),
    ),
}  # fmt: skip
"""What is not here keeps its text as `message`, with its id and severity."""

PEER = compiled(
    r"(?:Group = (?P<tunnel_group>[^,]*), )?(?:Username = (?P<username>[^,]*), )?"
    r"IP = (?P<source_ip>[^\s,]+), (?!.*, IP = )"
)
"""How messages of IPsec begin, of whatever id; not where a name may pose as the address."""

PEER_IN_ANGLES = compiled(
    r"Group <(?P<tunnel_group>[^<>]*)> User <(?P<username>[^<>]*)> IP <(?P<source_ip>[^<>\s]+)> "
    r"(?!.*> IP <)"
)
"""How messages of remote access by TLS begin, likewise."""
