"""Personal tokens by REST: what they may do, when they end, and what of them is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from console import account_security, accounts, granting
from console.factors import changes as factors
from console.models import AuditEntry, ConnectedApp, Environment, Role, User
from console.notices.models import Notice
from console.teams import changes as teams
from console.tokens import changes, tasks
from console.tokens.models import ByToken, PersonalToken
from tests.console.tokens.making import make_token, rest_by
from tests.factories import make_api, make_environment, make_gateway, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

ME = "/accounts/api/me"
OWN = "/accounts/api/users/me/personalTokens"


def grace_of(environment: Environment, name: str = Role.Name.MANAGER) -> User:
    grace = make_user("grace")
    make_role(grace, environment.organization, name)
    return grace


class TestWhatItMayDo:
    def test_what_was_chosen_as_far_as_its_user_may(self, environment: Environment) -> None:
        api, grace = make_api(make_gateway(environment)), grace_of(environment)
        rest = rest_by(make_token(grace, "view:apis", "manage:apis")[1], environment)

        assert rest("PUT", f"AM/{api.pk}/tags/night").status_code < 300
        assert AuditEntry.objects.latest("pk").actor_name == "grace by token nightly"
        assert rest("GET", "AMX/gateway-targets").status_code == 403

        Role.objects.filter(user=grace).update(name=Role.Name.VIEWER)
        assert rest("PUT", f"AM/{api.pk}/tags/day").status_code == 403
        assert rest("POST", "AM", {}).status_code == 403
        assert rest("GET", "AM").status_code == 200

    def test_nothing_beside_the_environment_that_it_is_narrowed_to(self, environment: Environment) -> None:
        other = make_environment(environment.organization, name="Production")
        grace = grace_of(environment)
        _, secret = make_token(grace, environment=environment)

        assert rest_by(secret, environment)("GET", "AM").status_code == 200
        assert rest_by(secret, other)("GET", "AM").status_code == 404
        environment.delete()
        assert rest_by(secret, other)("GET", "AM").status_code == 401

    def test_of_an_administrator_of_everything_what_was_chosen_everywhere(
        self, environment: Environment
    ) -> None:
        other, root = make_environment(make_organization("Rival")), make_user("root", is_superuser=True)
        _, secret = make_token(root, "view:apis")

        for place in (environment, other):
            assert rest_by(secret, place)("GET", "AM").status_code == 200
            assert rest_by(secret, place)("POST", "AM", {}).status_code == 403

    def test_a_role_for_one_api_stays_one_for_that(self, environment: Environment) -> None:
        gateway = make_gateway(environment)
        mine, other, grace = make_api(gateway), make_api(gateway), make_user("grace")
        make_role(grace, environment.organization, "api-viewer", environment=environment, api=mine)
        rest = rest_by(make_token(grace, environment=environment)[1], environment)

        assert rest("GET", f"AM/{mine.pk}").status_code == 200
        assert rest("GET", f"AM/{other.pk}").status_code == 404

    def test_nobody_chooses_what_they_do_not_hold_there(self, environment: Environment) -> None:
        other = make_environment(make_organization("Rival"))
        grace = grace_of(environment, Role.Name.VIEWER)
        make_role(grace, other.organization, Role.Name.MANAGER)

        make_token(grace, "manage:apis")
        with pytest.raises(ValidationError, match="do not hold Manage APIs there"):
            make_token(grace, "manage:apis", environment=environment, name="here")

    def test_it_makes_no_token_and_gets_no_password_or_app(self, administrator: User) -> None:
        token, secret = make_token(administrator, "administer:organization")
        by_token = User.objects.get(pk=administrator.pk)
        by_token.through = ByToken(token)

        wanted = changes.WantedToken("more", ("view:apis",), timezone.now() + timedelta(days=1))
        with pytest.raises(PermissionDenied):
            changes.make(by_token, wanted)
        assert rest_by(secret)("POST", OWN, {}).status_code == 405


class TestItsEnd:
    ENDS: tuple[Callable[[User, User], Any], ...] = (
        accounts.reset_password,
        lambda actor, user: accounts.set_own_password(user, "tall-fine-oak-7"),
        lambda actor, user: accounts.set_active(actor, user, False),
        account_security.end_sessions,
        factors.reset,
    )

    @pytest.mark.parametrize("end", ENDS)
    def test_it_ends_with_what_ends_the_logins(
        self, administrator: User, environment: Environment, end: Callable[[User, User], Any]
    ) -> None:
        grace = grace_of(environment)
        token, secret = make_token(grace)

        end(administrator, grace)
        User.objects.update(is_active=True)

        assert rest_by(secret)("GET", ME).status_code == 401
        (entry,) = AuditEntry.objects.filter(object_type="personaltoken", action="delete")
        token.refresh_from_db()
        assert entry.diff["ended"] == [None, token.ending]

    @pytest.mark.parametrize("is_by_team", [False, True])
    def test_it_ends_with_the_last_role_and_does_not_come_back(
        self,
        administrator: User,
        environment: Environment,
        django_capture_on_commit_callbacks: Any,
        is_by_team: bool,
    ) -> None:
        grace, organization = make_user("grace"), environment.organization
        role = make_role(grace, organization, Role.Name.VIEWER)
        if is_by_team:
            team = teams.make(administrator, organization, "Crew")
            teams.add(administrator, team, grace)
            role.delete()
            role = granting.give(administrator, {"team": team}, organization, "viewer")
        _, secret = make_token(grace)

        with django_capture_on_commit_callbacks(execute=True):
            if is_by_team:
                teams.delete(administrator, team)
            else:
                granting.revoke_role(administrator, role)
        make_role(grace, organization, Role.Name.VIEWER)

        assert rest_by(secret)("GET", ME).status_code == 401
        entry = AuditEntry.objects.get(object_type="personaltoken", action="delete")
        assert (entry.actor_name, entry.organization) == ("system", organization)

    def test_it_goes_on_while_something_is_left(
        self, administrator: User, environment: Environment, django_capture_on_commit_callbacks: Any
    ) -> None:
        grace = grace_of(environment)
        other = make_role(grace, make_organization("Rival"), Role.Name.VIEWER)
        _, secret = make_token(grace)

        with django_capture_on_commit_callbacks(execute=True):
            other.delete()

        assert rest_by(secret)("GET", ME).status_code == 200

    def test_it_is_told_before_once_and_forgotten_after(self, environment: Environment) -> None:
        grace = grace_of(environment)
        token, secret = make_token(grace)
        stranger = make_user("stranger")
        homeless = make_role(stranger, environment.organization, Role.Name.VIEWER)
        lost, _ = make_token(stranger)
        Role.objects.filter(pk=homeless.pk)._raw_delete("default")  # as somebody at the database does
        tasks.tend()
        assert not Notice.objects.filter(subject__contains="ends soon").exists()
        lost.refresh_from_db()
        assert lost.ending == "nothing left that it may do"

        soon = timezone.now() + timedelta(days=2)
        PersonalToken.objects.filter(pk=token.pk).update(expires_at=soon, warn_at=timezone.now())
        tasks.tend()
        tasks.tend()
        assert Notice.objects.filter(subject="Your personal token ends soon: nightly").count() == 1

        PersonalToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert rest_by(secret)("GET", ME).status_code == 401
        PersonalToken.objects.update(expires_at=timezone.now() - timedelta(days=31))
        tasks.tend()
        assert not PersonalToken.objects.exists()

    def test_a_short_life_is_told_of_late(self, environment: Environment) -> None:
        end = timezone.now() + timedelta(days=4)

        token, _ = make_token(grace_of(environment), expires_at=end)

        assert token.warn_at is not None
        assert timedelta(hours=23) < end - token.warn_at <= timedelta(days=1)


class TestWhatIsTold:
    def test_a_token_tells_of_itself_alone_and_may_end_itself(self, environment: Environment) -> None:
        grace = grace_of(environment)
        (token, secret), (other, _) = make_token(grace), make_token(grace, name="other")
        rest = rest_by(secret)

        assert [one["name"] for one in rest("GET", OWN).data["data"]] == ["nightly"]
        assert rest("GET", f"{OWN}/{other.pk}").status_code == 404
        assert rest("DELETE", f"{OWN}/{other.pk}").status_code == 404
        assert rest("DELETE", f"{OWN}/{token.pk}").status_code == 204
        assert rest("GET", ME).status_code == 401
        assert list(PersonalToken.objects.live()) == [other]

    def test_a_login_tells_of_all_and_an_app_of_none(
        self, administrator: User, environment: Environment
    ) -> None:
        make_token(administrator, environment=environment)
        told = Rest(administrator)("GET", OWN).data
        app = ConnectedApp(name="ci", organization=environment.organization, owner=administrator)
        app.in_every_environment, secret = True, app.renew_secret()
        app.save()
        body = {"grant_type": "client_credentials", "client_id": app.pk, "client_secret": secret}
        token = Rest(None)("POST", "/accounts/api/v2/oauth2/token", body).data["access_token"]

        assert rest_by(token)("GET", OWN).data == {"data": [], "total": 0}
        (one,) = told["data"]
        assert one["environmentId"] == str(environment.pk)
        assert one["organizationId"] == str(environment.organization_id)
        assert (one["scopes"], one["lastUsedAt"], told["total"]) == (["view:apis"], None, 1)
        assert "hash" not in str(told)

    def test_administrators_list_and_revoke_what_reaches_their_organization(
        self, administrator: User, environment: Environment
    ) -> None:
        grace, rival = grace_of(environment), make_environment(make_organization("Rival"))
        make_role(grace, rival.organization)
        here, _ = make_token(grace, environment=environment)
        there, _ = make_token(grace, name="there", environment=rival)
        path = f"/accounts/api/organizations/{environment.organization_id}/personalTokens"
        rest = Rest(administrator)

        assert [one["id"] for one in rest("GET", path).data["data"]] == [here.pk]
        assert rest("DELETE", f"{path}/{there.pk}").status_code == 404
        assert rest("DELETE", f"{path}/{here.pk}").status_code == 204
        assert rest("GET", f"{path}?limit=-1").status_code == 400
        assert Rest(grace)("GET", path).status_code == 403
        assert list(PersonalToken.objects.live()) == [there]

    def test_its_use_is_noted_once_a_minute(
        self, environment: Environment, django_assert_num_queries: Any
    ) -> None:
        token, secret = make_token(grace_of(environment))
        rest = rest_by(secret)
        rest("GET", OWN)
        token.refresh_from_db()
        first = token.last_used_at

        with django_assert_num_queries(3):  # whose it is, the row, how many
            rest("GET", OWN)

        token.refresh_from_db()
        assert token.last_used_at == first is not None
