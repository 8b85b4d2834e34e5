"""HMAC Signature through a whole gateway: what the standards sign, and what was changed on the way."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy
KEY, OTHER = "0123456789abcdef0123456789abcdef", "k" * 100
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {{name: {name}}}
spec:
  address: http://127.0.0.1:${{port}}/{name}
  services: {{echo: {{address: "${{upstream}}"}}}}
  policies:
  - policyRef: {{name: hmac-signature-flex}}
    config: {{keys: "shop: {KEY}\\nother shop: {OTHER}", {config}}}
{more}"""
TOLD = """
  - policyRef: {name: header-injection}
    config: {inboundHeaders: [{key: x-told, value: "#[authentication.clientId default 'nobody']"}]}
"""
APIS = {
    "messages": ("validateBody: true", ""),
    "cavage": ("form: cavage, validateBody: true", ""),
    "headers": ("signedHeaders: [Host, X-Tenant]", ""),
    "observed": ("clockSkewSeconds: 300", "    mode: observe"),
    "writes": ("consumerHeader: ''", "    rules: [{methods: POST}]"),
    "told": ("", TOLD),
    "told-observed": ("", "    mode: observe" + TOLD),
}


def document(name: str) -> str:
    config, more = APIS[name]
    return API.format(name=name, KEY=KEY, OTHER=OTHER, config=config, more=more)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("\n---".join(map(document, APIS)), tmp_path_factory.mktemp("hmac")) as running:
        yield running


def code(key: bytes, base: str) -> str:
    return base64.b64encode(hmac.digest(key, base.encode(), "sha256")).decode()


def message(parts: Mapping[str, str], parameters: str, key: bytes = KEY.encode()) -> dict[str, str]:
    """The two headers of RFC 9421 over these parts."""
    names = " ".join(f'"{name}"' for name in parts)
    told = f"({names}){parameters}"
    lines = [*(f'"{name}": {value}' for name, value in parts.items()), f'"@signature-params": {told}']
    base = "\n".join(lines)
    return {"signature-input": f"sig1={told}", "signature": f"sig1=:{code(key, base)}:"}


def draft(
    parts: Mapping[str, str], parameters: str = "", key: bytes = KEY.encode(), name: str = "shop"
) -> str:
    """The parameters of draft-cavage over these parts."""
    base = "\n".join(f"{part}: {value}" for part, value in parts.items())
    return f'keyId="{name}",headers="{" ".join(parts)}"{parameters},signature="{code(key, base)}"'


def now(by: int = 0) -> str:
    return f';created={int(time.time()) + by};keyid="shop"'


def test_the_tests_sign_as_the_standard_does() -> None:
    # RFC 9421, B.2.5.
    key = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    parts = {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "@authority": "example.com",
        "content-type": "application/json",
    }

    made = message(parts, ';created=1618884473;keyid="test-shared-secret"', key)

    assert made["signature"] == "sig1=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"


def test_a_signed_message_passes_and_the_upstream_is_told_whose_it_is(gateway: Gateway) -> None:
    parts = {
        "@method": "GET",
        "@path": "/messages/a",
        "@query": "?b=1&c",
        "@authority": f"127.0.0.1:{gateway.port}",
    }

    answer = gateway.get("/messages/a?b=1&c", headers={**message(parts, now()), "x-consumer-name": "mallory"})

    assert answer.status_code == 200
    assert answer.json()["headers"]["x-consumer-name"] in ("shop", ["shop"])


@pytest.mark.parametrize("name", ["told", "told-observed"])
def test_later_policies_are_told_who_calls(gateway: Gateway, name: str) -> None:
    signed = message({"@method": "GET", "@path": f"/{name}"}, now())

    answer = gateway.get(f"/{name}", headers=signed)

    assert answer.json()["headers"]["x-told"] in ("shop", ["shop"])


def test_they_are_not_where_a_wrong_signature_was_only_observed(gateway: Gateway) -> None:
    signed = message({"@method": "GET", "@path": "/told-observed"}, now(), OTHER.encode())

    answer = gateway.get("/told-observed", headers=signed)

    assert answer.json()["headers"]["x-told"] in ("nobody", ["nobody"])


