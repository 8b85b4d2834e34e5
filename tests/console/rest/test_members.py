"""The people of an organization, by REST."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.models import Environment, Role, User
from console.teams.models import Membership, Team
from tests.factories import make_environment, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def members(user: User, environment: Environment, query: str = "") -> list[str]:
    answer = Rest(user)(
        "GET", f"/accounts/api/organizations/{environment.organization_id}/members{query}"
    ).data
    return [one["username"] for one in answer["data"]]


@pytest.fixture
def below(environment: Environment) -> Environment:
    """Of a business group."""
    group = make_organization("Payments", parent=environment.organization)
    return make_environment(group)


def test_a_member_is_told_with_names_and_address(administrator: User, environment: Environment) -> None:
    User.objects.filter(pk=administrator.pk).update(
        username="ada", email="ada@example.test", first_name="Ada", last_name="Byron"
    )

    answer = Rest(administrator)("GET", f"/accounts/api/organizations/{environment.organization_id}/members")

    person = {
        "id": str(administrator.pk),
        "username": "ada",
        "email": "ada@example.test",
        "firstName": "Ada",
        "lastName": "Byron",
        "enabled": True,
    }
    assert answer.data == {"data": [person], "total": 1}


def test_roles_of_teams_and_of_one_environment_count_once(
    administrator: User, environment: Environment
) -> None:
    User.objects.filter(pk=administrator.pk).update(username="ada")
    organization, grace = environment.organization, make_user("grace")
    make_role(grace, organization, Role.Name.VIEWER, environment=environment)
    team = Team.objects.create(organization=organization, name="operators")
    Role.objects.create(team=team, organization=organization, name=Role.Name.VIEWER)
    for person in (grace, make_user("linus")):
        Membership.objects.create(team=team, user=person)
    make_user("stranger")
    make_role(make_user("rival"), make_organization("Rival"))

    assert members(administrator, environment) == ["ada", "grace", "linus"]


def test_who_holds_a_role_from_above_is_there_for_who_administers_above(
    administrator: User, environment: Environment, below: Environment
) -> None:
    User.objects.filter(pk=administrator.pk).update(username="ada")
    of_group = make_user("zoe")
    make_role(of_group, below.organization)
    make_role(make_user("elsewhere"), environment.organization, Role.Name.VIEWER, environment=environment)

    assert members(administrator, below) == ["ada", "zoe"]
    assert members(of_group, below) == ["zoe"]
    assert "zoe" not in members(administrator, environment)


def test_search_limit_and_offset(administrator: User, environment: Environment) -> None:
    for name in ("mallory", "marie", "max"):
        make_role(make_user(name), environment.organization, Role.Name.VIEWER)
    User.objects.filter(username="max").update(last_name="Planck")

    assert members(administrator, environment, "?search=MA&limit=1&offset=1") == ["marie"]
    assert members(administrator, environment, "?search=planck") == ["max"]
    assert len(members(administrator, environment, "?limit=99999")) == 4


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "offset=-1", "search=%00", "search=" + "a" * 256])
def test_what_cannot_be_asked_is_refused(administrator: User, environment: Environment, query: str) -> None:
    path = f"/accounts/api/organizations/{environment.organization_id}/members"

    assert Rest(administrator)("GET", f"{path}?{query}").status_code == 400


def test_others_are_refused(environment: Environment) -> None:
    path = f"/accounts/api/organizations/{environment.organization_id}/members"
    viewer = make_user()
    make_role(viewer, environment.organization, Role.Name.VIEWER)

    assert Rest(viewer)("GET", path).status_code == 403
    assert Rest(make_user())("GET", path).status_code == 404


def test_many_members_are_asked_for_as_often_as_few(administrator: User, environment: Environment) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            members(administrator, environment)
        return len(asked)

    few = queries()
    for _ in range(30):
        make_role(make_user(), environment.organization, Role.Name.VIEWER)

    assert queries() == few
