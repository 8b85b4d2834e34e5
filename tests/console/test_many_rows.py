"""However many APIs and gateways there are, a page asks the database equally often."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alerts.models import Alert
from apis.assets.models import Asset
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.client_providers.models import ClientProvider
from apis.contracts.models import Application, Contract
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.authority import Authority, Issued
from apis.secret_groups.models import Secret, SecretGroup
from console.invitations.models import Invitation
from console.models import Environment, Role, User
from console.tokens.models import PersonalToken
from gateways.models import Ack, Deployment, Gateway, Replica, ResourceStatus
from tests.factories import for_long, make_environment, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

FEW, MANY = 5, 200
PAGES = (
    "/",
    "/apis",
    "/apis?sort=status",
    "/apis?sort=-requests",
    "/apis?status=Active",
    "/apis?q=orders",
    "/apis?tag=a&owner=b&protocol=http&deprecated=no&pending=no",
    "/apis/add",
    "/apis/automated",
    "/applications",
    "/applications?shows=pending",
    "/consumer",
    "/apis/secrets",
    "/apis/secret-groups",
    "/apis/private-ca",
    "/apis/acme",
    "/apis/compare",
    "/apis/import",
    "/gateways",
    "/gateways?sort=-status",
    "/gateways?status=Connected",
    "/search?q=orders",
    "/search?q=gateway",
    "/analytics",
    "/alerts",
    "/alerts?sort=-severity&state=pending&q=orders",
    "/alerts/new",
    "/policies",
    "/policies/ip-blocklist",
    "/administration/organizations",
    "/administration/audit",
    "/administration/destinations",
    "/administration/outbox",
    "/inbox",
    "/administration/providers",
    "/administration/client-providers",
    "/administration/roles",
    "/administration/teams",
    "/profile",
    "/administration/tokens",
    "/administration/invitations",
    "/administration/invitations/add",
)
REST = (
    "AM",
    "AM?limit=100",
    "AM?status=Active&pending=false&gateway=none&protocol=http&owner=b&tag=a&deprecated=false",
    "AMX/gateway-targets",
    "SG",
    "ALERTS",
    "SETS",
)


def fill(environment: Environment, start: int, end: int) -> None:
    """Gateways of these numbers, each with a replica, as many APIs on the first, and as many invitations."""
    now = timezone.now()
    gateways = Gateway.objects.bulk_create(
        Gateway(environment=environment, name=f"gateway-{number:04}", generation=1)
        for number in range(start, end)
    )
    replicas = Replica.objects.bulk_create(
        Replica(
            id=uuid.uuid4(),
            gateway=gateway,
            name="one",
            version="1",
            started_at=now,
            last_heartbeat_at=for_long(),
        )
        for gateway in gateways
    )
    deployments = Deployment.objects.bulk_create(
        Deployment(gateway=gateway, generation=1, digest="d", resources_count=1) for gateway in gateways
    )
    Ack.objects.bulk_create(
        Ack(deployment=deployment, replica=replica, applied=number % 5 != 4)
        for number, (deployment, replica) in enumerate(zip(deployments, replicas, strict=True))
    )
    _fill_with_apis(environment, start, end)
    told = {"organization": environment.organization, "role": "viewer", "inviter": User.objects.get()}
    ClientProvider.objects.bulk_create(
        ClientProvider(organization=environment.organization, name=f"{one}", client_id="c")
        for one in range(start, end)
    )
    PolicySet.objects.bulk_create(
        PolicySet(environment=environment, name=f"Set {number}") for number in range(start, end)
    )
    Invitation.objects.bulk_create(Invitation(token_hash=f"{one}", **told) for one in range(start, end))
    own = {"user": told["inviter"], "environment": environment, "expires_at": now + timedelta(days=9)}
    PersonalToken.objects.bulk_create(
        PersonalToken(name=f"{one}", token_hash=f"{one}", **own) for one in range(start, end)
    )


def _fill_with_apis(environment: Environment, start: int, end: int) -> None:
    """All on the first gateway, each with a route, a policy and what the replica says of it."""
    now = timezone.now()
    gateway = Gateway.objects.get(environment=environment, name="gateway-0000")
    assets = Asset.objects.bulk_create(
        Asset(organization=environment.organization, asset_id=f"orders-{number}", name=f"Orders {number}")
        for number in range(start, end)
    )
    apis = ApiInstance.objects.bulk_create(
        ApiInstance(
            environment=environment,
            gateway=gateway,
            asset=asset,
            base_path=f"/{asset.asset_id}",
            is_deployed=True,
            deployed_at=now,
        )
        for asset in assets
    )
    Alert.objects.bulk_create(
        Alert(environment=environment, name=f"Orders {api.pk}", type="errors", about="api", api=api)
        for api in apis
    )
    AutomatedPolicy.objects.bulk_create(
        AutomatedPolicy(environment=environment, policy="ip-blocklist", names=f"{number}*", order=number + 1)
        for number in range(start, min(end, 100))
    )
    _fill_with_contracts(environment, apis, start)
    _fill_with_secrets(environment, start, end)
    routes = Route.objects.bulk_create(Route(api=api, position=0) for api in apis)
    upstreams = Upstream.objects.bulk_create(Upstream(api=api, uri="http://backend") for api in apis)
    RouteUpstream.objects.bulk_create(
        RouteUpstream(route=route, upstream=upstream)
        for route, upstream in zip(routes, upstreams, strict=True)
    )
    PolicyBinding.objects.bulk_create(
        PolicyBinding(api=api, policy="ip-blocklist", config={"ips": ["10.0.0.0/8"]}, order=1) for api in apis
    )
    ResourceStatus.objects.bulk_create(
        ResourceStatus(
            replica=Replica.objects.get(gateway=gateway),
            namespace=str(environment.pk),
            name=api.resource_name,
            state=("applied", "refused")[number % 2],
            generation=1,
            since=now,
        )
        for number, api in enumerate(apis)
    )


def _fill_with_contracts(environment: Environment, apis: list[ApiInstance], start: int) -> None:
    """An application for each API, owned by the one user, which asks for access to it."""
    user = User.objects.get()
    applications = Application.objects.bulk_create(
        Application(organization=environment.organization, name=f"orders-{start + number}")
        for number in range(len(apis))
    )
    Application.owners.through.objects.bulk_create(
        Application.owners.through(application=one, user=user) for one in applications
    )
    Contract.objects.bulk_create(
        Contract(application=application, api=api)
        for application, api in zip(applications, apis, strict=True)
    )


def _fill_with_secrets(environment: Environment, start: int, end: int) -> None:
    groups = SecretGroup.objects.bulk_create(
        SecretGroup(environment=environment, name=f"group-{number:04}") for number in range(start, end)
    )
    Secret.objects.bulk_create(
        Secret(group=group, kind="shared-secret", type="SymmetricKey", name="key", content={"key": "k"})
        for group in groups
    )
    now = timezone.now()
    AcmeSource.objects.bulk_create(
        AcmeSource(environment=environment, group=group, name="a", names=["a.test"], next_try_at=now)
        for group in groups
    )
    told = {"state": "current", "certificate": "", "expires_at": timezone.now()}
    authority, _ = Authority.objects.get_or_create(environment=environment, number=1, defaults=told)
    Issued.objects.bulk_create(
        Issued(authority=authority, name=f"{number}", serial="1", expires_at=timezone.now())
        for number in range(start, end)
    )


def test_pages_and_rest_ask_as_often_for_many_rows_as_for_few(settings: Any) -> None:
    settings.HEARTBEAT_SECONDS = 3600  # however slow the machine, what was filled in stays Connected
    environment, user = make_environment(), make_user()
    make_role(user, environment.organization, Role.Name.ADMINISTRATOR)
    browser, rest = Client(), Rest(user, environment)
    browser.force_login(user)

    def queries() -> dict[str, int]:
        pages = {address: asked(lambda address=address: browser.get(address)) for address in PAGES}
        return pages | {address: asked(lambda address=address: rest("GET", address)) for address in REST}

    fill(environment, 0, FEW)
    queries()
    few = queries()
    fill(environment, FEW, MANY)
    many = queries()

    assert {address: (few[address], many[address]) for address in many if many[address] > few[address]} == {}


def asked(get: Callable[[], HttpResponse]) -> int:
    with CaptureQueriesContext(connection) as found:
        assert get().status_code == 200
    return len(found)
