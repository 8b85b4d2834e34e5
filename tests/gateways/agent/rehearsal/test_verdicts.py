"""What a rehearsal says of requests, through its real Envoy."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from gateways.agent.rehearsal.rehearsal import NoPort, Rehearsal
from gateways.agent.sources.files import load_text
from gateways.protocol.rehearsal import Played, Request, Verdict
from tests.certificates import self_signed

pytestmark = pytest.mark.envoy

ORDERS = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://0.0.0.0:8081/orders
  services:
    backend:
      address: https://orders.internal.example:8443
      routes: [{rules: [{path: /.*, methods: GET|POST|OPTIONS}], config: {destinationPath: /v2}}]
  policies:
    - policyRef: {name: cors}
      config: {publicResource: true}
    - policyRef: {name: ip-blocklist}
      config: {ips: [203.0.113.0/24]}
      rules: [{methods: GET}]
    - policyRef: {name: http-basic-authentication}
      config: {username: ann, password: pass-of-ann}
    - policyRef: {name: rate-limiting}
      config: {rateLimits: [{maximumRequests: 2, timePeriodInMilliseconds: 3600000}]}
      rules: [{path: /limited}]
    - policyRef: {name: header-injection}
      config: {inboundHeaders: [{key: x-tenant, value: "#[attributes.queryParams.tenant]"}]}
"""
BROKEN = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: broken, labels: {flex.mulesoft.com/apiinstance-name: Stock}}
spec:
  address: http://0.0.0.0:8081/broken
  services: {backend: {address: "http://10.0.0.9"}}
  policies: [{policyRef: {name: ip-allowlist}, config: {ips: [nonsense]}}]
