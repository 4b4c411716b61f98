"""What the city's mail server writes: Postfix, and SpamAssassin and ClamAV as its milters.

A `Letter` passes through all of them; its lines share queue id, message id and addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.pipelines.demo.city import DOMAIN, MX
from tocsin.pipelines.demo.clock import clock, syslog_time
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.lines import Entry


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail: who sends it from where, to whom, and what SpamAssassin thinks of it.

    `sasl_user` is set when one of the staff submits it; `attachment` is a name that
    `header_checks` warns of.
    """

    sender: str
    recipients: tuple[str, ...]
    client: str
    address: str
    size: int
    score: float = 0.0
    tests: str = "SPF_PASS"
    sasl_user: str = ""
    subject: str = ""
    attachment: str = ""
    virus: str = ""


def _line(log: str, ms: int, program: str, text: str) -> Entry:
    return log, (ms, f"{syslog_time(ms)} {MX.name} {program}: {text}")


def _postfix(ms: int, process: str, pid: int, text: str) -> Entry:
    return _line("postfix", ms, f"postfix/{process}[{pid}]", text)


def letter(dice: Dice, start: int, mail: Letter) -> Iterator[Entry]:
    """All lines of one mail, from connection to removal from the queue, or to its refusal."""
    queue_id = dice.hexadecimal(10)
    pid = dice.between(20_000, 59_000)
    message_id = f"{dice.hexadecimal(12)}.{start}@{mail.client}"
    submission = "submission/smtpd" if mail.sasl_user else "smtpd"
    client = f"{mail.client}[{mail.address}]"
    sasl = f", sasl_method=LOGIN, sasl_username={mail.sasl_user}" if mail.sasl_user else ""

    yield _postfix(start, submission, pid, f"connect from {client}")
    ms = start + dice.between(150, 900)
    yield _postfix(ms, submission, pid, f"{queue_id}: client={client}{sasl}")
    ms += dice.between(20, 200)
    yield _postfix(ms, "cleanup", pid + 3, f"{queue_id}: message-id=<{message_id}>")
    if mail.attachment:
        yield _postfix(ms, "cleanup", pid + 3, _attachment_warning(queue_id, client, mail))
    if mail.virus:
        yield from _refused_by_milter(ms + 400, pid, queue_id, message_id, mail)
        return
    if not mail.sasl_user:
        scan = dice.between(400, 2_300)
        yield from spam_check(dice, ms, mail, message_id, scan)
        ms += scan + 40
    yield _postfix(
        ms,
        "qmgr",
        1187,
        f"{queue_id}: from=<{mail.sender}>, size={mail.size}, nrcpt={len(mail.recipients)} "
        "(queue active)",
    )
    commands = "ehlo=2 starttls=1 auth=1" if mail.sasl_user else "ehlo=2 starttls=1"
    count = len(mail.recipients)
    yield _postfix(
        ms + 30,
        submission,
        pid,
        f"disconnect from {client} {commands} mail=1 rcpt={count} data=1 quit=1 "
        f"commands={commands.count('=') + 4 + count}",
    )
    for recipient in mail.recipients:
        ms += dice.between(60, 900)
        yield _delivery(dice, ms, pid + 7, queue_id, recipient, waited=ms - start)
    yield _postfix(ms + 15, "qmgr", 1187, f"{queue_id}: removed")


def _attachment_warning(queue_id: str, client: str, mail: Letter) -> str:
    return (
        f"{queue_id}: warning: header Content-Disposition: attachment; "
        f'filename="{mail.attachment}" from {client}; from=<{mail.sender}> '
        f"to=<{mail.recipients[0]}> proto=ESMTP helo=<{mail.client}>"
    )


def _delivery(
    dice: Dice, ms: int, pid: int, queue_id: str, recipient: str, *, waited: int
) -> Entry:
    before = max(waited - 210, 10) / 1000
    delays = (
        f"delay={waited / 1000:.2g}, delays={before:.2g}/0.01/0.08/0.12, dsn=2.0.0, status=sent"
    )
    if recipient.endswith(f"@{DOMAIN}"):
        relay, process = f"mx1.{DOMAIN}[private/dovecot-lmtp]", "lmtp"
        answer = f"(250 2.0.0 <{recipient}> {dice.hexadecimal(8)} Saved)"
    else:
        host = recipient.partition("@")[2]
        relay, process = f"mail.{host}[198.18.{dice.between(100, 220)}.25]:25", "smtp"
        answer = f"(250 2.0.0 Ok: queued as {dice.hexadecimal(10)})"
    text = f"{queue_id}: to=<{recipient}>, relay={relay}, {delays} {answer}"
    return _postfix(ms, process, pid, text)


def _refused_by_milter(
    ms: int, pid: int, queue_id: str, message_id: str, mail: Letter
) -> Iterator[Entry]:
    recipient = mail.recipients[0]
    yield _line(
        "clamav",
        ms,
        "clamav-milter[1402]",
        f"Message {queue_id} from <{mail.sender}> to <{recipient}> with subject "
        f"'{mail.subject}' message-id '<{message_id}>' date 'Tue, 17 Nov 2026 "
        f"{syslog_time(ms)[7:]} +0000' infected by {mail.virus}",
    )
    yield _postfix(
        ms + 20,
        "cleanup",
        pid + 3,
        f"{queue_id}: milter-reject: END-OF-MESSAGE from {mail.client}[{mail.address}]: 5.7.1 "
        f"Command rejected; from=<{mail.sender}> to=<{recipient}> proto=ESMTP "
        f"helo=<{mail.client}>",
    )
    yield _postfix(
        ms + 60,
        "smtpd",
        pid,
        f"disconnect from {mail.client}[{mail.address}] ehlo=1 mail=1 rcpt=1 data=0/1 quit=1 "
        "commands=4/5",
    )


