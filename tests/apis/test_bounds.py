"""What people paste into forms costs little time, whatever it is."""

import base64
import time
from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from apis import certificates
from apis.changes.instances import edit_api
from apis.desired import desired_of
from apis.rules.policy_config import checked
from apis.wizard_draft import WizardDraft
from console.forms import schema_data
from console.models import Environment
from gateways.protocol import regex, tls
from policies import catalog
from tests.apis.views.pages import allow, make_place, make_saved_api


def integer(value: int) -> bytes:
    body = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + length(len(body)) + body


def length(value: int) -> bytes:
    if value < 128:
        return bytes([value])
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(body)]) + body


def made_up_rsa_key(bits: int) -> str:
    """Of numbers that are no primes, which takes long to find out."""
    p, q, d = (1 << (bits // 2)) + 1, (1 << (bits // 2)) + 3, (1 << (bits - 5)) + 1
    numbers = [0, p * q, 65537, d, p, q, d % (p - 1), d % (q - 1), (1 << (bits // 2 - 3)) + 1]
    body = b"".join(map(integer, numbers))
    der = base64.encodebytes(b"\x30" + length(len(body)) + body).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{der}-----END RSA PRIVATE KEY-----\n"


PEM, KEY = certificates.self_signed(["localhost"])


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----" * 180_000,
        "-----BEGIN A PRIVATE KEY-----" * 170_000,
        "-----BEGIN " + "A" * 5_000_000,
        "-----BEGIN CERTIFICATE-----\n" * 180_000,
        PEM * 8000,
        KEY * 8000,
        made_up_rsa_key(65_536),
        made_up_rsa_key(16_384),
    ],
)
def test_pem_of_any_kind_is_judged_at_once(text: str) -> None:
    began = time.process_time()

    certificates.holds_key(text)
    certificates.chain(text)
    tls.mismatch(PEM, certificates.private_key(text))

    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (made_up_rsa_key(16_384), "8192 at most"),
        (made_up_rsa_key(4096), "is broken"),
        (made_up_rsa_key(262_144), "is not a PEM"),
    ],
)
def test_a_key_that_is_none_is_refused(key: str, words: str) -> None:
    found = tls.mismatch(PEM, key)

    assert found is not None and found[0] == "key"
    assert words in found[1]


@pytest.mark.parametrize(
    "expression",
    [
        "a" * 5_000_000,
        "(" * 1_000_000,
        "|".join("ab" * 500_000),
        "(((a{1000}){1000}){1000})",
        r"\p{L}" * 3000,
        "[[:" * 5000,
    ],
)
def test_an_expression_of_any_kind_is_judged_at_once(expression: str) -> None:
    began = time.process_time()

    with pytest.raises(regex.BadRegex) as refused:
        regex.check(expression)

    assert time.process_time() - began < 3
    assert len(str(refused.value)) < 1000


@pytest.mark.django_db
def test_many_large_expressions_are_not_looked_at_together() -> None:
    place = make_place()
    api = make_saved_api(place)
    route = desired_of(api).routes[0]
    large = [f"/{number}/x{{1,700}}" for number in range(150)]
    routes = [replace(route, path=path, headers={"x-a": f"{path}y"}) for path in large]

    with pytest.raises(ValidationError) as refused:
        edit_api(place.user, api, replace(desired_of(api), routes=routes))
    with pytest.raises(ValidationError) as not_met:
        allow(place, api, conditions=[{"uriTemplateRegex": path} for path in large])

    for found in (refused.value.message_dict, not_met.value.message_dict):
        together = [field for field, words in found.items() if "too large together" in words[0]]
        assert len(together) > 30
    assert not [field for field in refused.value.message_dict if field.startswith("routes.149")]


def test_json_in_a_form_may_be_nested_as_it_likes() -> None:
    schema = {"properties": {"more": {"type": "object", "title": "More"}}}
    data = QueryDict(mutable=True)
    data["config.more"] = "[" * 100_000

    assert schema_data.read(schema, data) == {"more": "[" * 100_000}


@pytest.mark.django_db
def test_what_is_kept_of_an_api_is_bounded() -> None:
    place = make_place()
    api = make_saved_api(place)

    with pytest.raises(ValidationError) as refused:
        edit_api(place.user, api, replace(desired_of(api), description="x" * 1_000_000, tags=["t"] * 10_000))
    with pytest.raises(ValidationError) as too_many:
        allow(place, api, conditions=[{"methodRegex": "GET"}] * 5000)

    assert set(refused.value.message_dict) == {"description", "tags"}
    assert set(too_many.value.message_dict) == {"conditions"}


def test_a_thousand_faults_of_a_configuration_are_told_in_part() -> None:
    began = time.process_time()

    with pytest.raises(ValidationError) as refused:
        checked(
            catalog.find("ip-allowlist"),
            {"ips": [{"a": 1}] * 9999} | {f"x{at}": 1 for at in range(50_000)},
            Environment(),
        )

    assert 10 < len(refused.value.message_dict) < 100
    assert time.process_time() - began < 3


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/apis?q=", "/apis/add/{draft}/api?asset_q=", "/apis/{api}/document?q="])
def test_a_search_for_many_words_is_answered_at_once(address: str) -> None:
    place = make_place()
    api = make_saved_api(place)
    place.client.post("/apis/add", {"go": "next", "gateway": str(place.gateway.pk)})
    draft = WizardDraft.objects.get()
    began = time.process_time()

    answer = place.client.get(address.format(api=api.pk, draft=draft.pk) + "a+" * 2000)

    assert answer.status_code == 200
    assert time.process_time() - began < 3