"""
CREDENTIALS = ("Authorization", "Basic YW5uOnBhc3Mtb2YtYW5u")
UPSTREAM = "orders.internal.example:8443"


def rehearsal(text: str) -> Rehearsal:
    loaded = load_text(text)
    assert loaded.is_sound, loaded.diagnostics
    return Rehearsal(loaded.resources)


@pytest.fixture(scope="module")
def orders() -> Iterator[Rehearsal]:
    with rehearsal(f"{ORDERS}---{BROKEN}") as made:
        yield made


def ask(asked: Rehearsal, target: str, *answers: Played, **fields: Any) -> Verdict:
    return asked.ask(Request.model_validate({"target": target, **fields}), answers)


def decisions(verdict: Verdict) -> list[str]:
    return [one.decision for one in verdict.policies]


def test_request_that_passes_shows_what_would_go_out(orders: Rehearsal) -> None:
    answer = Played(upstream=UPSTREAM, status=201, headers=(("x-made", "yes"),), body='{"id": 7}')

    verdict = ask(
        orders,
        "/orders/7?tenant=acme",
        answer,
        method="POST",
        headers=[CREDENTIALS],
        body="a body",
        **{"from": "2001:db8::7"},
    )

    assert (verdict.outcome, verdict.api, verdict.route) == ("upstream", "default/orders", "backend-route-1")
    assert decisions(verdict) == ["passed", "not-applied", "passed", "not-applied", "passed"]
    sent = verdict.sent
    assert sent is not None
    assert (sent.upstream, sent.service, sent.method) == (UPSTREAM, "orders-backend", "POST")
    assert (sent.target, sent.body) == ("/v2/7?tenant=acme", "a body")
    headers = dict(sent.headers)
    assert (headers["host"], headers["x-tenant"]) == (UPSTREAM, "acme")
    assert headers["x-forwarded-for"] == verdict.caller == "2001:db8::7"
    assert not [name for name in headers if "gatewright" in name]
    assert verdict.answer is not None
    assert (verdict.answer.status, verdict.answer.body) == (201, '{"id": 7}')
    assert dict(verdict.answer.headers)["x-made"] == "yes"


def test_refusal_names_the_policy_and_what_it_kept_from_running(orders: Rehearsal) -> None:
    blocked = ask(orders, "/orders/7", headers=[CREDENTIALS], **{"from": "203.0.113.9"})
    unknown = ask(orders, "/orders/7")

    assert (blocked.outcome, blocked.sent) == ("refused", None)
    assert decisions(blocked) == ["passed", "refused", "not-reached", "not-reached", "not-reached"]
    assert decisions(unknown) == ["passed", "passed", "refused", "not-reached", "not-reached"]
    assert "Missing username and password" in unknown.policies[2].reason
    assert unknown.answer is not None
    assert unknown.answer.status == 401


def test_policy_that_answers_in_the_upstreams_place_is_named(orders: Rehearsal) -> None:
    verdict = ask(orders, "/orders/7", method="OPTIONS", headers=[("Origin", "https://shop.example")])

    assert (verdict.outcome, verdict.has_passed, verdict.sent) == ("answered", True, None)
    assert decisions(verdict)[0] == "answered"


def test_limits_count_from_zero_and_on(orders: Rehearsal) -> None:
    with rehearsal(ORDERS) as fresh:
        outcomes = [ask(fresh, "/orders/limited", headers=[CREDENTIALS]).outcome for _ in range(3)]

    assert outcomes == ["upstream", "upstream", "refused"]
    assert ask(orders, "/orders/limited", headers=[CREDENTIALS]).outcome == "upstream"


def test_request_of_no_route_no_api_and_no_port(orders: Rehearsal) -> None:
    assert ask(orders, "/orders/7", method="DELETE", headers=[CREDENTIALS]).outcome == "no-route"
    assert ask(orders, "/other").outcome == "no-api"
    assert ask(orders, "/other", method="HEAD").reason == "No API is served here."
    assert ask(orders, "/orders/7", port=8099).reason == "no API listens on port 8099"


def test_api_that_is_refused_says_why(orders: Rehearsal) -> None:
    verdict = ask(orders, "/broken/7")

    assert (verdict.outcome, verdict.api) == ("not-served", "default/broken")
    assert verdict.reason == "API Stock would take the request, and is not served"
    (fault,) = verdict.faults
    assert fault.startswith('ApiInstance broken: spec.policies[0].config.ips[0]: "nonsense" is not')


def test_without_any_sound_api_the_verdict_is_the_same() -> None:
    with rehearsal(BROKEN) as nothing:
        verdict = ask(nothing, "/broken/7")

        assert nothing.pid is None
    assert (verdict.outcome, verdict.answer) == ("not-served", None)


def test_failing_upstream_is_told_with_its_tries(orders: Rehearsal) -> None:
    verdict = ask(orders, "/orders/7", Played(closes=True), headers=[CREDENTIALS])

    assert (verdict.outcome, verdict.tries) == ("failed", 3)
    assert verdict.reason.endswith("(reset)")


def test_late_answer_ends_with_the_requests_time(orders: Rehearsal) -> None:
    slow = Played(delay_ms=30_000)

    verdict = ask(orders, "/orders/7", slow, headers=[CREDENTIALS], seconds=0.5)

    assert (verdict.outcome, verdict.answer) == ("unanswered", None)
    assert verdict.reason == "there was no whole answer within 0.5 s"
    assert [ask(orders, "/other").outcome for _ in range(3)] == ["no-api"] * 3


def test_first_answer_that_fits_is_played(orders: Rehearsal) -> None:
    answers = (
        Played(method="POST", status=409),
        Played(path="/v2/[0-9]+", status=203),
        Played(upstream="other.example:80", status=500),
    )

    def status(target: str, **fields: Any) -> int:
        verdict = ask(orders, target, *answers, headers=[CREDENTIALS], **fields)
        assert verdict.answer is not None
        assert verdict.sent is not None
        return verdict.answer.status if verdict.sent.was_given else -verdict.answer.status

    assert status("/orders/7", method="POST") == 409
    assert status("/orders/7?x=a") == 203
    assert status("/orders/seven") == -200


@pytest.mark.parametrize(
    ("fields", "status", "details"),
    [
        ({"target": f"/{'a' * 80_000}"}, 431, "http1.headers_too_large"),
        ({"headers": [(f"x-{n}", "v") for n in range(200)]}, 431, "http1.too_many_headers"),
        ({"target": "/a%00"}, 400, "path_normalization_failed"),
        ({"method": "GE@T"}, 400, "http1.codec_error"),
        ({"headers": [("x-é", "v")]}, 400, "http1.codec_error"),
        (
            {"headers": [("Transfer-Encoding", "chunked"), ("Content-Length", "1")], "body": "x"},
            400,
            "http1.content_length_and_chunked_not_allowed",
        ),
    ],
)
def test_what_envoy_does_not_take_is_rejected_in_its_words(
    orders: Rehearsal, fields: dict[str, Any], status: int, details: str
) -> None:
    verdict = orders.ask(Request.model_validate({"target": "/orders/7", **fields}))

    assert (verdict.outcome, verdict.details, verdict.sent) == ("rejected", details, None)
    assert verdict.answer is not None
    assert verdict.answer.status == status
    assert ask(orders, "/orders/7", headers=[CREDENTIALS]).outcome == "upstream"


@pytest.mark.parametrize(
    "fields",
    [
        {"target": "/a b"},
        {"method": "GET\r\nX: y"},
        {"headers": [("x", "a\r\nHost: other")]},
        {"headers": [("x:", "a")] * 257},
        {"headers": [("x", "a" * 100_000)]},
        {"body": "a" * (1024 * 1024 + 1)},
        {"bodyBase64": "!"},
        {"from": "localhost"},
        {"from": "0.0.0.0"},
        {"from": "ff02::1"},
        {"from": "fe80::1%eth0"},
        {"seconds": 61},
        {"port": 0},
        {"unknown": 1},
        {"certificate": "alone"},
    ],
)
def test_what_is_no_request_or_too_large_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Request.model_validate({"target": "/", **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 101},
        {"delayMs": 60_001},
        {"path": "(?=a)"},
        {"headers": [("a@b", "")]},
        {"headers": [("a", "\x01")]},
        {"headers": [("a", " b")]},
    ],
)
def test_answer_that_cannot_be_played_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Played.model_validate(fields)


def test_failing_script_is_quoted() -> None:
    text = ORDERS.replace("#[attributes.queryParams.tenant]", "#[lower([1])]")
    with rehearsal(text) as broken:
        verdict = ask(broken, "/orders/7", headers=[CREDENTIALS])

    assert (verdict.outcome, decisions(verdict)[-1]) == ("refused", "refused")
    assert verdict.said == ("header-injection: lower does not take Array",)


TWO_PORTS = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: plain}
spec: {address: "http://0.0.0.0:8081", services: {backend: {address: "http://10.0.0.9:80"}}}
---
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: secure}
spec:
  address: https://0.0.0.0:8443
  services: {backend: {address: "h2://10.0.0.10:9000"}}
  policies: [{policyRef: {name: tls}, config: TLS}]
"""