def test_what_was_read_before_is_compared_with_each_request(gateway: Gateway) -> None:
    """The same Signature-Input comes with many requests: each has to be signed by itself."""
    # More than are remembered.
    for by in range(-70, 1):
        told = message({"@method": "GET", "@path": "/told/a"}, now(by))
        assert gateway.get("/told/a", headers=told).status_code == 200
    spelled = {"x-consumer_name": "mallory", "x_consumer-name": "mallory", "x_consumer_name": "mallory"}
    for _ in range(2):
        answer = gateway.get("/told/a", headers={**told, **spelled})
        found = {name: value for name, value in answer.json()["headers"].items() if "consumer" in name}
        assert found in ({"x-consumer-name": "shop"}, {"x-consumer-name": ["shop"]})
        assert gateway.get("/told/b", headers=told).status_code == 401


@pytest.mark.parametrize("header", ["authorization", "signature"])
def test_a_request_signed_as_in_the_draft_passes(gateway: Gateway, header: str) -> None:
    date = formatdate(usegmt=True)
    signed = draft({"(request-target)": "get /cavage?a=1", "date": date})
    scheme = "Signature " if header == "authorization" else ""

    assert gateway.get("/cavage?a=1", headers={header: scheme + signed, "date": date}).status_code == 200
    assert gateway.get("/cavage?a=2", headers={header: scheme + signed, "date": date}).status_code == 401
    assert gateway.post("/cavage?a=1", headers={header: scheme + signed, "date": date}).status_code == 401


def test_a_long_key_and_a_name_of_two_words(gateway: Gateway) -> None:
    parts = {"(request-target)": "get /cavage", "(created)": str(int(time.time()))}
    signed = draft(parts, f",created={parts['(created)']}", OTHER.encode(), "other shop")

    assert gateway.get("/cavage", headers={"authorization": f"Signature {signed}"}).status_code == 200
    assert (
        gateway.get(
            "/cavage", headers={"authorization": f"Signature {signed}", "signature": signed}
        ).status_code
        == 401
    )


WRONG: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"@method": "GET"}, 0, "parts: @path is not signed"),
    ({"@target-uri": ""}, 0, "parts: @method is not signed"),
    ({"@method": "GET", "@path": "/headers"}, 0, "parts: @query is not signed"),
    ({"@method": "GET", "@request-target": "/headers?x"}, 0, "parts: host is not signed"),
    (
        {"@method": "GET", "@target-uri": "/headers?x", "x-tenant": ""},
        0,
        "signature: it is not what shop would",
    ),
    ({"@method": "POST", "@request-target": "/observed?x"}, 0, "signature: it is not what shop would write"),
    ({"@method": "GET", "@request-target": "/observed?x"}, -400, "time: created is past by 40"),
    ({"@method": "GET", "@request-target": "/observed?x"}, 410, "time: created is 4"),
)


def test_the_log_says_what_is_wrong(tmp_path: Path) -> None:
    documents = "\n---".join(document(name) for name in ("headers", "observed"))
    with running_gateway(documents, tmp_path) as gateway:
        for parts, by, _ in WRONG:
            api = "headers" if by == 0 and "/observed?x" not in parts.values() else "observed"
            gateway.get(f"/{api}?x", headers={**message(parts, now(by)), "x-tenant": ""})
        found = gateway.reasons(len(WRONG))

    assert [one[0].startswith(reason) for one, (_, _, reason) in zip(found, WRONG, strict=True)] == [
        True
    ] * 8, found


def test_a_time_is_needed_and_expires_ends_it(gateway: Gateway) -> None:
    parts = {"@method": "GET", "@request-target": "/messages"}
    date = formatdate(usegmt=True)

    def asked(parameters: str, parts: Mapping[str, str] = parts) -> int:
        return gateway.get("/messages", headers={**message(parts, parameters), "date": date}).status_code

    assert asked(';keyid="shop"') == 401
    assert asked(';keyid="shop"', {**parts, "date": date}) == 200
    assert asked(f';created={int(time.time())};expires=1;keyid="shop"') == 401
    assert asked(f';created={int(time.time())};expires={int(time.time()) + 9};keyid="shop"') == 200


