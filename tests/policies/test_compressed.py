"""Bodies that come compressed are looked at as what they are, within bounds, and so reach the upstream."""

import gzip
import json
import random
import string
import zlib
from collections.abc import Iterator

import httpx
import pytest

from gateways.agent.settings import Proxying
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy

pytestmark = pytest.mark.envoy
MOST = 1_048_576
JSON = "application/json"
SCHEMA = """
openapi: 3.0.3
paths:
  /x:
    post:
      requestBody: {content: {application/json: {schema: {type: object, required: [id]}}}}
"""
WSDL = """
<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns:t="urn:t">
<w:types><xs:schema targetNamespace="urn:t"><xs:element name="Ask" type="xs:string"/></xs:schema></w:types>
<w:message name="M"><w:part name="p" element="t:Ask"/></w:message>
<w:portType name="P"><w:operation name="O"><w:input message="t:M"/></w:operation></w:portType>
<w:binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="O"><w:input><soap:body use="literal"/></w:input></w:operation></w:binding>
<w:service name="S"><w:port name="Q" binding="t:B"><soap:address location="http://x/"/></w:port></w:service>
</w:definitions>
"""
SOAP = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
    '<e:Body><{0} xmlns="urn:t">a</{0}></e:Body></e:Envelope>'
)
POLICIES = {
    "json-threat-protection": ({"maxArrayElementCount": 3}, JSON, "[1, 2]", "[1, 2, 3, 4]"),
    "xml-threat-protection": ({"maxChildCount": 1}, "text/xml", "<a><b/></a>", "<a><b/><b/></a>"),
    "injection-protection": ({"protectBody": True}, "text/plain", "a seat", "<script>x</script>"),
    "spec-validation": ({"spec": SCHEMA}, JSON, '{"id": 1}', "{}"),
    "soap-validation": ({"wsdl": WSDL}, "text/xml", SOAP.format("Ask"), SOAP.format("Say")),
    "dataweave-request-filter": (
        {"requiresPayload": True, "script": "{success: payload.ok}"},
        JSON,
        '{"ok": true}',
        '{"ok": false}',
    ),
    "operation-limits": ({"maxDepth": 1}, "application/graphql", "{a}", "{a{b}}"),
}
"""Of each that reads a body: its configuration, a media type, a body that passes and one that does not."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = [api(policy(name, config), name=name) for name, (config, *_) in POLICIES.items()]
    both = policy("json-threat-protection", {}), policy("injection-protection", {"protectBody": True})
    made.append(api(*both, name="two"))
    with running_gateway("---\n".join(made), tmp_path_factory.mktemp("compressed")) as running:
        yield running


def sent(
    gateway: Gateway, name: str, content: bytes, coding: str = "gzip", kind: str = JSON
) -> httpx.Response:
    headers = {"content-type": kind, "content-encoding": coding}
    return gateway.post(f"/{name}/x", content=content, headers=headers)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "deflate"])
@pytest.mark.parametrize("name", POLICIES)
def test_a_compressed_body_is_judged_as_what_it_is(gateway: Gateway, name: str, coding: str) -> None:
    _, kind, good, bad = POLICIES[name]
    pack = zlib.compress if coding == "deflate" else gzip.compress

    answer = sent(gateway, name, pack(good.encode()), coding, kind)

    assert answer.status_code == 200, answer.text
    assert answer.json()["body"] == good
    assert answer.json()["headers"]["content-length"] == str(len(good))
    assert "content-encoding" not in answer.json()["headers"]
    assert sent(gateway, name, pack(bad.encode()), coding, kind).status_code == 400


def texts() -> Iterator[str]:
    drawn = random.Random(7)
    yield from ("1", json.dumps("a" * 900_000), json.dumps(["ab" * 129] * 3000), json.dumps("é" * 70_000))
    for size in (10, 300, 5_000, 200_000):
        letters = drawn.choice((string.printable, "ab", string.ascii_letters))
        yield json.dumps("".join(drawn.choices(letters, k=size)))
        yield json.dumps([drawn.random() for _ in range(size // 20)])


def packed(text: bytes) -> Iterator[tuple[str, bytes]]:
    """In all ways that zlib has, in several blocks and members."""
    for level in (0, 1, 9):
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
            for bits, coding in ((31, "gzip"), (9, "deflate")):
                packer = zlib.compressobj(level, zlib.DEFLATED, bits, 9, strategy)
                half = len(text) // 2
                first = packer.compress(text[:half]) + packer.flush(zlib.Z_FULL_FLUSH)
                yield coding, first + packer.compress(text[half:]) + packer.flush()
    yield "gzip", gzip.compress(text[:3]) + gzip.compress(b"") + gzip.compress(text[3:])
    named = gzip.compress(text)
    # With extra bytes, a name, a comment and a checksum of the head.
    head = named[:3] + b"\x1e" + named[4:10] + b"\x02\x00ab" + b"name\0" + b"why\0" + b"cc"
    yield "gzip", head + named[10:]


@pytest.mark.parametrize("text", list(texts()), ids=lambda text: f"{text[:6]}-{len(text)}")
def test_what_was_packed_in_any_way_is_the_same_again(gateway: Gateway, text: str) -> None:
    for coding, content in packed(text.encode()):
        if len(content) <= MOST:
            answer = sent(gateway, "two", content, coding)

            assert (answer.status_code, answer.json()["body"]) == (200, text)


def broken() -> Iterator[tuple[str, bytes]]:
    whole, drawn = gzip.compress(json.dumps(string.printable * 30).encode()), random.Random(3)
    yield from (("gzip", whole[:at]) for at in range(1, len(whole)))
    yield from (("gzip", whole + rest) for rest in (b"x", b"\0", b"\0" * 20, whole[:10], whole[:-1]))
    yield from (("gzip", bytes([*whole[:at], whole[at] ^ 255, *whole[at + 1 :]])) for at in (0, 1, 2, 3))
    yield from (("gzip", whole[:-8] + tail) for tail in (b"\0" * 8, whole[-8:-4] + b"\0" * 4))
    yield from (("gzip", drawn.randbytes(size)) for size in (1, 2, 20, 500))
    yield from (("gzip", whole[:10] + drawn.randbytes(60)) for _ in range(60))
    whole = zlib.compress(b'{"a": 1}')
    yield from (("deflate", whole[:at]) for at in range(1, len(whole)))
    yield from (("deflate", one) for one in (whole + b"x", whole[:-1] + b"x", whole[2:-4], b"[1]"))


def test_what_is_not_whole_is_refused(gateway: Gateway) -> None:
    found = {content: sent(gateway, "two", content, coding).status_code for coding, content in broken()}

    assert set(found.values()) == {400}
    assert len(found) > 150


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "identity, gzip", "x", ""])
def test_another_coding_is_refused_with_those_that_are_read(gateway: Gateway, coding: str) -> None:
    answer = sent(gateway, "two", gzip.compress(b"[1]"), coding)

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate")


@pytest.mark.parametrize("size", [MOST, MOST + 1, 100 * MOST])
def test_what_grows_above_the_bound_is_too_large(gateway: Gateway, size: int) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    content = packer.compress(b'"')
    for part in range(0, size - 2, MOST):
        content += packer.compress(b"x" * min(MOST, size - 2 - part))
    content += packer.compress(b'"') + packer.flush()

    answer = sent(gateway, "json-threat-protection", content)

    assert answer.status_code == (200 if size == MOST else 413)


def test_the_bound_is_the_gateways(tmp_path) -> None:  # type: ignore[no-untyped-def]
    text = api(policy("json-threat-protection", {}), name="json")
    body = json.dumps("x" * 5000).encode()

    with running_gateway(text, tmp_path, proxying=Proxying(buffer_limit_bytes=4096)) as gateway:
        assert sent(gateway, "json", gzip.compress(body)).status_code == 413
        assert sent(gateway, "json", gzip.compress(body[:1000] + b'"')).status_code == 200


def test_a_compressed_body_may_come_in_chunks(gateway: Gateway) -> None:
    def pieces() -> Iterator[bytes]:
        whole = gzip.compress(b"[1, 2]")
        yield from (whole[at : at + 1] for at in range(len(whole)))

    headers = {"content-type": JSON, "content-encoding": "gzip"}
    answer = gateway.post("/json-threat-protection/x", content=pieces(), headers=headers)

    assert answer.json()["body"] == "[1, 2]"


def test_what_no_policy_reads_stays_compressed(gateway: Gateway) -> None:
    answer = sent(gateway, "json-threat-protection", b"\x1f\x8bno gzip", kind="text/plain")

    assert answer.json()["headers"]["content-encoding"] == "gzip"