def test_several_ports_one_of_them_with_client_certificates() -> None:
    pair = self_signed()
    tls = {"certificate": pair, "requireClientCertificate": True, "trustedCA": pair["crt"]}
    with rehearsal(TWO_PORTS.replace("TLS", json.dumps(tls))) as both:
        plain = ask(both, "/", port=8081)
        anonymous = ask(both, "/", port=8443)
        known = ask(both, "/", port=8443, certificate=pair["crt"], key=pair["key"])
        with pytest.raises(NoPort, match="8081, 8443"):
            ask(both, "/")

    assert (plain.outcome, plain.api) == ("upstream", "default/plain")
    assert anonymous.outcome == "rejected"
    assert anonymous.reason.endswith("this port asks for a client certificate, and none was given")
    assert (known.outcome, known.api) == ("upstream", "default/secure")
    assert known.sent is not None
    assert dict(known.sent.headers)["x-forwarded-proto"] == "https"
    assert known.sent.upstream == "10.0.0.10:9000"


TRUSTED = """
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {name: proxies}
spec: {trustedProxies: {networks: [192.0.2.0/24]}}
---
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {name: protocol}
spec: {proxyProtocol: {enabled: true}}
"""


def test_trusted_proxys_word_on_the_caller_is_taken() -> None:
    forwarded = ("X-Forwarded-For", "203.0.113.9")
    with rehearsal(f"{ORDERS}---{TRUSTED}") as behind:
        by_proxy = ask(behind, "/orders/7", headers=[CREDENTIALS, forwarded], **{"from": "192.0.2.1"})
        by_other = ask(behind, "/orders/7", headers=[CREDENTIALS, forwarded], **{"from": "198.51.100.1"})

    assert (by_proxy.outcome, by_proxy.caller) == ("refused", "203.0.113.9")
    assert (by_other.outcome, by_other.caller) == ("upstream", "198.51.100.1")


