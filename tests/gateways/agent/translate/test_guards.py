"""What is meant to guard an API and cannot be applied refuses the API; nothing is dropped in silence."""

from typing import Any

import pytest

from gateways.agent.translate.apis import Translation, translate
from gateways.protocol.resources import RESOURCE
from tests.certificates import self_signed

PAIR = self_signed()
OTHER = self_signed()
MUTUAL = {"certificate": PAIR, "requireClientCertificate": True, "trustedCA": PAIR["crt"]}
BASIC = {"username": "ada", "password": "secret"}
LABELS = {"edge": "yes"}
KEY = ("default", "a")


def document(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    version = "gateway.mulesoft.com/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def api(scheme: str = "http", *policies: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"address": f"{scheme}://0.0.0.0:8081/a", "policies": list(policies)}
    return document("ApiInstance", "a", {**spec, "services": {"s": {"address": "http://b"}}}, labels=LABELS)


def inline(name: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"policyRef": {"name": name}, "config": config, **more}


def bound(
    name: str, target: dict[str, Any], policy: str, config: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return document("PolicyBinding", name, {"targetRef": target, **inline(policy, config), **more})


def translated(*documents: dict[str, Any]) -> Translation:
    """As a push brings them: files with two resources of one name are refused before."""
    return translate([RESOURCE.validate_python(one) for one in documents])


SELECTOR = {"kind": "Selector", "selector": {"labels": LABELS}}
EVERY = {"kind": "Selector", "selector": {}}
NAMED = {"name": "a"}


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        ([api("http"), bound("t", SELECTOR, "tls", MUTUAL)], "is http, but a tls policy holds for it"),
        ([api("http"), bound("t", EVERY, "tls", MUTUAL)], "is http, but a tls policy holds for it"),
        ([api("http"), bound("t", NAMED, "tls", MUTUAL)], "is http, but a tls policy holds for it"),
        ([api("http", inline("tls", MUTUAL))], "is http, but a tls policy holds for it"),
        ([api("https", inline("tls", {}))], "certificate is missing"),
        (
            [api("https", inline("tls", MUTUAL, rules=[{"path": "/x"}]))],
            "policies[0].rules: tls always holds",
        ),
        ([api("https"), bound("t", NAMED, "tls", MUTUAL, rules=[{}])], "spec.rules: tls always holds"),
        (
            [api("https", inline("tls", MUTUAL)), bound("t", SELECTOR, "tls", {"certificate": PAIR})],
            "another tls policy of API a says otherwise",
        ),
        (
            [api("https"), bound("t", NAMED, "tls", {"certificate": PAIR}), bound("u", NAMED, "tls", MUTUAL)],
            "another tls policy of API a says otherwise",
        ),
        ([api("http", inline("tls-outbound", {"skipValidation": True}))], "is for a Service"),
        ([api("http"), bound("t", EVERY, "tls-outbound", {"skipValidation": True})], "is for a Service"),
        (
            [api("http"), bound("b", {"selector": {"labels": LABELS}}, "http-basic-authentication", BASIC)],
            "write kind: Selector",
        ),
        (
            [api("http"), bound("b", {**NAMED, "selector": {"labels": {"no": "no"}}}, "cors", {})],
            "write kind: Selector",
        ),
        ([api("http"), bound("b", {**SELECTOR, "name": "x"}, "cors", {})], "has no place beside a selector"),
        (
            [
                api("http"),
                bound("b", {"name": "other"}, "cors", {}),
                bound("b", NAMED, "http-basic-authentication", BASIC),
            ],
            'there already is a PolicyBinding "b"',
        ),
        (
            [
                api("http"),
                bound("b", {"name": "other"}, "cors", {}),
                bound("b", EVERY, "http-basic-authentication", BASIC),
            ],
            'there already is a PolicyBinding "b"',
        ),
        ([api("http"), bound("b", EVERY, "cors", {}, rules=[{"path": "/x"}])], "cors always holds"),
        (
            [api("http"), bound("b", SELECTOR, "no-such-policy-flex", {})],
            "is not a policy of the catalog",
        ),
        ([api("http"), bound("b", SELECTOR, "ip-allowlist", {"ips": []})], "list at least one address"),
    ],
)
def test_a_guard_that_cannot_be_applied_refuses_the_api(documents: list[dict[str, Any]], reason: str) -> None:
    translation = translated(*documents)

    assert [one.name for one in translation.gateway.apis] == []
    assert reason in translation.refused[KEY]
    assert any(reason in one.message or reason in str(one) for one in translation.faults)


