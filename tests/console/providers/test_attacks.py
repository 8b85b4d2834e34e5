"""What must not log anybody in: answers and tokens of others, late, changed, or of another kind."""

import json
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.test import Client

from console.factors.models import LoginRule
from console.models import AuditEntry, Environment, User
from console.providers import oidc
from console.providers.models import Identity, IdentityProvider
from tests.console.providers.conftest import GRACE, enter, make_browser, make_provider, sent_back
from tests.console.providers.test_login import said, who
from tests.factories import make_environment, make_organization
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Claims, Provider

pytestmark = pytest.mark.django_db


def change(**changed: object) -> Callable[[Claims], None]:
    return lambda claims: claims.update(changed)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change(nonce="another"), "made for another login"),
        (lambda claims: claims.pop("nonce"), "made for another login"),
        (change(nonce=["a"]), "made for another login"),
        (change(aud="another-client"), "Audience doesn"),
        (change(aud=["gatewright", "another"]), "made for another client"),
        (change(azp="another"), "made for another client"),
        (change(iss="https://evil.test"), "Invalid issuer"),
        (change(exp=int(time.time()) - 3600), "Signature has expired"),
        (lambda claims: claims.pop("exp"), "exp"),
        (lambda claims: claims.pop("sub"), "sub"),
        (change(sub=""), "names nobody"),
        (change(sub="a\0b"), "names nobody"),
        (change(sub="s" * 256), "names nobody"),
        (change(sub=7), "does not count"),
        (change(iat=int(time.time()) + 3600), "not yet valid"),
        (change(nbf=int(time.time()) + 3600), "not yet valid"),
    ],
)
def test_a_token_that_is_not_of_this_login_logs_nobody_in(
    spoil: Callable[[Claims], None], words: str, acme: Provider, provider: IdentityProvider
) -> None:
    acme.spoil = spoil
    browser = make_browser()

    answer = enter(browser, provider)

    assert words in said(answer)
    assert who(browser) == ""
    assert not User.objects.exists()


def by_secret(acme: Provider, claims: Claims) -> str:
    return jwt.encode(claims, CLIENT_SECRET, "HS256", headers={"kid": acme.keys[-1][0]})


def by_public_key(acme: Provider, claims: Claims) -> str:
    """HS256 with the published key as the secret."""
    return jwt.encode(claims, json.dumps(acme.jwks()["keys"][0]), "HS256", headers={"kid": acme.keys[-1][0]})


def by_nothing(acme: Provider, claims: Claims) -> str:
    return jwt.encode(claims, None, "none", headers={"kid": acme.keys[-1][0]})


def by_a_stranger(acme: Provider, claims: Claims) -> str:
    kid = acme.keys[-1][0]
    stranger = Provider()
    stranger.stop()
    return stranger.signed(claims, kid=kid)


def by_an_old_key(acme: Provider, claims: Claims) -> str:
    token = acme.signed(claims)
    acme.rotate()
    return token


def by_another_algorithm(acme: Provider, claims: Claims) -> str:
    return acme.signed(claims, "RS512")


def by_a_key_of_its_own(acme: Provider, claims: Claims) -> str:
    """The key lies in the token."""
    stranger = Provider()
    stranger.stop()
    return stranger.signed(claims, jwk=stranger.jwks()["keys"][0], jku=f"{acme.issuer}/jwks")


def too_long(acme: Provider, claims: Claims) -> str:
    return acme.signed(claims | {"more": "x" * 40_000})


def no_token(acme: Provider, claims: Claims) -> str:
    return "a.b.c"


@pytest.mark.parametrize(
    "sign",
    [
        by_secret,
        by_public_key,
        by_nothing,
        by_a_stranger,
        by_an_old_key,
        by_another_algorithm,
        by_a_key_of_its_own,
        too_long,
        no_token,
    ],
)
def test_a_token_that_the_provider_did_not_sign_logs_nobody_in(
    sign: Callable[[Provider, Claims], str], acme: Provider, provider: IdentityProvider
) -> None:
    acme.sign = sign
    browser = make_browser()

    enter(browser, provider)

    assert who(browser) == ""
    assert not User.objects.exists()


