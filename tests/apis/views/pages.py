"""What tests of API Manager's pages share: who is logged in, where, and a whole API to look at."""

from dataclasses import dataclass

from django.test import Client

from apis.changes.instances import create_api
from apis.changes.policies import apply_policy
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.models import ApiInstance
from console.models import Environment, Role, User
from gateways.models import Gateway
from tests.factories import make_environment, make_gateway, make_replica, make_role, make_user


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Place:
    """A user with a role in an environment that has one Connected gateway."""

    user: User
    environment: Environment
    gateway: Gateway
    client: Client


def make_place(role: str = Role.Name.MANAGER, environment: Environment | None = None) -> Place:
    environment = environment or make_environment()
    user = make_user()
    make_role(user, environment.organization, role)
    gateway = make_gateway(environment)
    make_replica(gateway)
    client = Client()
    client.force_login(user)
    return Place(user, environment, gateway, client)


def make_saved_api(
    place: Place, name: str = "Orders", *, deploy: bool = False, **fields: object
) -> ApiInstance:
    """An API saved by the product's own rules; `fields` are the draft's."""
    given = {
        "asset": NewAsset(name=name),
        "gateway": place.gateway,
        "base_path": f"/{name.lower()}",
        "routes": [DesiredRoute(upstreams=[DesiredUpstream("http://backend:8080/")])],
        **fields,
    }
    return create_api(place.user, place.environment, DesiredApi(**given), deploy=deploy)


def allow(place: Place, api: ApiInstance, *ips: str, **fields: object) -> object:
    """An IP Allowlist on the API."""
    return apply_policy(place.user, api, "ip-allowlist", {"ips": list(ips) or ["10.0.0.1"]}, **fields)
