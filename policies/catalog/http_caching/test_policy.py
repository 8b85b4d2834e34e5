"""The cache through a real Envoy: what is answered from it, what never is, and to whom."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.origin import Asked, Given, Origin, origin
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:${port}/NAME
  services: {upstream: {address: "${origin}"}}
  policies:
    BEFORE
    - {policyRef: {name: http-caching-flex}, config: {CONFIG}, RULES}
    BEHIND
"""
BASIC = "- {policyRef: {name: http-basic-authentication}, config: {username: ann, password: pw-of-ann-1}}"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: Origin) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("gateway"), concurrency=2) as running:
        running.names["origin"] = upstream.url
        yield running


class Cached:
    """An API of its own for a test, and what its upstream is asked."""

    def __init__(self, gateway: Gateway, upstream: Origin) -> None:
        self.gateway, self.upstream = gateway, upstream
        self.name = f"n{time.monotonic_ns()}"

    def serve(
        self, config: str = "", *, rules: str = "", before: str = "", behind: str = "", others: str = ""
    ) -> None:
        told = f"rules: {rules}" if rules else "order: 1"
        parts = {"NAME": self.name, "CONFIG": config, "RULES": told, "BEFORE": before, "BEHIND": behind}
        text = API
        for mark, value in parts.items():
            text = text.replace(mark, value)
        ack = self.gateway.apply(text.replace(", order: 1", "") + others)
        assert not [one.reason for one in ack.resources if one.reason], ack.resources

    def answers(self, *headers: tuple[str, str], body: bytes = b"", **rest: Any) -> None:
        """Each with the number of the request in it."""

        def given(asked: Asked) -> Given:
            return Given(body=body or f"answer {asked.count}".encode(), headers=headers, **rest)

        self.upstream.answer = given

    def get(self, path: str = "/x", method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.request(method, f"/{self.name}{path}", headers=named)

    def asked(self, path: str = "/x") -> int:
        return self.upstream.asked[f"/{self.name}{path}"] + self.upstream.asked[path]


@pytest.fixture
def cached(gateway: Gateway, upstream: Origin) -> Iterator[Cached]:
    made = Cached(gateway, upstream)
    made.upstream.asked.clear()
    made.upstream.seen.clear()
    made.answers()
    yield made


def test_second_request_is_answered_from_memory(cached: Cached) -> None:
    cached.serve()
    cached.answers(("x-own", "1"), ("x-own", "2"), ("content-type", "text/plain"))

    first, second, head = cached.get(), cached.get(), cached.get(method="HEAD")

    assert (first.text, second.text, cached.asked()) == ("answer 1", "answer 1", 1)
    assert first.headers["cache-status"] == "gatewright; fwd=uri-miss"
    assert "age" not in first.headers and second.headers["age"] == "0"
    assert second.headers["cache-status"].startswith("gatewright; hit; ttl=")
    assert second.headers.get_list("x-own") == ["1", "2"]
    assert second.headers["date"] == first.headers["date"]
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert (head.headers["content-length"], head.headers["content-type"]) == ("8", "text/plain")
    assert not [name for one in (first, second, head) for name in one.headers if "gatewright-from" in name]


def test_host_query_and_what_proxies_say_tell_answers_apart(cached: Cached) -> None:
    cached.serve()
    differing: list[tuple[str, dict[str, str]]] = [
        ("/x", {}),
        ("/x?a=1", {}),
        ("/x?a=2", {}),
        ("/x", {"host": "evil.example"}),
        ("/x", {"x_rewrite_url": "/admin"}),
        ("/x", {"x_http_method_override": "DELETE"}),
        ("/x", {"origin": "https://evil.example"}),
    ]

    bodies = [cached.get(path, **headers).text for path, headers in differing]

    assert len(cached.upstream.seen) == len(differing)
    assert [cached.get(path, **headers).text for path, headers in differing] == bodies
    assert len(cached.upstream.seen) == len(differing)


def test_two_apis_never_share_an_answer(cached: Cached, gateway: Gateway) -> None:
    other = API.replace("/NAME", f"/{cached.name}-other").replace("NAME", f"{cached.name}-other")
    for mark in ("BEFORE", "CONFIG", ", RULES", "BEHIND"):
        other = other.replace(mark, "")
    cached.serve(others=f"\n---{other}")
    cached.answers()

    bodies = [gateway.get(f"/{cached.name}{end}/x").text for end in ("", "-other", "", "-other")]

    assert bodies[0] == bodies[2] and bodies[1] == bodies[3] and len(cached.upstream.seen) == 2


NEVER: dict[str, tuple[dict[str, str], Given]] = {
    "no-store": ({}, Given(headers=(("cache-control", "no-store"),))),
    "private": ({}, Given(headers=(("cache-control", "max-age=60, private"),))),
    "private-field": ({}, Given(headers=(("cache-control", 'private="x-a", max-age=60'),))),
    "set-cookie": ({}, Given(headers=(("set-cookie", "a=b"), ("cache-control", "public, max-age=60")))),
    "vary": ({}, Given(headers=(("vary", "*"),))),
    "expired": ({}, Given(headers=(("expires", "0"),))),
    "status": ({}, Given(status=500)),
    "range": (
        {"range": "bytes=0-1"},
        Given(b"an", 206, headers=(("content-range", "bytes 0-1/6"), ("cache-control", "max-age=60"))),
    ),
    "part": ({}, Given(b"an", 206, headers=(("content-range", "bytes 0-1/6"),))),
    "large": ({}, Given(b"x" * (1024 * 1024 + 1))),
    "authorization": ({"authorization": "Bearer a"}, Given(headers=(("cache-control", "max-age=60"),))),
    "cookie": ({"cookie": "session=a"}, Given()),
    "asked not to": ({"cache_control": "no-store"}, Given()),
    "stream": ({}, Given(headers=(("content-type", "text/event-stream"),))),
    "closed": ({}, Given(raw=b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nperhaps whole")),
}


def test_never_kept(cached: Cached) -> None:
    cached.serve()
    given = {f"/{cached.name}/{at}": one for at, (_, one) in enumerate(NEVER.values())}
    cached.upstream.answer = lambda asked: given[f"/{cached.name}{asked.target}"]

    for at, (headers, _) in enumerate(NEVER.values()):
        for _ in range(2):
            cached.get(f"/{at}", **headers)

    asked = {name: cached.asked(f"/{at}") for at, name in enumerate(NEVER)}
    assert asked == dict.fromkeys(NEVER, 2)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_what_is_cut_off_is_never_kept(cached: Cached, raw: bytes) -> None:
    cached.serve()
    cached.upstream.answer = lambda asked: Given(raw=raw)
    with pytest.raises(httpx.HTTPError):
        cached.get()

    cached.answers(body=b"whole")

    assert cached.get().text == "whole"


def test_authorized_answers_are_shared_where_the_upstream_says_so_alone(cached: Cached) -> None:
    cached.serve()
    cached.answers(("cache-control", "public, max-age=60"))

    bodies = [cached.get(authorization=one).text for one in ("Bearer a", "Bearer b")]

    assert bodies == ["answer 1"] * 2
    cached.answers()
    assert [cached.get("/free").text, cached.get("/free", authorization="Bearer a").text] == [
        "answer 1",
        "answer 2",
    ]


def test_answers_vary_by_what_the_upstream_names(cached: Cached) -> None:
    cached.serve()
    cached.answers(("vary", "Accept-Language, X-None"))

    bodies = [cached.get(accept_language=one).text for one in ("de", "fr", "de", "fr")]

    assert bodies == ["answer 1", "answer 2"] * 2


def test_callers_that_a_policy_knows_do_not_read_each_others(cached: Cached) -> None:
    cached.serve(before=BASIC)
    client = cached.gateway.client

    mine = [client.get(f"/{cached.name}/x", auth=("ann", "pw-of-ann-1")).text for _ in range(2)]

    assert mine == ["answer 1", "answer 2"]
    cached.serve("httpCachingKey: '#[authentication.principal]'", before=BASIC)
    own = [client.get(f"/{cached.name}/x", auth=("ann", "pw-of-ann-1")).text for _ in range(2)]
    assert own == ["answer 3", "answer 3"]
    assert client.get(f"/{cached.name}/x").status_code == 401


def test_authentication_behind_the_cache_leaks_nothing(cached: Cached) -> None:
    cached.serve(behind=BASIC)
    client = cached.gateway.client

    mine = client.get(f"/{cached.name}/x", auth=("ann", "pw-of-ann-1"))

    assert mine.text == "answer 1"
    assert client.get(f"/{cached.name}/x").status_code == 401


def test_refusals_of_later_policies_are_not_kept(cached: Cached) -> None:
    limits = "rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 60000}]"
    limit = f'{{{limits}, keySelector: "#[attributes.requestPath]"}}'
    behind = f"- {{policyRef: {{name: rate-limiting}}, config: {limit}}}"
    everything = 'responseExpression: "#[attributes.statusCode >= 200]"'
    cached.serve(f"{everything}, invalidationHeader: x-order", behind=behind)

    first, refused = cached.get(), cached.get(x_order="invalidate")

    assert (first.status_code, refused.status_code) == (200, 429)
    assert "hit" not in refused.headers.get("cache-status", "")
    assert cached.get().status_code == 429


def test_what_later_policies_add_is_there_once(cached: Cached) -> None:
    header = "{outboundHeaders: [{key: x-added, value: once}], inboundHeaders: [{key: x-in, value: a}]}"
    cached.serve(behind=f"- {{policyRef: {{name: header-injection}}, config: {header}}}")

    answers = [cached.get() for _ in range(3)]

    assert [one.headers.get_list("x-added") for one in answers] == [["once"]] * 3
    assert cached.asked() == 1 and cached.upstream.seen[0].headers["x-in"] == "a"


def test_oldest_answer_makes_room_though_it_was_used_last(cached: Cached) -> None:
    cached.serve("maxCacheEntries: 2")

    for path in ("/1", "/2", "/1", "/3"):
        cached.get(path)

    assert [cached.get(path).headers["cache-status"].split(";")[1] for path in ("/3", "/2", "/1")] == [
        " hit",
        " hit",
        " fwd=uri-miss",
    ]


@pytest.mark.parametrize(
    ("config", "headers"),
    [
        ("ttl: 1", (("cache-control", "max-age=600"),)),
        ("ttl: 600", (("cache-control", "max-age=1"),)),
        ("ttl: 1", ()),
    ],
)
def test_the_shorter_time_holds(cached: Cached, config: str, headers: tuple[tuple[str, str], ...]) -> None:
    cached.serve(config)
    cached.answers(*headers)

    assert [cached.get().text for _ in range(2)] == ["answer 1"] * 2
    wait_until(lambda: cached.get().text == "answer 2")


def test_stale_answer_is_asked_about_and_used_on(cached: Cached) -> None:
    cached.serve()

    def given(asked: Asked) -> Given:
        if asked.headers.get("if-none-match") == '"one"':
            return Given(status=304, headers=(("etag", '"one"'), ("x-new", str(asked.count))))
        return Given(b"the whole", headers=(("etag", '"one"'), ("cache-control", "no-cache")))

    cached.upstream.answer = given
    first, second, third = (cached.get() for _ in range(3))

    assert [one.text for one in (first, second, third)] == ["the whole"] * 3
    assert [one.status_code for one in (first, second, third)] == [200] * 3
    assert (second.headers["x-new"], third.headers["x-new"], cached.asked()) == ("2", "3", 3)
    known = cached.get(if_none_match='"one"')
    assert (known.status_code, known.content) == (304, b"")


def test_ranges_and_conditions_are_answered_from_the_whole(cached: Cached) -> None:
    cached.serve()
    cached.answers(("etag", '"e"'), ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"), body=b"0123456789")
    cached.get()

    asked = ("bytes=2-4", "bytes=-3", "bytes=8-", "bytes=20-", "bytes=1-2,4-5", "lines=1-2")
    parts = [cached.get(range=one) for one in asked]

    assert [(one.status_code, one.text) for one in parts] == [
        (206, "234"),
        (206, "789"),
        (206, "89"),
        (416, ""),
        (200, "0123456789"),
        (200, "0123456789"),
    ]
    assert parts[0].headers["content-range"] == "bytes 2-4/10"
    assert cached.get(if_none_match='W/"e", "f"').status_code == 304
    assert cached.get(if_modified_since="Thu, 01 Jan 2026 00:00:00 GMT").status_code == 304
    assert cached.get(if_none_match='"f"').status_code == 200
    assert cached.asked() == 1


def test_invalidation(cached: Cached) -> None:
    may = "invalidationExpression: \"#[attributes.headers['x-who'] == 'ops']\""
    cached.serve(f"invalidationHeader: X-Order, {may}")
    for path in ("/1", "/2"):
        cached.get(path)

    assert cached.get("/1", x_order="invalidate").text == "answer 1", "who may not has no say"
    assert "x-order" not in cached.upstream.seen[-1].headers
    assert cached.get("/1", x_order="invalidate", x_who="ops").text == "answer 2"
    assert [cached.get(path).text for path in ("/1", "/2")] == ["answer 2", "answer 1"]
    assert cached.get("/1", x_order="invalidate-all", x_who="ops").text == "answer 3"
    assert [cached.get(path).text for path in ("/1", "/2")] == ["answer 3", "answer 2"]
    assert "x-order" not in cached.upstream.seen[-2].headers


def test_what_is_changed_is_forgotten_unless_the_change_failed(cached: Cached) -> None:
    cached.serve()
    cached.get()

    cached.answers(status=409)
    cached.get(method="PUT")
    assert cached.get().text == "answer 1"
    cached.answers()
    cached.get(method="DELETE")
    assert cached.get().text == "answer 4"


def test_without_cache_headers_the_time_to_live_alone_counts(cached: Cached) -> None:
    cached.serve("useHttpCacheHeaders: false")
    cached.answers(("cache-control", "max-age=0, no-cache"), ("expires", "0"))

    assert [cached.get(cache_control="no-cache").text for _ in range(2)] == ["answer 1"] * 2
    cached.answers(("cache-control", "no-store"))
    assert [cached.get("/secret").text for _ in range(2)] == ["answer 1", "answer 2"]


def test_it_holds_for_the_requests_of_its_rules_alone(cached: Cached) -> None:
    cached.serve(rules="[{path: '/kept/.*'}]")

    assert [cached.get("/kept/1").text for _ in range(2)] == ["answer 1"] * 2
    assert [cached.get("/other/1").text for _ in range(2)] == ["answer 1", "answer 2"]


def test_an_error_of_the_upstreams_stays_as_it_was(cached: Cached) -> None:
    template = "{templates: [{status: '404', contentType: text/plain, body: ours}]}"
    cached.serve(before=f"- {{policyRef: {{name: error-templates}}, config: {template}}}")
    cached.answers(status=404, body=b"no such order")

    assert [cached.get().text for _ in range(2)] == ["no such order"] * 2
    assert cached.asked() == 1
