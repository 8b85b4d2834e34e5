"""Basic Authentication through a real Envoy."""

import base64
import re
from collections.abc import Iterator

import pytest

from policies.catalog import find
from tests.policies.envoy import Envoy, compiled, running_envoy

CONFIG = {"username": "ada", "password": "pässword: 1"}
SHOW_PRINCIPAL = {"inboundHeaders": [{"key": "x-principal", "value": "#[authentication.principal]"}]}
pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("basic")
    chain = [
        compiled("http-basic-authentication", CONFIG, folder),
        compiled("header-injection", SHOW_PRINCIPAL, folder, "test/show"),
    ]
    with running_envoy({"api": chain}, folder) as running:
        yield running


def basic(username: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def test_right_credentials_pass_and_name_the_principal(envoy: Envoy) -> None:
    answer = envoy.get("/api", basic("ada", "pässword: 1"))

    assert answer.status == 200
    assert answer.json["headers"]["x-principal"] == ["ada"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("ada", "wrong"),
        basic("bob", "pässword: 1"),
        basic("ada", ""),
        {"authorization": "Bearer abc"},
        {"authorization": "Basic %%%"},
        {"authorization": "Basic YWRh"},
    ],
)
def test_anything_else_is_refused(envoy: Envoy, headers: dict[str, str]) -> None:
    answer = envoy.get("/api", headers)

    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    (pattern,) = find("http-basic-authentication").refusals
    assert re.fullmatch(pattern, answer.headers["x-details"])
