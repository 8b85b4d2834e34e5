from pathlib import Path

import pytest

from gateways.agent import settings
from gateways.agent.settings import BadSetting, Limits, Proxying
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
    ],
)
def test_bad_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f'{name}: "'):
        settings.proxying({name: value})


@pytest.mark.envoy
def test_headers_are_as_the_variables_say(tmp_path: Path) -> None:
    chosen = Proxying(emits_envoy_headers=True, rewrites_host=False, removes_server_header=True)
    with running_gateway(ECHO, tmp_path, proxying=chosen) as gateway:
        answer = gateway.get("/a", headers={"host": "public.example"})

    assert "server" not in answer.headers
    assert "x-envoy-upstream-service-time" in answer.headers
    assert answer.json()["headers"]["host"] == "public.example"
