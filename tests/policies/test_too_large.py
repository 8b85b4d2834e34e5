"""A body that says that it is too large is refused by the policy that would read it, which tells why."""

import gzip
from collections.abc import Iterator

import pytest

from tests.policies.test_compressed import MOST, POLICIES
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy

pytestmark = pytest.mark.envoy
READERS = {name: (config, kind) for name, (config, kind, *_) in POLICIES.items()}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = [api(policy(name, config), name=name) for name, (config, _) in READERS.items()]
    made += [
        api({**policy(name, config), "mode": "observe"}, name=f"observed-{name}")
        for name, (config, _) in READERS.items()
    ]
    with running_gateway("---\n".join(made), tmp_path_factory.mktemp("large")) as running:
        yield running


@pytest.mark.parametrize("name", READERS)
def test_it_is_refused_with_a_reason(gateway: Gateway, name: str) -> None:
    before = len(gateway.reasons(0))

    answer = gateway.post(f"/{name}/x", content=b" " * (MOST + 1), headers={"content-type": READERS[name][1]})

    assert answer.status_code == 413
    assert "Payload Too Large" in answer.text
    assert gateway.reasons(before + 1)[before:] == [["size: the body has 1048577 bytes, above 1048576 bytes"]]


@pytest.mark.parametrize("name", READERS)
def test_it_passes_where_the_policy_only_observes(gateway: Gateway, name: str) -> None:
    before = len(gateway.reasons(0))

    answer = gateway.post(
        f"/observed-{name}/x", content=b" " * (MOST + 1), headers={"content-type": READERS[name][1]}
    )

    assert answer.status_code == 200
    assert len(answer.json()["body"]) == MOST + 1
    assert gateway.reasons(before + 1)[before:] == [["size: the body has 1048577 bytes, above 1048576 bytes"]]


HOLDS = "injection-protection"
"""Its texts are judged by a filter behind its script, for which the whole body has to be there."""


@pytest.mark.parametrize("name", [name for name in READERS if name != HOLDS])
@pytest.mark.parametrize("body", [b" " * (MOST + 1), b" " * 20 * MOST])
def test_it_passes_an_observing_policy_that_cannot_know_it_beforehand(
    gateway: Gateway, name: str, body: bytes
) -> None:
    before = len(gateway.reasons(0))
    headers = {"content-type": READERS[name][1]}

    answer = gateway.post(f"/observed-{name}/x", content=in_parts(body), headers=headers)

    assert answer.status_code == 200
    assert len(answer.json()["body"]) == len(body)
    assert gateway.reasons(before + 1)[before:] == [
        [f"size: the body has {len(body)} bytes, above 1048576 bytes"]
    ]


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("name", READERS)
def test_what_comes_in_parts_is_observed(gateway: Gateway, name: str, coding: str) -> None:
    _, kind, good, bad = POLICIES[name]
    before = len(gateway.reasons(0))
    headers = {"content-type": kind, "content-encoding": coding}

    for text in (good, bad):
        sent = gzip.compress(text.encode()) if coding == "gzip" else text.encode()
        assert gateway.post(f"/observed-{name}/x", content=in_parts(sent), headers=headers).status_code == 200

    assert [len(told) for told in gateway.reasons(before + 2)[before:]] == [0, 1]


def in_parts(body: bytes) -> Iterator[bytes]:
    size = max(1, min(len(body) // 3, 65_536))
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_the_largest_that_the_gateway_holds_is_judged(gateway: Gateway) -> None:
    headers = {"content-type": "application/json"}

    answer = gateway.post(
        "/json-threat-protection/x", content=b"[" + b" " * (MOST - 2) + b"]", headers=headers
    )

    assert answer.status_code == 200
    assert len(answer.json()["body"]) == MOST
