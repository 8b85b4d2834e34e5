"""An API is found by where it runs and where it is saved to run; who calls it learns of the first alone."""

from dataclasses import replace

import pytest
from django.test import Client

from apis.changes import instances, policies, review
from apis.contracts.models import Application
from apis.lists import columns
from apis.models import ApiInstance, Upstream
from console.models import User
from tests.apis.views.pages import Place, make_saved_api, text
from tests.apis.views.test_list import shown
from tests.factories import make_application, make_user

pytestmark = pytest.mark.django_db
BOTH = ("/orders", "/later", ":8081/ord", ":9091/lat", "8081", ":9091")


@pytest.fixture
def api(place: Place) -> ApiInstance:
    """It runs at :8081/orders, and waits to be at :9091/later."""
    api = make_saved_api(place, "First", port=8081, base_path="/orders", deploy=True)
    instances.edit_api(place.user, api, lambda it: replace(it, port=9091, base_path="/later"), deploy=False)
    return api


@pytest.mark.parametrize("query", BOTH)
def test_the_list_finds_by_what_runs_and_by_what_is_saved(place: Place, api: ApiInstance, query: str) -> None:
    make_saved_api(place, "Other", port=8443, base_path="/other", deploy=True)

    assert shown(place, q=query) == ["First"]


@pytest.mark.parametrize("query", ["/orders", "/later"])
def test_so_do_the_search_and_the_copy_of_policies(place: Place, api: ApiInstance, query: str) -> None:
    source = make_saved_api(place, "Source")
    policies.apply_policy(place.user, source, "ip-allowlist", {"ips": ["10.0.0.1"]})

    assert api.get_absolute_url() in text(place.client.get("/search", {"q": query}))
    assert "First" in text(place.client.get(f"/apis/{source.pk}/policies/copy", {"q": query}))


def test_what_ran_of_one_that_is_not_deployed_any_more_is_no_address(place: Place, api: ApiInstance) -> None:
    instances.undeploy_api(place.user, api)

    assert shown(place, q="/later") == ["First"]
    assert shown(place, q="/orders") == []


@pytest.fixture
def olga() -> User:
    return make_user("olga")


@pytest.fixture
def shop(place: Place, olga: User) -> Application:
    return make_application(place.environment.organization, name="Web shop", owners=[olga])


def test_who_calls_it_finds_it_where_it_runs_alone(api: ApiInstance, olga: User, shop: Application) -> None:
    client = Client()
    client.force_login(olga)

    def asked(query: str) -> bool:
        return "First" in text(client.get(f"/consumer/{shop.pk}/request", {"q": query}))

    assert asked("/orders") and asked("first")
    assert not asked("/later")


def test_heading_and_list_name_the_upstreams_that_run(place: Place, api: ApiInstance) -> None:
    columns.choose(place.user, ["upstream"])
    saved = "http://later:8080"
    assert Upstream.objects.filter(api=api).update(uri=saved)

    page, listed = text(place.client.get(api.get_absolute_url())), text(place.client.get("/apis"))
    heading = page.partition("<h1")[2].partition("<nav")[0]
    assert ":8081/orders → http://backend" in heading and "later" not in heading
    assert "http://backend" in listed and "later" not in listed
    assert page.count("as saved, with what is pending") == 3
    assert saved in page

    api.refresh_from_db()
    review.deploy_pending(place.user, api)
    page, listed = text(place.client.get(api.get_absolute_url())), text(place.client.get("/apis"))
    assert ":9091/later → http://later:8080" in page and saved in listed
    assert "as saved" not in page and "http://backend" not in page + listed
