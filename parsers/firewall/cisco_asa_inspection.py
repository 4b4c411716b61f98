"""The messages of Cisco ASA about attacks, URLs, TLS, dropped packets and local accounts, by id.

Source: Cisco Secure Firewall ASA Series Syslog Messages. Named groups are as in
`cisco_asa_messages`; `url` is a URL, `signature` and `signature_id` what detected something.
"""

from tocsin.parsers.firewall.cisco_asa_text import (
    DESTINATION,
    PROTOCOL,
    SOURCE,
    Message,
    compiled,
    mapped,
    on_interface,
    plain,
)

_NETWORK = ("network",)
_AUTHENTICATION = ("authentication",)
_ATTACK = ("intrusion_detection", "network")
_WEB = ("network", "web")
_CONFIGURATION = ("configuration", "iam")
_CONNECTION = ("connection",)
_DENIED = ("connection", "denied")
_INFO = ("info",)

_ON_SOURCE = r" on (?:interface )?(?P<source_interface>[^\s.,]+)"
_CLIENT = rf"(?P<peer_type>\w+) {on_interface('source')}(?: to {plain('destination')})?"
_BETWEEN_USERS = (
    rf"user '?(?P<username>.*?)'? from {plain('source')} to "
    rf"{plain('destination')} on interface (?P<source_interface>[^\s.]+)"
)
_NAMED_ACL = compiled(
    rf"access-list (?P<rule_name>\S+) (?P<verdict>permitted|denied) {PROTOCOL} for user "
    r"'?(?P<username>[^'\s]*)'? (?P<source_interface>[^\s/]+)/(?P<source_ip>[^\s()]+)"
    r"\((?P<source_port>\d+)\)[^>]{0,128}-> (?P<destination_interface>[^\s/]+)/"
    r"(?P<destination_ip>[^\s()]+)\((?P<destination_port>\d+)\)"
)
_LISTED = compiled(
    r"Dynamic [Ff]ilter (?P<verdict>dropped|monitored) (?P<list_color>\w+) "
    rf"{PROTOCOL} traffic from {on_interface('source')}{mapped('source')} to "
    rf"{on_interface('destination')}{mapped('destination')}, "
    r"(?P<listed_side>source|destination) (?P<listed_address>\S+) resolved from "
    r"(?P<list_type>\w+) list: (?P<list_entry>[^,\s]+)"
    r"(?:, threat-level: (?P<threat_level>[\w-]+), category: (?P<threat_category>.+))?"
)

_SIGNATURE = Message(
    compiled(
        r"I[DP]S:(?P<signature_id>\d+) (?P<signature>.+?) from (?P<source_ip>\S+) to "
        rf"(?P<destination_ip>\S+){_ON_SOURCE}"
    ),
    "signature-matched", _ATTACK, _INFO, "success", "alert",
)  # fmt: skip