def test_what_envoy_alone_refuses_costs_its_api_alone() -> None:
    tls = {"certificate": self_signed(), "ciphers": ["NO_SUCH_CIPHER"]}
    with rehearsal(TWO_PORTS.replace("TLS", json.dumps(tls))) as one:
        plain = ask(one, "/", port=8081)
        secure = ask(one, "/", port=8443)

    assert (plain.outcome, plain.api) == ("upstream", "default/plain")
    assert (secure.outcome, secure.api) == ("not-served", "default/secure")
    assert "NO_SUCH_CIPHER" in secure.faults[0]


def test_api_that_waits_for_a_broken_document_is_not_served() -> None:
    loaded = load_text(ORDERS + "---\nkind: PolicyBinding\nspec: {targetRef: {name: orders}, nonsense: 1}\n")

    with Rehearsal(loaded.resources, held=loaded.held()) as waiting:
        verdict = ask(waiting, "/orders/7")

    assert (verdict.outcome, verdict.api) == ("not-served", "default/orders")
    assert verdict.faults == (loaded.held()["default", "orders"],)


def test_what_only_observes_tells_what_it_would_refuse() -> None:
    observing = ORDERS.replace(
        "config: {ips: [203.0.113.0/24]}", "config: {ips: [203.0.113.0/24]}\n      mode: observe"
    )
    with rehearsal(observing) as made:
        verdict = ask(made, "/orders/7", headers=[CREDENTIALS], **{"from": "203.0.113.9"})
        other = ask(made, "/orders/7", headers=[CREDENTIALS], **{"from": "198.51.100.9"})

    assert verdict.outcome == "upstream"
    assert decisions(verdict)[1] == "would-refuse"
    assert verdict.policies[1].reason == "address: 203.0.113.9 is in the list"
    assert decisions(other)[1] == "passed"


def test_of_two_bindings_of_a_policy_the_one_that_refused_is_named() -> None:
    again = """
    - policyRef: {name: ip-blocklist}
      config: {ips: [198.51.100.0/24]}
"""
    with rehearsal(ORDERS.rstrip("\n") + again) as two:
        by_first = ask(two, "/orders/7", headers=[CREDENTIALS], **{"from": "203.0.113.9"})
        by_second = ask(two, "/orders/7", headers=[CREDENTIALS], **{"from": "198.51.100.9"})
        by_only = ask(two, "/orders/7", headers=[CREDENTIALS], method="POST", **{"from": "198.51.100.9"})

    assert decisions(by_first)[1:] == ["refused", *["not-reached"] * 4]
    assert decisions(by_second) == ["passed", "passed", "passed", "not-applied", "passed", "refused"]
    assert by_second.policies[-1].reason == "Access is denied. (address: 198.51.100.9 is in the list)"
    assert decisions(by_only) == ["passed", "not-applied", "passed", "not-applied", "passed", "refused"]
    assert by_only.policies[-1].reason == by_second.policies[-1].reason


@pytest.mark.parametrize("rules", ["", "rules: [{methods: GET}]"])
@pytest.mark.parametrize("refusing", range(4))
def test_of_many_bindings_the_one_that_refused_is_named(rules: str, refusing: int) -> None:
    """Scripts and filters of Envoy, with conditions and without, one policy between the other."""
    passwords = ("pass-of-ann", "another")
    bindings = [
        binding
        for number in range(4)
        for binding in (
            f"    - policyRef: {{name: http-basic-authentication}}\n"
            f"      config: {{username: ann, password: {passwords[number == refusing]}}}\n",
            "    - policyRef: {name: header-injection}\n"
            f"      config: {{inboundHeaders: [{{key: x-{number}, value: a}}]}}\n      {rules}\n",
            "    - policyRef: {name: ip-allowlist}\n"
            f"      config: {{ips: [192.0.2.0/{24 + number}]}}\n      {rules}\n",
        )
    ]
    head = ORDERS.partition("  policies:")[0]
    with rehearsal(f"{head}  policies:\n{''.join(bindings)}") as many:
        by_password = ask(many, "/orders/7", headers=[CREDENTIALS], **{"from": "192.0.2.1"})
        far = ask(many, "/orders/7", headers=[CREDENTIALS], **{"from": "192.0.2.255"})

    assert decisions(by_password).index("refused") == 3 * refusing
    assert decisions(far).index("refused") == min(3 * refusing, 5)
