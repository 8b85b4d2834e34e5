"""A role for one API, which is chosen by its name among many."""

import re

import pytest
from django.test import Client

from console.models import Environment, Role, User
from tests.console.conftest import LogIn
from tests.factories import make_api, make_environment, make_gateway, make_role, make_user

pytestmark = pytest.mark.django_db
CHOICES = "/administration/users/apis"


def offered(client: Client, **told: object) -> list[str]:
    answer = client.get(CHOICES, told)
    assert answer.status_code == 200
    return re.findall(r'<option value="([^"]*)">', answer.content.decode())


def give(client: Client, user: User, api: str, environment: Environment | None, place: Environment) -> str:
    told = {
        "organization": place.organization_id,
        "environment": environment.pk if environment else "",
        "api": api,
        "role": "manager",
    }
    return client.post(f"/administration/users/{user.pk}", told).content.decode()


def test_apis_are_found_by_what_is_typed_where_one_administers(
    admin: Client, environment: Environment
) -> None:
    gateway = make_gateway(environment)
    orders, payroll = make_api(gateway, name="Orders", label="edge"), make_api(gateway, name="Payroll")
    beside = make_api(make_gateway(make_environment(environment.organization)), name="Orders of Beside")
    make_api(name="Orders of Rival")
    whole = {"organization": environment.organization_id}

    assert offered(admin, **whole, api="ORD") == [
        f"Orders · edge ({orders.pk})",
        f"Orders of Beside ({beside.pk})",
    ]
    assert offered(admin, **whole, environment=environment.pk, api="") == [
        f"Orders · edge ({orders.pk})",
        f"Payroll ({payroll.pk})",
    ]
    assert offered(admin, **whole, api=str(payroll.pk)) == [f"Payroll ({payroll.pk})"]
    assert offered(admin, api="orders") == []


def test_another_organizations_apis_are_offered_to_nobody(
    admin: Client, viewer: Client, environment: Environment
) -> None:
    theirs = make_api(name="Orders").environment

    assert offered(admin, organization=theirs.organization_id, environment=theirs.pk, api="") == []
    assert viewer.get(CHOICES, {"organization": environment.organization_id}).status_code == 403


@pytest.mark.parametrize("typed", ["Orders · edge ({pk})", "orders", "{pk}"])
@pytest.mark.parametrize("says_environment", [True, False])
def test_the_role_is_for_the_api_that_was_chosen(
    admin: Client, environment: Environment, typed: str, says_environment: bool
) -> None:
    grace, api = make_user("grace"), make_api(make_gateway(environment), name="Orders", label="edge")
    make_role(grace, environment.organization)

    give(admin, grace, typed.format(pk=api.pk), environment if says_environment else None, environment)

    role = Role.objects.get(user=grace, name="api-manager")
    assert (role.api, role.environment) == (api, environment)


@pytest.mark.parametrize("typed", ["Orders", "nothing", "({pk})", "9" * 30])
def test_what_names_no_single_api_here_is_refused(
    admin: Client, environment: Environment, typed: str
) -> None:
    grace, gateway = make_user("grace"), make_gateway(environment)
    make_role(grace, environment.organization)
    make_api(gateway, name="Orders", label="a"), make_api(gateway, name="Orders", label="b")
    theirs = make_api(name="Orders")

    answer = give(admin, grace, typed.format(pk=theirs.pk), environment, environment)

    said = ("Several APIs are called Orders", "There is no such API in")
    assert any(words in answer for words in said)
    assert grace.roles.count() == 1


def test_a_viewer_who_is_none_is_told_of_no_api(environment: Environment, log_in: LogIn) -> None:
    assert log_in(make_user("nobody")).get(CHOICES).status_code == 403
