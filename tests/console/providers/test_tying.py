"""Whom a provider may be tied to: by an address that it has verified, or by the user, and by nobody else."""

import pytest

from console.models import Environment, Role, User
from console.providers.models import Identity, IdentityProvider
from console.teams.models import Team
from tests.console.providers.conftest import GRACE, enter, make_browser, make_provider, sent_back
from tests.console.providers.test_attacks import change
from tests.console.providers.test_login import said, who
from tests.factories import make_environment, make_organization, make_role, make_user
from tests.oidc_provider import Claims, Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def by_email(acme: Provider, environment: Environment) -> IdentityProvider:
    return make_provider(acme, environment, makes_users=False, links_by_email=True)


def test_a_verified_address_ties_the_one_who_has_it(
    by_email: IdentityProvider, environment: Environment
) -> None:
    make_role(make_user("hopper", email="Grace@acme.test"), environment.organization, Role.Name.VIEWER)
    browser = make_browser()

    enter(browser, by_email)

    assert who(browser) == "hopper"


@pytest.mark.parametrize(
    "person",
    [
        GRACE | {"email_verified": False},
        GRACE | {"email_verified": "true"},
        {name: value for name, value in GRACE.items() if name != "email_verified"},
        GRACE | {"email": "grace@acme.test\0"},
        GRACE | {"email": ""},
    ],
)
def test_an_address_that_the_provider_has_not_verified_ties_nobody(
    person: Claims, by_email: IdentityProvider, acme: Provider, environment: Environment
) -> None:
    make_role(make_user("hopper", email="grace@acme.test"), environment.organization, Role.Name.VIEWER)
    acme.person = person
    browser = make_browser()

    enter(browser, by_email)

    assert who(browser) == ""
    assert not Identity.objects.exists()


def test_a_verified_address_that_userinfo_has_of_another_ties_nobody(
    by_email: IdentityProvider, acme: Provider, environment: Environment
) -> None:
    make_role(make_user("hopper", email="grace@acme.test"), environment.organization, Role.Name.VIEWER)
    acme.in_userinfo = ("email_verified", "groups")
    acme.spoil_userinfo = change(email="mallory@acme.test")
    browser = make_browser()

    enter(browser, by_email)

    assert who(browser) == ""


def test_userinfo_of_another_person_is_refused(acme: Provider, provider: IdentityProvider) -> None:
    acme.in_userinfo = ("groups",)
    acme.spoil_userinfo = change(sub="mallory")

    answer = enter(make_browser(), provider)

    assert "answers for another person" in said(answer)


def test_no_provider_becomes_an_administrator_of_everything(
    by_email: IdentityProvider, environment: Environment
) -> None:
    """An organization's administrator runs the provider, and could come as anybody."""
    root = make_user("root", email="grace@acme.test", is_superuser=True)
    make_role(root, environment.organization, Role.Name.VIEWER)
    browser = make_browser()

    enter(browser, by_email)

    assert who(browser) == ""


def test_no_provider_becomes_somebody_with_roles_elsewhere(
    by_email: IdentityProvider, environment: Environment
) -> None:
    hopper = make_user("hopper", email="grace@acme.test")
    make_role(hopper, environment.organization, Role.Name.VIEWER)
    enter(make_browser(), by_email)
    make_role(hopper, make_organization("Rival"), Role.Name.VIEWER)
    browser = make_browser()

    answer = enter(browser, by_email)

    assert "has roles beyond Acme" in said(answer)
    assert who(browser) == ""


def test_an_address_of_two_users_ties_neither(by_email: IdentityProvider, environment: Environment) -> None:
    for name in ("one", "two"):
        make_role(make_user(name, email="grace@acme.test"), environment.organization, Role.Name.VIEWER)

    answer = enter(make_browser(), by_email)

    assert "Several users here have the address" in said(answer)


def test_another_site_cannot_tie_its_account_to_mine(
    acme: Provider, provider: IdentityProvider, administrator: User
) -> None:
    browser = make_browser()
    browser.force_login(administrator)

    for key in ("", "?key=", "?key=guessed"):
        assert browser.get(f"/profile/providers/{provider.pk}{key}").status_code == 403
    assert "/authorize" not in acme.asked


def test_the_account_that_begins_a_tie_is_the_one_that_is_tied(
    provider: IdentityProvider, administrator: User, environment: Environment
) -> None:
    make_role(make_user("vera"), environment.organization, Role.Name.VIEWER)
    browser = make_browser()
    browser.force_login(administrator)
    ((_, link),) = browser.get("/profile").context["to_tie"]
    back = sent_back(browser, link)
    begun = browser.session["provider_logins"]
    browser.force_login(User.objects.get(username="vera"))
    session = browser.session
    session["provider_logins"] = begun
    session.save()

    browser.get(back)

    assert not Identity.objects.exists()


def test_a_provider_of_another_tenant_is_not_to_be_tied(
    acme: Provider, administrator: User, environment: Environment
) -> None:
    theirs = make_provider(acme, make_environment(make_organization("Rival")), name="Rival ID")
    browser = make_browser()
    browser.force_login(administrator)

    assert browser.get("/profile").context["to_tie"] == []
    assert browser.get(f"/profile/providers/{theirs.pk}?key=x").status_code == 404


def test_no_provider_becomes_a_member_of_a_team_elsewhere(
    by_email: IdentityProvider, environment: Environment
) -> None:
    """What a team may do, its members may."""
    hopper = make_user("hopper", email="grace@acme.test")
    make_role(hopper, environment.organization, Role.Name.VIEWER)
    rival = make_organization("Rival")
    team = Team.objects.create(organization=rival, name="Ops")
    team.members.add(hopper)
    Role.objects.create(team=team, organization=rival, name=Role.Name.VIEWER)
    browser = make_browser()

    enter(browser, by_email)

    assert who(browser) == ""
    assert not Identity.objects.exists()


def test_an_administrator_by_a_team_keeps_the_password(acme: Provider, environment: Environment) -> None:
    make_provider(acme, environment, password_allowed=False)
    team = Team.objects.create(organization=environment.organization, name="Ops")
    team.members.add(make_user("hopper"))
    Role.objects.create(team=team, organization=environment.organization, name=Role.Name.ADMINISTRATOR)
    browser = make_browser()

    browser.post("/login", {"username": "hopper", "password": "secret"})

    assert who(browser) == "hopper"
