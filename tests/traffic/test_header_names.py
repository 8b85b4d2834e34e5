"""Every header name that Header Injection and Header Removal accept acts, and what they refuse is said.

In both directions, natively and by expression, against a real upstream: what the gateway itself writes,
such as `server` and `x-forwarded-host`, too.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import httpx
import pytest
from pydantic import ValidationError

from policies.catalog import find
from policies.fields.headers import SINGLE
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy
from tests.traffic.upstream import Echo, EchoServer, serving

pytestmark = pytest.mark.envoy

FRAMING = (
    "connection", "content-length", "host", "http2-settings", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "trailer", "trailers", "transfer-encoding",
    "upgrade",
)  # fmt: skip
ENVOYS = ("x-envoy-retry-on", "x-envoy-upstream-rq-timeout-ms", "x-envoy-original-path", "X-Envoy-Internal")
NO_NAMES = (":path", ":authority", ":method", ":status", "#[attributes.method]", "x y", "x:y", "", "x\r\ny")
KEPT = ("accept", "connection", "content-length", "content-type", "date", "host", "transfer-encoding")
BOTH = (
    "accept-encoding", "accept-language", "cache-control", "content-disposition", "content-encoding",
    "content-language", "content-location", "content-md5", "content-range", "cookie", "dnt", "early-data",
    "etag", "forwarded", "from", "grpc-timeout", "if-match", "if-modified-since", "link", "max-forwards",
    "origin", "pragma", "priority", "range", "referer", "traceparent", "user-agent", "vary", "via",
    "warning", "x-api-key", "x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-port", "x-forwarded-prefix", "x-forwarded-proto", "x-http-method-override",
    "x-powered-by", "x-real-ip", "x-request-id", "authorization", "age", "allow", "alt-svc", "expires",
    "last-modified", "location", "retry-after", "server", "set-cookie", "strict-transport-security",
    "www-authenticate", "x-b3-traceid", "access-control-allow-origin",
)  # fmt: skip
INJECTED = (*BOTH, "accept", "content-type", "date")
VALUES = {"x-forwarded-proto": "https"}
DROPPED = ("forwarded", "x-forwarded-client-cert")
"""Callers may send these; the gateway believes nobody."""
T = TypeVar("T")
Lines = Sequence[tuple[str, str]]
Found = dict[str, list[str]]
ANSWERED = "answered"
"""The request header that tells the upstream what to answer with: NAME=VALUE|NAME=VALUE."""


class Answering(Echo):
    """Answers with the lines that it was asked for, and as JSON with all that it was sent."""

    def handle_any(self) -> None:
        content = json.dumps([[name.lower(), text] for name, text in self.headers.items()]).encode()
        self.send_response_only(200)
        self.send_header("content-length", str(len(content)))
        for line in filter(None, self.headers.get(ANSWERED, "").split("|")):
            self.send_header(*line.split("=", 1))
        self.end_headers()
        self.wfile.write(content)

    do_GET = handle_any


def value(name: str) -> str:
    return VALUES.get(name, "injected")


def scripted(name: str) -> str:
    return f"#['' ++ '{value(name)}']"


def halves(names: Sequence[T]) -> list[Sequence[T]]:
    """A policy takes so many names and no more."""
    return [names[:30], names[30:]]


def injecting(text: Callable[[str], str]) -> list[dict[str, Any]]:
    parts = [[{"key": name.title(), "value": text(name)} for name in half] for half in halves(INJECTED)]
    return [policy("header-injection", {"inboundHeaders": part, "outboundHeaders": part}) for part in parts]


def removing(*entries: str) -> list[dict[str, Any]]:
    parts = [half for half in halves(entries) if half]
    return [policy("header-removal", {"inboundHeaders": part, "outboundHeaders": part}) for part in parts]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    apis = [
        api(*injecting(value), name="native"),
        api(*injecting(scripted), name="scripted"),
        api(*removing(*(name.title() for name in BOTH)), name="removed"),
        api(*removing("x-[b-z].*", "server|via|forwarded|user-agent"), name="matched"),
        api(name="plain"),
    ]
    server = EchoServer("answering")
    server.RequestHandlerClass = Answering
    with serving(server), running_gateway("", tmp_path_factory.mktemp("names")) as running:
        running.names["upstream"] = server.url
        ack = running.apply("---\n".join(apis))
        assert ack.applied and not [one.reason for one in ack.resources if one.reason], ack
        yield running


def exchange(gateway: Gateway, path: str, sent: Lines = (), upstreams: Lines = ()) -> tuple[Found, Found]:
    """The headers that reached the upstream, and those that came back, by name."""
    lines = [*sent, (ANSWERED, "|".join(f"{name}={text}" for name, text in upstreams))]
    with httpx.stream("GET", f"http://127.0.0.1:{gateway.port}{path}", headers=lines) as answer:
        body = json.loads(b"".join(answer.iter_raw()))
        assert answer.status_code == 200, body
        return _by_name(body), _by_name(answer.headers.multi_items())


def _by_name(lines: Iterable[tuple[str, str]]) -> Found:
    found: Found = {}
    for name, text in lines:
        found.setdefault(name.lower(), []).append(text)
    return found


@pytest.mark.parametrize("path", ["/native/x", "/scripted/x"])
def test_every_name_that_is_accepted_is_injected(gateway: Gateway, path: str) -> None:
    asked, answered = exchange(gateway, path)

    # The client says these by itself.
    last = {name: [asked[name][0].rpartition(",")[2]] for name in ("accept", "accept-encoding")}
    injected = {name: [value(name)] for name in INJECTED}
    assert {name: asked.get(name) for name in INJECTED} | last == injected
    assert {name: answered.get(name) for name in INJECTED} == injected


@pytest.mark.parametrize("path", ["/native/x", "/scripted/x"])
def test_a_name_that_is_there_gets_a_second_value_or_is_overwritten(gateway: Gateway, path: str) -> None:
    for given in halves([(name, "given") for name in INJECTED if name not in VALUES]):
        asked, answered = exchange(gateway, path, sent=given, upstreams=given)
        for name, where in [(name, where) for name, _ in given for where in (asked, answered)]:
            texts = [part for text in where[name] for part in text.replace("; ", ",").split(",")]
            assert "injected" in texts, name
            assert (len(texts) == 1) is (name in SINGLE or (where is asked and name in DROPPED)), (
                name,
                texts,
            )


def test_every_name_that_is_accepted_is_removed(gateway: Gateway) -> None:
    given = [(name, VALUES.get(name, "given")) for name in BOTH]

    plain_asked, plain_answered = exchange(gateway, "/plain/x", sent=given, upstreams=given)
    asked, answered = exchange(gateway, "/removed/x", sent=given, upstreams=given)

    assert asked.keys() & set(BOTH) == set()
    assert answered.keys() & set(BOTH) == set()
    assert {"x-forwarded-host", "x-forwarded-for", "x-forwarded-proto", "via"} <= plain_asked.keys()
    assert {"server", "via", "x-real-ip"} <= plain_answered.keys()


def test_every_name_that_matches_is_removed(gateway: Gateway) -> None:
    given = [(name, VALUES.get(name, "given")) for name in BOTH]

    asked, answered = exchange(gateway, "/matched/x", sent=given, upstreams=given)

    for found in (asked, answered):
        assert [name for name in found if name.startswith("x-") and name[2] > "a"] == []
        assert found.keys() & {"server", "via", "forwarded", "user-agent"} == set()
        assert "x-api-key" in found


def test_the_gateway_s_own_server_is_told_where_no_policy_says_else(gateway: Gateway) -> None:
    _, answered = exchange(gateway, "/plain/x", upstreams=[("server", "upstream/1.0")])

    assert answered["server"] == ["gatewright"]
    assert httpx.get(f"http://127.0.0.1:{gateway.port}/nothing").headers["server"] == "gatewright"


@pytest.mark.parametrize("direction", ["inboundHeaders", "outboundHeaders"])
@pytest.mark.parametrize("name", [*FRAMING, *ENVOYS, *NO_NAMES])
@pytest.mark.parametrize("text", ["1", "#[lower('a')]"])
def test_names_that_smuggle_or_cannot_act_are_refused(direction: str, name: str, text: str) -> None:
    config = find("header-injection").config

    for written in (name, name.title()):
        with pytest.raises(ValidationError, match=r"cannot be set|is not a header name"):
            config.model_validate({direction: [{"key": written, "value": text}]})


def test_expect_is_refused_in_requests() -> None:
    with pytest.raises(ValidationError, match="has answered it"):
        find("header-injection").config.model_validate({"inboundHeaders": [{"key": "Expect", "value": "1"}]})


@pytest.mark.parametrize("direction", ["inboundHeaders", "outboundHeaders"])
@pytest.mark.parametrize("name", [*KEPT, *(f"{name[:-1]}." for name in KEPT), ".*", ":path", ":.*"])
def test_names_that_must_stay_are_refused(direction: str, name: str) -> None:
    with pytest.raises(ValidationError, match=r"cannot be removed|must stay"):
        find("header-removal").config.model_validate({direction: [name]})
