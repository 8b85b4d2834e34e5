"""A small ACME CA on loopback: keeps to RFC 8555 as far as clients go, looks at the names by HTTP-01 itself,
and signs nothing that it has not seen.
"""

import json
import secrets
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import josepy
from acme import jws
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.apis.secret_groups.authority import Authority


class AcmeServer(ThreadingHTTPServer):
    """`port_of_names` is asked instead of port 80 of every name; `eab` is who may open accounts, if set."""

    daemon_threads = True

    def __init__(self, port_of_names: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port_of_names = port_of_names
        self.authority = Authority("Test ACME root")
        self.nonces: set[str] = set()
        self.accounts: dict[str, josepy.JWK] = {}
        self.orders: list[dict[str, Any]] = []
        self.eab: dict[str, bytes] = {}
        self.life = timedelta(days=90)
        self.knows_names = False
        """Whether it has seen all names before, and asks for none."""
        self.deactivated: set[str] = set()
        """Accounts, by what their keys are known by."""
        self.takes_seconds = 0.0
        """For each answer."""
        self.fails_orders = ""
        """Why it gives no certificate when all is proven."""
        self.seen: list[str] = []
        """The hosts that were asked for tokens."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def directory(self) -> str:
        return f"{self.url}/directory"

    def nonce(self) -> str:
        made = secrets.token_urlsafe(16)
        self.nonces.add(made)
        return made

    def looked_at(self, order: dict[str, Any], at: int) -> None:
        """Ask the name for the token, as CAs do."""
        one = order["authorizations"][at]
        self.seen.append(one["name"])
        address = f"http://127.0.0.1:{self.port_of_names}/.well-known/acme-challenge/{one['token']}"
        request = urllib.request.Request(address, headers={"Host": one["name"]})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=5) as answer:
                found = answer.read(1000).decode()
        except OSError as error:
            found = str(error)
        is_right = found.strip() == f"{one['token']}.{known_by(order['key'])}"
        one["status"] = "valid" if is_right else "invalid"
        one["error"] = None if is_right else f"{one['name']} answered {found[:80]!r}"

    def signed(self, csr: x509.CertificateSigningRequest) -> str:
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        now = datetime.now(UTC)
        key = csr.public_key()
        built = (
            x509.CertificateBuilder(self.authority.name, x509.Name([]), key, x509.random_serial_number())  # type: ignore[arg-type]
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + self.life)
            .add_extension(names.value, critical=True)
        )
        signed = built.sign(self.authority.key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM).decode() + self.authority.pem


class _Handler(BaseHTTPRequestHandler):
    server: AcmeServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(200, None)

    def do_GET(self) -> None:
        base = self.server.url
        names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "revokeCert": "revoke"}
        found: dict[str, Any] = {name: f"{base}/{path}" for name, path in names.items()}
        self._answer(200, found | {"meta": {"externalAccountRequired": bool(self.server.eab)}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        signed = jws.JWS.json_loads(body)
        told = signed.signature.combined
        nonce = josepy.b64encode(told.nonce).decode() if told.nonce else ""
        if nonce not in self.server.nonces or told.url != self.server.url + self.path:
            return self._refuse("badNonce", "the nonce is not ours")
        self.server.nonces.discard(nonce)
        key = told.jwk or self.server.accounts.get(str(told.kid))
        if key is None:
            return self._refuse("accountDoesNotExist", "there is no such account", 400)
        if not signed.verify(key):
            return self._refuse("malformed", "the signature is not the account's")
        if known_by(key) in self.server.deactivated:
            return self._refuse("unauthorized", "the account is deactivated")
        payload = json.loads(signed.payload or b"{}")
        _, kind, *rest = self.path.split("/")
        getattr(self, f"_{kind}")(key, payload, *rest)
        return None

    def _account(self, key: josepy.JWK, payload: dict[str, Any]) -> None:
        known = [uri for uri, one in self.server.accounts.items() if known_by(one) == known_by(key)]
        if known:
            self._answer(200, {"status": "valid"}, Location=known[0])
            return
        if payload.get("onlyReturnExisting"):
            self._refuse("accountDoesNotExist", "there is no such account", 400)
            return
        if self.server.eab and not self._is_bound(payload):
            self._refuse("externalAccountRequired", "no account is opened without a binding")
            return
        uri = f"{self.server.url}/accounts/{len(self.server.accounts)}"
        self.server.accounts[uri] = key.public_key()
        self._answer(201, {"status": "valid"}, Location=uri)

    def _is_bound(self, payload: dict[str, Any]) -> bool:
        binding = payload.get("externalAccountBinding")
        if not binding:
            return False
        signed = jws.JWS.from_json(binding)
        known = self.server.eab.get(str(signed.signature.combined.kid))
        return known is not None and signed.verify(josepy.JWKOct(key=known))

    def _order(self, key: josepy.JWK, payload: dict[str, Any], at: str = "", *_: str) -> None:
        if at:
            self._answer(200, self._shown(int(at)))
            return
        names = [one["value"] for one in payload["identifiers"]]
        state = "valid" if self.server.knows_names else "pending"
        asked = [
            {"name": one, "token": secrets.token_urlsafe(24), "status": state, "error": None} for one in names
        ]
        self.server.orders.append({"authorizations": asked, "key": key, "certificate": ""})
        number = len(self.server.orders) - 1
        self._answer(201, self._shown(number), Location=f"{self.server.url}/order/{number}")

    def _shown(self, number: int) -> dict[str, Any]:
        order, base = self.server.orders[number], self.server.url
        states = {one["status"] for one in order["authorizations"]}
        state = "invalid" if "invalid" in states else "ready" if states == {"valid"} else "pending"
        found = {
            "status": "valid" if order["certificate"] else state,
            "identifiers": [{"type": "dns", "value": one["name"]} for one in order["authorizations"]],
            "authorizations": [f"{base}/authz/{number}/{at}" for at in range(len(order["authorizations"]))],
            "finalize": f"{base}/finalize/{number}",
        }
        if self.server.fails_orders and order["certificate"]:
            problem = {"type": "urn:ietf:params:acme:error:caa", "detail": self.server.fails_orders}
            return found | {"status": "invalid", "error": problem}
        return found | ({"certificate": f"{base}/cert/{number}"} if order["certificate"] else {})

    def _authz(self, key: josepy.JWK, payload: dict[str, Any], number: str, at: str) -> None:
        one = self.server.orders[int(number)]["authorizations"][int(at)]
        self._answer(200, self._authorization(one, number, at))

    def _authorization(self, one: dict[str, Any], number: str, at: str) -> dict[str, Any]:
        url = f"{self.server.url}/challenge/{number}/{at}"
        challenge = {"type": "http-01", "url": url, "token": one["token"], "status": one["status"]}
        if one["error"]:
            challenge["error"] = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": one["error"]}
        identifier = {"type": "dns", "value": one["name"]}
        return {"status": one["status"], "identifier": identifier, "challenges": [challenge]}

    def _challenge(self, key: josepy.JWK, payload: dict[str, Any], number: str, at: str) -> None:
        order = self.server.orders[int(number)]
        self.server.looked_at(order, int(at))
        whole = self._authorization(order["authorizations"][int(at)], number, at)
        link = f'<{self.server.url}/authz/{number}/{at}>;rel="up"'
        self._answer(200, whole["challenges"][0], Link=link)

    def _finalize(self, key: josepy.JWK, payload: dict[str, Any], number: str) -> None:
        order = self.server.orders[int(number)]
        if self._shown(int(number))["status"] != "ready":
            self._refuse("orderNotReady", "its names are not seen yet")
            return
        csr = x509.load_der_x509_csr(josepy.b64decode(payload["csr"]))
        order["certificate"] = self.server.signed(csr)
        self._answer(200, self._shown(int(number)), Location=f"{self.server.url}/order/{number}")

    def _cert(self, key: josepy.JWK, payload: dict[str, Any], number: str) -> None:
        text = self.server.orders[int(number)]["certificate"]
        self._answer(200, text, kind="application/pem-certificate-chain")

    def _refuse(self, kind: str, detail: str, code: int = 403) -> None:
        problem = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}
        self._answer(code, problem, kind="application/problem+json")

    def _answer(self, code: int, body: Any, kind: str = "application/json", **headers: str) -> None:
        time.sleep(self.server.takes_seconds)
        raw = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("Replay-Nonce", self.server.nonce())
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


def known_by(key: josepy.JWK) -> str:
    return str(josepy.b64encode(key.thumbprint()).decode())


@contextmanager
def acme_server(port_of_names: int = 0) -> Iterator[AcmeServer]:
    server = AcmeServer(port_of_names)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