@pytest.mark.parametrize(
    "documents",
    [
        [api("https", inline("tls", MUTUAL))],
        [api("https", inline("tls-inbound", MUTUAL)), bound("t", SELECTOR, "tls", MUTUAL)],
        [api("https"), bound("t", SELECTOR, "tls", MUTUAL)],
    ],
)
def test_a_tls_policy_is_applied_wherever_it_stands(documents: list[dict[str, Any]]) -> None:
    translation = translated(*documents)

    assert translation.refused == {}
    (served,) = translation.gateway.apis
    assert served.listener.tls is not None and served.listener.tls.requires_client_certificate
    assert served.policies == ()


def test_an_inline_tls_policy_covers_the_port() -> None:
    neighbour = document(
        "ApiInstance",
        "b",
        {"address": "https://0.0.0.0:8081/b", "services": {"s": {"address": "http://b"}}},
    )

    translation = translated(neighbour, api("https", inline("tls", MUTUAL)))

    assert translation.refused == {}
    assert {one.listener.tls for one in translation.gateway.apis} == {
        translation.gateway.apis[0].listener.tls
    }


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ([{"skipValidation": True}, {"trustedCA": OTHER["crt"]}], "another tls-outbound of Service s"),
        (
            [{"skipValidation": True, "rules": [{"path": "/x"}]}],
            "tls-outbound always holds for the whole Service",
        ),
    ],
)
def test_trust_that_cannot_be_applied_refuses_what_goes_there(
    more: list[dict[str, Any]], reason: str
) -> None:
    plain = document("ApiInstance", "a", {"address": "http://0.0.0.0:8081/a"})
    service = document("Service", "s", {"address": "https://b:443"})
    route = bound("r", NAMED, "route", {"destinationRef": {"name": "s"}})
    trust = [
        bound(f"t{at}", {"kind": "Service", "name": "s"}, "tls-outbound", one, rules=one.pop("rules", []))
        for at, one in enumerate(more)
    ]

    assert reason in translated(plain, service, route, *trust).refused[KEY]


EXTENSION = document("Extension", "ip-allowlist", {"extends": [{"name": "proxy-wasm-filter"}]})
IPS = {"ips": ["10.0.0.0/8"]}


@pytest.mark.parametrize(
    "documents",
    [
        [api("http", inline("ip-allowlist", IPS))],
        [api("http"), bound("b", NAMED, "ip-allowlist", IPS)],
        [api("http"), bound("b", SELECTOR, "ip-allowlist", IPS)],
        [document("Extension", "mine", {}), api("http", inline("mine", {}))],
    ],
)
def test_a_policy_that_the_files_bring_themselves_refuses_the_api(documents: list[dict[str, Any]]) -> None:
    translation = translated(EXTENSION, *documents)

    assert translation.gateway.apis == ()
    assert "extensions of your own are not run" in translation.refused[KEY]


def test_an_extension_of_another_namespace_or_name_is_ignored_with_a_warning() -> None:
    elsewhere = {**EXTENSION, "metadata": {"name": "ip-allowlist", "namespace": "other"}}
    unused = document("Extension", "unused", {})

    translation = translated(elsewhere, unused, api("http", inline("ip-allowlist", IPS)))

    assert translation.refused == {}
    assert [one.message for one in translation.faults if "Extension is not supported yet" in one.message]
    assert all(one.is_warning for one in translation.faults)


@pytest.mark.parametrize("certificate", [{"secretName": "s"}, {"secretRef": {"name": "s"}}, "s"])
def test_an_api_that_needs_a_secret_is_refused(certificate: Any) -> None:
    secret = document("Secret", "s", {"tls": {"crt": "YQ==", "key": "YQ=="}})

    translation = translated(secret, api("https", inline("tls", {"certificate": certificate})))

    assert translation.gateway.apis == ()
    assert "certificate" in translation.refused[KEY]
    assert [one.message for one in translation.faults if one.is_warning] == [
        "no configuration mentions it: write ${secret:default/s} where a password or key is asked for"
    ]
