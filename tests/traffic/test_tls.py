"""TLS towards clients and towards upstreams."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.certificates import self_signed
from tests.faults.steady import SteadyCalls
from tests.traffic.gateway import Gateway
from tests.traffic.upstream import EchoServer, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: NAME, labels: {edge: "yes"}}
spec: {address: "https://127.0.0.1:${port}/NAME", services: {backend: {address: "${upstream}"}}}
---
"""
TLS = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: edge-tls}
spec:
  targetRef: TARGET
  policyRef: {name: tls}
  config: CONFIG
---
"""
OUTBOUND = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec: {address: "http://127.0.0.1:${port}/a"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Service
metadata: {name: safe}
spec: {address: "https://127.0.0.1:TLSPORT"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: to-safe}
spec: {targetRef: {name: a}, policyRef: {name: route}, config: {destinationRef: {name: safe}}}
---
"""
TRUST = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: trust}
spec: {targetRef: {kind: Service, name: safe}, policyRef: {name: tls-outbound}, config: CONFIG}
"""


def tls(target: str, **config: object) -> str:
    return TLS.replace("TARGET", target).replace("CONFIG", json.dumps(config))


def client(gateway: Gateway, certificate: dict[str, str]) -> httpx.Client:
    trust = ssl.create_default_context(cadata=certificate["crt"])
    return httpx.Client(base_url=f"https://127.0.0.1:{gateway.port}", verify=trust)


@pytest.mark.parametrize("target", ["{name: a}", "{kind: Selector, selector: {labels: {edge: yes}}}"])
def test_one_context_covers_the_port(gateway: Gateway, target: str) -> None:
    certificate = self_signed()
    text = API.replace("NAME", "a") + API.replace("NAME", "b") + tls(target, certificate=certificate)

    ack = gateway.apply(text.replace("edge: yes", 'edge: "yes"'))

    assert [one.reason for one in ack.resources] == ["", ""]
    with client(gateway, certificate) as http:
        assert [http.get(f"/{name}").status_code for name in "ab"] == [200, 200]


def test_client_certificate_is_asked_for(gateway: Gateway) -> None:
    certificate = self_signed()
    mutual = {"requireClientCertificate": True, "trustedCA": certificate["crt"]}

    gateway.apply(API.replace("NAME", "a") + tls("{name: a}", certificate=certificate, **mutual))

    with client(gateway, certificate) as http, pytest.raises(httpx.TransportError):
        http.get("/a")


def test_what_changes_in_the_context_alone_comes_into_force(gateway: Gateway) -> None:
    certificate, renewed = self_signed(), self_signed()
    api = API.replace("NAME", "a")
    gateway.apply(api + tls("{name: a}", certificate=certificate))

    gateway.apply(api + tls("{name: a}", certificate=renewed))
    with client(gateway, renewed) as http:
        assert http.get("/a").status_code == 200

    mutual = {"requireClientCertificate": True, "trustedCA": renewed["crt"]}
    gateway.apply(api + tls("{name: a}", certificate=renewed, **mutual))
    with client(gateway, renewed) as http, pytest.raises(httpx.TransportError):
        http.get("/a")


def test_requests_go_on_while_certificates_are_renewed(gateway: Gateway) -> None:
    pairs = [self_signed() for _ in range(4)]
    trust = ssl.create_default_context(cadata="".join(pair["crt"] for pair in pairs))
    api = API.replace("NAME", "a")
    gateway.apply(api + tls("{name: a}", certificate=pairs[0]))

    with SteadyCalls(f"https://127.0.0.1:{gateway.port}/a", trust=trust) as calls:
        for pair in pairs[1:]:
            seen = calls.answers.total()
            wait_until(lambda seen=seen: calls.answers.total() > seen + 10, 20)
            gateway.apply(api + tls("{name: a}", certificate=pair))
            with client(gateway, pair) as http:
                assert http.get("/a").status_code == 200

    assert set(calls.answers) == {200}


def test_https_without_tls_is_refused(gateway: Gateway) -> None:
    ack = gateway.apply(API.replace("NAME", "a"))

    assert "needs a policy tls" in ack.resources[0].reason


def test_key_of_another_certificate_is_refused(gateway: Gateway) -> None:
    mixed = {"crt": self_signed()["crt"], "key": self_signed()["key"]}

    ack = gateway.apply(API.replace("NAME", "a") + tls("{name: a}", certificate=mixed))

    assert "edge-tls: spec.config.certificate: key belongs to another certificate" in ack.resources[0].reason


@contextmanager
def tls_echo(certificate: dict[str, str], folder: Path) -> Iterator[EchoServer]:
    pem = folder / "server.pem"
    pem.write_text(certificate["key"] + certificate["crt"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = EchoServer("safe")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server


def test_upstream_is_trusted_by_its_ca_alone(gateway: Gateway, tmp_path: Path) -> None:
    certificate = self_signed()
    with tls_echo(certificate, tmp_path) as upstream:
        text = OUTBOUND.replace("TLSPORT", str(upstream.server_port))
        answers = []
        for trust in (
            "",
            TRUST.replace("CONFIG", json.dumps({"trustedCA": certificate["crt"]})),
            TRUST.replace("CONFIG", json.dumps({"trustedCA": self_signed()["crt"]})),
            TRUST.replace("CONFIG", "{skipValidation: true}"),
        ):
            gateway.apply(text + trust)
            answers.append(gateway.get("/a").status_code)

    assert answers == [503, 200, 503, 200]


@pytest.mark.parametrize("where", ["inline", "selector"])
def test_a_client_certificate_that_is_asked_for_is_never_left_out(gateway: Gateway, where: str) -> None:
    """By an inline policy it is asked for; an API that serves plain HTTP is not served at all."""
    certificate = self_signed()
    mutual = {"certificate": certificate, "requireClientCertificate": True, "trustedCA": certificate["crt"]}
    api = API.replace("NAME", "a")
    if where == "inline":
        policy = f"policies: [{{policyRef: {{name: tls}}, config: {json.dumps(mutual)}}}], services"
        ack = gateway.apply(api.replace("services", policy, 1))
        assert [one.reason for one in ack.resources] == [""]
        with client(gateway, certificate) as http, pytest.raises(httpx.TransportError):
            http.get("/a")
    else:
        target = '{kind: Selector, selector: {labels: {edge: "yes"}}}'
        ack = gateway.apply(api.replace("https", "http", 1) + tls(target, **mutual))
        assert "is http, but a tls policy holds for it" in ack.resources[0].reason
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{gateway.port}/a")
