"""REST: many APIs promoted at once."""

from typing import Any

import pytest

from apis.bulk import promoting as many
from apis.bulk import running
from apis.bulk.models import BulkItem, Plan
from apis.changes.policies import apply_policy
from apis.models import ApiInstance
from console.models import Environment, Role
from console.roles.models import CustomRole
from tests.apis.changes.test_copies import make_whole
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import (
    make_environment,
    make_gateway,
    make_role,
    make_secret,
    make_secret_group,
    make_user,
)
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    from apis.tasks import look_at_promotions, work_on_bulk_change

    for task in (look_at_promotions, work_on_bulk_change):
        monkeypatch.setattr(task, "apply_async", lambda **_: None)


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def target(place: Place) -> Environment:
    environment = make_environment(place.environment.organization, name="Production")
    make_gateway(environment)
    return environment


def address(environment: Environment, more: str = "") -> str:
    place = f"organizations/{environment.organization_id}/environments/{environment.pk}"
    return f"/apimanager/api/v1/{place}/promotions{more}"


def done(key: str) -> None:
    """However slow the machine is."""
    while BulkItem.objects.filter(change=key, state="waiting").exists():
        running.work(key)


def look(key: str) -> None:
    while Plan.objects.filter(item__change=key, state="untried").exists():
        many.look(key, running.begin_by_itself)


def of(api: ApiInstance, **fields: Any) -> dict[str, Any]:
    promote = {"originApiId": api.pk} | fields.pop("promote", {})
    return {"promote": promote} | fields


def test_they_are_planned_told_and_done(place: Place, target: Environment) -> None:
    whole, paid = make_whole(place), make_saved_api(place, "Payments", base_path="/pay")
    basic = whole.policies.get(policy="http-basic-authentication")
    rest = Rest(place.user, target)
    secrets = {"secrets": {str(basic.pk): {"password": "of-production"}}}
    uris = [{"id": str(one.pk), "uri": f"http://prod-{one.label}:8080/"} for one in whole.upstreams.all()]

    made = rest("POST", address(target), {"apis": [of(whole, promote=secrets, upstreams=uris), of(paid)]})
    assert made.status_code == 202 and not made.data["isLookedAt"], made.data
    key = made.data["id"]
    early = rest("POST", address(target, f"/{key}/start"), {})
    look(key)
    told = rest("GET", address(target, f"/{key}"))
    shown = rest("GET", address(target, f"/{key}/apis/{whole.pk}"))

    refused(early, 400, "", many.LOOKED_AT)
    assert [one["plan"] for one in told.data["apis"]] == ["ready", "asks"], told.data
    assert "It is not known what http://backend:8080/ is" in told.data["apis"][1]["words"]
    assert shown.data["changes"] and "of-production" not in str(shown.data) + str(told.data)
    assert not target.api_instances.exists()
    assert rest("POST", address(target, f"/{key}/start"), {"deploy": True}).data["state"] == "waiting"
    done(key)
    now = rest("GET", address(target, f"/{key}")).data
    assert (now["state"], [one["state"] for one in now["apis"]]) == ("done", ["done", "left"])
    copy = ApiInstance.objects.get(pk=now["apis"][0]["id"])
    assert copy.is_deployed and copy.upstreams.filter(uri="http://prod-one:8080/").exists()
    assert copy.policies.get(policy="http-basic-authentication").secrets == {"password": "of-production"}


def test_they_begin_by_themselves_where_that_is_asked_for(place: Place, target: Environment) -> None:
    one, two = make_saved_api(place), make_saved_api(place, "Payments")
    rest = Rest(place.user, target)
    body = {"apis": [of(one), of(two)], "takesUnknown": True, "start": True}

    key = rest("POST", address(target), body).data["id"]
    look(key)
    done(key)

    assert rest("GET", address(target, f"/{key}")).data["state"] == "done"
    assert target.api_instances.count() == 2


def test_what_cannot_be_planned_is_refused_at_its_place(place: Place, target: Environment) -> None:
    api, foreign = make_saved_api(place), make_saved_api(make_place())
    other = make_saved_api(make_place(environment=make_environment(place.environment.organization)), "Stock")
    rest = Rest(place.user, target)

    def sent(*apis: dict[str, Any]) -> Any:
        return rest("POST", address(target), {"apis": list(apis)})

    refused(sent(of(foreign)), 400, "apis.0.promote.originApiId", "not found")
    refused(sent(of(api), of(api)), 400, "apis.1.promote.originApiId", "named twice")
    refused(sent(of(api), of(other)), 400, "apis.1.promote.originApiId", "one environment")
    refused(sent(of(api, promote={"counterpartId": 7})), 400, "apis.0.promote.counterpartId")
    refused(
        sent(of(api, upstreams=[{"id": str(target.pk), "uri": "http://x/"}])), 400, "apis.0.upstreams.0.id"
    )
    refused(sent(of(api, tags=["a"])), 400, "apis.0.tags")
    assert sent().status_code == 400
    assert (
        Rest(place.user, place.environment)(
            "POST", address(place.environment), {"apis": [of(api)]}
        ).status_code
        == 400
    )


def test_hosts_of_a_secret_group_that_is_made_are_kept_with_the_plan(
    place: Place, target: Environment
) -> None:
    make_secret(make_secret_group(place.environment, name="shop"), name="database")
    apis = [make_saved_api(place, name) for name in ("Orders", "Payments")]
    for api in apis:
        config = {"username": "ann", "password": "${secret:shop/database}"}
        apply_policy(place.user, api, "http-basic-authentication", config)
    rest = Rest(place.user, target)

    def planned(*hosts: str, first: str = "a.example") -> Any:
        values = {"secrets": {"shop/database": {"username": "bob", "password": "there"}}}
        told = [
            of(api, promote=values | {"sentTo": {name: [host]}})
            for api, name, host in zip(apis, ("shop", "shop"), (first, *hosts), strict=True)
        ]
        return rest("POST", address(target), {"apis": told, "takesUnknown": True, "start": True})

    refused(planned("b.example"), 400, "apis.1.promote.sentTo.shop")
    answer = planned("a.example")
    assert answer.status_code == 202, answer.data
    look(answer.data["id"])
    done(answer.data["id"])

    states = [one["state"] for one in rest("GET", address(target, f"/{answer.data['id']}")).data["apis"]]
    assert (states, target.secret_groups.get().sent_to) == (["done", "done"], ["a.example"])


def test_others_reach_nothing_of_it(place: Place, target: Environment) -> None:
    api = make_saved_api(place)
    key = Rest(place.user, target)("POST", address(target), {"apis": [of(api)]}).data["id"]
    colleague, viewer = make_place("manager", target), make_user()
    make_role(viewer, target.organization, Role.Name.VIEWER)
    only_apis = make_user()
    custom = CustomRole.objects.create(organization=target.organization, name="A", permissions=["view:apis"])
    make_role(only_apis, target.organization, Role.CUSTOM, custom=custom, environment=place.environment)
    make_role(only_apis, target.organization, Role.Name.MANAGER, environment=target)

    assert Rest(colleague.user, target)("GET", address(target, f"/{key}")).status_code == 404
    assert Rest(viewer, target)("POST", address(target), {"apis": [of(api)]}).status_code == 403
    refused(Rest(only_apis, target)("POST", address(target), {"apis": [of(api)]}), 400, "originApiId")
    elsewhere = make_environment(target.organization)
    assert Rest(place.user, elsewhere)("GET", address(elsewhere, f"/{key}")).status_code == 404
