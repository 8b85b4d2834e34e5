"""Logging in by an identity provider: who is let in, as whom, with which roles, and out again."""

import httpx
import pytest
from django.http import HttpResponse
from django.test import Client

from console import accounts
from console.models import AuditEntry, Environment, Role, User
from console.providers.models import Identity, IdentityProvider
from tests.console.providers.conftest import GRACE, enter, make_browser, make_provider, sent_back
from tests.factories import make_environment, make_organization, make_role, make_user
from tests.oidc_provider import Provider

pytestmark = pytest.mark.django_db


def who(client: Client) -> str:
    answer = client.get("/profile")
    return str(answer.context["user"].username) if answer.status_code == 200 else ""


def said(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def by_rest_of(username: str, password: str) -> HttpResponse:
    given = {"username": username, "password": password}
    return Client().post("/accounts/login", given, content_type="application/json")


def roles(username: str = "grace") -> set[tuple[str, str, str]]:
    found = Role.objects.filter(user__username=username).select_related("organization", "environment")
    return {(str(one.organization), str(one.environment or ""), one.name) for one in found}


def test_the_first_login_makes_the_user(provider: IdentityProvider) -> None:
    browser = make_browser()

    answer = enter(browser, provider, "/profile?tab=1")

    grace = User.objects.get(username="grace")
    assert answer.redirect_chain[-1] == ("/profile?tab=1", 302)
    assert who(browser) == "grace"
    assert (grace.email, grace.first_name, grace.has_usable_password()) == ("grace@acme.test", "Grace", False)
    assert grace.identities.get().subject == GRACE["sub"]
    made = AuditEntry.objects.get(action="create", object_type="user")
    assert made.actor_name == "identity provider Acme ID"


def test_the_next_login_is_the_same_user_by_the_subject_alone(
    provider: IdentityProvider, acme: Provider
) -> None:
    enter(make_browser(), provider)
    acme.person = {"sub": GRACE["sub"], "email": "hopper@acme.test", "preferred_username": "hopper"}
    browser = make_browser()

    enter(browser, provider)

    assert who(browser) == "grace"
    assert User.objects.count() == 1


def test_another_subject_with_the_same_name_and_address_is_another_user(
    provider: IdentityProvider, acme: Provider
) -> None:
    enter(make_browser(), provider)
    acme.person = GRACE | {"sub": "another"}
    browser = make_browser()

    enter(browser, provider)

    assert who(browser) == "grace-2"


def test_nobody_is_made_where_the_provider_may_not(acme: Provider, environment: Environment) -> None:
    provider = make_provider(acme, environment, makes_users=False)
    browser = make_browser()

    answer = enter(browser, provider)

    assert "Nobody here is tied to your account at Acme ID" in said(answer)
    assert who(browser) == ""


def test_groups_give_roles_and_take_them_with_each_login(
    provider: IdentityProvider, acme: Provider, environment: Environment
) -> None:
    group = make_organization("Shop", parent=environment.organization)
    give = provider.group_roles.create
    give(group="engineers", organization=environment.organization, environment=environment, role="manager")
    give(group="engineers", organization=group, role="viewer")
    give(group="bosses", organization=environment.organization, role="administrator")

    enter(make_browser(), provider)
    first = roles()
    acme.person = GRACE | {"groups": ["bosses", "bowling"]}
    enter(make_browser(), provider)
    second = roles()
    acme.person = GRACE | {"groups": []}
    enter(make_browser(), provider)

    assert first == {("Acme", "Sandbox", "manager"), ("Shop", "", "viewer")}
    assert second == {("Acme", "", "administrator")}
    assert roles() == set()
    assert AuditEntry.objects.filter(object_type="role", action="delete").count() == 3


def test_roles_given_by_hand_stay_when_the_group_is_gone(
    provider: IdentityProvider, acme: Provider, environment: Environment, administrator: User
) -> None:
    organization = environment.organization
    for role in ("viewer", "manager"):
        provider.group_roles.create(group="engineers", organization=organization, role=role)
    enter(make_browser(), provider)
    grace = User.objects.get(username="grace")
    accounts.grant_role(administrator, grace, organization, "viewer")
    acme.person = GRACE | {"groups": []}

    enter(make_browser(), provider)

    assert roles() == {("Acme", "", "viewer")}


def test_a_users_page_tells_which_roles_come_back(
    provider: IdentityProvider, environment: Environment, admin: Client
) -> None:
    provider.group_roles.create(group="engineers", organization=environment.organization, role="viewer")
    enter(make_browser(), provider)
    grace = User.objects.get(username="grace")

    page = admin.get(f"/administration/users/{grace.pk}")
    answer = admin.post(f"/administration/roles/{grace.roles.get().pk}/revoke", follow=True)

    assert "by Acme ID, with each login" in said(page)
    assert "comes back with the next login by Acme ID" in said(answer)


def test_a_profile_without_a_password_offers_none_to_change(provider: IdentityProvider) -> None:
    page = enter(make_browser(), provider)

    assert "You have none" in said(page)
    assert "old_password" not in said(page)


def test_everybody_has_the_role_of_everybody(acme: Provider, environment: Environment) -> None:
    enter(make_browser(), make_provider(acme, environment, default_role="viewer"))

    assert roles() == {("Acme", "", "viewer")}


def test_groups_are_found_inside_objects_and_at_the_userinfo_endpoint(
    acme: Provider, environment: Environment
) -> None:
    provider = make_provider(acme, environment, groups_claim="realm_access.roles")
    provider.group_roles.create(group="ops", organization=environment.organization, role="manager")
    acme.person = GRACE | {"realm_access": {"roles": ["ops", 7, None]}}
    acme.in_userinfo = ("realm_access", "email")

    enter(make_browser(), provider)

    assert roles() == {("Acme", "", "manager")}
    assert "/userinfo" in acme.asked


def test_a_place_that_left_the_providers_organization_gets_nobody(
    provider: IdentityProvider, environment: Environment
) -> None:
    rival = make_environment(make_organization("Rival"))
    provider.group_roles.create(group="engineers", organization=rival.organization, role="administrator")

    enter(make_browser(), provider)

    assert roles() == set()


def test_a_client_whose_secret_is_posted(acme: Provider, provider: IdentityProvider) -> None:
    acme.methods = ("client_secret_post",)
    browser = make_browser()

    enter(browser, provider)

    assert who(browser) == "grace"


def test_the_provider_may_change_its_keys_at_any_time(acme: Provider, provider: IdentityProvider) -> None:
    enter(make_browser(), provider)
    acme.rotate()
    browser = make_browser()

    enter(browser, provider)

    assert who(browser) == "grace"


@pytest.mark.parametrize("trouble", ["gone", "503", "nonsense"])
def test_a_provider_that_is_down_is_named_and_the_password_still_counts(
    trouble: str, acme: Provider, provider: IdentityProvider, administrator: User
) -> None:
    provider.password_allowed = False
    provider.save()
    browser = make_browser()
    if trouble == "gone":
        acme.stop()
    elif trouble == "503":
        acme.status = 503
    else:
        acme.discovery = lambda: {"issuer": "https://other.test"}  # type: ignore[method-assign]

    answer = browser.get(f"/login/with/{provider.pk}", follow=True)

    assert "Acme ID cannot be asked" in said(answer)
    assert "administrators in any case" in said(answer)
    browser.post("/login", {"username": "ada", "password": "secret"})
    assert who(browser) == "ada"


def test_a_provider_that_goes_down_during_the_login_is_named(
    acme: Provider, provider: IdentityProvider
) -> None:
    browser = make_browser()
    back = sent_back(browser, f"/login/with/{provider.pk}")
    acme.jwks = lambda: []  # type: ignore[assignment, method-assign]

    answer = browser.get(back, follow=True)

    assert "Acme ID cannot be asked: what it answers is no JSON object" in said(answer)


def test_whoever_says_no_at_the_provider_stays_out(acme: Provider, provider: IdentityProvider) -> None:
    acme.person = None

    answer = enter(make_browser(), provider)

    assert "Acme ID refused the login: Grace said no." in said(answer)


def test_members_must_not_use_a_password_where_the_provider_forbids_it(
    acme: Provider, environment: Environment
) -> None:
    provider = make_provider(acme, environment, password_allowed=False)
    make_role(make_user("vera"), environment.organization, Role.Name.VIEWER)
    make_role(make_user("eve"), make_organization("Rival"), Role.Name.VIEWER)
    browser = make_browser()

    answer = browser.post("/login", {"username": "vera", "password": "secret"})
    wrong = browser.post("/login", {"username": "vera", "password": "wrong"})
    by_rest = by_rest_of("vera", "secret")
    other = make_browser()
    other.post("/login", {"username": "eve", "password": "secret"})

    assert "Acme lets you log in by Acme ID alone" in said(answer)
    assert "by Acme ID alone" not in said(wrong)
    assert by_rest.status_code == 401
    assert who(browser) == ""
    assert who(other) == "eve"
    provider.is_enabled = False
    provider.save()
    browser.post("/login", {"username": "vera", "password": "secret"})
    assert who(browser) == "vera"


def test_a_logout_leads_to_the_provider_and_back(acme: Provider, provider: IdentityProvider) -> None:
    browser = make_browser()
    enter(browser, provider)

    page = browser.post("/logout", follow=True)

    assert "You are still logged in at Acme ID" in said(page)
    answer = httpx.get(page.context["end"])
    assert answer.headers["location"] == "http://localhost:8000/login"
    assert acme.logged_out == [GRACE["sub"]]
    assert who(browser) == ""


def test_a_user_who_is_tied_by_hand_logs_in_by_both(
    acme: Provider, environment: Environment, administrator: User
) -> None:
    provider = make_provider(acme, environment, makes_users=False)
    mine = make_browser()
    mine.force_login(administrator)
    ((_, link),) = mine.get("/profile").context["to_tie"]

    mine.get(sent_back(mine, link))
    browser = make_browser()
    enter(browser, provider)

    assert who(browser) == "ada"
    assert Identity.objects.get().user == administrator
    identity = Identity.objects.get().pk
    mine.post(f"/profile/identities/{identity}/untie")
    assert not Identity.objects.exists()


def test_the_login_page_offers_those_that_are_listed_or_asked_for(
    acme: Provider, environment: Environment, provider: IdentityProvider
) -> None:
    listed = make_provider(acme, environment, name="Listed", is_listed=True)
    off = make_provider(acme, environment, name="Off", is_listed=True, is_enabled=False)
    browser = make_browser()

    everybodys, own = browser.get("/login?next=/apis"), browser.get(f"/login/at/{provider.slug}")

    assert f'href="/login/with/{listed.pk}?next=/apis"' in said(everybodys)
    assert "Acme ID" not in said(everybodys)
    assert "Off" not in said(everybodys)
    assert "Continue with Acme ID" in said(own)
    assert browser.get(f"/login/at/{off.slug}").status_code == 404


def test_at_another_name_of_the_console_one_is_led_to_its_own(provider: IdentityProvider) -> None:
    answer = Client().get(f"/login/with/{provider.pk}?next=/apis")

    assert answer["Location"] == f"http://localhost:8000/login/with/{provider.pk}?moved=1&next=%2Fapis"


def test_a_deleted_provider_logs_its_people_out(
    provider: IdentityProvider, admin: Client, environment: Environment
) -> None:
    provider.group_roles.create(group="engineers", organization=environment.organization, role="viewer")
    browser = make_browser()
    enter(browser, provider)

    admin.post(f"/administration/providers/{provider.pk}/delete")

    assert who(browser) == ""
    assert roles() == set()
    assert User.objects.filter(username="grace").exists()


def test_rest_has_no_way_in_for_a_user_without_a_password(provider: IdentityProvider) -> None:
    enter(make_browser(), provider)

    answer = by_rest_of("grace", "!")

    assert answer.status_code == 401
