"""gRPC through the gateway: real calls of gRPC's own client to its own server, over HTTP/2 on both sides."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template
from typing import Any

import grpc
import pytest
import yaml

from gateways.agent.settings import Proxying
from gateways.agent.traffic.failures import NONE, failure
from gateways.protocol.failures import PROTOCOL_ERROR, RESPONSE_TIMEOUT, SERVER_ERROR
from tests.certificates import self_signed
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

SECONDS = 1.0
API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}
  services: {backend: {address: "UPSTREAM"}}
"""
PIECES = 8
CLOCK = 60
"""Seconds that a client waits where it is not its deadline that is tested."""


class Service(grpc.GenericRpcHandler):
    """`Echo` answers with what it got and the time that the caller left it; `Tick` sends pieces for longer
    than an answer may take to begin; `Hold` answers once it is released; `Fail` has the status whose name it
    is sent, FAILED_PRECONDITION without one.
    """

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.release = threading.Event()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        name = call.method.rpartition("/")[2]
        if name == "Tick":
            return grpc.unary_stream_rpc_method_handler(self.tick)
        return grpc.unary_unary_rpc_method_handler(getattr(self, name.lower()))

    def echo(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata((("x-trailer", "kept"),))
        left = context.time_remaining()
        return b"%s %s" % (request, b"none" if left is None or left > 1e6 else b"%.3f" % left)

    def tick(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(PIECES):
            yield b"%d" % number
            self.release.wait(2 * SECONDS / PIECES)

    def hold(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self.ended.set)
        self.release.wait(CLOCK)
        return b"late"

    def fail(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode[request.decode() or "FAILED_PRECONDITION"], "not today")
        return b""


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[Gateway]:
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    listed = API.replace("UPSTREAM", f"h2://127.0.0.1:{port}")
    proxying = Proxying(upstream_response_seconds=SECONDS)
    try:
        with running_gateway(listed, tmp_path_factory.mktemp("gateway"), proxying=proxying) as made:
            yield made
    finally:
        service.release.set()
        server.stop(None)


@pytest.fixture
def call(gateway: Gateway) -> Iterator[Callable[..., grpc.UnaryUnaryMultiCallable]]:
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        yield lambda name: channel.unary_unary(f"/shop.Orders/{name}")


def test_a_call_passes_with_its_trailers_and_status(
    call: Callable[..., grpc.UnaryUnaryMultiCallable],
) -> None:
    answer, made = call("Echo").with_call(b"lamp", timeout=CLOCK)
    with pytest.raises(grpc.RpcError) as failed:
        call("Fail")(b"", timeout=CLOCK)

    assert answer.startswith(b"lamp ")
    assert ("x-trailer", "kept") in made.trailing_metadata()
    assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert failed.value.details() == "not today"


@pytest.mark.parametrize(
    ("name", "counted_as", "error"),
    [
        ("FAILED_PRECONDITION", 400, ""),
        ("UNIMPLEMENTED", 404, ""),
        ("INTERNAL", 500, SERVER_ERROR),
        ("UNAVAILABLE", 503, SERVER_ERROR),
    ],
)
def test_what_the_server_itself_answers_is_counted_by_its_status(
    gateway: Gateway,
    call: Callable[..., grpc.UnaryUnaryMultiCallable],
    name: str,
    counted_as: int,
    error: str,
) -> None:
    call("Echo")(b"lamp", timeout=CLOCK)
    with pytest.raises(grpc.RpcError):
        call("Fail")(name.encode(), timeout=CLOCK)

    answered, failed = gateway.counted(2)
    assert (answered.status, answered.failure) == (200, NONE)
    assert (failed.status, failed.failure.reason, failed.policy) == (counted_as, error, "")


def test_an_answer_that_is_no_grpc_is_an_error_of_the_upstream(
    gateway: Gateway, call: Callable[..., grpc.UnaryUnaryMultiCallable]
) -> None:
    """Of a server of HTTP/1 the caller sees UNKNOWN; callers of HTTP get its answer as it is."""
    gateway.apply(API.replace("UPSTREAM", gateway.upstream.url))

    # It comes first: the server leaves the call's body in the connection, where the next request may meet it.
    assert gateway.post("/shop.Orders/Echo").status_code == 200
    with pytest.raises(grpc.RpcError) as failed:
        call("Echo")(b"lamp", timeout=CLOCK)

    assert failed.value.code() is grpc.StatusCode.UNKNOWN
    # Which of them ends first, and so is logged first, is not said.
    of_http, counted = sorted(gateway.counted(2), key=lambda one: one.status)
    assert (counted.status, counted.failure) == (500, (SERVER_ERROR, "500"))
    assert (of_http.status, of_http.failure) == (200, NONE)


def test_a_stream_that_its_caller_leaves_is_no_error(gateway: Gateway) -> None:
    """It never came to a status; its answer began well."""
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        ticks = channel.unary_stream("/shop.Orders/Tick")(b"", timeout=CLOCK)
        next(ticks)
        ticks.cancel()

        [left] = gateway.counted()

    assert (left.status, left.failure, left.service) == (200, NONE, "a-backend")


def test_the_deadline_reaches_the_server(call: Callable[..., grpc.UnaryUnaryMultiCallable]) -> None:
    left = float(call("Echo")(b"lamp", timeout=CLOCK).split()[1])

    assert 0 < left <= CLOCK
    assert call("Echo")(b"lamp") == b"lamp none"


def test_a_deadline_that_is_over_ends_the_call_at_the_server_too(
    call: Callable[..., grpc.UnaryUnaryMultiCallable], service: Service
) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        call("Hold")(b"", timeout=SECONDS / 3)

    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert service.ended.wait(10)


def test_an_answer_that_does_not_begin_in_time_is_a_status_of_grpc(
    gateway: Gateway, call: Callable[..., grpc.UnaryUnaryMultiCallable], service: Service
) -> None:
    """Also where the caller left more time: the gateway's limit is the upstream's."""
    with pytest.raises(grpc.RpcError) as failed:
        call("Hold")(b"", timeout=CLOCK)

    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert service.ended.wait(10)
    [line] = gateway.log()
    assert line and failure(line.status, line.flags, line.details).reason == RESPONSE_TIMEOUT, line


def test_a_stream_that_flows_for_longer_is_not_cut(gateway: Gateway) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        got = list(channel.unary_stream("/shop.Orders/Tick")(b"", timeout=CLOCK))

    assert got == [b"%d" % number for number in range(PIECES)]
    wait_until(lambda: len(gateway.log(0)) == 1)


def refusing(gateway: Gateway, policy: str, config: dict[str, Any]) -> None:
    """Has this policy refuse what comes: nobody is asked behind it."""
    guarded = yaml.safe_load(Template(API).safe_substitute(gateway.names))
    guarded["spec"]["policies"] = [{"policyRef": {"name": policy}, "config": config}]
    gateway.apply(yaml.safe_dump(guarded).replace("UPSTREAM", "http://127.0.0.1:9"))


HMAC_KEY = "k" * 32
NO_TOKEN = {"signingMethod": "hmac", "textKey": "a" * 32, "skipClientIdValidation": True}
ONCE = {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 3_600_000}]}
REFUSALS = [
    ("http-basic-authentication", {"username": "ann", "password": "x"}, grpc.StatusCode.UNAUTHENTICATED, 401),
    ("jwt-validation", NO_TOKEN, grpc.StatusCode.UNAUTHENTICATED, 400),
    ("rate-limiting", ONCE, grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
    ("ip-allowlist", {"ips": ["192.0.2.1"]}, grpc.StatusCode.PERMISSION_DENIED, 403),
]


@pytest.mark.parametrize(("policy", "config", "status", "counted_as"), REFUSALS)
def test_what_a_policy_refuses_is_a_status_of_grpc(
    gateway: Gateway,
    call: Callable[..., grpc.UnaryUnaryMultiCallable],
    policy: str,
    config: dict[str, Any],
    status: grpc.StatusCode,
    counted_as: int,
) -> None:
    """It is counted by the status that a caller of HTTP would have got, though its own is 200."""
    refusing(gateway, policy, config)

    for _ in range(2):
        with pytest.raises(grpc.RpcError) as failed:
            call("Echo")(b"lamp", timeout=CLOCK)

    assert failed.value.code() is status
    last = gateway.counted(2)[-1]
    assert (last.policy, last.status, last.failure) == (policy, counted_as, NONE)


def signed_call() -> tuple[tuple[str, str], ...]:
    """With a signature that is sound, but for the body, which has none."""
    told = f'("@method" "@path");created={int(time.time())};keyid="shop"'
    base = f'"@method": POST\n"@path": /shop.Orders/Talk\n"@signature-params": {told}'
    code = base64.b64encode(hmac.digest(HMAC_KEY.encode(), base.encode(), "sha256")).decode()
    return (("signature-input", f"a={told}"), ("signature", f"a=:{code}:"))


@pytest.mark.parametrize(
    ("policy", "config"),
    [
        ("introspection-control", {}),
        ("hmac-signature", {"keys": f"shop: {HMAC_KEY}", "validateBody": True}),
    ],
)
def test_a_policy_that_reads_bodies_refuses_a_stream_before_its_end(
    gateway: Gateway, policy: str, config: dict[str, Any]
) -> None:
    """The caller may wait for an answer before it goes on."""
    refusing(gateway, policy, config)
    ended = threading.Event()

    def messages() -> Iterator[bytes]:
        yield b"lamp"
        ended.wait(CLOCK)

    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        with pytest.raises(grpc.RpcError) as failed:
            talk = channel.stream_stream("/shop.Orders/Talk")
            list(talk(messages(), timeout=CLOCK / 6, metadata=signed_call()))
        ended.set()

    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_of_a_server_that_is_asked_in_http_1_callers_and_log_are_told(
    gateway: Gateway, call: Callable[..., grpc.UnaryUnaryMultiCallable]
) -> None:
    """The status that is logged is 200, as of all that gRPC is answered."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    gateway.apply(API.replace("UPSTREAM", f"http://127.0.0.1:{port}"))

    with pytest.raises(grpc.RpcError) as failed:
        call("Echo")(b"lamp", timeout=CLOCK)
    server.stop(None)

    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "is not of the HTTP that was expected" in failed.value.details()
    [line] = gateway.log()
    assert line and failure(line.status, line.flags, line.details).reason == PROTOCOL_ERROR


TWO_HOSTS = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec: {address: "http://127.0.0.1:${port}/"}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: to-two}
spec: {targetRef: {name: a}, policyRef: {name: route}, config: {destinationRef: {name: two}}}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: two}
spec: {address: "https://localhost", hosts: HOSTS, http2: true}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: trust}
spec: {targetRef: {kind: Service, name: two}, policyRef: {name: tls-outbound}, config: {trustedCA: TRUSTED}}
"""


def test_two_hosts_with_tls_share_calls(tmp_path: Path, service: Service) -> None:
    """Both show a certificate for the URL's host; HTTP/2 is agreed on by ALPN."""
    pair = self_signed()
    keys = grpc.ssl_server_credentials([(pair["key"].encode(), pair["crt"].encode())])
    servers = [grpc.server(ThreadPoolExecutor(2)) for _ in range(2)]
    ports = [one.add_secure_port("127.0.0.1:0", keys) for one in servers]
    for one in servers:
        one.add_generic_rpc_handlers((service,))
        one.start()
    hosts = json.dumps([{"address": f"127.0.0.1:{port}"} for port in ports])
    listed = TWO_HOSTS.replace("HOSTS", hosts).replace("TRUSTED", json.dumps(pair["crt"]))
    try:
        with (
            running_gateway(listed, tmp_path) as made,
            grpc.insecure_channel(f"127.0.0.1:{made.port}", [("grpc.enable_http_proxy", 0)]) as channel,
        ):
            call = channel.unary_unary("/shop.Orders/Echo")
            answers = [call(b"lamp", timeout=CLOCK) for _ in range(4)]
            servers[0].stop(None).wait()
            answers += [call(b"lamp", timeout=CLOCK) for _ in range(4)]
    finally:
        for one in servers:
            one.stop(None)

    assert [one.split()[0] for one in answers] == [b"lamp"] * 8