def spam_check(dice: Dice, ms: int, mail: Letter, message_id: str, scan: int) -> Iterator[Entry]:
    """The three lines in which spamd judges a mail against its threshold of 5 points.

    `scan` is how many milliseconds that takes.
    """
    spamd = f"spamd[{dice.between(2_000, 2_008)}]"
    seconds = f"{scan / 1000:.1f}"
    spam = mail.score >= 5
    yield _line(
        "spamassassin",
        ms,
        spamd,
        f"spamd: processing message <{message_id}> for debian-spamd:112",
    )
    ms += scan
    verdict = "identified spam" if spam else "clean message"
    yield _line(
        "spamassassin",
        ms,
        spamd,
        f"spamd: {verdict} ({mail.score:.1f}/5.0) for debian-spamd:112 in {seconds} seconds, "
        f"{mail.size} bytes.",
    )
    yield _line(
        "spamassassin",
        ms,
        spamd,
        f"spamd: result: {'Y' if spam else '.'} {mail.score:.0f} - {mail.tests} "
        f"scantime={seconds},size={mail.size},user=debian-spamd,uid=112,required_score=5.0,"
        f"rhost=localhost,raddr=127.0.0.1,rport={dice.between(33_000, 60_000)},"
        f"mid=<{message_id}>,autolearn={'spam' if mail.score > 12 else 'no'} "
        "autolearn_force=no",
    )


def refusal(dice: Dice, ms: int, address: str, sender: str, recipient: str) -> Iterator[Entry]:
    """A client that is listed, or asks for an unknown address, and is told so."""
    pid = dice.between(20_000, 59_000)
    client = f"unknown[{address}]"
    yield _postfix(ms, "smtpd", pid, f"connect from {client}")
    if dice.chance(0.75):
        code, reason = (
            "554 5.7.1",
            (
                f"Service unavailable; Client host [{address}] blocked using dnsbl.example; "
                f"https://dnsbl.example/query/{address}"
            ),
        )
    else:
        code, reason = (
            "550 5.1.1",
            f"<{recipient}>: Recipient address rejected: User unknown in virtual mailbox table",
        )
    yield _postfix(
        ms + 300,
        "smtpd",
        pid,
        f"NOQUEUE: reject: RCPT from {client}: {code} {reason}; from=<{sender}> "
        f"to=<{recipient}> proto=ESMTP helo=<{address}>",
    )
    yield _postfix(
        ms + 420,
        "smtpd",
        pid,
        f"disconnect from {client} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4",
    )


def failed_login(dice: Dice, ms: int, address: str) -> Iterator[Entry]:
    """Somebody outside who guesses at a mailbox's password, once."""
    pid = dice.between(20_000, 59_000)
    client = f"unknown[{address}]"
    for delay, text in (
        (0, f"connect from {client}"),
        (900, f"warning: {client}: SASL LOGIN authentication failed: UGFzc3dvcmQ6"),
        (960, f"disconnect from {client} ehlo=1 auth=0/1 quit=1 commands=2/3"),
    ):
        yield _postfix(ms + delay, "submission/smtpd", pid, text)


def lost_connection(dice: Dice, ms: int, address: str) -> Iterator[Entry]:
    """A scanner that looks whether there is a mail server, and goes."""
    pid = dice.between(20_000, 59_000)
    client = f"unknown[{address}]"
    for delay, text in (
        (0, f"connect from {client}"),
        (240, f"lost connection after {dice.pick(('CONNECT', 'EHLO', 'UNKNOWN'))} from {client}"),
        (241, f"disconnect from {client} commands=0/0"),
    ):
        yield _postfix(ms + delay, "smtpd", pid, text)


def statistics(dice: Dice, ms: int, address: str) -> Iterator[Entry]:
    """What anvil counted in the last ten minutes."""
    since = f"Nov 17 {clock(ms - dice.between(60_000, 500_000))}"
    pid = dice.between(20_000, 59_000)
    for text in (
        f"max connection rate {dice.between(1, 4)}/60s for (smtp:{address}) at {since}",
        f"max connection count {dice.between(1, 3)} for (smtp:{address}) at {since}",
        f"max cache size {dice.between(1, 6)} at {since}",
    ):
        yield _postfix(ms, "anvil", pid, f"statistics: {text}")


def deferral(dice: Dice, ms: int, queue_id: str, recipient: str) -> Entry:
    """An attempt to deliver that comes to nothing for now."""
    host = f"mail.{recipient.partition('@')[2]}"
    address = f"{host}[198.18.{dice.between(100, 220)}.25]:25"
    text = (
        f"{queue_id}: to=<{recipient}>, relay=none, delay=30, delays=0.2/0.01/30/0, dsn=4.4.1, "
        f"status=deferred (connect to {address}: Connection timed out)"
    )
    return _postfix(ms, "smtp", dice.between(20_000, 59_000), text)
