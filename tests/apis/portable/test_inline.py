"""What people wrote inside of an ApiInstance is read as the same in documents of their own."""

from pathlib import Path

import pytest

from apis.portable.exporting import yaml_of
from apis.portable.faults import BadFile
from apis.portable.making import make
from apis.portable.read import read
from apis.portable.wanted import WantedApi
from gateways.agent.sources import files
from gateways.agent.translate import ir
from gateways.agent.translate.apis import translate
from tests.apis.views.pages import make_place
from tests.running import PROJECT

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://0.0.0.0:8081/orders
  services:
    old:
      address: http://old:8080
      routes:
        - rules: [{path: /v1(/.*), methods: [GET, POST]}]
          config: {destinationPath: /api}
        - rules: [{path: /legacy/.*, headers: {x-old: "1"}}]
    new: {address: "https://new:8443"}
  policies:
    - policyRef: {name: http-basic-authentication-flex}
      rules: [{methods: GET, path: /a}]
      config: {username: ann, password: $ORDERS_PASSWORD}
    - policyRef: {name: rate-limiting-flex}
      mode: observe
      config: {exposeHeaders: true, rateLimits: [{maximumRequests: 5, timePeriodInMilliseconds: 1000}]}
"""


def binding(name: str, policy: str, more: str) -> str:
    head = f"---\napiVersion: gatewright.dev/v1alpha1\nkind: PolicyBinding\nmetadata: {{name: {name}}}\n"
    return f"{head}spec: {{targetRef: {{name: orders}}, policyRef: {{name: {policy}}}, {more}}}\n"


BESIDE = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec: {address: "http://0.0.0.0:8081/orders"}
"""
for name, address in (
    ("orders-old", "http://old:8080"),
    ("orders-old-2", "http://old:8080"),
    ("orders-new", "https://new:8443"),
):
    BESIDE += f"""---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {{name: {name}}}
spec: {{address: "{address}"}}
"""
BESIDE += (
    binding(
        "a",
        "route",
        "order: 1, rules: [{path: /v1(/.*), methods: [GET, POST]}],"
        " config: {destinationPath: /api, destinationRef: {name: orders-old}}",
    )
    + binding(
        "b",
        "route",
        'order: 2, rules: [{path: /legacy/.*, headers: {x-old: "1"}}],'
        " config: {destinationRef: {name: orders-old-2}}",
    )
    + binding("c", "route", "order: 3, config: {destinationRef: {name: orders-new}}")
    + binding(
        "orders-http-basic-authentication-flex",
        "http-basic-authentication-flex",
        "rules: [{methods: GET, path: /a}], config: {username: ann, password: $ORDERS_PASSWORD}",
    )
    + binding(
        "orders-rate-limiting-flex",
        "rate-limiting-flex",
        "mode: observe, config: {exposeHeaders: true,"
        " rateLimits: [{maximumRequests: 5, timePeriodInMilliseconds: 1000}]}",
    )
)


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as bad:
        read(text.encode())
    return bad.value.lines


def test_they_are_what_documents_beside_would_be() -> None:
    [inside], [beside] = read(API.encode()), read(BESIDE.encode())

    assert inside == beside
    assert [one.uri for one in inside.upstreams] == [
        "http://old:8080/api",
        "http://old:8080/",
        "https://new:8443/",
    ]
    assert [one.policy for one in inside.policies] == ["http-basic-authentication-flex", "rate-limiting-flex"]


@pytest.mark.django_db
def test_it_is_imported_and_its_export_means_the_same_to_a_gateway(tmp_path: Path) -> None:
    place = make_place()
    [whole] = read(API.replace("$ORDERS_PASSWORD", "s3cret").encode())

    made = make(place.user, WantedApi(place.environment, whole)).api
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a.yaml").write_text(API)
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "a.yaml").write_text(yaml_of([made]))

    variables = {"ORDERS_PASSWORD": "s3cret", "ORDERS_HTTP_BASIC_AUTHENTICATION_1_PASSWORD": "s3cret"}
    written, exported = (
        translate(files.load(tmp_path / name, variables).resources) for name in ("inside", "export")
    )
    assert written.faults == exported.faults == ()
    assert _meant(written.gateway.apis[0]) == _meant(exported.gateway.apis[0])


def _meant(api: ir.Api) -> list[object]:
    """All but names; the console keeps one order of policies, from 1 on, and writes each target's path."""
    return [
        (api.listener, api.base_path),
        [
            (
                one.rules,
                [(to.upstream.host, to.upstream.port, to.destination_path or "/") for to in one.targets],
            )
            for one in api.routes
        ],
        [(one.policy, one.config, one.conditions, one.observes) for one in api.policies],
    ]


def test_the_example_of_local_mode_is_read() -> None:
    [api] = read((PROJECT / "docs" / "examples" / "orders.yaml").read_bytes())

    assert [one.uri for one in api.upstreams] == ["http://127.0.0.1:8089/"]
    assert [one.policy for one in api.policies] == ["http-basic-authentication-flex", "rate-limiting-flex"]


def test_of_equal_order_those_inside_come_first_and_names_stay_apart() -> None:
    text = API + binding("orders-rate-limiting-flex", "cors", "config: {}") + binding("x", "cors", "order: 1")

    [api] = read(text.encode())

    assert [one.key for one in api.policies] == [
        "x",
        "orders-http-basic-authentication-flex",
        "orders-rate-limiting-flex-2",
        "orders-rate-limiting-flex",
    ]


def test_a_tls_policy_inside_needs_the_context_that_its_api_names() -> None:
    tls = "  policies:\n    - policyRef: {name: tls}\n      config: {certificate: {key: k, crt: c}}\n"
    text = API.replace("  policies:\n", tls).replace("http://0.0.0.0", "https://0.0.0.0")
    named = text.replace("{name: orders}", '{name: orders, annotations: {gatewright/tls-context: "edge"}}')

    [(line, told)] = faults(text)
    [api] = read(named.encode())

    assert line == 2 and told.startswith("ApiInstance orders: spec.policies.0: certificates are kept as TLS")
    assert (api.protocol, api.tls_context) == ("https", "edge")
    assert "tls" not in [one.policy for one in api.policies]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (API + binding("a", "route", "config: {}"), "PolicyBinding a", "has services inside of it"),
        (
            API.replace("https://new:8443", "https://new:8443/base"),
            "ApiInstance orders: spec.services.new",
            "gateways ignore the path /base",
        ),
        (
            API.replace("rate-limiting-flex}", "route}"),
            "ApiInstance orders: spec.policies.1",
            "stands in services",
        ),
        (
            API.replace("path: /a}]", "path: /a, host: b}]"),
            "ApiInstance orders: spec.policies.0",
            "no conditions on hosts",
        ),
        (
            API.replace("methods: [GET, POST]}", "methods: GET}, {path: /b}"),
            "ApiInstance orders: spec.services.old.routes.0",
            "several rules",
        ),
    ],
)
def test_what_documents_would_be_refused_for_is_told_by_its_place(text: str, place: str, words: str) -> None:
    [(_, told)] = faults(text)

    assert told.startswith(f"{place}: ") and words in told


def test_thousands_are_refused_and_not_compared_with_each_other() -> None:
    many = "".join(f"    - policyRef: {{name: {name}}}\n" for name in ["cors", "tracing"] * 1000)

    [(_, told)] = faults(API.split("  policies:", maxsplit=1)[0] + "  policies:\n" + many)

    assert told.startswith("ApiInstance orders: policies: ")
