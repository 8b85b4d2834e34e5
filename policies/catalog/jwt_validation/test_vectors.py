"""Wycheproof's signatures of JSON Web Tokens through a real gateway.

Its tokens say "foo", which is no claim, and Envoy reads claims before it looks at a signature. So each of its
keys signs claims under the vector's own header, which must pass; and what is wrong with a signature is done
to that of claims: a padding of RSA as it is in the vector, around the digest of the claims, and numbers of a
curve that no message has.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from tests.policies.issuer import bare
from tests.policies.tokens import apply, ask
from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy
FILE = Path(__file__).parents[3] / "tests" / "policies" / "wycheproof_signatures.json"
SETS = json.loads(FILE.read_text())["sets"]
CLAIMS = base64.urlsafe_b64encode(b'{"sub": "ada"}').rstrip(b"=").decode()
METHODS = {"RS": "rsa", "PS": "rsa", "ES": "es"}
ALGORITHMS: dict[str, Any] = {"RS": RSAAlgorithm, "PS": RSAPSSAlgorithm, "ES": ECAlgorithm}
HASHES = {"256": "SHA256", "384": "SHA384", "512": "SHA512"}
OF_KEY_PAIRS = [one for one in SETS if one["key"]["kty"] != "oct"]
"""A key of an HMAC is text here, and theirs are bytes."""
PADDED = next(one for one in SETS if any("Sequence" in test["case"] for test in one["tests"]))
CURVE = next(one for one in SETS if one["comment"] == "SpecialCaseEs256")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("vectors")) as running:
        yield running


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def content(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "===")


def number(text: str) -> int:
    return int.from_bytes(content(text))


def algorithm_of(token: str) -> str:
    return str(json.loads(content(token.partition(".")[0]))["alg"])


def taking(gateway: Gateway, key: dict[str, str], algorithm: str) -> Any:
    """Lets pass what the key signs; gives the key, to sign with."""
    made = ALGORITHMS[algorithm[:2]].from_jwk(json.dumps(key))
    settings = {"signingMethod": METHODS[algorithm[:2]], "signingKeyLength": int(algorithm[2:])}
    claims = {"mandatoryExpClaim": False, "mandatoryNbfClaim": False, "validateAudClaim": False}
    apply(gateway, {**settings, **claims, "textKey": bare(made), "skipClientIdValidation": True})
    return made


def signed(key: Any, token: str) -> str:
    """Claims under the header of this token."""
    header, algorithm = token.partition(".")[0], algorithm_of(token)
    kind = ALGORITHMS[algorithm[:2]]
    signature = kind(getattr(kind, HASHES[algorithm[2:]])).sign(f"{header}.{CLAIMS}".encode(), key)
    return f"{header}.{CLAIMS}.{part(signature)}"


def padded_alike(key: dict[str, str], token: str) -> str | None:
    """Claims signed with the padding of this token; None where the digest does not stand in it as a whole."""
    header, payload, signature = token.split(".")
    n, e, d = (number(key[name]) for name in "ned")
    block = pow(number(signature), e, n).to_bytes(256)
    was = hashlib.sha256(f"{header}.{payload}".encode()).digest()
    if was not in block:
        return None
    now = hashlib.sha256(f"{header}.{CLAIMS}".encode()).digest()
    made = pow(int.from_bytes(block.replace(was, now)), d, n).to_bytes(256)
    return f"{header}.{CLAIMS}.{part(made)}"


@pytest.mark.parametrize("known", OF_KEY_PAIRS, ids=lambda one: f"{one['comment']} {one['key'].get('alg')}")
def test_what_a_known_key_signs_passes(gateway: Gateway, known: dict[str, Any]) -> None:
    tokens = [test["jws"] for test in known["tests"] if test["result"] == "valid"]
    statuses = []
    for algorithm in sorted({algorithm_of(one) for one in tokens}):
        key = taking(gateway, known["key"], algorithm)
        alike = [one for one in tokens if algorithm_of(one) == algorithm]
        statuses += [ask(gateway, signed(key, one)).status_code for one in alike]

    assert statuses == [200] * len(tokens)


def test_padding_that_is_not_to_the_letter_is_refused(gateway: Gateway) -> None:
    taking(gateway, PADDED["key"], "RS256")
    made = {test["case"]: padded_alike(PADDED["key"], test["jws"]) for test in PADDED["tests"]}
    results = {test["case"]: test["result"] for test in PADDED["tests"]}
    tried = {case: token for case, token in made.items() if token}

    passed = [case for case, token in tried.items() if ask(gateway, token).status_code == 200]

    assert passed == [case for case, result in results.items() if result == "valid"]
    assert len(tried) == 198


def test_numbers_of_a_curve_that_no_message_has_are_refused(gateway: Gateway) -> None:
    key = taking(gateway, CURVE["key"], "ES256")
    wrong = [test["jws"] for test in CURVE["tests"] if test["result"] == "invalid"]
    twisted = [f"{one.split('.')[0]}.{CLAIMS}.{one.split('.')[2]}" for one in wrong]
    good = signed(key, wrong[0])
    twisted += [f"{good}AA", good[:-2], f"{good}=", f"{good}."]

    assert ask(gateway, good).status_code == 200
    assert {ask(gateway, one).status_code for one in twisted} == {401}
    assert len(wrong) == 23


def test_nothing_that_says_no_claims_passes(gateway: Gateway) -> None:
    """The vectors as they are, the valid ones too."""
    taking(gateway, CURVE["key"], "ES256")

    assert {ask(gateway, test["jws"]).status_code for test in CURVE["tests"]} == {401}
