"""Why a token was refused, as the access log tells it, and what the policy does that only observes."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from tests.policies.issuer import OTHER, RSA, Issuer, key_set
from tests.policies.tokens import TEXT, apply, ask, document, remote, token
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import serving
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy
NOW, ISO = time.time() // 1, "%Y-%m-%dT%H:%M:%SZ"
STRICT = TEXT | {
    "supportedIssuers": "https://issuer.example.com",
    "validateAudClaim": True,
    "mandatoryAudClaim": True,
    "supportedAudiences": "orders",
    "validateCustomClaim": True,
    "nonMandatoryCustomClaims": [{"key": "tenant", "value": "acme"}],
    "claimsToHeaders": [{"claimName": "sub", "headerName": "x-subject"}],
}
GOOD = {"iss": "https://issuer.example.com", "aud": "orders"}
HS256 = jwt.encode(GOOD, "s" * 32, "HS256")
REFUSED: dict[str, tuple[str | None, str]] = {
    "missing": (None, "token: there is none"),
    "unreadable": ("abc", "token: Jwt is not in the form of Header.Payload.Signature"),
    "two": (f"{token(**GOOD)}, Bearer {token(**GOOD)}", "token: Jwt is not in the form of"),
    "dots": (f".{token(**GOOD)}", "token: it is not three parts of base64url"),
    "signature": (
        token(OTHER, **GOOD),
        'signature: it fits none of the keys, for kid none and alg "RS256"',
    ),
    "another kind": (HS256, "signature: it fits none of the keys"),
    "alg": (token(algorithm="RS512", **GOOD), 'alg: "RS512" is not taken'),
    "crit": (token(headers={"crit": ["x"]}, **GOOD), "crit: the token asks for what is not known"),
    "exp": (
        token(**GOOD, exp=NOW - 41),
        f"exp: {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(NOW - 41))}",
    ),
    "exp long ago": (token(**GOOD, exp=1), "exp: 1970-01-01T00:00:01Z is past by 1"),
    "exp no number": (token(**GOOD, exp=-5), "token: Jwt"),
    "nbf": (token(**GOOD, nbf=NOW + 3000), "nbf: 2"),
    "nbf far": (token(**GOOD, nbf=NOW + 10**6), f"nbf: {time.strftime(ISO, time.gmtime(NOW + 10**6))} is "),
    "iss": (token(aud="orders", iss="https://eve"), 'iss: "https://eve" is not taken'),
    "no iss": (token(aud="orders"), "iss: there is none"),
    "aud": (token(iss=GOOD["iss"], aud=["a", "b"]), 'aud: "a", "b" is none that is taken'),
    "no aud": (token(iss=GOOD["iss"]), "aud: there is none"),
    "claim": (token(**GOOD, tenant="somebody-else"), "claim: tenant is some..., which is not taken"),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("jwt")) as running:
        yield running


def line(gateway: Gateway, answer: httpx.Response) -> str:
    """What the access log tells of the request."""
    log, found = gateway.envoy.state / "access.log", list[bytes]()

    def is_written() -> bool:
        id_ = answer.headers["x-request-id"].encode()
        found[:] = [one for one in log.read_bytes().splitlines() if id_ in one]
        return bool(found)

    wait_until(is_written)
    return found[-1].decode()


@pytest.fixture(scope="module")
def enforcing(gateway: Gateway) -> Gateway:
    apply(gateway, STRICT)
    return gateway


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_tells_its_check_and_the_compared_values(enforcing: Gateway, name: str) -> None:
    text, reason = REFUSED[name]

    answer = ask(enforcing, text)

    assert answer.status_code == (400 if text is None else 401)
    told = line(enforcing, answer)
    assert reason in told
    assert f"\tjwt-validation {reason.partition(':')[0]}\t" in told


def test_a_key_that_is_not_known_is_told(gateway: Gateway) -> None:
    with serving(Issuer()) as issuer:
        apply(gateway, remote(issuer))

        told = line(gateway, ask(gateway, token(OTHER, headers={"kid": "two"})))

        assert 'key: none is known of kid "two" and alg "RS256"' in told


def test_keys_that_were_never_had_are_told(gateway: Gateway) -> None:
    with serving(Issuer()) as issuer:
        issuer.status = 500
        apply(gateway, remote(issuer))

        assert "keys: those of an issuer were never had" in line(gateway, ask(gateway, token()))


def observing(gateway: Gateway, config: dict[str, Any]) -> None:
    text = document(config).replace("policyRef:", "mode: observe\n    policyRef:")
    ack = gateway.apply(text)
    assert not [one.reason for one in ack.resources if one.reason]


def test_what_only_observes_lets_pass_and_says_no_claims_for_callers(gateway: Gateway) -> None:
    observing(gateway, STRICT)
    for name in ("missing", "signature", "exp", "iss", "claim"):
        text, reason = REFUSED[name]

        answer = ask(gateway, text, **{"x-subject": "root"})

        assert answer.status_code == 200
        assert reason in line(gateway, answer)
        assert "x-subject" not in answer.json()["headers"]
    answer = ask(gateway, token(**GOOD))
    assert answer.json()["headers"]["x-subject"] == "ada"


def test_an_unknown_key_has_keys_fetched_where_the_policy_observes_too(gateway: Gateway) -> None:
    with serving(Issuer()) as issuer:
        observing(gateway, remote(issuer))
        issuer.body = key_set(one=RSA, two=OTHER)

        def is_known() -> bool:
            return "signature: " not in line(gateway, ask(gateway, token(OTHER)))

        wait_until(is_known, 20)
