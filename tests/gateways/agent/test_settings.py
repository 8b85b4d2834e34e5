import os
from pathlib import Path

import httpx
import pytest

from gateways.agent import settings
from gateways.agent.settings import BadSetting, Limits, Proxying
from gateways.agent.translate import ir
from gateways.agent.translate.apis import translate
from gateways.protocol.resources import Configuration, ConfigurationSpec, Metadata
from tests.traffic.gateway import running_gateway

ECHO = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec: {address: "http://127.0.0.1:${port}/a", services: {backend: {address: "${upstream}"}}}
"""


def test_flex_variables_are_understood() -> None:
    read = settings.proxying(
        {
            "FLEX_CONNECTION_IDLE_TIMEOUT_SECONDS": "61",
            "FLEX_STREAM_IDLE_TIMEOUT_SECONDS": "301",
            "FLEX_UPSTREAM_CONNECTION_IDLE_TIMEOUT_SECONDS": "62",
            "FLEX_UPSTREAM_RESPONSE_TIMEOUT_SECONDS": "16",
            "FLEX_DOWNSTREAM_CONNECTION_BUFFER_LIMIT_BYTES": "2097152",
            "FLEX_ENVOY_HEADERS_ENABLED": "true",
            "FLEX_REWRITE_HOST_HEADER": "false",
            "FLEX_REMOVE_SERVER_HEADER": "TRUE",
            "FLEX_FORWARD_CLIENT_CERT_DETAILS": "forward_only",
        }
    )

    assert read == Proxying(61, 301, 62, 16, 2_097_152, True, False, True, "FORWARD_ONLY")


def test_limits_are_understood() -> None:
    given = {
        "GATEWRIGHT_REQUEST_HEADERS_TIMEOUT_SECONDS": "5",
        "GATEWRIGHT_REQUEST_TIMEOUT_SECONDS": "120",
        "GATEWRIGHT_MAX_HEADERS": "50",
        "GATEWRIGHT_MAX_STREAMS": "10",
        "GATEWRIGHT_MAX_CONNECTIONS": "1000",
        "GATEWRIGHT_MAX_MEMORY_BYTES": "268435456",
    }

    asked, held = settings.proxying(given), settings.limits(given)

    assert (asked.request_headers_seconds, asked.request_seconds) == (5, 120)
    assert (asked.most_headers, asked.most_streams) == (50, 10)
    assert held == Limits(connections=1000, memory_bytes=268_435_456)
    assert settings.limits({}) == Limits()


@pytest.mark.parametrize(("text", "seconds"), [("", 0.1), ("5s", 5), ("200ms", 0.2), ("1m", 60), ("2", 2)])
def test_durations(text: str, seconds: float) -> None:
    assert settings.debounce_seconds({"FLEX_SYNC_DEBOUNCE_TIME": text}) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLEX_STREAM_IDLE_TIMEOUT_SECONDS", "long"),
        ("FLEX_REWRITE_HOST_HEADER", "maybe"),
        ("FLEX_FORWARD_CLIENT_CERT_DETAILS", "SOME"),
        ("FLEX_CONNECTION_IDLE_TIMEOUT_SECONDS", "-1"),
        ("GATEWRIGHT_REQUEST_TIMEOUT_SECONDS", "inf"),
        ("FLEX_STREAM_IDLE_TIMEOUT_SECONDS", "1000000"),
        ("FLEX_UPSTREAM_RESPONSE_TIMEOUT_SECONDS", "0.00001"),
        ("GATEWRIGHT_MAX_HEADERS", "0"),
        ("GATEWRIGHT_MAX_STREAMS", "1.5"),
        ("GATEWRIGHT_GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8, 10.0.0.1/8"),
        ("GATEWRIGHT_GATEWAY_TRUSTED_PROXIES", "proxy.example"),
        ("GATEWRIGHT_GATEWAY_TRUSTED_HOPS", "11"),
    ],
)
def test_bad_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f'^{name}: "'):
        settings.proxying({name: value})


@pytest.mark.envoy
def test_headers_are_as_the_variables_say(tmp_path: Path) -> None:
    chosen = Proxying(emits_envoy_headers=True, rewrites_host=False, removes_server_header=True)
    with running_gateway(ECHO, tmp_path, proxying=chosen) as gateway:
        answer = gateway.get("/a", headers={"host": "public.example"})

    assert "server" not in answer.headers
    assert "x-envoy-upstream-service-time" in answer.headers
    assert answer.json()["headers"]["host"] == "public.example"


@pytest.mark.envoy
def test_trusted_proxies_of_the_environment_count_where_no_resource_names_any(tmp_path: Path) -> None:
    chosen = settings.proxying({"GATEWRIGHT_GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1"})
    nobody = """
---
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {name: nobody}
spec: {trustedProxies: {networks: []}}
"""
    said = {"x-forwarded-for": "192.0.2.7"}
    with running_gateway(ECHO, tmp_path, proxying=chosen) as gateway:
        believed = httpx.get(f"http://127.0.0.1:{gateway.port}/a", headers=said).json()
        gateway.apply(ECHO + nobody)
        doubted = httpx.get(f"http://127.0.0.1:{gateway.port}/a", headers=said).json()

    assert chosen.trusted == ir.TrustedProxies(("10.0.0.0/8", "127.0.0.1/32"))
    assert believed["headers"]["x-forwarded-for"] == "192.0.2.7"
    assert doubted["headers"]["x-forwarded-for"] == "127.0.0.1"


def test_proxy_protocol_is_taken_from_the_proxies_of_the_environment() -> None:
    enabled = Configuration(
        api_version="gatewright.dev/v1alpha1",
        kind="Configuration",
        metadata=Metadata(name="proxy"),
        spec=ConfigurationSpec(proxy_protocol={"enabled": True}),
    )

    found = translate([enabled], trusted=ir.TrustedProxies(("10.0.0.0/8",)))

    assert found.gateway.uses_proxy_protocol
    assert found.faults == ()


def test_too_many_trusted_networks_are_refused() -> None:
    many = ",".join(f"10.{n}.0.0/16" for n in range(201))

    with pytest.raises(BadSetting, match="201 networks; 200 at most"):
        settings.proxying({"GATEWRIGHT_GATEWAY_TRUSTED_PROXIES": many})


def test_what_seals_shared_answers_is_read_with_the_storage_and_told_to_nobody() -> None:
    name, key = "GATEWRIGHT_SHARED_STORAGE_SEALING_KEY", "0123456789abcdefghijklmnopqrstuv"

    read = settings.proxying({"GATEWRIGHT_SHARED_STORAGE": "redis://cache", name: key}).shared_storage

    assert read and read.sealing_key == key.encode() and key not in repr(read)
    for environment in ({name: key}, {name: "weak", "GATEWRIGHT_SHARED_STORAGE": "redis://cache"}):
        with pytest.raises(BadSetting, match=name) as refused:
            settings.proxying(environment)
        assert key not in str(refused.value) and "weak" not in str(refused.value)


def test_a_state_folder_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"xe9t.* has a name that is not UTF-8"):
        settings.state_folder(os.fsdecode(b"/tmp/\xe9t\xe9"))
