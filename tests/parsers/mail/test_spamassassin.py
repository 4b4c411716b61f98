"""SpamAssassin: what golden lines cannot show."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.context import Context
from tocsin.parsers.mail.spamassassin import parse

CONTEXT = Context(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))

pieces = st.sampled_from(
    ["a", ",", "=", ">", "<", ",user=root", ",autolearn=ham", "mid=<", ",bayes=0", ">,rmid=<", " "]
)


@given(st.lists(pieces, max_size=8).map("".join))
def test_a_message_id_cannot_forge_the_verdict(message_id: str):
    """Score, user and learning are spamd's, whatever the sender's message id holds."""
    event = parse(
        "Nov 24 11:52:50 mx1 spamd[1]: spamd: result: Y 21 - BAYES_99 scantime=3.1,size=10,user=jm,"
        f"uid=1,required_score=5.0,rhost=::1,raddr=::1,rport=5,mid=<{message_id}>,autolearn=spam",
        CONTEXT,
    )

    assert event["spamassassin.verdict"] == "spam"
    assert event["user.name"] == "jm"
    assert event["spamassassin.autolearn"] == "spam"
    assert "spamassassin.bayes" not in event
