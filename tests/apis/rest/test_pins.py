"""REST: somebody pins APIs for themselves, and lists those, as clients of other API managers do."""

import pytest
from django.test import Client

from apis.lists.models import Pinned
from apis.tasks import work_on_bulk_change
from console.models import Environment, Role, User
from gateways.models import Gateway
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import text
from tests.factories import make_api, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_on_bulk_change, "apply_async", lambda args, **_: None)


@pytest.fixture
def person(environment: Environment) -> User:
    user = make_user()
    make_role(user, environment.organization, Role.Name.VIEWER)
    return user


@pytest.fixture
def viewer(person: User, environment: Environment) -> Rest:
    return Rest(person, environment)


def pinned(rest: Rest, query: str = "filters=pinned") -> list[int]:
    listed = rest("GET", f"AMX/apis?{query}").data["instances"]
    return [one["id"] for one in listed]


def test_whoever_sees_an_api_pins_it_and_nobody_else_sees_that(
    rest: Rest, viewer: Rest, gateway: Gateway
) -> None:
    api, other = make_api(gateway), make_api(gateway)

    first, again = viewer("PUT", f"AM/{api.pk}/pin"), viewer("PUT", f"AM/{api.pk}/pin")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.data["pinned"] is True
    assert viewer("GET", f"AM/{api.pk}").data["pinned"] is True
    assert viewer("GET", f"AM/{other.pk}").data["pinned"] is False
    assert rest("GET", f"AM/{api.pk}").data["pinned"] is False
    assert (pinned(viewer), pinned(rest)) == ([api.pk], [])
    assert [asset["apis"][0]["pinned"] for asset in viewer("GET", "AM?pinned=true").data["assets"]] == [True]
    assert pinned(viewer, "pinned=false") == [other.pk]

    assert viewer("DELETE", f"AM/{api.pk}/pin").status_code == 204
    assert viewer("DELETE", f"AM/{api.pk}/pin").status_code == 204
    assert pinned(viewer) == []


def test_filters_are_those_that_clients_know(rest: Rest, gateway: Gateway) -> None:
    api = make_api(gateway)
    rest("PUT", f"AM/{api.pk}/pin")

    assert pinned(rest, "filters=pinned") == [api.pk]
    assert pinned(rest, "filters=active,pinned") == []
    refused(rest("GET", "AM?filters=new"), 400, "filters", "active, pinned")
    refused(rest("GET", "AM?filters=pinned&pinned=false"), 400, "filters", "contradicts")


def test_a_page_pins_too_and_lists_them(person: User, gateway: Gateway) -> None:
    api, other = make_api(gateway), make_api(gateway)
    browser = Client()
    browser.force_login(person)

    row = browser.post(f"/apis/{api.pk}/pin", {"pinned": "true"}, headers={"HX-Request": "true"})

    assert 'aria-pressed="true"' in text(row) and f'id="api-{api.pk}"' in text(row)
    listed = text(browser.get("/apis?pinned=yes"))
    assert f'id="api-{api.pk}"' in listed and f'id="api-{other.pk}"' not in listed
    assert browser.post(f"/apis/{api.pk}/pin", {"pinned": "false"}).status_code == 302
    assert not Pinned.objects.exists()


def test_a_kept_search_and_a_change_of_many_ask_for_ones_own(
    rest: Rest, viewer: Rest, gateway: Gateway
) -> None:
    api = make_api(gateway)
    make_api(gateway)
    rest("PUT", f"AM/{api.pk}/pin")
    here = rest.address("AM").removesuffix("apis")
    kept = {"name": "Mine", "shared": True, "search": {"pinned": True}}

    assert rest("POST", f"{here}saved-views", kept).data["search"] == {"pinned": True}
    made = rest("POST", f"{here}bulk-changes", {"action": "tag", "search": {"pinned": True}, "tags": ["eu"]})

    assert made.data["counts"]["total"] == 1, made.data
    nobodys = viewer("GET", f"{here}saved-views").data["views"]
    assert [one["search"] for one in nobodys] == [{"pinned": True}]
