"""Texts are judged in UTF-8 alone: in another encoding the same bytes are another text to who reads them."""

import json
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import httpx
import pytest

from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy

pytestmark = pytest.mark.envoy
SPEC = """
openapi: 3.1.0
paths:
  /x:
    post:
      parameters:
      - {name: q, in: query, schema: {type: string, maxLength: 5, pattern: '^[^<>]*$'}}
      - {name: list, in: query, schema: {type: array, items: {type: string, maxLength: 5}}}
      - {name: x-t, in: header, schema: {type: string, maxLength: 5}}
      - {name: t, in: cookie, schema: {type: string, maxLength: 5}}
      requestBody: {content: {application/json: {schema: {}}}}
  /{name}/y:
    post:
      parameters: [{name: name, in: path, required: true, schema: {type: string, maxLength: 5}}]
"""
LIMITS = ("maxStringValueLength", "maxObjectEntryNameLength")
LENGTHS = ("maxTextLength", "maxAttributeLength", "maxCommentLength")
POLICIES = {
    "json-threat-protection": (dict.fromkeys(LIMITS, 5), "application/json", b'{"a": "%b"}'),
    "xml-threat-protection": (dict.fromkeys(LENGTHS, 5), "text/xml", b"<a>%b</a>"),
    "spec-validation": ({"spec": SPEC}, "application/json", b'{"a": "%b"}'),
    "dataweave-request-filter": (
        {"requiresPayload": True, "script": "{success: sizeOf(payload.a) < 6}"},
        "application/json",
        b'{"a": "%b"}',
    ),
    "operation-limits": ({}, "application/graphql", b'{a(b: "%b")}'),
}
"""Of each that reads a text: its configuration, a media type, and a body that has a text in it."""
NO_UTF8 = [
    b"\x80" * 900,
    b"\xe9",
    b"\xc0\xa2",
    b"\xe0\x80\xbc",
    b"\xed\xa0\x80",
    b"\xf0\x80\x80\xbc",
    b"\xf4\x90\x80\x80",
    b"\xff",
    b"a\xe2\x82",
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = [api(policy(name, config), name=name) for name, (config, *_) in POLICIES.items()]
    with running_gateway("---\n".join(made), tmp_path_factory.mktemp("encodings")) as running:
        yield running


def sent(gateway: Gateway, name: str, text: bytes, more: str = "") -> httpx.Response:
    _, kind, body = POLICIES[name]
    return gateway.post(f"/{name}/x", content=body % text, headers={"content-type": kind + more})


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("text", ["", "é", "€uro", "𝄞𝄞", "\ufffd", "\U0010ffff", "a\u0301"])
def test_characters_of_any_length_pass(gateway: Gateway, name: str, text: str) -> None:
    assert sent(gateway, name, text.encode()).status_code == 200


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("text", NO_UTF8)
def test_what_is_no_utf8_is_refused(gateway: Gateway, name: str, text: bytes) -> None:
    answer = sent(gateway, name, text)

    assert (answer.status_code, answer.json()) == (400, {"error": "The body is not accepted."})


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("; charset=utf-8", 200),
        (';CHARSET="UTF8"', 200),
        ("; charset=us-ascii", 200),
        ("; charset=utf-7", 400),
        ("; charset = Shift_JIS", 400),
        ("; charset='utf-16'", 400),
        ("; charset=IBM037", 400),
        ("; charset=utf-8; charset=utf-7", 400),
        ("; charset=*", 400),
    ],
)
def test_another_encoding_is_refused(gateway: Gateway, name: str, more: str, status: int) -> None:
    assert sent(gateway, name, b"a", more).status_code == status


def test_another_text_than_json_may_be_in_any_encoding(gateway: Gateway) -> None:
    headers = {"content-type": "application/octet-stream; charset=utf-7"}

    assert gateway.post("/json-threat-protection/x", content=b"\xff", headers=headers).status_code == 200


@pytest.mark.parametrize("escaped", ["%80" * 50, "%E9", "%E9%3C%3E", "%F0%3Cb%3E"])
def test_a_parameter_that_is_no_utf8_is_refused(gateway: Gateway, escaped: str) -> None:
    """A lenient reader sees the < that a stricter one takes for a part of another character."""
    raw = unquote_to_bytes(escaped)
    here = "/spec-validation/x"
    answers = [
        gateway.post(f"{here}?q={escaped}"),
        gateway.post(f"{here}?list=a&list={escaped}"),
        gateway.post(here, headers=[(b"x-t", raw)]),
        gateway.post(here, headers=[(b"cookie", b"t=" + raw)]),
        gateway.post(f"/spec-validation/{escaped}/y"),
    ]

    assert [one.status_code for one in answers] == [400] * 5
    assert answers[0].json() == {"error": "The request does not fit the API: query q: is not UTF-8"}


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_that_is_none_to_most_readers_is_refused(gateway: Gateway, number: str) -> None:
    answer = gateway.post(
        "/spec-validation/x", content=f'{{"a": {number}}}', headers={"content-type": "application/json"}
    )

    assert answer.status_code == 400
    assert json.loads(answer.text) == {
        "error": "The request does not fit the API: one is too large to be read"
    }


@pytest.mark.parametrize(
    "kind", ["application/grpc+json", "application/grpc-web+json", "application/grpcx+json"]
)
def test_messages_that_say_that_they_are_json_do_not_pass_unread(gateway: Gateway, kind: str) -> None:
    answer = gateway.post("/json-threat-protection/x", content='["too long"]', headers={"content-type": kind})

    assert answer.status_code == 400 or answer.headers["grpc-status"] == "3"
