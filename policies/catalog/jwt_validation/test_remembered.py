"""A token that verified is remembered: what it says counts anew each time, and only under the keys of now."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from tests.policies.issuer import OTHER, RSA, Issuer, bare, key_set
from tests.policies.tokens import TEXT, apply, ask, document, remote, token
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import serving
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy
AGAIN = 5
OTHERS = TEXT | {"textKey": bare(OTHER)}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("jwt")) as running:
        yield running


def several(gateway: Gateway, text: str, path: str = "/jwt/x") -> set[int]:
    """What the same token gets, time and again, on a connection that stays open."""
    bearer = {"authorization": f"Bearer {text}"}
    return {gateway.get(path, headers=bearer).status_code for _ in range(AGAIN)}


def test_a_remembered_token_expires(gateway: Gateway) -> None:
    apply(gateway, TEXT)
    text = token(exp=time.time() // 1 + 3)
    assert several(gateway, text) == {200}

    wait_until(lambda: ask(gateway, text).status_code == 401, 20)

    assert several(gateway, text) == {401}
    assert ask(gateway, text).json() == {"error": "The token has expired."}


def test_a_token_that_is_not_valid_yet_is_refused_until_it_is(gateway: Gateway) -> None:
    apply(gateway, TEXT)
    text = token(nbf=time.time() // 1 + 4)
    assert several(gateway, text) == {401}
    assert ask(gateway, text).json() == {"error": "The token is not valid yet."}

    wait_until(lambda: ask(gateway, text).status_code == 200, 20)

    assert several(gateway, text) == {200}


def test_a_key_that_is_replaced_counts_no_more_from_the_change_on(gateway: Gateway) -> None:
    mine, theirs = token(), token(OTHER)
    for _ in range(3):
        apply(gateway, TEXT)
        assert (several(gateway, mine), several(gateway, theirs)) == ({200}, {401})
        apply(gateway, OTHERS)
        assert (several(gateway, mine), several(gateway, theirs)) == ({401}, {200})


def test_a_key_that_the_issuer_took_out_counts_no_more(gateway: Gateway) -> None:
    with serving(Issuer()) as issuer:
        issuer.body = key_set(one=RSA, two=OTHER)
        apply(gateway, remote(issuer))
        gone = token(headers={"kid": "one"})
        assert several(gateway, gone) == {200}

        issuer.body = key_set(two=OTHER)
        # A token of an unknown key has the keys looked at anew.
        ask(gateway, token(headers={"kid": "three"}))

        wait_until(lambda: ask(gateway, gone).status_code == 401, 20)
        assert several(gateway, gone) == {401}
        assert several(gateway, token(OTHER, headers={"kid": "two"})) == {200}


def test_claims_are_judged_by_the_policy_of_now(gateway: Gateway) -> None:
    text = token(aud="stock", iss="b")
    apply(gateway, TEXT)
    assert several(gateway, text) == {200}

    for narrower in (
        {"validateAudClaim": True, "supportedAudiences": "shop"},
        {"supportedIssuers": "a"},
        {"mandatoryNbfClaim": True},
        {"validateCustomClaim": True, "mandatoryCustomClaims": [{"key": "tenant", "value": "acme"}]},
    ):
        apply(gateway, TEXT | narrower)
        assert several(gateway, text) == {401}, narrower


def test_what_one_api_remembers_is_nothing_to_another(gateway: Gateway) -> None:
    """With the same claims asked for, and other keys."""
    ack = gateway.apply("---\n".join([_named(document(TEXT), "mine"), _named(document(OTHERS), "theirs")]))
    assert not [one.reason for one in ack.resources if one.reason]
    mine, theirs = token(), token(OTHER)

    for _ in range(2):
        assert (several(gateway, mine, "/mine/x"), several(gateway, mine, "/theirs/x")) == ({200}, {401})
        assert (several(gateway, theirs, "/mine/x"), several(gateway, theirs, "/theirs/x")) == ({401}, {200})


def test_two_policies_of_one_api_ask_their_own_keys(gateway: Gateway) -> None:
    both = {"policyRef": {"name": "jwt-validation-flex"}, "config": TEXT}
    theirs = OTHERS | {"jwtOrigin": "customExpression"}
    apply(gateway, theirs, both)

    def asked(first: str, second: str) -> set[int]:
        return {ask(gateway, second, jwt=first).status_code for _ in range(AGAIN)}

    assert asked(token(OTHER), token()) == {200}
    assert asked(token(), token()) == {401}
    assert asked(token(OTHER), token(OTHER)) == {401}
    assert asked(token(OTHER), token()) == {200}


def test_what_is_observed_of_a_remembered_token_is_of_now(gateway: Gateway) -> None:
    text = token()
    apply(gateway, TEXT)
    assert several(gateway, text) == {200}
    ask(gateway, None)
    wait_until(lambda: noted(gateway)[-1:] == ["token: there is none"])

    observing = yaml.safe_load(document(OTHERS))
    observing["spec"]["policies"][0]["mode"] = "observe"
    gateway.apply(yaml.safe_dump(observing))
    assert several(gateway, text) == {200}

    wrong = 'signature: it fits none of the keys, for kid none and alg "RS256"'
    told = ["token: there is none", *[wrong] * AGAIN]
    wait_until(lambda: noted(gateway)[-AGAIN - 1 :] == told)


def noted(gateway: Gateway) -> list[str]:
    return [one for line in gateway.reasons(0) for one in line]


def test_a_changed_token_is_not_the_one_that_is_remembered(gateway: Gateway) -> None:
    apply(gateway, TEXT)
    good = token()
    assert several(gateway, good) == {200}

    head, payload, signature = good.split(".")
    _, other_payload, _ = token(sub="eve").split(".")
    for forged in (f"{head}.{other_payload}.{signature}", f"{good}A", good[:-2], f"{head}.{payload}."):
        assert several(gateway, forged) == {401}
    assert several(gateway, good) == {200}


def test_many_tokens_and_long_ones_are_told_apart(gateway: Gateway) -> None:
    """More than are remembered, and some that are too long to be."""
    headers = [{"claimName": "sub", "headerName": "X-Subject"}]
    apply(gateway, TEXT | {"claimsToHeaders": headers})
    texts = {
        f"caller-{at}": token(sub=f"caller-{at}", pad="x" * (9_000 if at % 100 == 0 else 10))
        for at in range(700)
    }

    for _ in range(2):
        for name, text in texts.items():
            assert _subject(ask(gateway, text)) == name


def _subject(answer: httpx.Response) -> Any:
    assert answer.status_code == 200
    return answer.json()["headers"]["x-subject"]


def _named(text: str, name: str) -> str:
    api = yaml.safe_load(text)
    api["metadata"]["name"] = name
    api["spec"]["address"] = api["spec"]["address"].replace("/jwt", f"/{name}")
    return str(yaml.safe_dump(api))
