"""Addresses. Of base paths a gateway takes what the console saves, since both ask `base_path_fault`."""

from collections.abc import Callable

import pytest

from gateways.protocol.addresses import (
    BadAddress,
    base_path,
    base_path_fault,
    console_address,
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("localhost:8000", "has no scheme"),
        ("ftp://localhost", "is not one of http, https"),
        ("http://", "names no host"),
        ("http://::1:8000", "port"),
        ("http://localhost:99999", "port"),
        ("http://local host", "holds more than"),
        ("http://localhost:8000?x=1", "holds more than"),
        ("http://localhost:8000#f", "holds more than"),
    ],
)
def test_what_is_no_address_of_a_console_is_told_why(given: str, said: str) -> None:
    with pytest.raises(BadAddress, match=said):
        console_address(given)

    assert console_address(" http://[::1]:8000/below/ ") == "http://[::1]:8000/below"


@pytest.mark.parametrize("read", [listener_address, upstream_address, console_address])
def test_a_refusal_quotes_no_password(read: Callable[[str], object]) -> None:
    with pytest.raises(BadAddress, match="no username and password") as told:
        read("http://ann:s3cret@localhost:80/x")

    assert "s3cret" not in str(told.value)
