"""The demo's mail is coherent: one mail's lines share their ids and stand in their order."""

import re
from collections import defaultdict

from tocsin.pipelines.demo.city import MX
from tocsin.pipelines.demo.dice import Dice
from tocsin.pipelines.demo.mail import Letter, letter
from tocsin.pipelines.demo.mail_day import mail_day

LETTER = Letter(
    sender="office@bank.example",
    recipients=("a.keller@porttarrow.example", "b.novak@porttarrow.example"),
    client="mail.bank.example",
    address="198.18.107.25",
    size=4_096,
    score=6.5,
)


def programs(entries) -> list[str]:
    """The program of each line, without its process id."""
    return [re.split(r"[\[:]", line.split(" ", 4)[4])[0] for _, (_, line) in entries]


def test_a_mail_from_outside_passes_all_of_the_servers_programs():
    """Connection, queue, filter, delivery to each recipient, removal: in this order."""
    entries = list(letter(Dice(1, "mail"), 36_000_000, LETTER))

    assert programs(entries) == [
        "postfix/smtpd",
        "postfix/smtpd",
        "postfix/cleanup",
        "spamd",
        "spamd",
        "spamd",
        "postfix/qmgr",
        "postfix/smtpd",
        "postfix/lmtp",
        "postfix/lmtp",
        "postfix/qmgr",
    ]
    times = [ms for _, (ms, _) in entries]
    assert times[0] == 36_000_000
    assert times[:7] == sorted(times[:7])
    assert times[-3:] == sorted(times[-3:])
    lines = [line for _, (_, line) in entries]
    assert all(line.startswith(f"Nov 17 10:00:0{line[14]} {MX.name} ") for line in lines)


def test_spamassassin_judges_the_mail_that_postfix_took():
    """The message id is the same in both logs, and the verdict follows from the score."""
    entries = list(letter(Dice(1, "mail"), 36_000_000, LETTER))
    by_log = defaultdict(list)
    for log, (_, line) in entries:
        by_log[log].append(line)

    (message_id,) = re.findall(r"message-id=(<[^>]+>)", "\n".join(by_log["postfix"]))
    verdict = "\n".join(by_log["spamassassin"])
    assert verdict.count(message_id) == 2
    assert "identified spam (6.5/5.0)" in verdict
    assert "result: Y 6 - SPF_PASS scantime=" in verdict


def test_an_infected_mail_is_refused_and_delivered_to_nobody():
    """The milter names queue id and malware; Postfix refuses and nothing is queued."""
    infected = Letter(
        sender="x@evil.example",
        recipients=("a.keller@porttarrow.example",),
        client="evil.example",
        address="203.0.113.45",
        size=9,
        subject="Invoice",
        virus="Win.Trojan.Example-1",
    )
    entries = list(letter(Dice(1, "mail"), 36_000_000, infected))
    text = "\n".join(line for _, (_, line) in entries)

    assert [log for log, _ in entries].count("clamav") == 1
    assert "infected by Win.Trojan.Example-1" in text
    assert "milter-reject: END-OF-MESSAGE" in text
    assert "status=sent" not in text
    assert "removed" not in text


def test_every_queued_mail_of_the_day_is_delivered_and_removed():
    """No mail is lost: each queue id that a client opened ends with `removed`, once."""
    opened, removed, delivered = [], [], set()
    for log, (_, line) in mail_day(Dice(1, "mail")):
        if log != "postfix":
            continue
        if found := re.search(r": ([0-9A-F]{10}): client=", line):
            opened.append(found[1])
        if found := re.search(r": ([0-9A-F]{10}): removed", line):
            removed.append(found[1])
        if found := re.search(r": ([0-9A-F]{10}): to=<.*status=sent", line):
            delivered.add(found[1])

    assert len(opened) == 1_250 + 520 + 620
    assert sorted(opened) == sorted(removed)
    assert set(opened) == delivered
