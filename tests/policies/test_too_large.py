"""A body that says that it is too large is refused by the policy that would read it, which tells why."""

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


def test_the_largest_that_the_gateway_holds_is_judged(gateway: Gateway) -> None:
    headers = {"content-type": "application/json"}

    answer = gateway.post(
        "/json-threat-protection/x", content=b"[" + b" " * (MOST - 2) + b"]", headers=headers
    )

    assert answer.status_code == 200
    assert len(answer.json()["body"]) == MOST
