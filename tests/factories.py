"""Rows for tests: each function takes what matters to the test and makes up the rest."""

import itertools
from typing import Any

from console.models import Environment, Organization, Role, User
from gateways.models import Gateway

numbers = itertools.count(1)


def make_user(username: str = "", **fields: Any) -> User:
    return User.objects.create_user(
        username or f"user{next(numbers)}", password=fields.pop("password", "secret"), **fields
    )


def make_organization(name: str = "", **fields: Any) -> Organization:
    return Organization.objects.create(name=name or f"Organization {next(numbers)}", **fields)


def make_environment(organization: Organization | None = None, **fields: Any) -> Environment:
    fields.setdefault("name", f"Environment {next(numbers)}")
    return Environment.objects.create(organization=organization or make_organization(), **fields)


def make_role(
    user: User, organization: Organization, name: str = Role.Name.ADMINISTRATOR, **fields: Any
) -> Role:
    return Role.objects.create(user=user, organization=organization, name=name, **fields)


def make_gateway(environment: Environment | None = None, **fields: Any) -> Gateway:
    fields.setdefault("name", f"gateway-{next(numbers)}")
    fields.setdefault("public_key", "")
    return Gateway.objects.create(environment=environment or make_environment(), **fields)
