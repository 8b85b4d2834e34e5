"""Addresses. Of base paths a gateway takes what the console saves, since both ask `base_path_fault`."""

from collections.abc import Callable

import pytest

from gateways.protocol.addresses import (
    BadAddress,
    base_path,
    base_path_fault,
    listener_address,
    upstream_address,
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("", ""), ("/", ""), ("/a/", "/a"), ("/a.b/c-d~%20", "/a.b/c-d~%20")]
    + [(path, path) for path in ("/caf%C3%A9", "/a;b", "/a%2Fb", "/a%25b", "/a%3Bb", "/a..b", "/a@b")],
)
def test_a_base_path_has_no_slash_at_its_end(given: str, kept: str) -> None:
    assert base_path(given) == kept
    assert base_path_fault(kept or "/") is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("orders", 'must start with "/"; write "/orders"'),
        ("/a//b", "has a segment that is empty"),
        ("/a/../b", 'starts with "."'),
        ("/a b", 'holds " ", which a base path may not'),
        ("/a?b", 'holds "?"'),
        ("/ä", 'holds "ä"'),
        ("/a%41", 'holds "%41", which no request reaches; write "A"'),
        ("/a%2e", 'write "."'),
        *((path, "refuses from everybody") for path in ("/a%", "/a%zz", "/;x", "/a%00b", "/a%c0%ae")),
    ],
)
def test_what_is_no_base_path_is_told_why(given: str, said: str) -> None:
    with pytest.raises(BadAddress, match="base path") as told:
        base_path(given)

    assert said in str(told.value)
    assert said in (base_path_fault(given) or "")


@pytest.mark.parametrize("read", [listener_address, upstream_address])
def test_a_port_that_begins_with_0_is_refused_with_the_port_it_would_be(
    read: Callable[[str], object],
) -> None:
    with pytest.raises(BadAddress, match=r"port 010 begins with 0; write 10$"):
        read("http://127.0.0.1:010/x")

    assert read("http://127.0.0.1:10/x")
