"""Header Injection through a real Envoy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.policies.envoy import Envoy, compiled, running_envoy

pytestmark = pytest.mark.envoy


def headers(**values: str) -> list[dict[str, str]]:
    return [{"key": key.replace("_", "-"), "value": value} for key, value in values.items()]


CONFIGS: dict[str, dict[str, Any]] = {
    "text": {
        "inboundHeaders": headers(
            X_One="1", x_empty="", x_percent="100% %REQ(:path)%", content_type="text/csv"
        ),
        "outboundHeaders": headers(x_out="o", x_backend="second", access_control_allow_origin="*"),
    },
    "expressions": {
        "inboundHeaders": headers(
            x_one="#[upper(attributes.method) ++ attributes.queryParams.q]",
            x_null="#[attributes.headers['absent']]",
            content_type="#['text/' ++ 'csv']",
        ),
        "outboundHeaders": headers(
            x_out="#[attributes.statusCode]", x_backend="second", access_control_allow_origin="*"
        ),
    },
    "broken-request": {"inboundHeaders": headers(x_one="#[[1]]", x_two="2")},
    "broken-response": {"outboundHeaders": headers(x_one="#[attributes.headers['absent'] ++ 'x']")},
}


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("header_injection")
    chains = {name: [compiled("header-injection", config, folder)] for name, config in CONFIGS.items()}
    with running_envoy(chains, folder) as running:
        yield running


def test_text_is_added_as_it_is(envoy: Envoy) -> None:
    answer = envoy.get("/text", {"x-one": "0", "content-type": "text/plain"})

    sent = answer.json["headers"]
    assert sent["x-one"] == ["0", "1"]
    assert sent["x-empty"] == [""]
    assert sent["x-percent"] == ["100% %REQ(:path)%"]
    assert sent["content-type"] == ["text/csv"]
    assert answer.headers["x-out"] == "o"
    assert answer.headers.get_all("x-backend") == ["backend", "second"]
    assert answer.headers.get_all("access-control-allow-origin") == ["*"]


def test_expressions_are_evaluated(envoy: Envoy) -> None:
    answer = envoy.get("/expressions?q=7", {"x-one": "0", "content-type": "text/plain"})

    sent = answer.json["headers"]
    assert sent["x-one"] == ["0", "GET7"]
    assert "x-null" not in sent
    assert sent["content-type"] == ["text/csv"]
    assert answer.headers["x-out"] == "200"
    assert answer.headers.get_all("x-backend") == ["backend", "second"]
    assert answer.headers.get_all("access-control-allow-origin") == ["*"]


@pytest.mark.parametrize("path", ["/broken-request", "/broken-response", "/expressions?q=a%0d%0ax-evil:+1"])
def test_failing_value_answers_500(envoy: Envoy, path: str) -> None:
    answer = envoy.get(path)

    assert answer.status == 500
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"error": "The policy header-injection could not be evaluated."}


def test_failing_value_keeps_the_upstream_s_headers_back(envoy: Envoy) -> None:
    answer = envoy.request("HEAD", "/broken-response")

    assert answer.status == 500
    assert "x-backend" not in answer.headers


def test_a_value_that_envoy_would_not_take_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="at most 16384 bytes, this one 16386"):
        compiled("header-injection", {"inboundHeaders": headers(x_long="é" * 8193)}, tmp_path)
