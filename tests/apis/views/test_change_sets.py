"""The page where what is pending of a gateway's APIs is deployed together, and the page of a change set."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from apis.change_set import ChangeSet
from apis.changes import instances
from apis.deployment.pending import pending
from apis.models import ApiInstance
from console.models import Environment, Role
from gateways.models import Gateway, ResourceStatus
from tests.apis.views.pages import Place, make_place, make_saved_api, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def apis(place: Place) -> list[ApiInstance]:
    """Two that are deployed, each with a change that waits."""
    made = [make_saved_api(place, deploy=True, name=name) for name in ("One", "Two")]
    Environment.objects.filter(pk=place.environment.pk).update(deploys=Environment.Deploys.REVIEW)
    for api in made:
        api.environment.refresh_from_db()
        change(place, api, f"{api.base_path}/new")
    return made


def change(place: Place, api: ApiInstance, base_path: str) -> None:
    instances.edit_api(place.user, api, lambda it: replace(it, base_path=base_path))


def page(place: Place, gateway: Gateway) -> str:
    return text(place.client.get(f"/gateways/{gateway.pk}/pending"))


def sent(shown: str) -> dict[str, Any]:
    """What the page's form sends as it is shown."""
    seen = dict(re.findall(r'name="(seen-\d+)" value="([^"]+)"', shown))
    return {**seen, "api": re.findall(r'name="api" value="(\d+)" checked', shown), "comment": "a ticket"}


def deploy(place: Place, fields: dict[str, Any]) -> Any:
    return place.client.post(f"/gateways/{place.gateway.pk}/pending/deploy", fields)


def waits(apis: list[ApiInstance]) -> list[bool]:
    return [bool(pending(ApiInstance.objects.get(pk=one.pk))) for one in apis]


def test_all_that_waits_is_shown_and_deployed_together(place: Place, apis: list[ApiInstance]) -> None:
    shown = page(place, place.gateway)
    answer = deploy(place, sent(shown))

    assert "/one/new" in shown
    assert "/two/new" in shown
    made = ChangeSet.objects.get()
    assert answer.url == made.get_absolute_url()
    assert waits(apis) == [False, False]
    assert "a ticket" in text(place.client.get(answer.url))
    assert "Nothing is pending" in page(place, place.gateway)


def test_its_page_looks_again_until_all_replicas_answered(
    place: Place, apis: list[ApiInstance], settings: Any
) -> None:
    deploy(place, sent(page(place, place.gateway)))
    address = ChangeSet.objects.get().get_absolute_url()

    shown = text(place.client.get(address))

    assert f'hx-get="{address}"' in shown and "Waiting for" in shown
    for replica in place.gateway.replicas.all():
        for api in apis:
            told = {"namespace": str(place.environment.pk), "name": api.resource_name, "state": "applied"}
            numbers = {"generation": 99, "running_generation": 99, "since": timezone.now()}
            ResourceStatus.objects.create(replica=replica, **told, **numbers)
    shown = text(place.client.get(address))
    assert "hx-get" not in shown.partition('id="change-set-apis"')[2]
    assert '<p class="break">Active</p>' not in shown


def test_what_is_not_chosen_goes_on_waiting(place: Place, apis: list[ApiInstance]) -> None:
    fields = sent(page(place, place.gateway))

    deploy(place, fields | {"api": [str(apis[0].pk)]})

    assert waits(apis) == [False, True]


def test_what_changed_meanwhile_is_shown_again(place: Place, apis: list[ApiInstance]) -> None:
    fields = sent(page(place, place.gateway))
    change(place, apis[1], "/newer")

    answer = deploy(place, fields)

    assert answer.status_code == 409
    assert "changed after you opened this" in text(answer)
    assert "/newer" in text(answer)
    assert waits(apis) == [True, True]
    fields = sent(page(place, place.gateway))
    assert deploy(place, fields).status_code == 302
    again = text(deploy(place, fields))
    assert "All of it was deployed, or discarded" in again and "look at it again" not in again


def test_nothing_chosen_is_told(place: Place, apis: list[ApiInstance]) -> None:
    answer = deploy(place, {"api": []})

    assert answer.status_code == 422
    assert "between one and 100" in text(answer)


@pytest.mark.parametrize("wrong", ["x", "99999999999999999999", "-1"])
def test_what_no_page_sends_is_refused(place: Place, apis: list[ApiInstance], wrong: str) -> None:
    assert deploy(place, {"api": [wrong]}).status_code == 422


def test_a_set_is_taken_back(place: Place, apis: list[ApiInstance]) -> None:
    set_page = deploy(place, sent(page(place, place.gateway))).url

    back = place.client.post(f"{set_page}/take-back")

    assert waits(apis) == [True, True]
    assert "Takes back" in text(place.client.get(back.url))
    assert "taken back by" in text(place.client.get(set_page))
    assert place.client.post(f"{set_page}/take-back").status_code == 422


def test_who_may_not_edit_looks_alone(place: Place, apis: list[ApiInstance]) -> None:
    set_page = deploy(place, sent(page(place, place.gateway))).url
    viewer, stranger = make_place(Role.Name.VIEWER, place.environment), make_place()

    assert viewer.client.get(set_page).status_code == 200
    assert viewer.client.post(f"{set_page}/take-back").status_code == 403
    assert viewer.client.post(f"/gateways/{place.gateway.pk}/pending/deploy").status_code == 403
    assert stranger.client.get(set_page).status_code == 404
    assert stranger.client.get(f"/gateways/{place.gateway.pk}/pending").status_code == 404
    assert stranger.client.post(f"{set_page}/take-back").status_code == 404


def test_ones_own_change_waits_for_a_second_person(place: Place, apis: list[ApiInstance]) -> None:
    Environment.objects.filter(pk=place.environment.pk).update(deploys=Environment.Deploys.SECOND_PERSON)

    shown = page(place, place.gateway)

    assert "a second person deploys them" in shown
    assert sent(shown)["api"] == []


def test_the_ways_there(place: Place, apis: list[ApiInstance]) -> None:
    address = f"/gateways/{place.gateway.pk}/pending"

    assert address in text(place.client.get(f"/gateways/{place.gateway.pk}/apis"))
    assert address in text(place.client.get(f"/apis/{apis[0].pk}/review"))


@pytest.mark.parametrize("ids", [["9" * 5000], [str(2**63)], ["-1", "²", "a"], []])
def test_what_names_no_api_is_refused(place: Place, apis: list[ApiInstance], ids: list[str]) -> None:
    assert deploy(place, {"api": ids}).status_code == 422
    assert waits(apis) == [True, True]
