"""An OpenID Connect provider on loopback: it does what the specification says, and refuses what it forbids.

It knows one client, checks its secret, its redirect URI, the code's single use and its PKCE verifier.
`person` is who sits before it; `spoil` changes the claims of ID tokens, `sign` signs them otherwise.
"""

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "gatewright", "s:e%c r&t+é"
Claims = dict[str, Any]


@dataclass
class Provider:
    person: Claims | None = None
    redirect_uris: set[str] = field(default_factory=set)
    after_logout: set[str] = field(default_factory=set)
    in_userinfo: tuple[str, ...] = ()
    """Claims that the userinfo endpoint alone says."""
    methods: tuple[str, ...] = ("client_secret_basic",)
    spoil: Callable[[Claims], None] = lambda claims: None
    sign: Callable[["Provider", Claims], str] | None = None
    spoil_userinfo: Callable[[Claims], None] = lambda claims: None
    status: int = 200
    """Of every answer, where it is not 200."""
    tls: ssl.SSLContext | None = None
    """With it, it speaks HTTPS, by the name localhost."""
    asked: list[str] = field(default_factory=list)
    logged_out: list[str] = field(default_factory=list)
    """Subjects of ID tokens with which a session was ended."""

    def __post_init__(self) -> None:
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, Claims] = {}
        self.keys: list[tuple[str, rsa.RSAPrivateKey]] = []
        self.rotate()
        provider = self

        class Handler(_Handler):
            it = provider

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
            self.issuer = f"https://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def rotate(self) -> None:
        """Tokens are signed by a new key from now on; the old one is published no more."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys = [(secrets.token_hex(4), key)]

    def signed(self, claims: Claims, algorithm: str = "RS256", **header: Any) -> str:
        kid, key = self.keys[-1]
        return jwt.encode(claims, key, algorithm, headers={"kid": kid, **header})

    # What its endpoints answer: a status, and a body or where to go.

    def discovery(self) -> Claims:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": list(self.methods),
            "authorization_response_iss_parameter_supported": True,
        }

    def jwks(self) -> Claims:
        made = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            | {"kid": kid, "use": "sig", "alg": "RS256"}
            for kid, key in self.keys
        ]
        return {"keys": made}

    def authorize(self, asked: dict[str, str]) -> tuple[int, Any]:
        """Who sits before it is logged in already, or refuses."""
        if asked.get("client_id") != CLIENT_ID or asked.get("redirect_uri") not in self.redirect_uris:
            return 400, {"error": "invalid_request"}
        is_sound = (
            asked.get("response_type") == "code"
            and "openid" in asked.get("scope", "").split()
            and asked.get("code_challenge_method") == "S256"
            and len(asked.get("nonce", "")) > 20
        )
        answer = {"state": asked.get("state", ""), "iss": self.issuer}
        if not is_sound:
            answer["error"] = "invalid_request"
        elif self.person is None:
            answer |= {"error": "access_denied", "error_description": "Grace said no."}
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = asked
        return 302, f"{asked['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], basic: str) -> tuple[int, Any]:
        if not self._is_client(form, basic):
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["redirect_uri"] != form.get("redirect_uri")
            or asked["code_challenge"] != challenge
        ):
            return 400, {"error": "invalid_grant"}
        assert self.person is not None
        now = int(time.time())
        claims = {name: value for name, value in self.person.items() if name not in self.in_userinfo}
        claims |= {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        self.spoil(claims)
        access = secrets.token_urlsafe(16)
        self._tokens[access] = dict(self.person)
        id_token = self.sign(self, claims) if self.sign else self.signed(claims)
        return 200, {"access_token": access, "token_type": "Bearer", "id_token": id_token}

    def userinfo(self, authorization: str) -> tuple[int, Any]:
        found = self._tokens.get(authorization.removeprefix("Bearer "))
        if found is None:
            return 401, {"error": "invalid_token"}
        answer = dict(found)
        self.spoil_userinfo(answer)
        return 200, answer

    def end_session(self, asked: dict[str, str]) -> tuple[int, Any]:
        _, key = self.keys[-1]
        claims = jwt.decode(asked["id_token_hint"], key.public_key(), ["RS256"], audience=CLIENT_ID)
        if asked.get("post_logout_redirect_uri") not in self.after_logout:
            return 400, {"error": "invalid_request"}
        self.logged_out.append(claims["sub"])
        return 302, asked["post_logout_redirect_uri"]

    def _is_client(self, form: dict[str, str], basic: str) -> bool:
        if "client_secret_basic" in self.methods:
            given = base64.b64decode(basic.removeprefix("Basic ")).decode().split(":")
            return [unquote(one) for one in given] == [CLIENT_ID, CLIENT_SECRET]
        return not basic and (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)


class _Handler(BaseHTTPRequestHandler):
    it: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        it = self.it
        it.asked.append(address.path)
        if it.status != 200:
            return self._answer(it.status, {})
        answers: dict[str, Callable[[], tuple[int, Any]]] = {
            "/.well-known/openid-configuration": lambda: (200, it.discovery()),
            "/jwks": lambda: (200, it.jwks()),
            "/authorize": lambda: it.authorize(asked),
            "/userinfo": lambda: it.userinfo(self.headers.get("authorization", "")),
            "/logout": lambda: it.end_session(asked),
        }
        return self._answer(*answers.get(address.path, lambda: (404, {}))())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        self.it.asked.append(self.path)
        self._answer(*self.it.token(form, self.headers.get("authorization", "")))

    def _answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("location", body)
        content = b"" if status == 302 else json.dumps(body).encode()
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass
