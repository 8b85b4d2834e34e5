"""Base paths: what a gateway takes is what the console saves, since both ask `base_path_fault`."""

import pytest

from gateways.protocol.addresses import BadAddress, base_path, base_path_fault


@pytest.mark.parametrize(
    ("given", "kept"), [("", ""), ("/", ""), ("/a/", "/a"), ("/a.b/c-d~%20", "/a.b/c-d~%20")]
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
    ],
)
def test_what_is_no_base_path_is_told_why(given: str, said: str) -> None:
    with pytest.raises(BadAddress, match="base path") as told:
        base_path(given)

    assert said in str(told.value)
    assert said in (base_path_fault(given) or "")
