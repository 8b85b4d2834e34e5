"""REST: an instance made of another one."""

from typing import Any

import pytest

from apis.models import ApiInstance
from console.models import Environment, Role
from console.roles.models import CustomRole
from gateways.models import Gateway
from tests.apis.changes.test_copies import make_whole
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import Place, make_place
from tests.factories import make_environment, make_gateway, make_role, make_tier, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def target(place: Place) -> Environment:
    return make_environment(place.environment.organization, name="Production")


def as_the_command_line_does(api: ApiInstance, **fields: Any) -> dict[str, Any]:
    told = {"allEntities": True}
    promote = {"originApiId": api.pk, "alerts": told, "policies": told, "tiers": told}
    return {"instanceLabel": "Orders (Promoted)", "promote": promote} | fields


def test_promoted_as_the_command_line_does(place: Place, target: Environment) -> None:
    api = make_whole(place)

    answer = Rest(place.user, target)("POST", "AM", as_the_command_line_does(api))

    assert answer.status_code == 201, answer.data
    made = ApiInstance.objects.get(pk=answer.data["id"])
    assert (made.environment, made.asset, made.label) == (target, api.asset, "Orders (Promoted)")
    assert (made.gateway, made.is_deployed) == (None, False)
    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "s3cret"}
    assert (
        "Password of Basic Authentication: Simple" in answer["Warning"] and "s3cret" not in answer["Warning"]
    )


def test_secrets_are_told_or_refused(place: Place, target: Environment) -> None:
    api = make_whole(place)
    basic = api.policies.get(policy="http-basic-authentication")
    promote = {"originApiId": api.pk, "keepSecrets": False}
    rest = Rest(place.user, target)

    without = rest("POST", "AM", {"promote": promote})
    with_it = rest("POST", "AM", {"promote": promote | {"secrets": {str(basic.pk): {"password": "new"}}}})

    refused(without, 400, f"promote.secrets.{basic.pk}.password")
    made = ApiInstance.objects.get(pk=with_it.data["id"])
    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "new"}


def test_secrets_stay_with_who_may_not_edit_the_origin(place: Place, target: Environment) -> None:
    api = make_whole(place)
    user = make_user()
    make_role(user, place.environment.organization, Role.Name.VIEWER)
    make_role(user, place.environment.organization, Role.Name.MANAGER, environment=target)

    for keep in (None, True):
        promote = {"originApiId": api.pk, "keepSecrets": keep}
        refused(Rest(user, target)("POST", "AM", {"promote": promote}), 400, "promote.secrets")
    assert not target.api_instances.exists()


def test_what_the_body_names_is_otherwise(place: Place, target: Environment) -> None:
    api = make_whole(place)
    gateway: Gateway = make_gateway(target)
    one = api.upstreams.get(label="one")
    body = as_the_command_line_does(
        api,
        endpoint={"proxyUri": "http://0.0.0.0:8082/p"},
        upstreams=[{"id": str(one.pk), "uri": "http://other:1/"}],
        deployment={"targetId": str(gateway.pk)},
    )
    body["promote"]["tests"] = body["promote"]["policies"] = {"allEntities": False}

    answer = Rest(place.user, target)("POST", "AMX/apis", body)

    assert answer.status_code == 201, answer.data
    made = ApiInstance.objects.get(pk=answer.data["id"])
    assert (made.port, made.base_path, made.is_deployed, made.gateway) == (8082, "/p", True, gateway)
    assert made.upstreams.get(label="one").uri == "http://other:1/"
    assert (made.policies.count(), made.tests.count()) == (0, 0)


def test_a_duplicate_in_the_same_environment_needs_another_place(place: Place) -> None:
    api = make_whole(place)
    rest = Rest(place.user, place.environment)
    on = {"targetId": str(place.gateway.pk), "expectedStatus": "undeployed"}

    refused(rest("POST", "AM", {"promote": {"originApiId": api.pk}, "deployment": on}), 409, "instanceLabel")
    spec = {"assetId": "orders-2", "version": "1.0.0"}
    made = rest("POST", "AM", {"promote": {"originApiId": api.pk}, "spec": spec})

    assert made.status_code == 201 and made.data["assetId"] == "orders-2"
    assert "Warning" not in made


