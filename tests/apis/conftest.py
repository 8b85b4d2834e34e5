"""Who speaks REST in which environment."""

import pytest

from console.models import Environment
from gateways.models import Gateway
from tests.factories import make_environment, make_gateway, make_role, make_user
from tests.rest import Rest


@pytest.fixture
def environment() -> Environment:
    return make_environment(name="Sandbox")


@pytest.fixture
def rest(environment: Environment) -> Rest:
    """Its caller administers the environment's organization."""
    user = make_user()
    make_role(user, environment.organization)
    return Rest(user, environment)


@pytest.fixture
def gateway(environment: Environment) -> Gateway:
    return make_gateway(environment, name="edge-1")
