"""A quiet day's mail: citizens and suppliers write, spam is tagged or turned away, staff answer."""

from collections.abc import Iterator

from tocsin.pipelines.demo import mail
from tocsin.pipelines.demo.city import DOMAIN, STAFF
from tocsin.pipelines.demo.clock import DAY_MS, HOUR_MS, MINUTE_MS
from tocsin.pipelines.demo.dice import ALWAYS, OFFICE, PUBLIC, Dice
from tocsin.pipelines.demo.lines import Entry
from tocsin.pipelines.demo.mail import Letter, letter, refusal

_HAM_TESTS = (
    "DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU,HTML_MESSAGE,SPF_HELO_NONE,SPF_PASS",
    "DKIM_SIGNED,DKIM_VALID,SPF_PASS,T_SCC_BODY_TEXT_LINE",
    "HTML_MESSAGE,RCVD_IN_DNSWL_LOW,SPF_HELO_PASS,SPF_PASS",
)
_SPAM_TESTS = (
    "BAYES_99,FREEMAIL_FROM,HTML_IMAGE_ONLY_16,MISSING_MID,RDNS_NONE,URIBL_BLACK",
    "BAYES_99,BAYES_999,FROM_SUSPICIOUS_NTLD,HTML_MESSAGE,SPF_FAIL,URIBL_DBL_SPAM",
    "DEAR_SOMETHING,LOTS_OF_MONEY,MONEY_FORM_SHORT,RCVD_IN_PSBL,RDNS_NONE",
)
_CORRESPONDENTS = (
    "supplies", "printers", "courier", "tenders", "register", "university", "builders", "bank",
    "gazette", "theatre", "housing", "harbour", "transport", "clinic", "sports",
)  # fmt: skip
_SPAMMERS = ("deals", "winner", "pharma", "invest", "crypto", "loans", "dating", "seo", "replica")
_DAY_END = DAY_MS - MINUTE_MS


def mail_day(dice: Dice) -> Iterator[Entry]:
    """The benign day of Postfix and SpamAssassin, in no order."""
    for _ in range(1_250):
        yield from letter(dice, min(dice.moment(PUBLIC), _DAY_END), _citizen(dice))
    for _ in range(520):
        yield from letter(dice, min(dice.moment(ALWAYS), _DAY_END), _spam(dice))
    for _ in range(620):
        yield from letter(dice, min(dice.moment(OFFICE), _DAY_END), _answer(dice))
    for number in range(1_700):
        ms = min(dice.moment(ALWAYS), _DAY_END)
        address = _stranger(dice)
        sender = f"{dice.pick(_SPAMMERS)}{number}@{dice.pick(_SPAMMERS)}.example"
        yield from refusal(dice, ms, address, sender, dice.pick(STAFF).mail)
    yield from _noise(dice)


def _noise(dice: Dice) -> Iterator[Entry]:
    """What a mail server writes besides mail: guesses, scans, its own figures, slow receivers."""
    for _ in range(160):
        ms = min(dice.moment(ALWAYS), _DAY_END)
        yield from mail.failed_login(dice, ms, _stranger(dice))
    for _ in range(240):
        ms = min(dice.moment(ALWAYS), _DAY_END)
        yield from mail.lost_connection(dice, ms, _stranger(dice))
    for ms in dice.rhythm(10 * MINUTE_MS, _DAY_END, 10 * MINUTE_MS, MINUTE_MS):
        yield from mail.statistics(dice, ms, _stranger(dice))
    for number in range(9):
        queue_id, recipient = dice.hexadecimal(10), f"office@slow-{number}.example"
        for ms in dice.rhythm(number * HOUR_MS, _DAY_END, 66 * MINUTE_MS, MINUTE_MS):
            yield mail.deferral(dice, ms, queue_id, recipient)


def _stranger(dice: Dice) -> str:
    return f"198.19.{dice.below(256)}.{dice.between(1, 254)}"


def _recipients(dice: Dice) -> tuple[str, ...]:
    return tuple(dice.pick(STAFF).mail for _ in range(1 if dice.chance(0.85) else 2))


def _citizen(dice: Dice) -> Letter:
    number = dice.below(len(_CORRESPONDENTS))
    domain = f"{_CORRESPONDENTS[number]}.example"
    return Letter(
        sender=f"{dice.pick(('office', 'info', 'billing', 'm.jones', 'k.ilic'))}@{domain}",
        recipients=_recipients(dice),
        client=f"mail.{domain}",
        address=f"198.18.{100 + number}.25",
        size=dice.amount(2_500, 6_000_000),
        score=dice.between(-20, 28) / 10,
        tests=dice.pick(_HAM_TESTS),
    )


def _spam(dice: Dice) -> Letter:
    domain = f"{dice.pick(_SPAMMERS)}-{dice.between(1, 400)}.example"
    return Letter(
        sender=f"noreply@{domain}",
        recipients=_recipients(dice),
        client=domain,
        address=_stranger(dice),
        size=dice.amount(1_800, 90_000),
        score=dice.between(52, 240) / 10,
        tests=dice.pick(_SPAM_TESTS),
    )


def _answer(dice: Dice) -> Letter:
    person = dice.pick(STAFF)
    outside = f"office@{dice.pick(_CORRESPONDENTS)}.example"
    return Letter(
        sender=person.mail,
        recipients=(outside if dice.chance(0.6) else dice.pick(STAFF).mail,),
        client=f"{person.host.lower()}.{DOMAIN}",
        address=person.address,
        size=dice.amount(1_500, 4_000_000),
        sasl_user=person.user,
    )
