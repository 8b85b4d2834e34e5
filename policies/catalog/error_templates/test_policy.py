"""Errors of every kind through a real Envoy, each with its template's body, and upstreams' own."""

import json
from collections.abc import Iterator

import pytest

from tests.policies.rehearsed import Played, Rehearsal, Request, Verdict, api

pytestmark = pytest.mark.envoy

TYPE, BODY = "application/vnd.a+json", '{"s": {{status}}, "e": "{{error}}", "id": "{{requestId}}"}'
OWN = {
    "templates": [{"status": status, "contentType": TYPE, "body": BODY} for status in ("4xx", "500", "504")]
}
POLICIES = {
    "script": [("user-agent-filter", {"denied": ["^evil"]})],
    "native": [("ip-allowlist", {"ips": ["203.0.113.0/24"]})],
    "late": [("response-timeout", {"timeout": 0.2})],
    "back": [("header-injection", {"outboundHeaders": [{"key": "x-a", "value": "#[1 / 0]"}]})],
    "json": [("json-threat-protection", {"maxContainerDepth": 1})],
    "packed": [("compression", {}), ("access-block", {})],
}
"""By API: what runs behind the templates."""


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    routes = [{"rules": [{"path": "/here(/.*)?"}]}]
    own = ("error-templates", OWN)
    with Rehearsal([api(name, [*others, own], routes=routes) for name, others in POLICIES.items()]) as made:
        assert made.absent == ()
        yield made


def ask(rehearsal: Rehearsal, target: str, *answers: Played, **more: object) -> Verdict:
    return rehearsal.ask(Request.model_validate({"target": target, **more}), answers)


def told(verdict: Verdict) -> tuple[int, object, str]:
    assert verdict.answer is not None
    headers = dict(verdict.answer.headers)
    assert "x-gatewright-answered" not in headers
    assert int(headers["content-length"]) == len(verdict.answer.body.encode())
    return verdict.answer.status, headers["content-type"], verdict.answer.body


def body(status: int, error: str, request_id: str) -> str:
    return f'{{"s": {status}, "e": "{error}", "id": "{request_id}"}}'


@pytest.mark.parametrize(
    ("target", "more", "status", "error"),
    [
        ("/script/here", {"headers": [("user-agent", "evil")]}, 403, "Forbidden"),
        ("/native/here", {}, 403, "Forbidden"),
        ("/script/elsewhere", {}, 404, "Not Found"),
        (
            "/json/here",
            {"method": "POST", "body": "[[[1]]]", "headers": [("content-type", "application/json")]},
            400,
            "Bad Request",
        ),
        ("/packed/here", {"headers": [("accept-encoding", "gzip")]}, 403, "Forbidden"),
    ],
)
def test_what_the_gateway_answers_has_its_template(
    rehearsal: Rehearsal, target: str, more: dict[str, list[tuple[str, str]]], status: int, error: str
) -> None:
    more = {**more, "headers": [*more.get("headers", []), ("x-request-id", "id-1")]}

    assert told(ask(rehearsal, target, **more)) == (status, TYPE, body(status, error, "id-1"))


def test_upstreams_that_fail_or_are_late_have_it_too(rehearsal: Rehearsal) -> None:
    named = {"headers": [("x-request-id", "id-1")]}

    late = ask(rehearsal, "/late/here", Played(delay_ms=3000), **named)
    gone = ask(rehearsal, "/script/here", Played(closes=True), **named)

    assert told(late) == (504, TYPE, body(504, "Gateway Timeout", "id-1"))
    assert late.outcome == gone.outcome == "failed"
    status, kind, text = told(gone)
    assert (status, kind) == (503, "application/problem+json")
    problem = {"type": "about:blank", "title": "Service Unavailable", "status": 503}
    assert json.loads(text) == {**problem, "instance": "urn:request:id-1"}


def test_an_answer_that_a_policy_refuses_on_its_way_back_has_it_too(rehearsal: Rehearsal) -> None:
    verdict = ask(rehearsal, "/back/here", Played(body="the upstream's"), headers=[("x-request-id", "id-1")])

    assert told(verdict) == (500, TYPE, body(500, "Internal Server Error", "id-1"))
    assert verdict.outcome == "refused"


@pytest.mark.parametrize("status", [400, 404, 500, 503, 504])
def test_what_upstreams_answer_is_theirs(rehearsal: Rehearsal, status: int) -> None:
    headers = (("content-type", "text/plain"), ("x-gatewright-answered", "gatewright"))
    answer = Played(status=status, headers=headers, body="mine")

    verdict = ask(rehearsal, "/script/here", answer)

    assert verdict.answer is not None
    assert (verdict.answer.status, verdict.answer.body) == (status, "mine")
    assert ("content-type", "text/plain") in verdict.answer.headers


def test_nothing_that_callers_choose_stands_in_it_unescaped(rehearsal: Rehearsal) -> None:
    hostile = '"},<script>alert(1)</script>\\' + "x" * 300

    status, _, text = told(ask(rehearsal, "/native/here", headers=[("x-request-id", hostile)]))

    assert status == 403
    assert json.loads(text)["id"] == ("scriptalert1script" + "x" * 300)[:128][: len(json.loads(text)["id"])]
    assert not set(json.loads(text)["id"]) & set('"<>\\(){}')


def test_head_is_answered_without_a_body(rehearsal: Rehearsal) -> None:
    verdict = ask(rehearsal, "/native/here", method="HEAD")

    assert verdict.answer is not None
    assert (verdict.answer.status, verdict.answer.body) == (403, "")
    assert ("content-type", TYPE) in verdict.answer.headers


def test_what_passes_is_untouched(rehearsal: Rehearsal) -> None:
    verdict = ask(rehearsal, "/script/here", Played(body="ok"), headers=[("user-agent", "good")])

    assert verdict.outcome == "upstream"
    assert verdict.answer is not None
    assert verdict.answer.body == "ok"