def test_another_browsers_answer_does_not_count(provider: IdentityProvider) -> None:
    """Whoever sends somebody the end of their own login would have them work in their account."""
    mine, theirs = make_browser(), make_browser()
    back = sent_back(mine, f"/login/with/{provider.pk}")

    answer = theirs.get(back, follow=True)

    assert "not begun in this browser" in said(answer)
    assert who(theirs) == ""


@pytest.mark.parametrize("state", ["", "wrong", "%00", "a" * 9000])
def test_an_answer_without_its_state_does_not_count(state: str, provider: IdentityProvider) -> None:
    browser = make_browser()
    code = parse_qs(urlsplit(sent_back(browser, f"/login/with/{provider.pk}")).query)["code"][0]

    browser.get(f"/login/with/{provider.pk}/back?code={code}&state={state}")

    assert who(browser) == ""


def test_an_answer_counts_once(provider: IdentityProvider) -> None:
    browser = make_browser()
    back = sent_back(browser, f"/login/with/{provider.pk}")
    browser.get(back)
    browser.post("/logout")

    answer = browser.get(back, follow=True)

    assert "not begun in this browser" in said(answer)
    assert who(browser) == ""


def test_a_code_counts_once_at_the_provider_too(acme: Provider, provider: IdentityProvider) -> None:
    browser = make_browser()
    code = parse_qs(urlsplit(sent_back(browser, f"/login/with/{provider.pk}")).query)["code"][0]
    acme._codes.clear()
    state = next(iter(browser.session["provider_logins"]))

    answer = browser.get(
        f"/login/with/{provider.pk}/back?code={code}&state={state}&iss={acme.issuer}", follow=True
    )

    assert "did not take its code back: invalid_grant" in said(answer)


def test_a_login_that_was_begun_long_ago_does_not_count(provider: IdentityProvider) -> None:
    browser = make_browser()
    back = sent_back(browser, f"/login/with/{provider.pk}")
    session = browser.session
    for begun in session["provider_logins"].values():
        begun["at"] -= oidc.STARTED_SECONDS + 1
    session.save()

    browser.get(back)

    assert who(browser) == ""


def test_a_code_of_one_provider_does_not_count_at_another(
    acme: Provider, provider: IdentityProvider, environment: Environment
) -> None:
    other = make_provider(acme, environment, name="Other")
    browser = make_browser()
    back = sent_back(browser, f"/login/with/{provider.pk}")

    browser.get(back.replace(str(provider.pk), str(other.pk)))

    assert who(browser) == ""


def test_an_answer_of_another_issuer_does_not_count(acme: Provider, provider: IdentityProvider) -> None:
    browser = make_browser()
    back = sent_back(browser, f"/login/with/{provider.pk}")

    answer = browser.get(f"{back}&iss=https://evil.test", follow=True)

    assert "comes from another identity provider" in said(answer)


def test_two_tenants_providers_with_the_same_subjects_are_different_people(
    acme: Provider, provider: IdentityProvider
) -> None:
    rival = make_environment(make_organization("Rival"))
    theirs = make_provider(acme, rival, name="Rival ID")
    enter(make_browser(), provider)
    browser = make_browser()

    enter(browser, theirs)

    assert Identity.objects.count() == 2
    assert who(browser) == "grace-2"


def test_the_same_subject_of_another_issuer_is_another_person(
    acme: Provider, provider: IdentityProvider
) -> None:
    enter(make_browser(), provider)
    other = Provider(person=dict(GRACE), redirect_uris=acme.redirect_uris)
    provider.discovery_url = other.issuer
    provider.save()
    browser = make_browser()

    enter(browser, provider)
    other.stop()

    assert who(browser) == "grace-2"