def test_bodies_that_mean_nothing_are_refused(place: Place, target: Environment) -> None:
    api = make_whole(place)
    foreign = make_whole(make_place())
    rest = Rest(place.user, target)
    promote = {"originApiId": api.pk}

    refused(rest("POST", "AM", {"promote": {"originApiId": foreign.pk}}), 400, "originApiId", "not found")
    refused(rest("POST", "AM", {"promote": {"originApiId": 2**70}}), 400, "originApiId")
    refused(rest("POST", "AM", {"promote": promote | {"x": 1}}), 400, "promote.x")
    refused(rest("POST", "AM", {"promote": promote | {"secrets": {"x": {}}}}), 400, "promote.secrets")
    refused(rest("POST", "AM", {"instanceLabel": "x"}), 400, "spec")
    routing = [{"upstreams": [{"uri": "http://x/"}]}]
    for beside in ({"routing": routing}, {"tags": ["a"]}, {"endpoint": {"responseTimeout": 9}}):
        refused(rest("POST", "AM", {"promote": promote} | beside), 400, "leave it out")
    uri = {"uri": "http://x/"}
    refused(rest("POST", "AM", {"promote": promote, "endpoint": uri}), 400, "endpoint.uri")
    upstreams = [{"id": str(api.environment_id), "uri": "http://x/"}]
    refused(rest("POST", "AM", {"promote": promote, "upstreams": upstreams}), 400, "upstreams.0.id")
    assert not target.api_instances.exists()


def test_several_copies_are_made_together(place: Place) -> None:
    api = make_whole(place)
    one = api.upstreams.get(label="one")
    rest, address = Rest(place.user, place.environment), f"AM/{api.pk}/copies"
    first = {"name": "EU", "basePath": "/eu", "upstreams": {str(one.pk): "http://eu:1/"}}
    body = {
        "copies": [first, {"name": "US", "basePath": "us", "port": 8090}],
        "targetId": str(place.gateway.pk),
    }
    wrong = [first, {"name": "EU", "basePath": "/orders/x", "upstreams": {str(one.pk): "x"}}]

    none = rest("POST", address, body | {"copies": wrong})
    unknown = rest("POST", address, {"copies": [first | {"upstreams": {"x": "http://x/"}}]})
    made = rest("POST", address, body | {"deploy": True})

    fields = [one["field"] for one in none.data["errors"]]
    assert none.status_code == 409
    assert fields == ["copies.1.name", "copies.1.basePath", f"copies.1.upstreams.{one.pk}"]
    refused(unknown, 400, "copies.0.upstreams.x")
    assert [row["name"] for row in made.data["copies"]] == ["EU", "US"]
    eu, us = ApiInstance.objects.filter(pk__in=[row["id"] for row in made.data["copies"]]).order_by("pk")
    assert eu.upstreams.get(label="one").uri == "http://eu:1/" and eu.is_deployed
    assert (us.port, us.base_path) == (8090, "/us")


def test_tiers_come_along_as_the_command_line_asks(place: Place, target: Environment) -> None:
    api = make_whole(place)
    make_tier(api, name="Gold")

    answer = Rest(place.user, target)("POST", "AM", as_the_command_line_does(api))
    without = as_the_command_line_does(api, instanceLabel="b")
    without["promote"]["tiers"] = {"allEntities": False}
    other = Rest(place.user, target)("POST", "AM", without)

    assert [one.name for one in ApiInstance.objects.get(pk=answer.data["id"]).tiers.all()] == ["Gold"]
    assert not ApiInstance.objects.get(pk=other.data["id"]).tiers.exists()


def test_what_was_promoted_before_is_brought_up_to_date(place: Place, target: Environment) -> None:
    api, rest = make_whole(place), Rest(place.user, target)
    made = ApiInstance.objects.get(pk=rest("POST", "AM", as_the_command_line_does(api)).data["id"])
    made.upstreams.filter(label="one").update(uri="http://prod:8080/")
    make_tier(api, name="Gold")
    api.policies.filter(policy="ip-allowlist").update(config={"ips": ["10.7.7.7"]})

    answer = rest("POST", "AM", {"promote": {"originApiId": api.pk, "counterpartId": made.pk}})
    wrong = rest("POST", "AM", {"promote": {"originApiId": api.pk, "counterpartId": 1}})
    beside = rest(
        "POST", "AM", {"promote": {"originApiId": api.pk, "counterpartId": made.pk}, "description": "x"}
    )

    assert answer.status_code == 200 and answer.data["id"] == made.pk, answer.data
    made.refresh_from_db()
    assert made.policies.get(policy="ip-allowlist").config == {"ips": ["10.7.7.7"]}
    assert made.tiers.get().name == "Gold" and made.label == "Orders (Promoted)"
    refused(wrong, 400, "promote.counterpartId")
    refused(beside, 400, "description")


def test_tiers_come_along_for_who_manages_contracts_there(place: Place, target: Environment) -> None:
    api = make_whole(place)
    make_tier(api, name="Free", approves_by_itself=True)
    organization = place.environment.organization
    may = ["view:contracts", "view:policies", "manage:apis", "manage:policies"]
    custom = CustomRole.objects.create(organization=organization, name="Maker", permissions=may)
    user = make_user()
    make_role(user, organization, Role.CUSTOM, custom=custom)

    answer = Rest(user, target)("POST", "AM", as_the_command_line_does(api))

    assert answer.status_code == 201, answer.data
    assert not ApiInstance.objects.get(pk=answer.data["id"]).tiers.exists()
    assert "Tiers did not come along" in str(answer.headers)
