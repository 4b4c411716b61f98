"""URLs are taken apart, never decoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.parsers.urls import set_url


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("/", {"url.path": "/"}),
        ("/a/b.PHP?x=%27&y=/c.gif#top",
         {"url.path": "/a/b.PHP", "url.extension": "PHP", "url.query": "x=%27&y=/c.gif",
          "url.fragment": "top"}),
        ("/?u=http://evil.example/", {"url.path": "/", "url.query": "u=http://evil.example/"}),
        ("//evil.example/x", {"url.path": "//evil.example/x"}),
        ("https://ada@www.example:8443/x?y",
         {"url.full": "https://ada@www.example:8443/x?y", "url.scheme": "https",
          "url.domain": "www.example", "url.port": 8443, "url.path": "/x", "url.query": "y"}),
        ("http://[2001:db8::5]/", {"url.full": "http://[2001:db8::5]/", "url.scheme": "http",
                                   "url.domain": "2001:db8::5", "url.path": "/"}),
        ("http://www.example", {"url.full": "http://www.example", "url.scheme": "http",
                                "url.domain": "www.example"}),
        ("www.example:443", {}),
        ("*", {}),
        ("http://[bad/", {}),
        ("http://x:99999/", {}),
        ("/a.b/c", {"url.path": "/a.b/c"}),
        ("/a.averylongextension", {"url.path": "/a.averylongextension"}),
        ("", {}),
    ],
)  # fmt: skip
def test_parts_are_those_of_the_text(url, fields):
    """Absolute URLs, paths, and what is neither."""
    event = {}

    set_url(event, url)

    assert event == {"url.original": url, **fields}


def test_a_domain_that_is_known_stays():
    """An absolute URL does not replace the host that the server answered for."""
    event = {"url.domain": "www.hall.example"}

    set_url(event, "http://evil.example/")

    assert event["url.domain"] == "www.hall.example"


@given(st.text())
def test_any_text_is_kept(url):
    """Whatever the client sent is there to search."""
    event = {}

    set_url(event, url)

    assert event["url.original"] == url
