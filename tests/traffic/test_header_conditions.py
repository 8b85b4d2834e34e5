"""A condition on a header holds whichever of its values is so: one more beside it avoids no policy."""

from collections.abc import Iterator

import pytest

from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api

pytestmark = pytest.mark.envoy
CONDITIONS = {
    "plain": "true",
    "anchored": "^true$",
    "either": "true|1",
    "flags": "(?i)true",
    "list": "a, *b",
    "dollar": r"5\$",
    "any": ".*",
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = [
        api(
            {"policyRef": {"name": "access-block"}, "config": {}, "rules": [{"headers": {"X-Debug": text}}]},
            name=name,
        )
        for name, text in CONDITIONS.items()
    ]
    with running_gateway("---\n".join(made), tmp_path_factory.mktemp("headers")) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "values", "status"),
    [
        ("plain", ["true"], 403),
        ("plain", ["no", "true"], 403),
        ("plain", ["true", "no", "no"], 403),
        ("plain", ["no, true"], 403),
        ("plain", ["no,true ,no"], 403),
        ("plain", ["untrue"], 200),
        ("plain", ["true no"], 200),
        ("plain", ["no", "no"], 200),
        ("plain", [], 200),
        ("anchored", ["no", "true"], 403),
        ("anchored", ["untrue"], 200),
        ("either", ["x", "1", "y"], 403),
        ("either", ["11"], 200),
        ("flags", ["no", "TRUE"], 403),
        ("list", ["a, b"], 403),
        ("list", ["c", "a", "b"], 403),
        ("list", ["a"], 200),
        ("dollar", ["1", "5$"], 403),
        ("dollar", ["5"], 200),
        ("any", [""], 403),
        ("any", [], 200),
    ],
)
def test_any_value_will_do(gateway: Gateway, name: str, values: list[str], status: int) -> None:
    headers = [("x-debug", value) for value in values]

    assert gateway.get(f"/{name}/x", headers=headers).status_code == status
