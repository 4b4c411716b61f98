"""What the FortiGate of the city hall writes, as FortiOS 7.4 sends it by syslog.

Each function gives one log: `traffic`, `webfilter`, `application`, `intrusion`, `vpn`, `system`.
Field names and log ids follow Fortinet's "FortiOS Log Message Reference".
"""

from dataclasses import dataclass

from tocsin.pipelines.demo.clock import clock, epoch_ms
from tocsin.pipelines.demo.internet import WebSite
from tocsin.pipelines.demo.lines import Line

NAME = "FG-CITYHALL"
SERIAL = "FG120GTK24001877"
OUTSIDE_ADDRESS = "192.0.2.2"


@dataclass(frozen=True, slots=True)
class Policy:
    """A firewall policy; number 0 is the implicit deny."""

    number: int
    uuid: str
    name: str
    source: str
    destination: str
    snat: bool = False


_ROLES = {"lan": "lan", "servers": "lan", "dmz": "dmz", "sites": "lan", "wan1": "wan"}

INTERNET = Policy(
    5, "6f2e0c54-3a0b-51ef-8d1c-6f0a2f3f0d11", "Internet access", "lan", "wan1", snat=True
)
SERVERS_OUT = Policy(
    6, "6f3a91d2-3a0b-51ef-a3b5-0f7d8c1f9f12", "Servers outbound", "servers", "wan1", snat=True
)
DMZ_OUT = Policy(7, "6f44be08-3a0b-51ef-91f5-58f3a0d52a13", "DMZ outbound", "dmz", "wan1")
TO_SERVERS = Policy(
    11, "6f51aa7e-3a0b-51ef-b2b8-9cb2ed0c3b14", "Workstations to servers", "lan", "servers"
)
FROM_SITES = Policy(
    12, "6f5d6e3c-3a0b-51ef-8c6b-4b6c9fd27c15", "Satellites to servers", "sites", "servers"
)
PUBLISHED_MAIL = Policy(20, "6f68f2aa-3a0b-51ef-9e0f-1a9c57ab8d16", "Mail inbound", "wan1", "dmz")
PUBLISHED_WEB = Policy(21, "6f74b6d0-3a0b-51ef-88d3-c5ef4407ae17", "Website inbound", "wan1", "dmz")
LAN_DENY = Policy(0, "", "", "lan", "servers")
LAN_SITES_DENY = Policy(0, "", "", "lan", "sites")
OUTSIDE_DENY = Policy(0, "", "", "wan1", "dmz")


_PRIORITIES = {"alert": 185, "warning": 188, "notice": 189, "information": 190}
"""Facility local7 with the severity of each level."""


def _head(ms: int, logid: str, kind: str, subtype: str, level: str) -> str:
    # Nanoseconds, as FortiOS has had them since 6.2; the last six digits only look alive.
    nanos = f"{epoch_ms(ms)}{ms * 7919 % 1_000_000:06}"
    return (
        f'<{_PRIORITIES[level]}>date=2026-11-17 time={clock(ms)} devname="{NAME}" devid="{SERIAL}" '
        f'eventtime={nanos} tz="+0000" logid="{logid}" type="{kind}" subtype="{subtype}" '
        f'level="{level}" vd="root" '
    )


def traffic(
    ms: int,
    policy: Policy,
    source: tuple[str, int],
    destination: tuple[str, int],
    service: str,
    *,
    action: str = "close",
    sent: int = 0,
    received: int = 0,
    seconds: int = 0,
    proto: int = 6,
    countries: tuple[str, str] = ("Reserved", "Reserved"),
    application: tuple[str, str] = ("", "unscanned"),
) -> Line:
    """A session as it ends, or (`action="deny"`) the refusal of one."""
    denied = action == "deny"
    head = _head(ms, "0000000013", "traffic", "forward", "warning" if denied else "notice")
    named = f'poluuid="{policy.uuid}" policyname="{policy.name}" ' if policy.number else ""
    nat = (
        f'trandisp="snat" transip={OUTSIDE_ADDRESS} transport={source[1]} '
        if policy.snat
        else 'trandisp="noop" '
    )
    app = f'app="{application[0]}" ' if application[0] else ""
    body = (
        f'srcip={source[0]} srcport={source[1]} srcintf="{policy.source}" '
        f'srcintfrole="{_ROLES[policy.source]}" dstip={destination[0]} dstport={destination[1]} '
        f'dstintf="{policy.destination}" dstintfrole="{_ROLES[policy.destination]}" '
        f'srccountry="{countries[0]}" dstcountry="{countries[1]}" sessionid={40_000_000 + ms} '
        f'proto={proto} action="{action}" policyid={policy.number} policytype="policy" {named}'
        f'service="{service}" {nat}{app}duration={seconds} sentbyte={sent} rcvdbyte={received} '
        f"sentpkt={sent // 700 + 1} rcvdpkt={received // 1100 + (not denied)} "
        f'appcat="{application[1]}"'
    )
    if denied:
        body += ' crscore=30 craction=131072 crlevel="high"'
    return ms, head + body


