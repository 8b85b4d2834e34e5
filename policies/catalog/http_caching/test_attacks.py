"""What an enemy, or bad luck, would have the cache give to others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from policies.catalog.http_caching import test_policy
from policies.catalog.http_caching.test_policy import Cached
from tests.traffic.origin import Asked, Given
from tests.traffic.raw import http2

pytestmark = pytest.mark.envoy
upstream, gateway, cached = test_policy.upstream, test_policy.gateway, test_policy.cached


def test_a_body_that_no_header_tells_of_poisons_nothing(cached: Cached) -> None:
    cached.serve()
    cached.answers()
    path = f"/{cached.name}/x".encode()

    assert http2(cached.gateway.port, path, sent=b"evil") == b"answer 1"
    assert http2(cached.gateway.port, path) == b"answer 2"
    assert http2(cached.gateway.port, path) == b"answer 2"


def test_a_body_still_to_come_poisons_nothing(cached: Cached) -> None:
    cached.serve()
    cached.answers()
    path = f"/{cached.name}/x".encode()

    assert http2(cached.gateway.port, path, ends=False) == b"answer 1"
    assert http2(cached.gateway.port, path) == b"answer 2"
    assert http2(cached.gateway.port, path) == b"answer 2"


def test_directives_that_semicolons_part_are_heeded(cached: Cached) -> None:
    cached.serve()
    cached.answers(("cache-control", "private; max-age=60"))

    assert [cached.get().text for _ in range(2)] == ["answer 1", "answer 2"]


@pytest.mark.parametrize("how", ["invalidate", "invalidate-all", "PUT"])
def test_what_was_asked_before_an_invalidation_is_not_kept(cached: Cached, how: str) -> None:
    cached.serve("invalidationHeader: x-order")
    asked, goes_on = threading.Event(), threading.Event()

    def given(asked_for: Asked) -> Given:
        if asked_for.count == 1:
            asked.set()
            goes_on.wait(10)
        return Given(body=f"answer {asked_for.count}".encode())

    cached.upstream.answer = given
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            httpx.get, f"http://127.0.0.1:{cached.gateway.port}/{cached.name}/x", trust_env=False
        )
        assert asked.wait(10)
        if how == "PUT":
            cached.get(method="PUT")
        else:
            cached.get(x_order=how, cache_control="no-store")
        goes_on.set()
        assert slow.result().text == "answer 1"

    assert [cached.get().text for _ in range(2)] == ["answer 3"] * 2


@pytest.mark.parametrize("name", ["x_rewrite_url", "X_Rewrite-URL", "x-original_url", "x_tenant"])
def test_another_spelling_of_what_upstreams_heed_poisons_nothing(cached: Cached, name: str) -> None:
    cached.serve()
    cached.answers(("vary", "X-Tenant"))
    path = f"/{cached.name}/x"

    answers = [
        cached.gateway.get(path, headers={name: "evil"}),
        cached.gateway.get(path, headers={name: "evil"}),
        cached.gateway.get(path, headers={"x_other": "kind"}),
        cached.gateway.get(path),
    ]

    assert [one.text for one in answers] == ["answer 1", "answer 2", "answer 3", "answer 3"]
    assert "vary" in answers[0].headers["cache-status"]


TOLD_BY_PROXIES = [
    *("front-end-https", "x-forwarded-method", "x-forwarded-path", "x-forwarded-protocol", "x-forwarded-ssl"),
    *("x-forwarded-uri", "x-original-method", "x-original-uri", "x-scheme", "x-script-name", "x-url-scheme"),
]


@pytest.mark.parametrize("name", TOLD_BY_PROXIES)
def test_what_proxies_tell_of_a_request_poisons_nothing(cached: Cached, name: str) -> None:
    cached.serve()

    answers = [cached.gateway.get(f"/{cached.name}/x", headers=sent).text for sent in ({name: "evil"}, {})]

    assert answers == ["answer 1", "answer 2"]


@pytest.mark.parametrize("name", ["x_forwarded_host", "X-Forwarded_Host"])
def test_what_reaches_no_upstream_keeps_no_answer_from_being_kept(cached: Cached, name: str) -> None:
    cached.serve()

    answers = [cached.gateway.get(f"/{cached.name}/x", headers=sent).text for sent in ({name: "evil"}, {})]

    assert answers == ["answer 1"] * 2


def test_a_name_with_an_underscore_varies_as_any_other(cached: Cached) -> None:
    cached.serve()
    cached.answers(("vary", "client_id"))

    answers = [cached.gateway.get(f"/{cached.name}/x", headers={"client_id": one}).text for one in "abab"]

    assert answers == ["answer 1", "answer 2"] * 2
