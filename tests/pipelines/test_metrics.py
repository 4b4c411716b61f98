"""Counters and the identity that they keep, DELIVERY §5.4."""

from threading import Thread

from tocsin.pipelines.metrics import (
    DEAD_LETTERS,
    EVENTS,
    FILTERED,
    LATE,
    RECORDS,
    Account,
    Counters,
    accounts,
    total,
)


def test_an_account_is_balanced_where_every_record_has_its_answer():
    """Five in, and three events, a dead letter and a blank line out."""
    assert Account(records=5, events=3, dead_letters=1, filtered=1).balanced
    assert not Account(records=5, events=3, dead_letters=1, filtered=0).balanced


def test_accounts_are_by_source_and_partition_in_order():
    """Counters that are no part of an account do not make one."""
    counters = Counters()
    counters.add("mail", 1, {RECORDS: 2, EVENTS: 2})
    counters.add("firewall", 0, {RECORDS: 3, EVENTS: 1, DEAD_LETTERS: 1, FILTERED: 1})
    counters.add("mail", 1, {RECORDS: 1, EVENTS: 0, DEAD_LETTERS: 1})
    counters.add("city", 0, {LATE: 4})

    assert list(accounts(counters.snapshot())) == [
        ("firewall", 0, Account(3, 1, 1, 1)),
        ("mail", 1, Account(3, 2, 1, 0)),
    ]
    assert total(counters.snapshot(), RECORDS) == 6
    assert total(counters.snapshot(), LATE) == 4


def test_no_reader_sees_half_an_addition():
    """All amounts of a batch are added in one step, whichever threads count."""
    counters = Counters()

    def count() -> None:
        for _ in range(3000):
            counters.add("mail", 0, {RECORDS: 2, EVENTS: 1, FILTERED: 1})

    threads = [Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    seen = [account for _ in range(300) for *_, account in accounts(counters.snapshot())]
    for thread in threads:
        thread.join()

    assert all(account.balanced for account in seen)
    assert list(accounts(counters.snapshot())) == [("mail", 0, Account(18000, 9000, 0, 9000))]
