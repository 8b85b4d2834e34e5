"""Where one of an API's tiers is chosen: few are all there, of a thousand those that a search finds."""

import pytest
from django.test import Client

from apis.contracts.models import Contract, Tier
from apis.models import ApiInstance
from tests.apis.views.pages import Place, text
from tests.factories import make_api, make_application, make_contract, make_tier

pytestmark = pytest.mark.django_db
MANY = 60


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_api(place.gateway, is_deployed=True)


@pytest.fixture
def tiers(api: ApiInstance) -> list[Tier]:
    return [make_tier(api, name=f"tier-{one:03}") for one in range(MANY)]


@pytest.fixture
def client(place: Place) -> Client:
    return place.client


@pytest.fixture(params=["request", "wish", "approve"])
def address(request: pytest.FixtureRequest, place: Place, api: ApiInstance, tiers: list[Tier]) -> str:
    """A consumer asks for access or for another tier; somebody approves."""
    application = make_application(place.environment.organization, owners=[place.user])
    if request.param == "request":
        return f"/applications/{application.pk}/request?api={api.pk}"
    contract = make_contract(api, application=application, status="PENDING", requested_tier=tiers[0])
    if request.param == "wish":
        return f"/consumer/contracts/{contract.pk}/tier"
    return f"/apis/{api.pk}/contracts/{contract.pk}/approve"


def offered(client: Client, address: str, **sent: object) -> list[str]:
    answer = client.post(address, {"go": "find-tier", **sent}) if sent else client.get(address)
    assert answer.status_code == 200
    return [card.data["label"] for card in answer.context["form"]["tier"]]


def test_of_many_a_search_finds_the_one(client: Client, address: str, tiers: list[Tier]) -> None:
    assert len(offered(client, address)) <= 13
    assert "more; search to narrow the list" in text(client.get(address))

    found = offered(client, address, tier_q="tier-04")

    assert [f"tier-04{one}" for one in range(10)] == [str(one) for one in found][-10:]


def test_a_search_decides_nothing_and_keeps_what_was_typed(
    client: Client, address: str, tiers: list[Tier]
) -> None:
    before = list(Contract.objects.values())
    typed = {"reason": "To sell.", "answer": "To sell.", "tier": tiers[33].pk, "tier_q": "nothing like it"}

    answer = client.post(address, {"go": "find-tier", **typed})

    assert list(Contract.objects.values()) == before
    page = text(answer)
    assert "To sell." in page
    assert "No tier matches “nothing like it”" in page
    (kept,) = answer.context["form"]["tier"]
    assert kept.data["label"] == "tier-033"
    assert kept.data["selected"]


def test_one_that_was_not_offered_can_be_chosen(client: Client, address: str, tiers: list[Tier]) -> None:
    sent = {"tier": tiers[50].pk, "accepted_terms": "on", "seen": "PENDING"}

    assert client.post(address, sent).status_code == 302

    contract = Contract.objects.get()
    assert tiers[50] in (contract.tier, contract.requested_tier)


def test_one_of_another_api_is_refused(client: Client, address: str, place: Place) -> None:
    other = make_tier(make_api(place.gateway))

    for wrong in (other.pk, "x", "9" * 40, ""):
        sent = {"tier": wrong, "accepted_terms": "on", "seen": "PENDING"}
        assert client.post(address, sent).status_code == 422
