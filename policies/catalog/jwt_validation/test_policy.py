"""JWT Validation through a whole gateway, with real keys and an issuer on loopback."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.policies.issuer import EC, EC_KEYS, ED, OTHER, RSA, bare, pem
from tests.policies.tokens import TEXT, apply, ask, token
from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy
SECRETS = {256: "s" * 32, 384: "s" * 48, 512: "s" * 64}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("jwt")) as running:
        yield running


@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize(
    ("method", "names"), [("rsa", ["RS", "PS"]), ("hmac", ["HS"]), ("es", ["ES"])], ids=["rsa", "hmac", "es"]
)
def test_every_method_and_length(gateway: Gateway, method: str, names: list[str], bits: int) -> None:
    key = {"rsa": RSA, "hmac": SECRETS[bits], "es": EC_KEYS[bits]}[method]
    text = key if method == "hmac" else bare(key)
    config = {"signingMethod": method, "signingKeyLength": bits, "textKey": text}
    apply(gateway, config | {"skipClientIdValidation": True})

    for name in names:
        assert ask(gateway, token(key, f"{name}{bits}")).status_code == 200
    wrong = {"rsa": OTHER, "hmac": "x" * 64, "es": ec.generate_private_key(EC[bits])}[method]
    assert ask(gateway, token(wrong, f"{names[0]}{bits}")).status_code == 401
    assert ask(gateway, token(ED, "EdDSA")).status_code == 401


def test_eddsa_and_a_key_with_its_armour(gateway: Gateway) -> None:
    apply(gateway, {"signingMethod": "eddsa", "textKey": pem(ED), "skipClientIdValidation": True})

    assert ask(gateway, token(ED, "EdDSA")).status_code == 200
    assert ask(gateway, token()).status_code == 401


def test_wrong_tokens_are_refused(gateway: Gateway) -> None:
    apply(gateway, TEXT | {"mandatoryNbfClaim": False})
    good, now = token(), time.time() // 1
    head, payload, signature = good.split(".")
    forged = base64.urlsafe_b64encode(b'{"sub":"eve","exp":9999999999}').rstrip(b"=").decode()
    wrong = {
        "of no method": jwt.encode({"sub": "eve", "exp": now + 60}, None, "none"),
        "without signature": f"{head}.{payload}.",
        "forged payload": f"{head}.{forged}.{signature}",
        "another key": token(OTHER),
        "HS256 with the public key": hmac_with_public_key(),
        "another length": token(algorithm="RS512"),
        "expired": token(exp=now - 1),
        "not yet": token(nbf=now + 60),
        "expiry that is no number": token_raw({"exp": "soon"}),
        "critical header": token(headers={"crit": ["x-unknown"], "x-unknown": 1}),
        "two tokens": f"{good}, Bearer {good}",
        "a token behind others": f"{good} {token(sub='eve')}",
        "garbage": "garbage",
        "dots": "..",
        "long": "a." * 20_000,
    }
    assert ask(gateway, good).status_code == 200

    answers = {name: ask(gateway, text).status_code for name, text in wrong.items()}

    assert set(answers.values()) == {401}, answers
    refused = ask(gateway, wrong["expired"])
    assert refused.json() == {"error": "The token has expired."}
    assert refused.headers["www-authenticate"] == 'Bearer realm="jwt", error="invalid_token"'


def hmac_with_public_key() -> str:
    """By hand: PyJWT would not do it."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head, payload = b'{"alg":"HS256"}', b'{"sub":"eve","exp":9999999999}'
    text = f"{part(head)}.{part(payload)}"
    return f"{text}.{part(hmac.new(pem(RSA).encode(), text.encode(), hashlib.sha256).digest())}"


def token_raw(claims: dict[str, Any]) -> str:
    return jwt.api_jws.encode(json.dumps(claims).encode(), RSA, "RS256")


def test_no_token_is_a_bad_request(gateway: Gateway) -> None:
    apply(gateway, TEXT)

    missing = ask(gateway, None)
    assert (missing.status_code, missing.json()) == (400, {"error": "The token is missing."})
    assert ask(gateway, None, authorization="Basic YTpi").status_code == 400
    assert ask(gateway, None, authorization=f"bearer {token()}").status_code == 200
    assert [key.policy for key in gateway.log(1) if key][-3:][0] == "jwt-validation"


def test_a_token_too_large_is_refused_before_any_policy(gateway: Gateway) -> None:
    apply(gateway, TEXT)

    assert ask(gateway, token(pad="x" * 100_000)).status_code == 431


def test_times_hold_to_the_second_and_with_leeway(gateway: Gateway) -> None:
    now = time.time() // 1
    apply(gateway, TEXT | {"leewaySeconds": 300})
    assert ask(gateway, token(exp=now - 200)).status_code == 200
    assert ask(gateway, token(nbf=now + 200)).status_code == 200
    assert ask(gateway, token(exp=now - 400)).status_code == 401

    apply(gateway, TEXT | {"mandatoryExpClaim": True, "mandatoryNbfClaim": True})
    assert ask(gateway, token(nbf=now - 1)).status_code == 200
    assert ask(gateway, token()).json() == {"error": "The token does not say when it begins."}
    assert ask(gateway, token(exp=None, nbf=now - 1)).status_code == 401


