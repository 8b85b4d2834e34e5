"""Secrets of files are put where policies mention them; what mentions one that is missing is refused."""

from base64 import b64encode
from typing import Any

import pytest

from gateways.agent.translate.apis import LastTranslation, translate
from gateways.protocol.resources import RESOURCE
from tests.certificates import self_signed
from tests.gateways.agent.translate.test_guards import KEY, api, bound, document, inline, translated

PAIR = self_signed()
DATABASE = document(
    "Secret", "database", {"data": {"username": "ada", "password": "s3cret"}}, namespace="shop"
)


def basic(password: str, username: str = "ada") -> dict[str, Any]:
    return inline("http-basic-authentication", {"username": username, "password": password})


def password_of(translation: Any) -> str:
    (use,) = translation.gateway.apis[0].policies
    return str(use.config.password.get_secret_value())


@pytest.mark.parametrize("text", ["${secret:shop/database}", "${secret:shop/database#password}"])
def test_mention_stands_for_what_the_secret_holds(text: str) -> None:
    translation = translated(DATABASE, api("http", basic(text, "${secret:shop/database#username}")))

    assert password_of(translation) == "s3cret"
    assert translation.gateway.apis[0].policies[0].config.username == "ada"
    assert translation.faults == ()


def test_mention_without_a_group_is_of_its_own_namespace() -> None:
    own = document("Secret", "key", {"data": {"key": "s3cret"}})

    assert password_of(translated(own, DATABASE, api("http", basic("${secret:key}")))) == "s3cret"


@pytest.mark.parametrize(
    "text",
    [
        "${secret:shop/other}",
        "${secret:database}",
        "${secret:shop/database#port}",
        "${secret:a b}",
        "${secret:}",
    ],
)
def test_missing_secret_refuses_the_api(text: str) -> None:
    for secrets in ((DATABASE,), ()):
        translation = translated(*secrets, api("http", basic(text)))

        assert translation.gateway.apis == ()
        assert "secret" in translation.refused[KEY].lower()


@pytest.mark.parametrize("is_base64", [True, False])
def test_certificate_and_key_come_from_a_tls_secret(is_base64: bool) -> None:
    pair = {name: b64encode(one.encode()).decode() if is_base64 else one for name, one in PAIR.items()}
    secret = document("Secret", "edge", {"tls": pair})
    certificate = {"crt": "${secret:edge#crt}", "key": "${secret:edge#key}"}

    translation = translated(secret, api("https", inline("tls", {"certificate": certificate})))

    tls = translation.gateway.apis[0].listener.tls
    assert tls is not None
    assert (tls.certificate, tls.key) == (PAIR["crt"], PAIR["key"])
    assert translation.faults == ()


def test_changed_secret_is_what_the_api_runs_with() -> None:
    last = LastTranslation()
    documents = [DATABASE, api("http", basic("${secret:shop/database}"))]
    changed = [{**DATABASE, "spec": {"data": {"password": "renewed"}}}, documents[1]]

    for given, wanted in ((documents, "s3cret"), (changed, "renewed")):
        assert password_of(translate([RESOURCE.validate_python(one) for one in given], last)) == wanted


def test_bindings_take_secrets_too() -> None:
    policy = {"username": "ada", "password": "${secret:shop/database}"}
    binding = bound("b", {"name": "a"}, "http-basic-authentication", policy)

    assert password_of(translated(DATABASE, api("http"), binding)) == "s3cret"


@pytest.mark.parametrize(
    "spec", [{}, {"tls": {"crt": "a", "key": "b"}, "data": {"a": "b"}}, {"data": {}}, {"data": {"a b": "c"}}]
)
def test_secret_holds_one_of_both(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="data"):
        RESOURCE.validate_python(document("Secret", "s", spec))
