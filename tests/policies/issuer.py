"""Keys, and an issuer of tokens that answers with those that callers may be checked by."""

import json
import threading
from contextlib import suppress
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.traffic.upstream import Quiet

pytestmark = pytest.mark.envoy
RSA, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
EC = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 512: ec.SECP521R1()}
EC_KEYS = {bits: ec.generate_private_key(curve) for bits, curve in EC.items()}
ED = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def bare(key: Any) -> str:
    """As Anypoint wants it: without header and footer."""
    return "".join(pem(key).splitlines()[1:-1])


def key_set(**keys: Any) -> bytes:
    made = []
    for kid, key in keys.items():
        kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
        kind = next((it for type_, it in kinds.items() if isinstance(key, type_)), OKPAlgorithm)
        made.append({**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"})
    return json.dumps({"keys": made}).encode()


class Issuer(ThreadingHTTPServer):
    """Answers every path with `body`, after `delay` seconds, a byte each `drip` seconds, and counts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.body, self.status, self.delay, self.asked = key_set(one=RSA), 200, 0.0, 0
        self.drip = 0.0
        self.headers: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/jwks.json"


class _Answer(Quiet):
    def do_GET(self) -> None:
        issuer: Issuer = self.server  # type: ignore[assignment]
        issuer.asked += 1
        threading.Event().wait(issuer.delay)
        self.send_response(issuer.status)
        self.send_header("content-length", str(len(issuer.body)))
        for name, value in issuer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        size = 1 if issuer.drip else max(1, len(issuer.body))
        with suppress(OSError):
            for at in range(0, len(issuer.body), size):
                self.wfile.write(issuer.body[at : at + size])
                threading.Event().wait(issuer.drip)