def test_of_several_signatures_that_of_a_known_key_counts(gateway: Gateway) -> None:
    made = message({"@method": "GET", "@request-target": "/messages"}, now())
    both = {
        "signature-input": 'proxy=("@method");created=1;keyid="theirs";alg="ed25519", '
        + made["signature-input"],
        "signature": "proxy=:AAAA:, " + made["signature"],
    }

    assert gateway.get("/messages", headers=both).status_code == 200


def body_signed(path: str, body: bytes, *, digest: bool = True) -> dict[str, str]:
    told = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    parts = {"@method": "POST", "@request-target": path}
    parts |= {"content-digest": told} if digest else {}
    return {**message(parts, now()), **({"content-digest": told} if digest else {})}


@pytest.mark.parametrize("body", [b"x", b'{"a": 1}', b"\0" * 100_000])
def test_a_body_is_compared_with_its_signed_digest(gateway: Gateway, body: bytes) -> None:
    signed = body_signed("/messages", body)

    assert gateway.post("/messages", headers=signed, content=body).status_code == 200
    assert gateway.post("/messages", headers=signed, content=body + b" ").status_code == 401
    assert gateway.post("/messages", headers=signed).status_code == 401
    assert (
        gateway.post(
            "/messages", headers=body_signed("/messages", body, digest=False), content=body
        ).status_code
        == 401
    )


def test_the_drafts_digest(gateway: Gateway) -> None:
    date, body = formatdate(usegmt=True), b"hello"
    digest = f"SHA-256={base64.b64encode(hashlib.sha256(body).digest()).decode()}"
    signed = draft({"(request-target)": "post /cavage", "date": date, "digest": digest})
    headers = {"authorization": f"Signature {signed}", "date": date, "digest": digest}

    assert gateway.post("/cavage", headers=headers, content=body).status_code == 200
    assert gateway.post("/cavage", headers=headers, content=b"hullo").status_code == 401


def test_an_upgrade_does_not_hide_a_body(gateway: Gateway) -> None:
    signed = body_signed("/messages", b"told")
    upgrade = {"connection": "upgrade", "upgrade": "websocket"}

    assert gateway.post("/messages", headers={**signed, **upgrade}, content=b"sent").status_code == 400


def test_no_value_of_a_signed_header_is_left_out(gateway: Gateway) -> None:
    values = [str(one) for one in range(60)]
    for most in (50, 60):
        parts = {"@method": "GET", "@path": "/messages", "x-a": ", ".join(values[:most])}
        signed = message(parts, f';created={int(time.time())};keyid="shop"')
        for many in (50, 60):
            sent = [*signed.items(), *(("x-a", one) for one in values[:many])]
            expected = 200 if most == many == 50 else 401
            assert gateway.get("/messages", headers=sent).status_code == expected


def test_headers_that_must_be_signed(gateway: Gateway) -> None:
    parts = {"@method": "GET", "@request-target": "/headers"}
    tenant = {"x-tenant": "a"}

    def asked(parts: Mapping[str, str], **headers: Any) -> int:
        return gateway.get("/headers", headers={**message(parts, now()), **headers}).status_code

    assert asked(parts, **tenant) == 401
    assert asked({**parts, "x-tenant": "a"}, **tenant) == 401
    assert asked({**parts, "x-tenant": "a", "@authority": f"127.0.0.1:{gateway.port}"}, **tenant) == 200
    assert (
        asked({**parts, "x-tenant": "a", "@authority": f"127.0.0.1:{gateway.port}"}, **{"x-tenant": "b"})
        == 401
    )


def test_observing_lets_pass_and_nobody_else_names_the_caller(gateway: Gateway) -> None:
    answer = gateway.get("/observed", headers={"x-consumer-name": "shop"})

    assert answer.status_code == 200
    assert "x-consumer-name" not in answer.json()["headers"]


def test_conditions_limit_it_to_resources(gateway: Gateway) -> None:
    assert gateway.get("/writes").status_code == 200
    assert gateway.post("/writes").status_code == 401
    signed = message({"@method": "POST", "@request-target": "/writes"}, now())
    assert gateway.post("/writes", headers=signed).status_code == 200


def test_keys_stand_in_no_file_but_their_own(gateway: Gateway) -> None:
    found = [
        path
        for path in Path(gateway.envoy.state).rglob("*")
        if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert {path.parent.name for path in found} == {"secrets"}
    assert {path.stat().st_mode & 0o077 for path in found} == {0}
