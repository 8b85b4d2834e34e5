"""The main job, end to end, by REST, on the real parts that `manage.py up` starts."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from console.stack.waiting import wait_for
from tests.running import Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack)


@pytest.fixture(scope="module")
def api(stack: Stack, client: Client) -> dict[str, Any]:
    """An API in front of the echo upstream, added and deployed by REST."""
    return client.deploy("parcels", stack.api_port, stack.echo_url, label="by REST")


@pytest.fixture
def connection(stack: Stack) -> Iterator[httpx.Client]:
    """One connection to the gateway, kept open from request to request."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.api_port}", limits=limits, timeout=20) as client:
        yield client


def status(connection: httpx.Client, path: str, **options: Any) -> int | None:
    """None while nothing listens."""
    try:
        return connection.get(path, **options).status_code
    except (httpx.ConnectError, httpx.ReadError):
        return None


def test_every_part_is_healthy(stack: Stack) -> None:
    health = httpx.get(f"{stack.url}/healthz").json()

    assert health == {
        "status": "up",
        "parts": dict.fromkeys(("database", "valkey", "worker", "link", "reader", "gateway", "front"), "up"),
    }


def test_the_gateway_called_local_is_connected(client: Client) -> None:
    assert client.gateway["status"] == "CONNECTED"


def test_a_deployed_api_reaches_its_upstream(api: dict[str, Any], connection: httpx.Client) -> None:
    wait_for(lambda: status(connection, "/parcels/42?fragile=yes") == 200, 20, "the deployed API")

    echoed = connection.post("/parcels/42?fragile=yes", content="a lamp").json()

    assert (echoed["method"], echoed["path"], echoed["query"]) == ("POST", "/42", "fragile=yes")
    assert echoed["body"] == "a lamp"


def test_a_policy_reaches_an_open_connection_and_its_refusals_are_counted(
    client: Client, api: dict[str, Any], connection: httpx.Client
) -> None:
    wait_for(lambda: status(connection, "/parcels/1") == 200, 20, "the deployed API")
    client.post(
        f"{client.apis}/{api['id']}/policies",
        {
            "policyTemplateId": "http-basic-authentication",
            "configurationData": {"username": "ann", "password": "secret-1"},
            "pointcutData": None,
        },
    )

    wait_for(lambda: status(connection, "/parcels/1") == 401, 20, "the policy")
    refused = connection.get("/parcels/1")
    allowed = connection.get("/parcels/1", auth=("ann", "secret-1"))

    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert allowed.status_code == 200
    wait_for(_is_counted(client, api), 30, "the traffic in the summary")


def _is_counted(client: Client, api: dict[str, Any]) -> Callable[[], bool]:
    def is_counted() -> bool:
        summary = client.get(f"{client.analytics}/{api['id']}/summary?minutes=60")
        return (
            summary["requests"] >= 4
            and summary["violations"] >= 2
            and summary["status"]["2xx"] + summary["status"]["4xx"] == summary["requests"]
            and summary["latency_ms"]["p50"] is not None
        )

    return is_counted
