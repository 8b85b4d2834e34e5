"""REST: the list of APIs is searched by what the page of APIs is searched by, and finds the same."""

import re
from urllib.parse import urlencode

import pytest

from apis.changes.instances import set_deprecated
from apis.changes.owners import add_owner
from apis.changes.policies import apply_policy
from apis.lists.search import FAILING, STATES
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_api, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    """Orders is deployed, with a change that waits; Payments is neither, nor on a gateway."""
    place = make_place()
    orders = make_saved_api(place, "Orders", tags=["squad-a"], deploy=True)
    add_owner(place.user, orders, "team@example.com")
    apply_policy(place.user, orders, "ip-allowlist", {"ips": ["10.0.0.1"]}, deploy=False)
    set_deprecated(place.user, make_saved_api(place, "Payments", gateway=None), True)
    make_saved_api(place, "Stock", deploy=True)
    return place


def found(rest: Rest, **asked: str) -> list[str]:
    """The names of the APIs of both lists, which are the same."""
    query = urlencode({"sort": "name", "ascending": "true", **asked})
    one_by_one, by_asset = rest("GET", f"AMX/apis?{query}"), rest("GET", f"AM?{query}")
    assert (one_by_one.status_code, by_asset.status_code) == (200, 200), one_by_one.data
    names = [one["exchangeAssetName"] for one in by_asset.data["assets"]]
    ids = [api["id"] for one in by_asset.data["assets"] for api in one["apis"]]
    assert [one["id"] for one in one_by_one.data["instances"]] == ids
    assert one_by_one.data["total"] == by_asset.data["total"] == len(ids)
    return names


def shown(place: Place, **asked: str) -> list[str]:
    page = text(place.client.get("/apis", asked))
    return re.findall(r'<b><a href="/apis/\d+">([^<]+)</a>', page)


@pytest.mark.parametrize(
    ("asked", "of_page", "names"),
    [
        ({"status": "Applying"}, {}, ["Orders", "Stock"]),
        ({"status": "Unregistered"}, {}, ["Payments"]),
        ({"status": "Active"}, {}, []),
        ({"status": FAILING}, {}, []),
        ({"pending": "true"}, {"pending": "yes"}, ["Orders"]),
        ({"pending": "false"}, {"pending": "no"}, ["Payments", "Stock"]),
        ({"gateway": "none"}, {}, ["Payments"]),
        ({"gateway": "{gateway}"}, {}, ["Orders", "Stock"]),
        ({"protocol": "http"}, {}, ["Orders", "Payments", "Stock"]),
        ({"protocol": "https"}, {}, []),
        ({"owner": "TEAM@example.com"}, {}, ["Orders"]),
        ({"tag": "squad-a"}, {}, ["Orders"]),
        ({"deprecated": "true"}, {"deprecated": "yes"}, ["Payments"]),
        ({"query": "stock 8081"}, {"q": "stock 8081"}, ["Stock"]),
        ({"status": "Applying", "pending": "false"}, {"pending": "no"}, ["Stock"]),
        ({"status": "Unregistered", "gateway": "{gateway}"}, {}, []),
    ],
)
def test_each_filter_finds_what_the_page_finds(
    place: Place, asked: dict[str, str], of_page: dict[str, str], names: list[str]
) -> None:
    key = str(place.gateway.pk)
    asked = {name: value.replace("{gateway}", key) for name, value in asked.items()}

    assert found(Rest(place.user, place.environment), **asked) == names
    assert (
        shown(place, **{name: value for name, value in asked.items() if name != "query"} | of_page) == names
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("status=Broken", f'status: "Broken" is none of {", ".join([*STATES, FAILING])}.'),
        ("status=active", 'status: "active" is none of'),
        ("pending=perhaps", "pending"),
        ("deprecated=perhaps", "deprecated"),
        ("protocol=ftp", 'protocol: "ftp" is none of http, https.'),
        ("gateway=edge-1", "gateway: edge-1 is no id of a gateway; write one, or none."),
        ("gateway=11111111-1111-1111-1111-111111111111", "gateway: That gateway is not in this environment"),
        (f"tag={'x' * 201}", "tag"),
        (f"owner={'x' * 201}", "owner"),
        (f"gateway={'x' * 41}", "gateway"),
    ],
)
def test_a_filter_that_there_is_none_of_is_refused(place: Place, asked: str, words: str) -> None:
    rest = Rest(place.user, place.environment)

    refused(rest("GET", f"AM?{asked}"), 400, words)
    refused(rest("GET", f"AMX/apis?{asked}"), 400, words)


def test_a_gateway_elsewhere_is_as_one_that_does_not_exist(place: Place) -> None:
    elsewhere = make_gateway()

    refused(Rest(place.user, place.environment)("GET", f"AM?gateway={elsewhere.pk}"), 400, "not in this env")


def test_a_parameter_that_there_is_none_of_is_told(place: Place) -> None:
    rest = Rest(place.user, place.environment)

    answer = rest("GET", "AM?statu=Active&limit=5")

    assert 'statu: There is no such parameter; did you mean \\"status\\"?' in answer.headers["Warning"]
    assert "Warning" not in rest("GET", "AM?status=Active&limit=5").headers


def test_who_sees_one_api_finds_no_other(place: Place) -> None:
    other = make_api(place.gateway)
    guest = make_user()
    make_role(guest, place.environment.organization, "api-viewer", environment=place.environment, api=other)

    listed = Rest(guest, place.environment)("GET", "AMX/apis?protocol=http").data

    assert [one["id"] for one in listed["instances"]] == [other.pk]
