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


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc", "basic  "])
def test_scheme_is_known_in_any_case(envoy: Envoy, scheme: str) -> None:
    _, _, given = basic("ada", "pässword: 1")["authorization"].partition(" ")

    answer = envoy.get("/api", {"authorization": f"{scheme} {given}"})

    assert answer.status == 200
    assert answer.json["headers"]["authorization"][0].lower().split() == ["basic", given.lower()]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("ada", "wrong"),
        basic("bob", "pässword: 1"),
        basic("ada", ""),
        {"authorization": "Bearer abc"},
        {"authorization": "basic"},
        {"authorization": "basic "},
        {"authorization": "basic YWRh"},
        {"authorization": "xbasic " + basic("ada", "pässword: 1")["authorization"][6:]},
        {"authorization": "basic " + "A" * 20_000},
        {"authorization": "Basic %%%"},
        {"authorization": "Basic YWRh"},
    ],
)
def test_anything_else_is_refused(envoy: Envoy, headers: dict[str, str]) -> None:
    answer = envoy.get("/api", headers)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="api"'
    (pattern,) = find("http-basic-authentication").refusals
    assert re.fullmatch(pattern, answer.headers["x-details"])
