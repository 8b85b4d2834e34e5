"""Administration: users and their roles."""

import re

import pytest
from django.test import Client

from console.models import AccessToken, Environment, Role, User
from tests.console.audited import entries
from tests.factories import (
    make_organization,
    make_role,
    make_user,
)

pytestmark = pytest.mark.django_db


def test_a_new_user_gets_a_password_that_works_once_shown(admin: Client, environment: Environment) -> None:
    organization = environment.organization

    answer = admin.post(
        "/administration/users/add",
        {"username": "grace", "email": "g@acme.test", "organization": organization.pk, "role": "manager"},
    )

    password = re.search(r'data-copy="([\w-]{16})"', answer.content.decode())
    assert password
    assert Client().login(username="grace", password=password[1])
    assert entries() == [("ada", "create", "user"), ("ada", "create", "role")]


def test_a_taken_username_is_said_at_its_field(admin: Client, environment: Environment) -> None:
    make_user("grace")

    answer = admin.post(
        "/administration/users/add",
        {"username": "grace", "organization": environment.organization.pk, "role": "viewer"},
    )

    assert answer.status_code == 422
    assert "already exists" in answer.content.decode()
    assert entries() == []


def test_a_role_is_given_in_one_environment(admin: Client, environment: Environment) -> None:
    user = make_user("grace")
    make_role(user, environment.organization, Role.Name.VIEWER)

    admin.post(
        f"/administration/users/{user.pk}",
        {"organization": environment.organization.pk, "environment": environment.pk, "role": "manager"},
    )

    assert environment.permits(user, Role.Name.MANAGER)
    assert entries(object_type="role") == [("ada", "create", "role")]


def test_an_environment_of_another_organization_is_refused_at_its_field(
    admin: Client, environment: Environment
) -> None:
    group = make_organization("Retail", parent=environment.organization)
    user = make_user("grace")
    make_role(user, environment.organization, Role.Name.VIEWER)

    answer = admin.post(
        f"/administration/users/{user.pk}",
        {"organization": group.pk, "environment": environment.pk, "role": "manager"},
    )

    assert "is not an environment of Retail" in answer.content.decode()


def test_a_role_is_taken_away(admin: Client, environment: Environment) -> None:
    user = make_user("grace")
    role = make_role(user, environment.organization, Role.Name.VIEWER)

    admin.post(f"/administration/roles/{role.pk}/revoke")

    assert not user.roles.exists()
    assert entries(object_type="role") == [("ada", "delete", "role")]


def test_what_takes_access_away_is_asked_about_first(admin: Client, environment: Environment) -> None:
    user = make_user("grace")
    make_role(user, environment.organization, Role.Name.VIEWER)

    page = admin.get(f"/administration/users/{user.pk}").content.decode()

    assert f'data-confirm="Take the role Viewer in {environment.organization} away from grace?"' in page
    assert 'data-confirm="Deactivate grace?' in page


def test_an_administrator_keeps_their_own_role(admin: Client, administrator: User) -> None:
    admin.post(f"/administration/roles/{administrator.roles.get().pk}/revoke")

    assert administrator.roles.exists()


def test_a_deactivated_user_loses_sessions_and_tokens(
    admin: Client, environment: Environment, log_in
) -> None:
    user = make_user("grace")
    make_role(user, environment.organization, Role.Name.VIEWER)
    session = log_in(user)
    AccessToken.objects.create(token_hash="x", user=user, expires_at="2100-01-01T00:00Z")

    admin.post(f"/administration/users/{user.pk}/active", {"active": "0"})

    assert session.get("/").status_code == 302
    assert not user.access_tokens.exists()
    assert entries() == [("ada", "update", "user")]


def test_an_administrator_cannot_deactivate_themselves(admin: Client, administrator: User) -> None:
    admin.post(f"/administration/users/{administrator.pk}/active", {"active": "0"})

    administrator.refresh_from_db()
    assert administrator.is_active


def test_an_administrator_of_everything_is_out_of_reach(admin: Client, environment: Environment) -> None:
    root = make_user("root", is_superuser=True)
    make_role(root, environment.organization, Role.Name.VIEWER)

    answer = admin.post(f"/administration/users/{root.pk}/password")

    assert answer.status_code == 403
    root.refresh_from_db()
    assert root.check_password("secret")


def test_someone_who_belongs_to_another_organization_too_is_out_of_reach(
    admin: Client, environment: Environment
) -> None:
    user = make_user("grace")
    make_role(user, environment.organization, Role.Name.VIEWER)
    make_role(user, make_organization("Rival"), Role.Name.VIEWER)

    assert admin.post(f"/administration/users/{user.pk}/password").status_code == 403