def test_a_deactivated_user_stays_out(provider: IdentityProvider) -> None:
    enter(make_browser(), provider)
    User.objects.update(is_active=False)
    browser = make_browser()

    answer = enter(browser, provider)

    assert "This account was deactivated" in said(answer)
    assert who(browser) == ""


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.test/",
        "//evil.test",
        "/\\evil.test",
        "javascript:alert(1)",
        "http://localhost:8000//evil.test",
    ],
)
def test_a_login_leads_to_no_other_site(address: str, provider: IdentityProvider) -> None:
    browser = make_browser()

    answer = browser.get(sent_back(browser, f"/login/with/{provider.pk}?next={address}"))

    assert answer["Location"] == "/"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"jwks_uri": "file:///etc/passwd"},
        {"issuer": "https://evil.test"},
        {"userinfo_endpoint": "http://10.0.0.7/"},
        {"token_endpoint": 7},
    ],
)
def test_a_discovery_document_aims_the_console_at_nothing_else(
    spoiled: Claims, acme: Provider, provider: IdentityProvider
) -> None:
    sound = acme.discovery()
    acme.discovery = lambda: sound | spoiled  # type: ignore[method-assign]

    answer = make_browser().get(f"/login/with/{provider.pk}", follow=True)

    assert "Acme ID cannot be asked" in said(answer)


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/",
        "http://idp.internal/",
        "ftp://x/",
        "https://u:p@idp.test/",
        "https://idp.test:x/",
        "https://",
    ],
)
def test_an_address_that_is_none_to_ask_is_refused_at_the_form(
    address: str, admin: Client, environment: Environment
) -> None:
    answer = admin.post(
        "/administration/providers/add",
        {
            "name": "Acme ID",
            "slug": "acme",
            "organization": str(environment.organization_id),
            "discovery_url": address,
            "client_id": CLIENT_ID,
            "scopes": "openid",
        },
    )

    assert answer.status_code == 422
    assert not IdentityProvider.objects.exists()


def test_a_stored_secret_goes_to_no_other_address(
    provider: IdentityProvider, acme: Provider, admin: Client
) -> None:
    form = {
        "name": "Acme ID",
        "slug": provider.slug,
        "client_id": CLIENT_ID,
        "scopes": "openid",
        "discovery_url": "https://evil.test",
    }

    refused = admin.post(provider.get_absolute_url(), form)

    assert (refused.status_code, "Write it anew" in refused.content.decode()) == (422, True)
    provider.refresh_from_db()
    assert (provider.discovery_url, provider.client_secret) == (acme.issuer, CLIENT_SECRET)
    assert admin.post(provider.get_absolute_url(), form | {"secret": "new"}).status_code == 302
    there = form | {"discovery_url": "https://evil.test/realms/main"}
    assert admin.post(provider.get_absolute_url(), there).status_code == 302
    provider.refresh_from_db()
    assert provider.client_secret == "new"


def test_a_stored_secret_is_removed(provider: IdentityProvider, acme: Provider, admin: Client) -> None:
    address = provider.get_absolute_url()
    form = {"name": "Acme ID", "slug": provider.slug, "client_id": CLIENT_ID, "scopes": "openid"}
    form |= {"discovery_url": acme.issuer, "removes_secret": "on"}

    refused = admin.post(address, form | {"secret": "another"})

    assert (refused.status_code, "or write another one" in refused.content.decode()) == (422, True)
    assert admin.post(address, form | {"discovery_url": "https://other.test"}).status_code == 302
    provider.refresh_from_db()
    assert (provider.discovery_url, provider.client_secret) == ("https://other.test", None)
    assert b"Remove the stored secret" not in admin.get(address).content
    entry = AuditEntry.objects.filter(action=AuditEntry.Action.UPDATE).latest("pk")
    assert entry.diff["client_secret"] == ["•••••• (old)", ""]


def test_a_provider_that_answers_without_end_is_left(acme: Provider, provider: IdentityProvider) -> None:
    sound = acme.discovery()
    acme.discovery = lambda: sound | {"x": "x" * 600_000}  # type: ignore[method-assign]

    answer = make_browser().get(f"/login/with/{provider.pk}", follow=True)

    assert "longer than" in said(answer)


@pytest.mark.parametrize("is_above", [True, False])
def test_what_a_group_trusts_is_no_second_factor_of_who_needs_one_above(
    is_above: bool, acme: Provider, environment: Environment
) -> None:
    group = make_environment(make_organization("Retail", parent=environment.organization))
    provider = make_provider(acme, group, checks_second_factor=True, default_role="viewer")
    needs = environment.organization if is_above else group.organization
    LoginRule.objects.create(organization=needs, needs_second_factor=True)

    answer = enter(make_browser(), provider, "/apis")

    assert answer.redirect_chain[-1][0].startswith("/profile/second-factor") is is_above
