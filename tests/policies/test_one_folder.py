"""A policy is one folder, also one that asks a server, or acts on what an upstream is sent.

The folders are made here, as a newcomer would write them, and put beside those of the catalog.
"""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.policies.newcomers import newcomers
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy

ASK = """
from pydantic import Field
from policies.envoy.cluster import cluster
from policies.fields.urls import Url
from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig

class Config(PolicyConfig):
    uri: Url = Field(title="Server", description="Is asked about each request.")

def compile(config: Config, scope: Scope) -> Compiled:
    server = cluster(scope, config.uri)
    asking = {"uri": config.uri, "cluster": server.name, "timeout": "1s"}
    kind = TYPE_URL + "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
    sent = {"allowed_headers": {"patterns": [{"prefix": "x-"}]}}
    service = {"server_uri": asking, "authorization_request": sent}
    check = Filter(scope.binding, {"@type": kind, "transport_api_version": "V3", "http_service": service})
    return Compiled((check,), clusters=(server,))

POLICY = Policy(
    name="ask-somebody", title="Ask somebody", category=Category.SECURITY, phase=Phase.AUTHORIZE,
    summary="Asks a server.", version="1.0.0", config=Config, compile=compile, aliases=("ask-somebody-flex",),
)
"""
CREDENTIAL = """
import json
from pydantic import Field, SecretStr
from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig

class Config(PolicyConfig):
    token: SecretStr = Field(title="Token", description="Is sent to the upstream.")

def compile(config: Config, scope: Scope) -> Compiled:
    value = {"secret": {"inline_string": "Bearer " + config.token.get_secret_value()}}
    named = {"@type": TYPE_URL + "envoy.extensions.transport_sockets.tls.v3.Secret", "name": "credential"}
    secret = scope.secret(json.dumps({"resources": [{**named, "generic_secret": value}]}))
    source = {"name": "credential", "sds_config": {"path_config_source": {"path": str(secret.path)}}}
    generic = TYPE_URL + "envoy.extensions.http.injected_credentials.generic.v3.Generic"
    kind = TYPE_URL + "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector"
    inject = {"name": "generic", "typed_config": {"@type": generic, "credential": source}}
    filters = (Filter(scope.binding, {"@type": kind, "overwrite": True, "credential": inject}),)
    return Compiled(upstream_filters=filters, secrets=(secret,))

POLICY = Policy(
    name="send-credential", title="Send a credential", category=Category.SECURITY, phase=Phase.TRANSFORM,
    summary="Sends a token.", version="1.0.0", config=Config, compile=compile, is_outbound=True,
    aliases=("send-credential-flex",),
)
"""
UNGUARDED = """
from pathlib import Path
from policies.compiled import Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.scripting.script import script

class Config(PolicyConfig):
    pass

def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled((script(scope, "unguarded", [Path(__file__).with_name("fails.lua")], {}),))

POLICY = Policy(
    name="unguarded", title="Unguarded", category=Category.SECURITY, phase=Phase.IDENTIFY,
    summary="Fails.", version="1.0.0", config=Config, compile=compile, aliases=("unguarded-flex",),
)
"""
API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: one}
spec: {address: "http://127.0.0.1:${port}/one"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Service
metadata: {name: backend}
spec: {address: "${upstream}"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: way}
spec:
  targetRef: {name: one}
  policyRef: {name: route}
  config: {destinationRef: {name: backend}}
---
"""
BINDING = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {{name: tried}}
spec:
  targetRef: {target}
  policyRef: {{name: {policy}}}
  config: {config}
"""


@pytest.fixture(scope="module", autouse=True)
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("policies")
    with newcomers(folder, ask_somebody=ASK, send_credential=CREDENTIAL, unguarded=UNGUARDED):
        file = next(folder.rglob("unguarded/policy.py")).with_name("fails.lua")
        file.write_text("function envoy_on_request(handle) error('it fails') end")
        yield


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("gateway")) as running:
        yield running


class Judge(Quiet):
    def do_GET(self) -> None:
        self.send_response(200 if self.headers.get("x-user") == "ada" else 403)
        self.send_header("content-length", "0")
        self.end_headers()


def test_external_authorization_is_one_folder(gateway: Gateway) -> None:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Judge)) as judge:
        uri = f"{{uri: 'http://127.0.0.1:{judge.server_port}'}}"
        binding = BINDING.format(target="{name: one}", policy="ask-somebody-flex", config=uri)
        ack = gateway.apply(API + binding)
        assert not [one.reason for one in ack.resources if one.reason]

        assert gateway.get("/one/x", headers={"x-user": "ada"}).status_code == 200
        assert gateway.get("/one/x", headers={"x-user": "eve"}).status_code == 403
    assert gateway.get("/one/x", headers={"x-user": "ada"}).status_code == 403, "nobody answers: closed"

    gateway.apply(API)
    clusters = json.loads((gateway.envoy.folder / "cds.json").read_text())["resources"]
    assert not [one for one in clusters if one["name"].startswith("policy.")], "it is left behind"


def test_a_script_that_lets_an_error_out_lets_nobody_pass(gateway: Gateway) -> None:
    ack = gateway.apply(API + BINDING.format(target="{name: one}", policy="unguarded-flex", config="{}"))
    assert not [one.reason for one in ack.resources if one.reason]

    before = len(gateway.reasons(0))
    answer = gateway.get("/one/x")

    assert (answer.status_code, answer.json()) == (500, {"error": "A policy of this API cannot run."})
    assert gateway.reasons(before + 1)[before:] == [
        ["evaluation: a policy of the API cannot run; the gateway's log says why"]
    ]


def test_an_outbound_credential_is_one_folder(gateway: Gateway) -> None:
    def bound(token: str) -> str:
        target = "{kind: Service, name: backend}"
        return BINDING.format(target=target, policy="send-credential", config=f"{{token: {token}}}")

    for token in ("s3cret-one", "s3cret-two"):
        ack = gateway.apply(API + bound(token))
        assert not [one.reason for one in ack.resources if one.reason]
        seen = gateway.get("/one/x", headers={"authorization": "Basic mine"}).json()["headers"]
        assert seen["authorization"] == f"Bearer {token}"
        configured = "".join(path.read_text() for path in gateway.envoy.folder.glob("*.json"))
        assert token not in configured

    gateway.apply(API)
    assert gateway.get("/one/x").json()["headers"].get("authorization") is None


@pytest.mark.parametrize(
    ("target", "policy", "config"),
    [
        ("{kind: Service, name: backend}", "ask-somebody", "{uri: 'http://127.0.0.1:1'}"),
        ("{name: one}", "send-credential", "{token: x}"),
    ],
)
def test_a_policy_is_refused_where_it_cannot_act(
    gateway: Gateway, target: str, policy: str, config: str
) -> None:
    ack = gateway.apply(API + BINDING.format(target=target, policy=policy, config=config))

    (told,) = ack.resources
    assert "write targetRef with kind" in told.reason