INSPECTION: dict[str, Message] = {
    "106002": Message(
        compiled(
            rf"{PROTOCOL} Connection denied by outbound list (?P<rule_name>\S+) src "
            rf"{plain('source')} dest {plain('destination')}"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106011": Message(
        compiled(
            rf"Deny inbound \((?P<reason>[^()]*)\) {PROTOCOL} src {SOURCE} dst {DESTINATION}"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106012": Message(
        compiled(
            rf"Deny IP from {plain('source')} to (?P<destination_ip>[^\s,]+), "
            r"IP options:? (?P<ip_options>.+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106013": Message(
        compiled(
            r"Dropping echo request from (?P<source_ip>\S+) to PAT address (?P<destination_ip>\S+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106017": Message(
        compiled(
            r"Deny IP due to (?P<signature>Land Attack) from (?P<source_ip>\S+) to "
            r"(?P<destination_ip>\S+)"
        ),
        "firewall-rule", _ATTACK, _DENIED,
    ),
    "106018": Message(
        compiled(
            r"(?P<protocol>ICMP) packet type (?P<icmp_type>\d+) denied by outbound list "
            rf"(?P<rule_name>\S+) src {plain('source')} dest {plain('destination')}"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106020": Message(
        compiled(
            r"Deny IP (?P<signature>teardrop fragment) \((?P<fragment>[^()]*)\) from "
            r"(?P<source_ip>\S+) to (?P<destination_ip>\S+)"
        ),
        "firewall-rule", _ATTACK, _DENIED,
    ),
    "106022": Message(
        compiled(
            rf"Deny {PROTOCOL} connection spoof from (?P<source_ip>\S+) to "
            rf"(?P<destination_ip>\S+){_ON_SOURCE}"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "106102": Message(_NAMED_ACL, "firewall-rule", _NETWORK, _CONNECTION),
    "106103": Message(_NAMED_ACL, "firewall-rule", _NETWORK, _CONNECTION),
    "109005": Message(
        compiled(rf"Authentication succeeded for {_BETWEEN_USERS}"),
        "logon", _AUTHENTICATION, ("start",),
    ),
    "109006": Message(
        compiled(rf"Authentication failed for {_BETWEEN_USERS}"),
        "logon-failed", _AUTHENTICATION, ("start",), "failure",
    ),
    "109007": Message(
        compiled(rf"Authorization permitted for {_BETWEEN_USERS}"),
        "authorization-permitted", _NETWORK, ("connection", "allowed"),
    ),
    "109008": Message(
        compiled(rf"Authorization denied for {_BETWEEN_USERS}"),
        "authorization-denied", _NETWORK, _DENIED,
    ),
    "110003": Message(
        compiled(
            rf"Routing failed to locate next hop for {PROTOCOL} from {SOURCE} to {DESTINATION}"
        ),
        "routing-failed", _NETWORK, _INFO, "failure",
    ),
    "113006": Message(
        compiled(r"User (?P<username>.*) locked out on exceeding (?P<limit>\d+) successive failed"),
        "account-locked", ("authentication", "iam"), ("user", "change"),
    ),
    "113007": Message(
        compiled(r"User (?P<username>.*) unlocked by (?P<unlocked_by>\S+)"),
        "account-unlocked", ("iam",), ("user", "change"),
    ),
    "113008": Message(
        compiled(r"AAA transaction status ACCEPT ?: user = (?P<username>.*)"),
        "aaa-accepted", _AUTHENTICATION, _INFO,
    ),
    "113009": Message(
        compiled(
            r"AAA retrieved default group policy \((?P<group_policy>[^()]*)\) for user = "
            r"(?P<username>.*)"
        ),
        "group-policy-retrieved", _AUTHENTICATION, _INFO,
    ),
    "113021": Message(
        compiled(
            r"Attempted console login failed\.? [Uu]ser '?(?P<username>[^']*?)'? did NOT have "
            r"(?P<reason>appropriate Admin Rights)"
        ),
        "logon-failed", _AUTHENTICATION, ("start",), "failure",
    ),
    "303002": Message(
        compiled(
            rf"FTP connection from {SOURCE} to {DESTINATION}, user (?P<username>\S+) "
            r"(?P<operation>Stored|Retrieved) file (?P<file_path>.+)"
        ),
        "file-transferred", ("file", "network"), ("access", "connection"),
    ),
    "304001": Message(
        compiled(
            rf"(?:(?P<username>[^@\s]*)@)?{plain('source')}(?: ?\((?P<source_username>[^()]*)\))? "
            r"Accessed (?:JAVA )?URL (?P<destination_ip>[0-9A-Fa-f.:]*[0-9A-Fa-f]): ?(?P<url>\S.*)"
        ),
        "url-accessed", _WEB, ("access", "allowed"),
    ),
    "304002": Message(
        compiled(
            rf"Access denied URL (?P<url>.*) SRC {plain('source')}"
            r"(?:\((?P<source_username>[^()]*)\))? DEST (?P<destination_ip>[^\s:]+)"
            rf"(?:{_ON_SOURCE})?"
        ),
        "url-denied", _WEB, ("access", "denied"),
    ),
    "305006": Message(
        compiled(
            rf"(?P<translation>[\w ]+?) translation creation failed for {PROTOCOL} src {SOURCE} "
            rf"dst {DESTINATION}"
        ),
        "translation-failed", _NETWORK, _DENIED, "failure",
    ),
    "305013": Message(
        compiled(
            r"Asymmetric NAT rules matched for forward and reverse flows; Connection(?: for)? "
            rf"{PROTOCOL} src {SOURCE} dst {DESTINATION}.* denied due to (?P<reason>[^.]+)"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "313008": Message(
        compiled(
            r"Denied (?P<protocol>ICMPv6) type=(?P<icmp_type>\d+), code=(?P<icmp_code>\d+) from "
            rf"(?P<source_ip>\S+){_ON_SOURCE}"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "322001": Message(
        compiled(rf"Deny MAC address (?P<source_mac>[^\s,]+), possible spoof attempt{_ON_SOURCE}"),
        "firewall-rule", _ATTACK, _DENIED,
    ),
    **dict.fromkeys(
        [*(f"33800{number}" for number in range(1, 9)), "338201", "338202", "338203", "338204"],
        Message(_LISTED, "listed-host-contacted", _ATTACK, _CONNECTION, "success", "alert"),
    ),
    **dict.fromkeys([f"4000{number:02}" for number in range(52)], _SIGNATURE),
    "401002": Message(
        compiled(r"Shun added: (?P<source_ip>\S+) (?P<destination_ip>\S+)"),
        "shun-added", _NETWORK, _INFO,
    ),
    "401003": Message(
        compiled(r"Shun deleted: (?P<source_ip>\S+)"), "shun-deleted", _NETWORK, _INFO
    ),
    "401004": Message(
        compiled(
            rf"Shunned packet: (?P<source_ip>\S+) =+> (?P<destination_ip>\S+){_ON_SOURCE}"
        ),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "405001": Message(
        compiled(
            r"Received ARP (?P<arp_message>\w+) collision from (?P<source_ip>[^\s/]+)/"
            rf"(?P<source_mac>\S+){_ON_SOURCE}"
        ),
        "arp-collision", _NETWORK, _INFO,
    ),
    "410001": Message(
        compiled(
            rf"Dropped {PROTOCOL} DNS (?P<dns_message>\w+) from {SOURCE} to {DESTINATION}; "
            r"(?P<reason>.+)"
        ),
        "dns-dropped", _NETWORK, ("denied", "protocol"),
    ),
    "411001": Message(
        compiled(r"Line protocol on [Ii]nterface (?P<source_interface>[^\s,]+),? changed state"),
        "interface-up", ("host", "network"), ("change",),
    ),
    "411002": Message(
        compiled(r"Line protocol on [Ii]nterface (?P<source_interface>[^\s,]+),? changed state"),
        "interface-down", ("host", "network"), ("change",),
    ),
    "419001": Message(
        compiled(
            rf"Dropping (?P<protocol>TCP) packet from {SOURCE} to {DESTINATION}, reason: "
            r"(?P<reason>[^,]+)"
        ),
        "packet-dropped", _NETWORK, _DENIED,
    ),
    "419002": Message(
        compiled(
            rf"(?P<reason>Duplicate (?P<protocol>TCP) SYN) from {SOURCE} to {DESTINATION} with"
        ),
        "packet-dropped", _NETWORK, _DENIED,
    ),
    "434002": Message(
        compiled(rf"SFR requested to drop {PROTOCOL} packet from {SOURCE} to {DESTINATION}"),
        "firewall-rule", _NETWORK, _DENIED,
    ),
    "500004": Message(
        compiled(
            rf"(?P<reason>Invalid transport field) for protocol=(?P<protocol>[^\s,]+), from "
            rf"{plain('source')} to {plain('destination')}"
        ),
        "packet-dropped", _NETWORK, _DENIED,
    ),
    "502101": Message(
        compiled(
            r"New user added to local dbase: Uname: (?P<username>.*) Priv: (?P<new_privilege>\d+)"
        ),
        "added-user-account", _CONFIGURATION, ("user", "creation"),
    ),
    "502102": Message(
        compiled(
            r"User deleted from local dbase: Uname: (?P<username>.*) Priv: (?P<old_privilege>\d+)"
        ),
        "deleted-user-account", _CONFIGURATION, ("user", "deletion"),
    ),
    "502103": Message(
        compiled(
            r"User priv level changed: Uname: (?P<username>.*) From: (?P<old_privilege>\d+) "
            r"To: (?P<new_privilege>\d+)"
        ),
        "privilege-changed", ("iam",), ("user", "change"),
    ),
    "607001": Message(
        compiled(
            r"Pre-allocate SIP (?P<channel>.+?) secondary channel for "
            rf"{SOURCE} to {DESTINATION} from (?P<sip_message>\S+) message"
        ),
        "channel-allocated", _NETWORK, ("connection", "protocol"),
    ),
    "725001": Message(
        compiled(rf"Starting SSL handshake with {_CLIENT} for (?P<tls_version>\S+) session"),
        "tls-handshake-started", _NETWORK, ("connection", "start"),
    ),
    "725002": Message(
        compiled(
            rf"Device completed SSL handshake with {_CLIENT} for (?P<tls_version>\S+) session"
        ),
        "tls-established", _NETWORK, ("connection", "info"),
    ),
    "725006": Message(
        compiled(rf"Device failed SSL handshake with {_CLIENT}"),
        "tls-handshake-failed", _NETWORK, ("connection", "info"), "failure",
    ),
    "725007": Message(
        compiled(rf"SSL session with {_CLIENT} terminated"),
        "tls-closed", _NETWORK, ("connection", "end"),
    ),
    "733100": Message(
        compiled(
            r"\[ *(?P<threat_object>[^\]]*?) *\] drop (?P<rate>\S+) exceeded\. (?P<reason>.*)"
        ),
        "threat-rate-exceeded", _ATTACK, _INFO,
    ),
    "733101": Message(
        compiled(
            r"(?:Host|Subnet) (?:(?P<source_ip>\S+) is attacking|(?P<destination_ip>\S+) is "
            r"targeted)\. (?P<reason>.*)"
        ),
        "scan-detected", _ATTACK, _INFO, "success", "alert",
    ),
    "733102": Message(
        compiled(r"Threat-detection adds host (?P<source_ip>\S+) to shun list"),
        "shun-added", _ATTACK, ("denied",),
    ),
    "733103": Message(
        compiled(r"Threat-detection removes host (?P<source_ip>\S+) from shun list"),
        "shun-deleted", _ATTACK, _INFO,
    ),
    "734001": Message(
        compiled(
            r"DAP: User (?P<username>.*), Addr (?P<source_ip>[^\s,]+), Connection "
            r"(?P<connection_type>[^:]+): The following DAP records were selected for this "
            r"connection: (?P<dap_records>.*)"
        ),
        "access-policy-selected", ("network", "session"), _INFO,
    ),
}  # fmt: skip
"""What `cisco_asa_messages` does not have."""
