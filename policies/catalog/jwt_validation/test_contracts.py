"""JWT Validation that asks for the contract of the token's client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.policies.tokens import TEXT, ask, document, token
from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy
TOLD = {
    "policyRef": {"name": "header-injection"},
    "config": {
        "inboundHeaders": [{"key": "x-told", "value": "#[authentication.clientName default 'nobody']"}]
    },
}
CONTRACT = """---
apiVersion: gatewright.dev/v1alpha1
kind: Contract
metadata: {name: jwt-NAME}
spec: {apiId: jwt, client: {id: NAME, secret: never asked for, name: App of NAME}}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("jwt_contracts")) as running:
        yield running


def applied(gateway: Gateway, *clients: str, **more: Any) -> None:
    config = TEXT | {"skipClientIdValidation": False} | more
    ack = gateway.apply(document(config, TOLD) + "".join(CONTRACT.replace("NAME", one) for one in clients))
    assert not [one.reason for one in ack.resources if one.reason]


def status(gateway: Gateway, **claims: Any) -> int:
    return ask(gateway, token(**claims)).status_code


def test_the_client_of_the_token_needs_a_contract(gateway: Gateway) -> None:
    applied(gateway, "shop")
    answer = ask(gateway, token(client_id="shop"))
    assert answer.status_code == 200
    assert "App of shop" in answer.json()["headers"]["x-told"]

    refused = ask(gateway, token(client_id="other"))
    assert (refused.status_code, refused.json()) == (
        401,
        {"error": "The token's client may not call this."},
    )
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    for claims in (
        {},
        {"client_id": ""},
        {"client_id": ["shop"]},
        {"client_id": {"id": "shop"}},
        {"azp": "shop"},
    ):
        assert status(gateway, **claims) == 401

    applied(gateway, "other")
    assert [status(gateway, client_id=one) for one in ("shop", "other")] == [401, 200]


def test_a_wrong_token_of_a_known_client_stays_wrong(gateway: Gateway) -> None:
    applied(gateway, "shop")

    assert status(gateway, client_id="shop", exp=1) == 401
    assert ask(gateway, token(client_id="shop")[:-4] + "AAAA").status_code == 401
    assert ask(gateway, None).status_code == 400


def test_another_claim_may_name_the_client(gateway: Gateway) -> None:
    applied(gateway, "shop", clientIdExpression="#[vars.claimSet.azp]")

    assert [status(gateway, azp="shop"), status(gateway, client_id="shop")] == [200, 401]


def test_the_log_has_the_application_and_the_reason(tmp_path: Path) -> None:
    with running_gateway("", tmp_path) as gateway:
        applied(gateway, "shop")
        ask(gateway, token(client_id="shop"))
        ask(gateway, token(client_id="another-client"))
        ask(gateway, token())
        assert gateway.reasons(3) == [
            [],
            ["client: anot... has no contract with this API"],
            ["client: the token names none"],
        ]
        assert [one.application for one in gateway.log(3) if one] == ["App of shop", "", ""]