def local_deny(ms: int, source: tuple[str, int], port: int, service: str, country: str) -> Line:
    """A packet to the firewall's own address that no local-in policy lets in."""
    return ms, _head(ms, "0001000014", "traffic", "local", "notice") + (
        f'srcip={source[0]} srcport={source[1]} srcintf="wan1" srcintfrole="wan" '
        f'dstip={OUTSIDE_ADDRESS} dstport={port} dstintf="root" dstintfrole="undefined" '
        f'srccountry="{country}" dstcountry="United Kingdom" sessionid={40_000_000 + ms} proto=6 '
        f'action="deny" policyid=0 policytype="local-in-policy" service="{service}" '
        f'trandisp="noop" app="{service}" duration=0 sentbyte=0 rcvdbyte=0 sentpkt=0 rcvdpkt=0 '
        f'appcat="unscanned" crscore=5 craction=262144 crlevel="low"'
    )


def webfilter(ms: int, source: tuple[str, int], user: str, site: WebSite, path: str) -> Line:
    """A request for a page, passed or (of a blocked category) refused."""
    logid, event, level, action = (
        ("0316013056", "ftgd_blk", "warning", "blocked")
        if site.blocked
        else ("0317013312", "ftgd_allow", "notice", "passthrough")
    )
    message = (
        "URL belongs to a denied category in policy"
        if site.blocked
        else ("URL belongs to an allowed category in policy")
    )
    return ms, _head(ms, logid, "utm", "webfilter", level) + (
        f'eventtype="{event}" policyid=5 sessionid={40_000_000 + ms} user="{user.upper()}" '
        f'authserver="FSSO" srcip={source[0]} srcport={source[1]} srccountry="Reserved" '
        f'srcintf="lan" srcintfrole="lan" dstip={site.address} dstport=443 '
        f'dstcountry="{site.country}" dstintf="wan1" dstintfrole="wan" proto=6 service="HTTPS" '
        f'hostname="{site.name}" profile="staff" action="{action}" reqtype="direct" '
        f'url="https://{site.name}{path}" sentbyte=517 rcvdbyte=0 direction="outgoing" '
        f'msg="{message}" ratemethod="domain" cat={site.category} catdesc="{site.description}"'
    )


def application(ms: int, source: tuple[str, int], site: WebSite, name: str, kind: str) -> Line:
    """An application recognised in a session and let pass."""
    return ms, _head(ms, "1059028704", "utm", "app-ctrl", "information") + (
        f'eventtype="signature" appid={15000 + len(name) * 37} srcip={source[0]} '
        f'srccountry="Reserved" dstip={site.address} dstcountry="{site.country}" '
        f'srcport={source[1]} dstport=443 srcintf="lan" srcintfrole="lan" dstintf="wan1" '
        f'dstintfrole="wan" proto=6 service="SSL" direction="outgoing" policyid=5 '
        f'sessionid={40_000_000 + ms} applist="staff" action="pass" appcat="{kind}" '
        f'app="{name}" hostname="{site.name}" incidentserialno={ms % 99_999_989} '
        f'url="/" msg="{kind}: {name}" apprisk="medium"'
    )


def intrusion(
    ms: int, source: tuple[str, str], server: tuple[str, int], attack: tuple[int, str], action: str
) -> Line:
    """An attack's signature in traffic to a published server; `source` is address and country."""
    return ms, _head(ms, "0419016384", "utm", "ips", "alert") + (
        f'eventtype="signature" severity="high" srcip={source[0]} srccountry="{source[1]}" '
        f'dstip={server[0]} dstcountry="Reserved" srcintf="wan1" srcintfrole="wan" dstintf="dmz" '
        f'dstintfrole="dmz" sessionid={40_000_000 + ms} action="{action}" proto=6 '
        f'service="HTTP" policyid=21 attack="{attack[1]}" srcport={20_000 + ms % 40_000} '
        f'dstport={server[1]} direction="outgoing" attackid={attack[0]} '
        f'profile="published-servers" ref="http://www.fortinet.com/ids/VID{attack[0]}" '
        f'incidentserialno={ms % 99_999_989} msg="web_app: {attack[1]}" crscore=30 '
        f'craction=8192 crlevel="high"'
    )


