import pytest

from gateways.agent.translate import ir
from gateways.agent.translate.conflicts import Taken


def api(base_path: str, port: int = 8081, host: str = "0.0.0.0", name: str = "") -> ir.Api:
    return ir.Api("default", name or base_path or "root", ir.Listener(port, host), base_path, (), ())


@pytest.mark.parametrize(
    ("there", "asked"),
    [("/a", "/a"), ("/a", "/a/b"), ("/a/b", "/a"), ("", "/a"), ("/a/b/c", ""), ("/a/b/c", "/a/b")],
)
def test_base_paths_that_hold_each_other_clash(there: str, asked: str) -> None:
    reason = Taken([api(there, name="first")]).conflict(api(asked))

    assert reason
    assert "overlaps" in reason
    assert "first" in reason


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        (api("/a"), api("/b")),
        (api("/a"), api("/ab")),
        (api("/a/b"), api("/a/c")),
        (api("/a"), api("/a", port=8082)),
    ],
)
def test_others_stand_beside_each_other(there: ir.Api, asked: ir.Api) -> None:
    assert Taken([there]).conflict(asked) is None


def test_port_has_one_address() -> None:
    reason = Taken([api("/a")]).conflict(api("/b", host="127.0.0.1"))

    assert reason == "port 8081 is taken by API /a on 0.0.0.0; use the same address"
