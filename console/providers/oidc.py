"""A login by an identity provider: the authorization code flow of OpenID Connect, with PKCE.

The ID token's signature is verified each time, against keys that are asked for at each login: so keys may
change at any time. PyJWT verifies; what it is told to insist on stands here.
"""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from console.providers import fetching
from console.providers.discovery import Discovered, discovered
from console.providers.models import IdentityProvider

KEY_TYPES = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""The algorithms that are believed, each with the type of its keys: none that lets a client's secret sign."""
NEEDED = ["iss", "aud", "sub", "exp", "iat"]
LEEWAY_SECONDS = 60
STARTED_SECONDS = 600
MOST_TOKEN_CHARACTERS = 32 * 1024
MOST_KEYS = 100


class LoginRefused(Exception):
    """Why the login does not count, in words for a page."""


@dataclass(frozen=True)
class Started:
    """What a login that was begun expects of its end. It lies in the browser's own session."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    at: float
    user: str = ""
    """Who ties the provider to their account; empty for a login."""

    @property
    def is_late(self) -> bool:
        return time.time() > self.at + STARTED_SECONDS


@dataclass(frozen=True)
class Proven:
    """What the provider says of somebody, verified."""

    issuer: str
    subject: str
    claims: dict[str, Any]
    id_token: str
    end_session_endpoint: str


def start(provider: IdentityProvider, back: str, next_page: str, user: str = "") -> tuple[Started, str]:
    """What to keep, and where the browser goes. Raises Unfetched."""
    found = discovered(provider)
    started = Started(
        provider=str(provider.pk),
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        next=next_page,
        at=time.time(),
        user=user,
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(started.verifier.encode()).digest()).rstrip(b"=")
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back,
        "scope": " ".join(dict.fromkeys(["openid", *provider.scopes.split()])),
        "state": started.state,
        "nonce": started.nonce,
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in found.authorization_endpoint else "?"
    return started, f"{found.authorization_endpoint}{joint}{urlencode(asked)}"


def finish(provider: IdentityProvider, started: Started, answer: dict[str, str], back: str) -> Proven:
    """Raises LoginRefused, and Unfetched where the provider does not answer. Compare the state before."""
    found = discovered(provider)
    if answer.get("iss", "" if found.names_issuer else found.issuer) != found.issuer:
        raise LoginRefused("The answer comes from another identity provider.")
    if answer.get("error"):
        raise LoginRefused(f"{provider} refused the login: {_said(answer)}")
    if not answer.get("code"):
        raise LoginRefused(f"{provider} sent no code.")
    tokens = _exchanged(provider, found, answer["code"], started.verifier, back)
    id_token = tokens.get("id_token")
    if not isinstance(id_token, str) or len(id_token) > MOST_TOKEN_CHARACTERS:
        raise LoginRefused(f"{provider} sent no ID token; is the scope openid allowed for this client?")
    claims = _verified(provider, found, id_token, started.nonce)
    claims = _with_userinfo(provider, found, claims, tokens.get("access_token"))
    return Proven(found.issuer, claims["sub"], claims, id_token, found.end_session_endpoint)


def _exchanged(
    provider: IdentityProvider, found: Discovered, code: str, verifier: str, back: str
) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": provider.client_id,
        "code_verifier": verifier,
    }
    secret, basic = provider.client_secret or "", None
    if secret and found.is_basic:
        basic = (quote(provider.client_id, safe=""), quote(secret, safe=""))
        del form["client_id"]
    elif secret:
        form["client_secret"] = secret
    status, tokens = fetching.post_form(found.token_endpoint, form, basic)
    if status == 401 or tokens.get("error") == "invalid_client":
        raise LoginRefused(
            f"{provider} does not take the console's client id and secret; tell an administrator."
        )
    if status != 200:
        raise LoginRefused(f"{provider} did not take its code back: {_said(tokens) or status}. Log in anew.")
    return tokens


def _verified(provider: IdentityProvider, found: Discovered, id_token: str, nonce: str) -> dict[str, Any]:
    try:
        key, algorithm = _key(fetching.get_json(found.jwks_uri), jwt.get_unverified_header(id_token))
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key.key,
            algorithms=[algorithm],
            audience=provider.client_id,
            issuer=found.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": NEEDED, "verify_signature": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise LoginRefused(f"The ID token of {provider} does not count: {str(error)[:200]}") from None
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise LoginRefused(f"The ID token of {provider} was made for another login.")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if ("azp" in claims or several) and claims.get("azp") != provider.client_id:
        raise LoginRefused(f"The ID token of {provider} was made for another client.")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255 or "\0" in claims["sub"]:
        raise LoginRefused(f"The ID token of {provider} names nobody.")
    return claims


def _key(document: dict[str, Any], header: dict[str, Any]) -> tuple[jwt.PyJWK, str]:
    """The key that the token names, of the type that its algorithm needs."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
        raise jwt.InvalidAlgorithmError(f"it is signed by {algorithm}, which is not believed")
    keys = document.get("keys")
    keys = [one for one in keys if isinstance(one, dict)][:MOST_KEYS] if isinstance(keys, list) else []
    fitting = [
        one
        for one in keys
        if one.get("kty") == KEY_TYPES[algorithm]
        and one.get("alg", algorithm) == algorithm
        and one.get("use", "sig") == "sig"
        and (kid is None or one.get("kid") == kid)
    ]
    if len(fitting) != 1:
        raise jwt.InvalidKeyError("it is signed by a key that is not among those of the provider")
    return jwt.PyJWK(fitting[0], algorithm), algorithm


def _with_userinfo(
    provider: IdentityProvider, found: Discovered, claims: dict[str, Any], access_token: object
) -> dict[str, Any]:
    """What the ID token lacks, the userinfo endpoint may say; of the same subject alone."""
    wanted = [name for name in ("email", "preferred_username", provider.groups_claim) if name]
    if all(name in claims or name.split(".")[0] in claims for name in wanted):
        return claims
    if not found.userinfo_endpoint or not isinstance(access_token, str) or not access_token.isascii():
        return claims
    more = fetching.get_json(found.userinfo_endpoint, bearer=access_token)
    if more.get("sub") != claims["sub"]:
        raise LoginRefused(f"{provider} answers for another person than it was asked about.")
    if "email" in claims and more.get("email") != claims["email"]:
        more.pop("email_verified", None)  # said of another address
    return {**more, **claims}


def _said(answer: dict[str, Any]) -> str:
    """What the provider says of an error, of which it is the author: short, and of one line."""
    words = str(answer.get("error_description") or answer.get("error") or "")
    return "".join(one if one.isprintable() else " " for one in words)[:200]