def vpn_login_failure(ms: int, remote: str, user: str, country: str) -> Line:
    """A refused login to the SSL VPN."""
    return ms, _head(ms, "0101039426", "event", "vpn", "alert") + (
        f'logdesc="SSL VPN login fail" action="ssl-login-fail" tunneltype="ssl-web" tunnelid=0 '
        f'remip={remote} srccountry="{country}" user="{user}" group="N/A" dst_host="N/A" '
        f'reason="sslvpn_login_permission_denied" msg="SSL user failed to logged in"'
    )


def vpn_tunnel(
    ms: int, remote: str, user: str, tunnel: tuple[int, str], traffic_bytes: tuple[int, int] | None
) -> Line:
    """A tunnel of the SSL VPN: up, or (with its `traffic_bytes`, sent and received) down."""
    number, inside = tunnel
    action, logid, message = (
        ("tunnel-up", "0101039947", "SSL tunnel established")
        if traffic_bytes is None
        else ("tunnel-down", "0101039948", "SSL tunnel shutdown")
    )
    line = _head(ms, logid, "event", "vpn", "information") + (
        f'logdesc="SSL VPN {action.replace("-", " ")}" action="{action}" tunneltype="ssl-tunnel" '
        f'tunnelid={number} remip={remote} tunnelip={inside} user="{user}" group="staff-vpn" '
        f'dst_host="N/A" reason="N/A" '
    )
    if traffic_bytes is not None:
        line += f"duration=14400 sentbyte={traffic_bytes[0]} rcvdbyte={traffic_bytes[1]} "
    return ms, f'{line}msg="{message}"'


def user_logon(ms: int, address: str, user: str) -> Line:
    """A logon that the firewall learnt of from the domain controller."""
    return ms, _head(ms, "0102043014", "event", "user", "notice") + (
        f'logdesc="FSSO logon authentication status" srcip={address} user="{user.upper()}" '
        f'server="FSSO-DC01" action="FSSO-logon" '
        f'msg="FSSO-logon event from FSSO-DC01: user {user.upper()} logged on {address}"'
    )


def name_query(ms: int, source: tuple[str, int], resolver: str, site: WebSite) -> Line:
    """A name that a machine asked for, answered and let pass."""
    return ms, _head(ms, "1501054802", "utm", "dns", "notice") + (
        f'eventtype="dns-response" policyid=11 sessionid={40_000_000 + ms} srcip={source[0]} '
        f'srcport={source[1]} srccountry="Reserved" srcintf="lan" srcintfrole="lan" '
        f'dstip={resolver} dstport=53 dstcountry="Reserved" dstintf="servers" '
        f'dstintfrole="lan" proto=17 profile="default" xid={ms % 65_521} '
        f'qname="{site.name}" qtype="A" qtypeval=1 qclass="IN" ipaddr="{site.address}" '
        f'msg="Domain is monitored" action="pass" cat={site.category} '
        f'catdesc="{site.description}"'
    )


def admin_login(ms: int, user: str, address: str, *, success: bool) -> Line:
    """A login to the firewall's own administration."""
    logid, level, word = (
        ("0100032001", "information", "successful")
        if success
        else ("0100032002", "alert", "failed")
    )
    status = "success" if success else "failed"
    reason = "none" if success else "passwd_invalid"
    return ms, _head(ms, logid, "event", "system", level) + (
        f'logdesc="Admin login {word}" sn="{epoch_ms(ms) // 1000}" user="{user}" '
        f'ui="https({address})" method="https" srcip={address} dstip=10.10.0.1 action="login" '
        f'status="{status}" reason="{reason}" profile="super_admin" '
        f'msg="Administrator {user} login {word} from https({address})"'
    )


def performance(ms: int, cpu: int, memory: int, sessions: int) -> Line:
    """The statistics that FortiOS writes every five minutes."""
    return ms, _head(ms, "0100040704", "event", "system", "notice") + (
        f'logdesc="System performance statistics" action="perf-stats" cpu={cpu} mem={memory} '
        f'totalsession={sessions} disk=1 bandwidth="{cpu * 900}/{cpu * 410}" setuprate={cpu * 2} '
        f"disklograte=0 fazlograte=0 freediskstorage=104333 sysuptime={1_900_000 + ms // 1000} "
        f'waninfo="name=wan1,bytes=9{sessions}33/7{sessions}81,packets=8{sessions}/7{sessions};" '
        f'msg="Performance statistics: average CPU: {cpu}, memory:  {memory}, '
        f'concurrent sessions:  {sessions}, setup-rate: {cpu * 2}"'
    )
