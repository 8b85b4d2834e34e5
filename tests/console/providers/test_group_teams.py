"""Groups of an identity provider put people into teams, with each login."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from console.models import AuditEntry, Environment, User
from console.providers import changes
from console.providers.models import IdentityProvider
from console.teams import changes as teams
from console.teams.models import Membership, Team
from tests.console.providers.conftest import GRACE, enter, make_browser, make_provider
from tests.factories import make_organization, make_role
from tests.oidc_provider import Provider

pytestmark = pytest.mark.django_db


def test_groups_put_into_teams_and_out_with_each_login(
    provider: IdentityProvider, acme: Provider, environment: Environment, administrator: User
) -> None:
    organization = environment.organization
    shift, night, hired, full = (
        teams.make(administrator, organization, name) for name in ("Shift", "Night", "Hired", "Full")
    )
    for team in (shift, hired, full):
        changes.add_group_team(administrator, provider, "engineers", team)
    changes.add_group_team(administrator, provider, "night", night)
    Membership.objects.bulk_create(
        Membership(team=full, user=one)
        for one in User.objects.bulk_create(User(username=f"m{n}") for n in range(Team.MOST_MEMBERS))
    )
    enter(make_browser(), provider)
    grace = User.objects.get(username="grace")
    first = set(grace.memberships.values_list("team__name", "is_from_login"))
    teams.add(administrator, hired, grace)
    acme.person = GRACE | {"groups": ["night"]}

    enter(make_browser(), provider)

    assert first == {("Shift", True), ("Hired", True)}
    assert set(grace.memberships.values_list("team__name", "is_from_login")) == {
        ("Night", True),
        ("Hired", False),
    }
    told = AuditEntry.objects.filter(object_type="membership", actor=None).order_by("pk")
    assert {one.actor_name for one in told} == {"identity provider Acme ID"}
    assert sorted(one.action for one in told) == ["create", "create", "create", "delete"]
    changes.delete(administrator, provider)
    assert list(grace.teams.values_list("name", flat=True)) == ["Hired"]


def test_two_providers_that_bring_somebody_into_a_team(
    provider: IdentityProvider, acme: Provider, environment: Environment, administrator: User
) -> None:
    team = teams.make(administrator, environment.organization, "Shift")
    other = make_provider(acme, environment, links_by_email=True, name="Other ID")
    team.roles.create(organization=environment.organization, name="viewer")
    for one in (provider, other):
        changes.add_group_team(administrator, one, "engineers", team)
        enter(make_browser(), one)
    grace = User.objects.get(username="grace")
    acme.person = GRACE | {"groups": []}

    enter(make_browser(), provider)
    after_one = team.memberships.filter(user=grace).exists()
    enter(make_browser(), other)

    assert after_one
    assert not team.memberships.exists()


def test_only_teams_of_the_providers_organization_are_filled(
    provider: IdentityProvider, environment: Environment, administrator: User, admin: Client
) -> None:
    rival = make_organization("Rival")
    make_role(administrator, rival)
    foreign = teams.make(administrator, rival, "Theirs")
    own = teams.make(administrator, environment.organization, "Ours")
    address = f"/administration/providers/{provider.pk}"

    refused = admin.post(f"{address}/teams", {"team-group": "engineers", "team-team": foreign.pk})
    with pytest.raises(ValidationError, match="fills teams of Acme"):
        changes.add_group_team(administrator, provider, "engineers", foreign)
    admin.post(f"{address}/teams", {"team-group": "engineers", "team-team": own.pk})
    again = admin.post(f"{address}/teams", {"team-group": "engineers", "team-team": own.pk})
    provider.group_teams.create(group="engineers", team=foreign)
    enter(make_browser(), provider)
    grace = User.objects.get(username="grace")
    member = own.memberships.get(user=grace)
    taken = admin.post(f"/administration/teams/{own.pk}/members/{member.pk}/remove", follow=True)
    admin.post(f"{address}/teams/{provider.group_teams.get(team=own).pk}/remove")

    assert (refused.status_code, again.status_code) == (422, 422)
    assert "are in this team already" in again.content.decode()
    assert "The next login by Acme ID brings it back" in taken.content.decode()
    assert not foreign.memberships.exists()
    assert not provider.group_teams.filter(team=own).exists()
