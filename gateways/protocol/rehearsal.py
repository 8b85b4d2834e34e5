"""A rehearsal in data: a request to try, the answers that upstreams play, and the verdict.

Each is a line of JSON where a console asks a rehearsal in a process of its own.
"""

import base64
import binascii
import json
import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateways.protocol import regex
from gateways.protocol.resources import AnyResource, Model
from policies.fields.headers import CONTROL, TOKEN

MOST_HEADERS = 256
MOST_HEADER_CHARACTERS = 96 * 1024
"""More than Envoy takes, so that its own answer to too many can be seen."""
MOST_BODY_BYTES = 1024 * 1024
MOST_ANSWERS = 100
MOST_SECONDS = 60
SHOWN_BODY_BYTES = 64 * 1024


def _one_line(text: str) -> str:
    if re.search(r"[\r\n\0]", text):
        raise ValueError("holds the end of a line, which no part of a request can")
    return text


def _one_word(text: str) -> str:
    if not re.fullmatch(r"[^\s\0-\x1f\x7f]+", text):
        raise ValueError("must be one word, without spaces")
    return text


def _address(text: str) -> str:
    try:
        known = ip_address(text)
    except ValueError:
        raise ValueError(f'"{text}" is not an IP address') from None
    if known.is_unspecified or known.is_multicast or str(known) == "255.255.255.255" or "%" in text:
        raise ValueError(f'"{text}" is no address that anybody connects from')
    return str(known)


def _expression(text: str) -> str:
    if text:
        regex.check(text)
    return text


Word = Annotated[str, AfterValidator(_one_word)]
HeaderName = Annotated[Word, Field(max_length=1024)]
HeaderValue = Annotated[str, AfterValidator(_one_line)]
Headers = Annotated[tuple[tuple[HeaderName, HeaderValue], ...], Field(max_length=MOST_HEADERS)]


class WithBody(Model):
    """`body` as text, or `bodyBase64` where it is none."""

    headers: Headers = ()
    body: str = Field("", max_length=MOST_BODY_BYTES)
    body_base64: str = Field("", max_length=MOST_BODY_BYTES * 4 // 3 + 4)

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.body_base64) if self.body_base64 else self.body.encode()

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if self.body and self.body_base64:
            raise ValueError("body and bodyBase64 say the same thing twice; keep one")
        try:
            base64.b64decode(self.body_base64, validate=True)
        except binascii.Error:
            raise ValueError("bodyBase64 is not base64") from None
        if len(self.content) > MOST_BODY_BYTES:
            raise ValueError(f"the body is longer than {MOST_BODY_BYTES} bytes")
        if sum(len(name) + len(value) for name, value in self.headers) > MOST_HEADER_CHARACTERS:
            raise ValueError(f"the headers are longer than {MOST_HEADER_CHARACTERS} characters")
        return self


class Request(WithBody):
    """A request to try. `target` is the path with its query; `caller` is who connects ("from").

    `port` is the API's own; where all APIs share one it may be left out.
    """

    method: Annotated[Word, Field(max_length=64)] = "GET"
    target: Annotated[Word, Field(max_length=MOST_HEADER_CHARACTERS)]
    port: int | None = Field(None, ge=1, le=65535)
    caller: Annotated[str, AfterValidator(_address)] = Field("127.0.0.1", alias="from")
    certificate: str = Field("", max_length=64 * 1024, description="the caller's, with its chain, as PEM")
    key: SecretStr = Field(SecretStr(""), max_length=64 * 1024)
    seconds: float = Field(10, gt=0, le=MOST_SECONDS)

    @model_validator(mode="after")
    def _has_a_pair(self) -> Self:
        if bool(self.certificate) != bool(self.key.get_secret_value()):
            raise ValueError("certificate and key belong together; give both or none")
        return self


