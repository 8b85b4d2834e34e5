"""Personal tokens on pages: made and shown once, listed, revoked by their user and by administrators."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from console.factors.changes import set_rule
from console.models import AuditEntry, Environment, Role, User
from console.notices.models import Notice
from console.pages.factors import CONFIRMED_SECONDS
from console.sessions.engine import LOGIN
from console.tokens.models import PersonalToken
from tests.console.conftest import LogIn
from tests.console.tokens.making import ADD, FORM, made_on_the_page, make_token, rest_by
from tests.factories import make_environment, make_organization, make_role, make_user

pytestmark = pytest.mark.django_db


def test_it_is_shown_once_listed_and_told(
    admin: Client, administrator: User, environment: Environment
) -> None:
    secret = made_on_the_page(admin, environment=environment.pk)

    token = PersonalToken.objects.get()
    assert token.permissions == ["view:apis"]
    assert 89 <= (token.expires_at - token.created_at).days <= 90
    page = admin.get("/profile").content.decode()
    assert "nightly" in page
    assert "Acme / Sandbox: View APIs" in page
    assert secret not in page
    assert token.token_hash not in page
    entry = AuditEntry.objects.get()
    assert (entry.actor_name, entry.object_type, entry.object_name) == ("ada", "personaltoken", "nightly")
    assert entry.organization == environment.organization
    assert Notice.objects.get(user=administrator).subject == "A personal token was made: nightly"


def test_the_same_form_shows_the_same_token_until_it_ends(admin: Client) -> None:
    once = {"once": re.findall(r'name="once" value="([^"]+)"', admin.get(ADD).content.decode())[0]}

    assert made_on_the_page(admin, **once) == made_on_the_page(admin, **once)
    token = PersonalToken.objects.get()
    admin.post(f"/profile/tokens/{token.pk}/revoke")

    answer = admin.post(ADD, FORM | once)
    assert "which has ended since" in answer.content.decode()
    assert not PersonalToken.objects.live().exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"permissions": []}, "This field is required"),
        ({"permissions": ["fly:planes"]}, "Select a valid choice"),
        ({"expires": "date"}, "Choose the date"),
        ({"expires": "date", "expires_at": "2020-01-01"}, "This is over already"),
        ({"expires": "date", "expires_at": "2199-01-01"}, "a year at most"),
        ({"name": "n" * 61}, "at most 60 characters"),
        ({"environment": "theirs"}, "Select a valid choice"),
        ({"permissions": ["administer:organization"], "environment": "ours"}, "leave the environment out"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    admin: Client, environment: Environment, fields: dict[str, Any], said: str
) -> None:
    places = {"theirs": make_environment(make_organization("Rival")).pk, "ours": environment.pk}
    if "environment" in fields:
        fields = fields | {"environment": places[fields["environment"]]}

    answer = admin.post(ADD, FORM | fields)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not PersonalToken.objects.exists()


def test_a_name_stands_for_one_token_that_works(admin: Client) -> None:
    made_on_the_page(admin)

    assert "already" in admin.post(ADD, FORM | {"name": "NIGHTLY"}).content.decode()
    admin.post(f"/profile/tokens/{PersonalToken.objects.get().pk}/revoke")
    made_on_the_page(admin)


def test_a_viewer_is_offered_what_a_viewer_holds(viewer: Client) -> None:
    page = viewer.get(ADD).content.decode()

    assert "view:traffic" in page
    assert "manage:apis" not in page
    assert viewer.post(ADD, FORM | {"permissions": ["manage:apis"]}).status_code == 422


def test_who_logged_in_a_while_ago_is_asked_who_is_there(admin: Client) -> None:
    session = admin.session
    session[LOGIN] = session[LOGIN] | {"at": "2026-01-01T00:00:00+00:00"}
    session.save()
    assert CONFIRMED_SECONDS < 3600

    answer = admin.post(ADD, FORM)

    assert answer["Location"] == "/profile/second-factor/confirm?next=%2Fprofile%2Ftokens%2Fadd"
    assert not PersonalToken.objects.exists()


def test_who_has_or_needs_a_second_factor_makes_them_in_a_session_with_it(
    admin: Client, administrator: User, environment: Environment
) -> None:
    _, secret = make_token(administrator)
    set_rule(administrator, environment.organization, True)
    administrator.passkeys.create(name="Phone", credential_id=b"1", data=b"", host="localhost")

    refused = admin.post(ADD, FORM | {"name": "new"})
    assert refused.status_code == 403
    assert "has proven your second factor" in refused.content.decode()
    assert "made without a second factor" in rest_by(secret)("GET", "/accounts/api/me").data["message"]

    session = admin.session
    session["factor"] = "passkey"
    session.save()
    assert rest_by(made_on_the_page(admin, name="new"))("GET", "/accounts/api/me").status_code == 200


def test_administrators_see_and_revoke_those_that_reach_their_organization(
    admin: Client, environment: Environment
) -> None:
    vera, rival = make_user("vera"), make_environment(make_organization("Rival"))
    for place in (environment, rival):
        make_role(vera, place.organization, Role.Name.VIEWER)
    anywhere, secret = make_token(vera, name="anywhere")
    here, _ = make_token(vera, name="here", environment=environment)
    there, _ = make_token(vera, name="there", environment=rival)

    page = admin.get("/administration/tokens?q=vera").content.decode()
    assert all(words in page for words in ("anywhere", "here", "Acme / Sandbox"))
    assert f"/administration/tokens/{there.pk}/revoke" not in page
    assert "2 personal tokens" in admin.get(f"/administration/users/{vera.pk}").content.decode()

    assert admin.post(f"/administration/tokens/{there.pk}/revoke").status_code == 404
    admin.post(f"/administration/tokens/{anywhere.pk}/revoke")

    assert rest_by(secret)("GET", "/accounts/api/me").status_code == 401
    assert set(PersonalToken.objects.live()) == {here, there}
    assert "revoked by ada" in PersonalToken.objects.get(pk=anywhere.pk).ending
    assert Notice.objects.filter(user=vera, subject="Your personal token was revoked: anywhere").exists()


def test_those_of_an_administrator_of_everything_are_for_their_like_alone(
    admin: Client, environment: Environment, log_in: LogIn
) -> None:
    root = make_user("root", is_superuser=True)
    make_role(root, environment.organization)
    token, _ = make_token(root)

    assert "nightly" not in admin.get("/administration/tokens").content.decode()
    assert admin.post(f"/administration/tokens/{token.pk}/revoke").status_code == 404
    other = log_in(make_user("other", is_superuser=True))
    assert other.post(f"/administration/tokens/{token.pk}/revoke").status_code == 302


def test_nobody_revokes_anothers_on_the_profile(admin: Client) -> None:
    token, _ = make_token(make_user("vera", is_superuser=True))

    assert admin.post(f"/profile/tokens/{token.pk}/revoke").status_code == 404


def test_a_page_takes_no_token(client: Client, administrator: User) -> None:
    _, secret = make_token(administrator)

    for path in ("/profile", ADD, "/apis"):
        assert client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code == 302
    assert settings.SESSION_COOKIE_NAME not in client.cookies
