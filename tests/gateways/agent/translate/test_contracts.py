"""Contract resources: which of them grant something, and what is said of those that do not."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import Translation, translate
from gateways.protocol.resources import APPLICATION_LABEL, RESOURCE
from policies.contracts import contract as bounds
from policies.contracts.contract import Contract, HashedSecret, Limit, plain

CLIENT_ID = {"policyRef": {"name": "client-id-enforcement"}}


def api(name: str = "orders", *policies: dict[str, Any]) -> dict[str, Any]:
    spec = {"address": f"http://0.0.0.0:8081/{name}", "services": {"s": {"address": "http://10.0.0.1:80"}}}
    return document("ApiInstance", name, {**spec, "policies": list(policies)})


def contract(name: str, client: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document("Contract", name, {"apiId": "orders", "client": client, **more})


def document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.mulesoft.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def translated(*documents: dict[str, Any]) -> Translation:
    return translate([RESOURCE.validate_python(one) for one in documents])


def told(translation: Translation) -> list[str]:
    return [f"{'warning: ' if one.is_warning else ''}{one}" for one in translation.faults]


def test_a_contract_is_what_its_resource_says() -> None:
    limit = {"maximumRequests": 5, "timePeriodInMilliseconds": 1000}
    translation = translated(
        api("orders", CLIENT_ID),
        contract("a", {"id": "a", "secret": "s", "name": "Shop"}),
        contract("b", {"id": "b", "secret": "t"}, sla={"tier": "gold", "limits": [limit]}),
    )

    assert translation.contracts == (
        Contract("default/a", "default/orders", "a", plain("s"), "Shop"),
        Contract("default/b", "default/orders", "b", plain("t"), "b", (Limit(5, 1000),)),
    )
    assert told(translation) == [
        "warning: Contract b: spec.sla: no policy of orders asks for it: it limits nothing"
    ]
    assert "'s'" not in repr(translation.contracts)


def test_requests_are_counted_by_the_label_where_there_is_one() -> None:
    named = contract("a", {"id": "a", "name": "Shop"})
    named["metadata"]["annotations"] = {APPLICATION_LABEL: "application-7"}

    [found] = translated(api("orders", CLIENT_ID), named).contracts

    assert (found.application, found.label) == ("Shop", "application-7")
    for wrong in ("", "a b", "a\tb", "a" * 256):
        named["metadata"]["annotations"] = {APPLICATION_LABEL: wrong}
        with pytest.raises(ValidationError, match=r"application-label|is not a name"):
            RESOURCE.validate_python(named)


def test_a_secret_may_be_told_by_digests_that_end() -> None:
    digests = [plain(text)[0].digest for text in ("new", "old")]
    client = {
        "id": "a",
        "secretDigests": [
            {"sha256": digests[0].hex()},
            {"sha256": digests[1].hex(), "expiresAt": "2030-01-01T00:00:00Z"},
        ],
    }
    translation = translated(
        api("orders", CLIENT_ID), contract("a", client, expiresAt="2031-01-01T02:00:00+02:00")
    )

    [found] = translation.contracts
    assert found.secrets == (HashedSecret(digests[0]), HashedSecret(digests[1], 1893456000.0))
    assert found.until == 1924992000.0 and told(translation) == []
    assert digests[0].hex() not in repr(found)


@pytest.mark.parametrize(
    "client",
    [
        {"id": "a", "secret": "s", "secretDigests": [{"sha256": "0" * 64}]},
        {"id": "a", "secretDigests": [{"sha256": "0" * 63}]},
        {"id": "a", "secretDigests": [{"sha256": "G" * 64}]},
        {"id": "a", "secretDigests": [{"sha256": "0" * 64, "expiresAt": "2030-01-01T00:00:00"}]},
        {"id": "a", "secretDigests": [{"sha256": digit * 64} for digit in "012"]},
    ],
)
def test_digests_that_are_none_are_refused(client: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        translated(contract("a", client))


def test_of_two_of_one_client_the_later_grants_nothing() -> None:
    translation = translated(
        api("orders", CLIENT_ID),
        contract("a", {"id": "x", "secret": "one"}),
        contract("b", {"id": "x", "secret": "two"}),
        contract("a", {"id": "y", "secret": "two"}),
    )

    assert [(one.client_id, one.secrets) for one in translation.contracts] == [("x", plain("one"))]
    assert told(translation) == [
        "Contract b: spec.client.id: orders already has a contract with this client; it grants nothing",
        "Contract a: metadata.name: there already is a Contract of this name in its namespace; it grants"
        " nothing",
    ]
    assert translation.refused == {}


def test_more_than_a_gateway_takes_grant_nothing() -> None:
    many = [contract(f"c{n}", {"id": f"c{n}", "secret": "s"}) for n in range(bounds.MOST + 3)]

    translation = translated(api("orders", CLIENT_ID), *many)

    assert len(translation.contracts) == bounds.MOST
    assert told(translation) == [
        "Contract c50000: spec: a gateway takes 50000 contracts; the 3 from here on grant nothing"
    ]


def test_an_api_that_asks_for_contracts_and_has_none_is_told() -> None:
    translation = translated(api("orders", CLIENT_ID))

    assert told(translation) == [
        "warning: ApiInstance orders: spec.policies: client-id-enforcement asks for contracts, and there is"
        " none: it lets nobody pass"
    ]


@pytest.mark.parametrize(
    ("policies", "client", "said"),
    [
        ([], {"id": "a"}, "spec.apiId: no policy of orders asks for contracts: it grants nothing, and keeps"),
        (
            [CLIENT_ID],
            {"id": "a"},
            "spec.client: has no secret, and client-id-enforcement of orders asks for",
        ),
    ],
)
def test_a_contract_that_cannot_act_is_told_once(
    policies: list[dict[str, Any]], client: dict[str, Any], said: str
) -> None:
    others = [contract(f"c{n}", {**client, "id": f"c{n}"}) for n in range(3)]

    translation = translated(api("orders", *policies), *others)

    (found,) = told(translation)
    assert found.startswith(f"warning: Contract c0: {said}")
    assert found.endswith("(the same of 2 more)")


def test_a_contract_of_no_api_is_told_and_kept() -> None:
    translation = translated(contract("a", {"id": "a"}))

    assert [one.client_id for one in translation.contracts] == ["a"]
    assert told(translation)[0].startswith('Contract a: spec.apiId: there is no ApiInstance "orders"')


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"client": {"id": ""}}, "client.id"),
        ({"client": {"id": " a"}}, "client.id"),
        ({"client": {"id": "a\0"}}, "client.id"),
        ({"client": {"id": "a\n"}}, "client.id"),
        ({"client": {"id": "\xe4"}}, "client.id"),
        ({"client": {"id": "a" * 256}}, "client.id"),
        ({"client": {"id": "a", "secret": ""}}, "client.secret"),
        ({"client": {"id": "a", "secret": "s" * 256}}, "client.secret"),
        ({"client": {"id": "a", "name": "\x1f"}}, "client.name"),
        ({"client": {"id": "a", "name": ""}}, "client.name"),
        ({"client": {"id": "a"}, "sla": {"tier": "gold"}}, "sla.limits"),
        ({"client": {"id": "a"}, "sla": {"limits": []}}, "sla.limits"),
        (
            {"client": {"id": "a"}, "sla": {"limits": [{"maximumRequests": 0}]}},
            "sla.limits.0.maximumRequests",
        ),
        ({"client": {"id": "a"}, "status": "REVOKED"}, "status"),
    ],
)
def test_what_no_contract_can_say_is_refused(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RESOURCE.validate_python(document("Contract", "c", {"apiId": "orders", **spec}))

    assert f"Contract.spec.{field}" in {".".join(map(str, one["loc"])) for one in refused.value.errors()}


def test_a_secret_may_be_a_variable_of_the_environment() -> None:
    text = """
apiVersion: gatewright.dev/v1alpha1
kind: Contract
metadata: {name: a, labels: {client: $KEPT}}
spec: {apiId: orders, client: {id: $$shop, secret: $SHOP_SECRET}}
"""
    loaded = load_text(text, {"SHOP_SECRET": "from outside"})

    (resource,) = loaded.resources
    assert loaded.is_sound
    assert resource.kind == "Contract"
    assert (resource.spec.client.id, resource.spec.client.secret) == ("$shop", "from outside")
    assert not load_text(text, {}).is_sound