class Played(WithBody):
    """What an upstream answers to the requests that fit: the first of several that fits is played.

    `upstream` is HOST:PORT as configured, `path` an expression over the path without query; what is left
    out fits all. `closes` has the upstream close the connection instead.
    """

    upstream: str = Field("", max_length=512)
    method: str = Field("", max_length=64)
    path: Annotated[str, AfterValidator(_expression)] = ""
    status: int = Field(200, ge=200, le=599)
    delay_ms: int = Field(0, ge=0, le=MOST_SECONDS * 1000)
    closes: bool = False

    @model_validator(mode="after")
    def _can_be_played(self) -> Self:
        for name, value in self.headers:
            if not TOKEN.fullmatch(name):
                raise ValueError(f'"{name}" is no name of a header')
            if CONTROL.search(value) or value != value.strip():
                raise ValueError(
                    f"the value of {name} has a space at an end, or a character that none can have"
                )
        return self


Answers = Annotated[tuple[Played, ...], Field(max_length=MOST_ANSWERS)]

Outcome = Literal[
    "upstream", "answered", "refused", "failed", "no-route", "no-api", "not-served", "rejected", "unanswered"
]
"""Who had the last word: the upstream, a policy in its place, a policy that refused, a failure on the way to
the upstream, no route of the API, no API, an API that is not served, the gateway itself, or nobody."""
PASSED: tuple[Outcome, ...] = ("upstream", "answered")

DecisionKind = Literal["passed", "would-refuse", "refused", "answered", "not-applied", "not-reached"]


class Decision(Model):
    """What a policy did with the request; `not-applied` where its conditions did not hold, `would-refuse`
    where it only observes.
    """

    policy: str
    title: str
    binding: str
    decision: DecisionKind
    reason: str = ""


class SeenMessage(Model):
    """Headers and body as they were seen. `body` is cut off where `is_cut`, and base64 where `is_binary`."""

    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    is_binary: bool = False
    is_cut: bool = False


class Sent(SeenMessage):
    """What went out to an upstream, or would have: nothing is connected to. `was_given` an answer to play."""

    upstream: str
    service: str = ""
    method: str
    target: str
    was_given: bool = False


class Foreseen(Model):
    """What an upstream would get if no policy kept the request from it: where, and the path there."""

    upstream: str
    target: str


class Answer(SeenMessage):
    status: int


class Criterion(Model):
    """One thing that a rule asks of a request: `part` is "path", "method", "host" or "header NAME".

    `wanted` is the expression as it is written, `came` what the request has of it.
    """

    part: str
    wanted: str
    came: str
    holds: bool


class RuleWeighed(Model):
    holds: bool
    criteria: tuple[Criterion, ...] = ()


class Share(Model):
    """An upstream of a route, how much of its requests it gets, and what comes before their path there.

    `takes_over` is who gets them when it cannot be reached, if anybody does; `path_there` comes before their
    path then.
    """

    upstream: str
    service: str = ""
    percent: float
    destination_path: str = ""
    takes_over: str = ""
    path_there: str = ""


class RouteWeighed(Model):
    """A route of the API, and why it took the request or did not: it takes one that meets any of its rules.

    Routes behind the one that took it are `not-asked`; `holds` tells whether they would have taken it.
    """

    number: int
    route: str
    state: Literal["taken", "passed-over", "not-asked"]
    holds: bool
    rules: tuple[RuleWeighed, ...] = ()
    upstreams: tuple[Share, ...] = ()


class ApiWeighed(Model):
    """An API of the port: whether the request's path is below its base path, and whether it took it."""

    api: str
    base_path: str
    is_taken: bool
    holds: bool


