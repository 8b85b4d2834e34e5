"""Directories that lie, in messages made by hand: nobody passes, soon, and the authorizer goes on."""

import base64
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest

from tests.traffic.gateway import Gateway

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: lied-to}
spec:
  address: http://127.0.0.1:${port}/lied-to
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: ldap-authentication}, config: CONFIG}]
"""
BIND, SEARCH = 0x60, 0x63
BOUND, ENTRY, DONE, REFERENCE, NOTICE = 0x61, 0x64, 0x65, 0x73, 0x78
WRONG_PASSWORD, REFERRAL = 49, 10
Answers = Callable[[int], Iterator[bytes]]
"""Of the number of a message, what is sent, piece by piece."""


def ber(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    length = bytes([len(body)]) if len(body) < 128 else b"\x84" + struct.pack(">I", len(body))
    return bytes([tag]) + length + body


def message(number: int, operation: bytes) -> bytes:
    return ber(0x30, ber(2, number.to_bytes(4)), operation)


def result(tag: int, code: int = 0, more: bytes = b"") -> bytes:
    return ber(tag, ber(10, bytes([code])), ber(4), ber(4), more)


def entry(dn: bytes) -> bytes:
    return ber(ENTRY, ber(4, dn), ber(0x30))


ELSEWHERE = ber(4, b"ldap://127.0.0.1:1/dc=example")
DEEP = b"\x30\x84\0\4\0\0" * 40_000


def found(number: int) -> Iterator[bytes]:
    yield message(number, entry(b"uid=ada,dc=example")) + message(number, result(DONE))


def endless(number: int) -> Iterator[bytes]:
    while True:
        yield message(number, entry(b"uid=ada,dc=example")) * 100


def dripping(number: int) -> Iterator[bytes]:
    for byte in next(found(number)):
        time.sleep(0.05)
        yield bytes([byte])


def saying(*operations: bytes) -> Answers:
    return lambda number: iter([b"".join(message(number, one) for one in operations)])


def sending(*texts: bytes) -> Answers:
    return lambda number: iter(texts)


ACCEPTED, REFUSED = saying(result(BOUND)), saying(result(BOUND, WRONG_PASSWORD))
SAID: dict[str, tuple[Answers, Answers, int]] = {
    "the truth": (found, ACCEPTED, 200),
    "an entry without a name": (saying(entry(b""), result(DONE)), ACCEPTED, 401),
    "two entries": (saying(entry(b"uid=a"), entry(b"uid=b"), result(DONE)), ACCEPTED, 401),
    "nobody": (saying(result(DONE)), ACCEPTED, 401),
    "a reference to elsewhere": (saying(ber(REFERENCE, ELSEWHERE), result(DONE)), ACCEPTED, 401),
    "a referral": (saying(result(DONE, REFERRAL, ber(0xA3, ELSEWHERE))), ACCEPTED, 503),
    "a search answered by a bind": (saying(entry(b"uid=a"), result(BOUND)), ACCEPTED, 503),
    "entries without end": (endless, ACCEPTED, 503),
    "a byte at a time": (dripping, ACCEPTED, 503),
    "a wrong password": (found, REFUSED, 401),
    "a bind answered by a search": (found, saying(result(DONE)), 503),
    "a bind that refers elsewhere": (found, saying(result(BOUND, REFERRAL, ber(0xA3, ELSEWHERE))), 503),
    "a bind that is not over": (found, saying(result(BOUND, 14)), 503),
    "a bind that compares": (found, saying(result(BOUND, 6)), 503),
    "another's number": (found, lambda number: ACCEPTED(number + 1), 503),
    "a farewell": (found, lambda _: iter([message(0, result(NOTICE, 52))]), 503),
    "what is no LDAP": (found, sending(b"HTTP/1.1 200 OK\r\n\r\n"), 503),
    "a length without end": (found, sending(b"\x30\x84\x7f\xff\xff\xff", bytes(100)), 503),
    "messages within messages": (found, saying(DEEP), 503),
    "an empty message": (found, sending(b"\x30\0"), 503),
}


@contextmanager
def lying(search: Answers, bind: Answers) -> Iterator[int]:
    """Its port. The first bind, which is the gateway's own, it accepts."""

    def serve(caller: socket.socket) -> None:
        answers = iter([ACCEPTED, search, bind])
        with caller, suppress(OSError):
            while asked := caller.recv(65536):
                at = 2 if asked[1] < 128 else 2 + asked[1] % 128
                number = int.from_bytes(asked[at + 2 : at + 2 + asked[at + 1]])
                for text in next(answers, sending())(number):
                    caller.sendall(text)

    def accept() -> None:
        with suppress(OSError):
            while True:
                Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]


@pytest.mark.parametrize("name", SAID)
def test_who_is_found_and_accepted_passes_and_nobody_else(gateway: Gateway, name: str) -> None:
    search, bind, status = SAID[name]
    with lying(search, bind) as port:
        config = {
            "ldapServerURL": f"ldap://127.0.0.1:{port}",
            "ldapServerUserDn": "cn=gateway",
            "ldapServerUserPassword": "s3cret",
            "ldapSearchBase": "dc=example",
            "authenticationTimeout": 1000,
        }
        ack = gateway.apply(API.replace("CONFIG", json.dumps(config)))
        assert not [one.reason for one in ack.resources if one.reason]
        told = base64.b64encode(b"ada:l0velace").decode()

        answer = gateway.get("/lied-to/x", headers={"authorization": f"Basic {told}"}, timeout=30)

    assert answer.status_code == status
    log = gateway.envoy.state / "authorizer.log"
    assert "Traceback" not in (log.read_text() if log.exists() else "")