def test_audience_and_issuer(gateway: Gateway) -> None:
    checks = {
        "validateAudClaim": True,
        "supportedAudiences": "shop, stock",
        "supportedIssuers": "https://a,b",
    }
    apply(gateway, TEXT | checks)

    assert ask(gateway, token(iss="b", aud="stock")).status_code == 200
    assert ask(gateway, token(iss="https://a", aud=["other", "shop"])).status_code == 200
    assert ask(gateway, token(iss="b")).status_code == 200
    assert ask(gateway, token(iss="b", aud="other")).status_code == 401
    assert ask(gateway, token(iss="b", aud=["other"])).status_code == 401
    assert ask(gateway, token(iss="c", aud="shop")).status_code == 401
    assert ask(gateway, token(aud="shop")).status_code == 401

    apply(gateway, TEXT | checks | {"mandatoryAudClaim": True})
    assert ask(gateway, token(iss="b")).status_code == 401


def test_custom_claims(gateway: Gateway) -> None:
    claims = {
        "validateCustomClaim": True,
        "mandatoryCustomClaims": [
            {"key": "tenant", "value": "acme"},
            {"key": "roles", "value": "#[vars.claimSet.roles contains 'admin']"},
        ],
        "nonMandatoryCustomClaims": [{"key": "level", "value": "#[vars.claimSet.level >= 3]"}],
    }
    apply(gateway, TEXT | claims)

    assert ask(gateway, token(tenant="acme", roles=["dev", "admin"])).status_code == 200
    assert ask(gateway, token(tenant="acme", roles=["admin"], level=3)).status_code == 200
    assert ask(gateway, token(tenant="acme", roles=["admin"], level=2)).status_code == 401
    assert ask(gateway, token(tenant="acme", roles=["admin"], level={})).status_code == 401
    assert ask(gateway, token(tenant="other", roles=["admin"])).status_code == 401
    assert ask(gateway, token(tenant=["acme"], roles=["admin"])).status_code == 401
    assert ask(gateway, token(roles=["admin"])).status_code == 401


def test_claims_reach_the_upstream_and_callers_cannot_say_them(gateway: Gateway) -> None:
    headers = [
        {"claimName": "sub", "headerName": "X-Subject"},
        {"claimName": "roles", "headerName": "X-Roles"},
        {"claimName": "absent", "headerName": "X-Absent"},
    ]
    apply(gateway, TEXT | {"claimsToHeaders": headers})

    said = {"x-subject": "root", "x-absent": "root"}
    seen = ask(gateway, token(roles=["a", "b"]), **said).json()["headers"]

    assert (seen["x-subject"], seen["x-roles"]) == ("ada", "a,b")
    assert "x-absent" not in seen
    assert seen["authorization"].startswith("Bearer ")
    assert ask(gateway, token(sub="a\nb")).status_code == 401


def test_later_policies_know_the_caller(gateway: Gateway) -> None:
    expressions = {
        "x-principal": "#[authentication.principal]",
        "x-client": "#[authentication.clientId]",
        "x-group": "#[authentication.properties.claims.groups[1]]",
        "x-token": "#[sizeOf(authentication.properties.jwt)]",
    }
    headers = [{"key": name, "value": text} for name, text in expressions.items()]
    injection = {"policyRef": {"name": "header-injection-flex"}, "config": {"inboundHeaders": headers}}
    apply(gateway, TEXT, injection)
    text = token(client_id="app-1", groups=["a", "b"])

    seen = ask(gateway, text).json()["headers"]

    assert (seen["x-principal"], seen["x-client"], seen["x-group"]) == ("ada", "app-1", "b")
    assert seen["x-token"] == str(len(text))
    assert "x-client" not in ask(gateway, token(groups=["a", "b"])).json()["headers"]


def test_the_token_may_be_elsewhere(gateway: Gateway) -> None:
    apply(gateway, TEXT | {"jwtOrigin": "customExpression"})
    assert ask(gateway, None, jwt=token()).status_code == 200
    assert ask(gateway, token()).status_code == 400
    # What the gateway itself uses to carry it is not the caller's to fill.
    assert ask(gateway, None, **{"x-gatewright-jwt": token()}).status_code == 400

    query = "#[attributes.queryParams['token']]"
    apply(gateway, TEXT | {"jwtOrigin": "customExpression", "jwtExpression": query})
    answer = gateway.get("/jwt/x", params={"token": token()})
    assert answer.status_code == 200
    assert "x-gatewright-jwt" not in answer.json()["headers"]


def test_what_one_policy_found_does_not_count_for_another(gateway: Gateway) -> None:
    other = {"policyRef": {"name": "jwt-validation-flex"}, "config": TEXT | {"textKey": bare(OTHER)}}
    apply(gateway, TEXT, other)

    assert ask(gateway, token()).status_code == 401
    assert ask(gateway, token(OTHER)).status_code == 401


def test_no_secret_stands_in_what_envoy_is_given(gateway: Gateway) -> None:
    secret = "correct horse battery staple 2026!"
    apply(gateway, {"signingMethod": "hmac", "textKey": secret, "skipClientIdValidation": True})
    assert ask(gateway, token(secret, "HS256")).status_code == 200
    encoded = base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()

    written = [path for path in gateway.envoy.folder.rglob("*.json") if encoded in path.read_text()]
    (kept,) = (gateway.envoy.state / "secrets").iterdir()

    assert written == []
    assert kept.stat().st_mode & 0o777 == 0o600
    apply(gateway, TEXT)
    assert list(Path(gateway.envoy.state / "secrets").iterdir()) == []
