"""What the satellites' Linux gateways write: kernel lines of UFW, relayed by syslog."""

from tocsin.pipelines.demo.city import JUMP, Site
from tocsin.pipelines.demo.clock import syslog_time
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.lines import Line

_OUTER = "52:54:00:6b:3c:58:00:1d:aa:10:22:01:08:00"


def _head(ms: int, site: Site, verdict: str) -> str:
    uptime = 1_814_400 + ms / 1000
    return f"{syslog_time(ms)} {site.code}-gw kernel: [{uptime:.6f}] [UFW {verdict}] "


def _tcp(dice: Dice, ports: tuple[int, int]) -> str:
    window = dice.pick((1024, 29200, 42340, 64240, 65535))
    return f"PROTO=TCP SPT={ports[0]} DPT={ports[1]} WINDOW={window} RES=0x00 SYN URGP=0 "


def blocked(dice: Dice, ms: int, site: Site, source: str, port: int) -> Line:
    """A connection from outside that the gateway drops."""
    return ms, (
        f"{_head(ms, site, 'BLOCK')}IN=eth0 OUT= MAC={_OUTER} SRC={source} DST={site.public} "
        f"LEN=40 TOS=0x00 PREC=0x00 TTL={dice.between(40, 250)} ID={dice.below(65_536)} "
        f"{_tcp(dice, (dice.between(1_024, 65_000), port))}"
    )


def ping(dice: Dice, ms: int, site: Site, source: str) -> Line:
    """An echo request that the gateway drops."""
    return ms, (
        f"{_head(ms, site, 'BLOCK')}IN=eth0 OUT= MAC={_OUTER} SRC={source} DST={site.public} "
        f"LEN=84 TOS=0x00 PREC=0x00 TTL={dice.between(40, 120)} ID={dice.below(65_536)} DF "
        f"PROTO=ICMP TYPE=8 CODE=0 ID={dice.below(65_536)} SEQ={dice.between(1, 9)} "
    )


def outbound(
    dice: Dice, ms: int, site: Site, source: tuple[str, int], target: tuple[str, int]
) -> Line:
    """A new connection from a satellite's network to the internet."""
    head = (
        f"{_head(ms, site, 'ALLOW')}IN=eth1 OUT=eth0 "
        f"MAC=52:54:00:6b:3c:59:00:50:56:{ms % 90 + 10}:{source[1] % 90 + 10}:7c:08:00 "
        f"SRC={source[0]} DST={target[0]} "
    )
    if target[1] == 53:
        return ms, (
            f"{head}LEN=71 TOS=0x00 PREC=0x00 TTL=127 ID={dice.below(65_536)} "
            f"PROTO=UDP SPT={source[1]} DPT={target[1]} LEN=51 "
        )
    return ms, (
        f"{head}LEN=52 TOS=0x00 PREC=0x00 TTL=127 ID={dice.below(65_536)} DF "
        f"{_tcp(dice, (source[1], target[1]))}"
    )


def forwarded_ssh(dice: Dice, ms: int, site: Site, source: tuple[str, int]) -> Line:
    """A connection from outside to the waterworks' jump host, which its operators reach by SSH."""
    return ms, (
        f"{_head(ms, site, 'ALLOW')}IN=eth0 OUT=eth2 MAC={_OUTER} SRC={source[0]} "
        f"DST={JUMP.address} LEN=60 TOS=0x00 PREC=0x00 TTL={dice.between(40, 60)} "
        f"ID={dice.below(65_536)} DF {_tcp(dice, (source[1], 22))}"
    )