class Verdict(Model):
    """What happened to a request, told by the Envoy that it went through.

    `sent` is the last try at the API's upstream, of `tries`; `asked` are what policies asked others.
    `faults` say why an API is not served. `said` is what Envoy logged meanwhile. `target` is the request's as
    routes see it; `apis` and `routes` say why others did not take it. `foreseen` is there where it was asked
    for and a policy kept the request from the upstream.
    """

    outcome: Outcome
    reason: str
    api: str = ""
    route: str = ""
    caller: str = ""
    policies: tuple[Decision, ...] = ()
    sent: Sent | None = None
    tries: int = 0
    asked: tuple[Sent, ...] = ()
    answer: Answer | None = None
    details: str = ""
    faults: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    target: str = ""
    apis: tuple[ApiWeighed, ...] = ()
    routes: tuple[RouteWeighed, ...] = ()
    foreseen: Foreseen | None = None
    milliseconds: float = 0

    @property
    def has_passed(self) -> bool:
        return self.outcome in PASSED


def shown(content: bytes) -> dict[str, object]:
    """The fields of `SeenMessage` for a body."""
    cut = content[:SHOWN_BODY_BYTES]
    fields: dict[str, object] = {"is_cut": len(cut) < len(content)}
    try:
        return {**fields, "body": cut.decode()}
    except UnicodeDecodeError:
        return {**fields, "body": base64.b64encode(cut).decode(), "is_binary": True}


MOST_LINE_BYTES = 64 * 1024 * 1024
MOST_EXPRESSION_CHARACTERS = 4096
MOST_KNOWN_CHARACTERS, MOST_KNOWN_DEPTH = 16 * 1024, 20


def _known(value: dict[str, Any]) -> dict[str, Any]:
    if _is_deep(value):
        raise ValueError(f"is deeper than {MOST_KNOWN_DEPTH} levels")
    if len(json.dumps(value)) > MOST_KNOWN_CHARACTERS:
        raise ValueError(f"is longer than {MOST_KNOWN_CHARACTERS} characters of JSON")
    return value


def _is_deep(value: Any) -> bool:
    """Level by level: what is nested without end cannot be gone into by functions that call themselves."""
    level = [value]
    for _ in range(MOST_KNOWN_DEPTH + 1):
        inner = (
            one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)
        )
        level = [one for some in inner for one in some]
    return bool(level)


Known = Annotated[dict[str, Any], AfterValidator(_known)]


class Evaluate(Model):
    """An expression to evaluate: when the request comes, or when its answer comes back.

    `authentication` and `vars` are what policies before would have set.
    """

    expression: str = Field(max_length=MOST_EXPRESSION_CHARACTERS)
    moment: Literal["request", "response"] = "request"
    authentication: Known = {}
    vars: Known = {}


class Value(Model):
    """What an expression came to: its `kind`, and the value as JSON, of which at most SHOWN_BODY_BYTES.

    Instead, `error` says why there is none; `line` and `column` count from 1 where it does not parse.
    """

    kind: Literal["String", "Number", "Boolean", "Array", "Object", "Null", ""] = ""
    text: str = ""
    is_cut: bool = False
    error: str = ""
    line: int = 0
    column: int = 0


class RehearsalInput(Model):
    """What a rehearsal in a process of its own reads: what to serve from now on, or a request to try.

    `answers` are the request's own, or those that are played where a request has none that fits. One that
    `foresees` is told what the upstream would get of a request that a policy keeps from it. With
    `evaluate` the request is one that an expression sees; nothing needs to be served then.
    """

    resources: tuple[AnyResource, ...] | None = None
    request: Request | None = None
    evaluate: Evaluate | None = None
    answers: Answers = ()
    foresees: bool = False

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.resources is None) == (self.request is None):
            raise ValueError("give resources or a request")
        if self.evaluate and self.request is None:
            raise ValueError("give the request that the expression sees")
        return self


class NotServed(Model):
    """An API that the gateway would not serve: `faults` say why, and where that stands."""

    api: str
    port: int
    base_path: str
    faults: tuple[str, ...]


class Reply(Model):
    """The answer to a line: what is served and what is not, the verdict, or what is wrong with it."""

    ports: tuple[int, ...] | None = None
    not_served: tuple[NotServed, ...] | None = None
    verdict: Verdict | None = None
    value: Value | None = None
    error: str | None = None
