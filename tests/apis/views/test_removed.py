"""What was deleted lately is listed, and comes back with one press."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apis.changes import instances, removal
from apis.contracts.models import Contract
from apis.models import ApiInstance, PolicyBinding
from apis.promotions.models import Counterpart
from apis.removed import Removed
from apis.views import used
from console.models import Role
from gateways.models import Gateway
from tests.analytics.traffic import Shipper, count
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.console.test_together import meanwhile
from tests.factories import (
    make_api,
    make_application,
    make_contract,
    make_environment,
    make_gateway,
    make_replica,
    make_tier,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone(place: Place) -> Removed:
    """A deployed API with a policy, deleted."""
    api = make_saved_api(place, deploy=True)
    allow(place, api)
    place.client.post(f"/apis/{api.pk}/delete", {"name": "Orders"})
    return Removed.objects.get()


def test_a_delete_offers_undo_at_once(place: Place) -> None:
    api = make_saved_api(place, deploy=True)

    asked = text(place.client.get(f"/apis/{api.pk}/delete"))
    done = text(place.client.post(f"/apis/{api.pk}/delete", {"name": "Orders"}, follow=True))
    (undo,) = re.findall(r'action="(/apis/deleted/\d+)"', done)
    back = place.client.post(undo, follow=True)

    assert "cannot be undone" not in asked and "kept for 30 days" in asked
    assert f"{api} is back" in text(back)
    assert ApiInstance.objects.get().is_deployed


def test_who_may_call_it_is_said_before_and_may_again_afterwards(place: Place) -> None:
    api = make_saved_api(place, "Orders", deploy=True)
    organization = place.environment.organization
    for name in ("Shop", "Till", "Depot", "Kiosk"):
        shop = make_application(organization, name=name)
        make_contract(api, application=shop, tier=make_tier(api, name=name))
    make_contract(api, status=Contract.Status.REVOKED)

    asked = text(place.client.get(f"/apis/{api.pk}/delete"))
    place.client.post(f"/apis/{api.pk}/delete", {"name": "Orders"})
    place.client.post(f"/apis/deleted/{Removed.objects.get().pk}")

    assert "<b>4 client applications</b> may call it: Depot, Kiosk, Shop and others." in asked
    back = Contract.objects.filter(api=api, status=Contract.Status.APPROVED)
    assert set(back.values_list("application__name", "tier__name")) == {
        (name, name) for name in ("Shop", "Till", "Depot", "Kiosk")
    }


def test_what_others_use_is_named_before_it_is_deleted(place: Place) -> None:
    """Of one, and of many at once: those that go together do not count."""
    orders, stock = (make_saved_api(place, name, deploy=True) for name in ("Orders", "Stock"))
    make_replica(place.gateway, control_url="http://127.0.0.1:1/")
    make_contract(orders, application=make_application(place.environment.organization, name="Shop"))
    make_contract(stock, status=Contract.Status.PENDING)
    for name in ("Mobile", "Partners"):
        front = make_saved_api(place, name)
        front.upstreams.update(uri="http://localhost:8081/orders/v1?x")
    stock.upstreams.update(uri="http://localhost:8081/orders")
    front.upstreams.update(uri="http://localhost:8081/orders-of-others")
    elsewhere = make_environment(place.environment.organization, name="Production")
    copy = make_api(make_gateway(elsewhere), name="Orders")
    Counterpart.objects.create(origin=orders, copy=copy)
    where = {"environment": str(place.environment.pk), "action": "delete"}

    one = text(place.client.get(f"/apis/{orders.pk}/delete"))
    both = text(place.client.post("/apis/bulk", {**where, "api": [orders.pk, stock.pk]}, follow=True))

    assert "<b>1 client application</b> may call it: Shop." in one
    assert f"<b>2 other APIs</b> send their requests to it: Mobile v1:{front.pk - 1}, {stock}." in one
    assert f"<b>1 API</b> was promoted from here: {copy} in Production." in one
    assert "<b>1 client application</b> may call 1 of them: Shop." in both
    assert "<b>1 request</b> for access to them waits for an answer." in both
    assert f"<b>1 other API</b> sends its requests to them: Mobile v1:{front.pk - 1}." in both
    assert f"<b>1 API</b> was promoted from here: {copy} in Production." in both
    ApiInstance.objects.filter(pk=orders.pk).update(pending_since=timezone.now(), base_path="/soon")
    assert "<b>2 other APIs</b> send their requests" in text(place.client.get(f"/apis/{orders.pk}/delete"))


def test_how_often_they_are_called_is_said_of_one_and_of_hundreds(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    Shipper(api).ship(count(api, 7))
    ApiInstance.objects.bulk_create(
        ApiInstance(environment=place.environment, asset=api.asset, base_path=f"/quiet-{number}")
        for number in range(used.OF_A_PAGE)
    )
    where = {"environment": str(place.environment.pk), "action": "delete", "all": "1"}

    one = text(place.client.get(f"/apis/{api.pk}/delete"))
    hundreds = text(place.client.post("/apis/bulk", where, follow=True))

    assert "<b>7 requests</b> came to it in the last 24 hours." in one
    assert "<b>7 requests</b> came to 1 of them in the last 24 hours." in hundreds


def test_who_deletes_it_by_a_role_for_it_alone_may_undo_that(place: Place) -> None:
    """The role ends with the API; of others' deletions nothing is there for them."""
    orders, stock = (make_saved_api(place, name, deploy=True) for name in ("Orders", "Stock"))
    grace, of = (
        make_user(),
        {"organization": place.environment.organization, "environment": place.environment},
    )
    for api in (orders, stock):
        Role.objects.create(user=grace, name="api-manager", api=api, **of)
    client = Client()
    client.force_login(grace)
    stock_gone = instances.delete_api(place.user, stock)

    asked = text(client.get(f"/apis/{orders.pk}/delete"))
    done = text(client.post(f"/apis/{orders.pk}/delete", {"name": "Orders"}, follow=True))
    (undo,) = set(re.findall(r'action="(/apis/deleted/\d+)"', done))

    assert "<b>1 role</b> was given for it alone. It ends with it, and comes back with it." in asked
    assert client.get(f"/apis/{orders.pk}").status_code == 404
    assert client.post(f"/apis/deleted/{stock_gone.pk}").status_code == 404
    assert f"{orders} is back, and goes to" in text(client.post(undo, follow=True))
    assert Role.objects.filter(user=grace, api=orders).count() == 1


