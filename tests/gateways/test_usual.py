"""What every list, page and form does, of Runtime Manager's."""

from typing import cast

from django.db.models import Model

from apis.changes import ingress
from console.models import AuditEntry
from gateways.models import Gateway, RegistrationToken
from tests.factories import for_long, make_actor, make_api, make_gateway, make_replica
from tests.usual.details import Detail
from tests.usual.forms import Form, Sent, VersionedForm
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList, SortedList


def gateway_of(here: Here) -> Gateway:
    """One of the place, the same each time."""
    found = Gateway.objects.filter(environment=here.environment).first()
    return found or make_gateway(here.environment)


class TestGateways(SearchedList, SortedList, EmptyList):
    path = "/gateways"
    part = "gateways"
    noun = "gateway"
    nothing = "No gateway yet"
    offers = "/gateways/add"
    columns = ("name", "status", "platform", "apis", "heard")

    def make(self, here: Here, name: str) -> object:
        return make_replica(make_gateway(here.environment, name=name), last_heartbeat_at=for_long())


class TestHistoryOfAGateway(SearchedList, EmptyList):
    part = "changes"
    noun = "change"
    nothing = "Nothing has changed yet"
    size = 20

    def address(self, here: Here) -> str:
        return f"/gateways/{gateway_of(here).pk}/history"

    def make(self, here: Here, name: str) -> object:
        return AuditEntry.objects.create(
            actor_name="grace",
            organization=here.environment.organization,
            environment=here.environment,
            action="update",
            object_type="gateway",
            object_id=str(gateway_of(here).pk),
            object_name=name,
        )


class TestGateway(Detail):
    tabs = ("", "/apis", "/ingress", "/history", "/settings")

    def make(self, here: Here) -> Model:
        gateway = make_gateway(here.environment)
        make_replica(gateway, last_heartbeat_at=for_long())
        make_api(gateway)
        return gateway


class TestNewGateway(Form):
    bad = {"name": "Edge!"}
    at = "id_name"
    words = "cannot be a name"

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/gateways/add"

    def good(self, here: Here) -> Sent:
        return {"name": "edge", "platform": "linux"}

    def is_saved(self, row: Model) -> bool:
        return RegistrationToken.objects.filter(environment=row, gateway_name="edge").exists()


class TestIngress(VersionedForm):
    bad = {"config.networks": "proxy.example"}
    at = "f-config.networks"
    words = "is not a network"
    typed = {"config.hops": "3"}
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return make_gateway(here.environment)

    def address(self, row: Model) -> str:
        return f"/gateways/{row.pk}/ingress"

    def good(self, here: Here) -> Sent:
        return {"config.networks": "10.0.0.0/8", "config.hops": "0"}

    def is_saved(self, row: Model) -> bool:
        return Gateway.objects.get(pk=row.pk).trusted_networks == ["10.0.0.0/8"]

    def change_meanwhile(self, row: Model, here: Here) -> None:
        ingress.change(make_actor(), cast(Gateway, row), {"networks": ["192.168.0.0/16"]})
