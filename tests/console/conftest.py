"""People of one organization, by what they may do, and a browser's session for each."""

import time
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from console import background, tasks
from console.models import Environment, Role, User
from tests.factories import make_environment, make_organization, make_role, make_user

LogIn = Callable[[User], Client]


@pytest.fixture
def environment(db: None) -> Environment:
    return make_environment(make_organization("Acme"), name="Sandbox")


@pytest.fixture
def log_in() -> LogIn:
    def client_of(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return client_of


@pytest.fixture
def administrator(environment: Environment) -> User:
    user = make_user("ada")
    make_role(user, environment.organization, Role.Name.ADMINISTRATOR)
    return user


@pytest.fixture
def admin(administrator: User, log_in: LogIn) -> Client:
    return log_in(administrator)


@pytest.fixture
def viewer(environment: Environment, log_in: LogIn) -> Client:
    user = make_user("vera")
    make_role(user, environment.organization, Role.Name.VIEWER)
    return log_in(user)


@pytest.fixture
def pulse() -> Iterator[None]:
    """Every part that works in the background was heard just now."""
    tasks.pulse()
    cache.set_many(dict.fromkeys((background.LINK_PULSE_KEY, background.READER_PULSE_KEY), time.time()))
    yield
    cache.delete_many(background.PULSE_KEYS.values())