def test_the_list_says_who_deleted_what_and_where_it_was(place: Place, gone: Removed) -> None:
    page = text(place.client.get("/apis/deleted"))

    assert "/apis/deleted" in text(place.client.get("/apis"))
    assert str(gone) in page
    assert f"by {place.user}" in page
    assert "http://0.0.0.0:8081/orders" in page and f"on {place.gateway}" in page
    assert f"{gone.until:%B}" in page


def test_it_is_found_by_name_and_by_person(place: Place, gone: Removed) -> None:
    for query in ("order", place.user.username, f"order {gone.api_id}"):
        assert str(gone) in text(place.client.get("/apis/deleted", {"q": query}))

    assert "No deleted API matches" in text(place.client.get("/apis/deleted", {"q": "payments"}))


def test_one_whose_path_was_taken_comes_back_at_another(place: Place, gone: Removed) -> None:
    make_saved_api(place, "Taker", base_path="/orders")
    path = f"/apis/deleted/{gone.pk}"

    refused = place.client.post(path)
    again = place.client.post(path, {"base_path": "orders/sub", "port": "8081"})
    moved = place.client.post(path, {"base_path": "orders-2", "port": "8081"}, follow=True)

    assert refused.status_code == again.status_code == 409
    assert "overlaps" in text(refused) and "Taker" in text(refused)
    assert 'value="/orders"' in text(refused)
    assert "is back" in text(moved)
    api = ApiInstance.objects.get(pk=gone.api_id)
    assert (api.base_path, api.is_deployed) == ("/orders-2", True)
    assert api.revision is not None and api.revision.base_path == "/orders-2"


@pytest.mark.parametrize(
    "field", [{"port": "x"}, {"port": "0"}, {"port": "9" * 40}, {"base_path": "/a" * 300}]
)
def test_where_nothing_can_listen_is_refused(place: Place, gone: Removed, field: dict[str, str]) -> None:
    answer = place.client.post(f"/apis/deleted/{gone.pk}", field)

    assert answer.status_code == 409
    assert Removed.objects.filter(pk=gone.pk).exists()


def test_one_whose_gateway_is_gone_says_so(place: Place, gone: Removed) -> None:
    Gateway.objects.all().delete()

    answer = place.client.post(f"/apis/deleted/{gone.pk}", follow=True)

    assert "its gateway is gone" in text(answer)


@pytest.mark.django_db(transaction=True)
def test_one_that_another_restores_at_the_same_time_is_said_to_be_gone() -> None:
    place = make_place()
    kept = instances.delete_api(place.user, make_saved_api(place))
    path = f"/apis/deleted/{kept.pk}"

    with meanwhile(lambda: removal.restore_api(place.user, kept)):
        answer = place.client.post(path)

    assert answer.status_code == 409
    assert "somebody restored it meanwhile" in text(answer)
    assert ApiInstance.objects.count() == 1


def test_odd_questions_find_nothing(place: Place, gone: Removed) -> None:
    for query in ("%", "_", "\\", "' OR 1=1", "x" * 5000, " ".join(["a"] * 500)):
        assert place.client.get("/apis/deleted", {"q": query}).status_code == 200
    assert place.client.get(f"/apis/deleted/{10**30}").status_code == 404


def test_what_is_past_its_days_is_not_offered(place: Place, gone: Removed) -> None:
    Removed.objects.update(at=timezone.now() - timedelta(days=31))

    assert "Nothing was deleted lately" in text(place.client.get("/apis/deleted"))
    assert place.client.post(f"/apis/deleted/{gone.pk}").status_code == 404


def test_a_viewer_sees_what_was_deleted_and_restores_nothing(place: Place, gone: Removed) -> None:
    viewer = make_place(Role.Name.VIEWER, place.environment)

    page = text(viewer.client.get("/apis/deleted"))

    assert str(gone) in page and "Restore" not in page
    assert viewer.client.post(f"/apis/deleted/{gone.pk}").status_code == 403
    assert not ApiInstance.objects.exists()


def test_another_tenants_is_not_there(place: Place, gone: Removed) -> None:
    other = make_place()

    assert str(gone) not in text(other.client.get("/apis/deleted"))
    assert other.client.post(f"/apis/deleted/{gone.pk}").status_code == 404


def test_policies_removed_from_an_api_are_listed_there_and_come_back(place: Place) -> None:
    api, other = make_saved_api(place), make_saved_api(place, "Other")
    binding = allow(place, api, label="office")
    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/remove")  # type: ignore[attr-defined]
    kept = Removed.objects.get()
    path = f"/policies/removed/{kept.pk}"

    page = text(place.client.get(f"/apis/{api.pk}/policies"))
    elsewhere = place.client.post(f"/apis/{other.pk}{path}")
    back = place.client.post(f"/apis/{api.pk}{path}", follow=True)

    assert "Removed policies" in page and path in page
    assert elsewhere.status_code == 404
    assert "IP Allowlist is back in its place." in text(back)
    assert PolicyBinding.objects.get().label == "office"
    assert "Removed policies" not in text(back)
