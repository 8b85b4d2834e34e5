"""What one application called: counted by its name, told to nobody else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apis.changes import applications
from apis.contracts.models import Application, Contract
from apis.models import ApiInstance
from console.models import AuditEntry
from tests.analytics.traffic import Shipper, count, sample
from tests.factories import make_api, make_application, make_contract, make_tier, make_user

pytestmark = pytest.mark.django_db
LIMITED = {"policy": "rate-limiting-sla-based", "policy_check": "quota", "status": 429}


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.fixture
def owned() -> tuple[Application, ApiInstance, Client]:
    """An application called Web shop, and its owner, who holds no role."""
    api = make_api()
    owner, client = make_user("olga"), Client()
    client.force_login(owner)
    shop = make_application(api.environment.organization, name="Web shop", owners=[owner])
    limits = [{"maximumRequests": 100, "timePeriodInMilliseconds": 3_600_000, "visible": True}]
    make_contract(api, application=shop, tier=make_tier(api, limits=limits))
    return shop, api, client


Owned = tuple[Application, ApiInstance, Client]


def test_an_owner_sees_requests_refusals_and_what_to_do(owned: Owned) -> None:
    shop, api, client = owned
    Shipper(api).ship(
        count(api, 90, application="Web shop"),
        count(api, 10, application="Web shop", **LIMITED),
        samples=(sample(api, application="Web shop", path="/orders/4711", reason="secret-limit", **LIMITED),),
    )

    shown = page(client, f"/consumer/{shop.pk}/usage")

    assert '<span class="v" title="100">100</span>' in shown
    assert "More requests than your tier allows" in shown and "Retry-After" in shown
    assert "/orders/4711" in shown
    assert "secret-limit" not in shown, "why a policy refused holds its settings"


def test_calls_of_another_application_are_not_among_them(owned: Owned) -> None:
    shop, api, client = owned
    Shipper(api).ship(
        count(api, 3, application="Web shop"),
        count(api, 7777, application="Rival"),
        count(api, 5555),
        samples=(sample(api, application="Rival", path="/of-the-rival", status=500),),
    )

    shown = page(client, f"/consumer/{shop.pk}/usage")

    assert 'title="3">3</span>' in shown
    assert "7,777" not in shown and "5,555" not in shown and "/of-the-rival" not in shown


def test_calls_with_an_api_that_it_has_no_contract_with_are_not_told(owned: Owned) -> None:
    """An application of another tenant may have the same name."""
    shop, _, client = owned
    foreign = make_api()
    Shipper(foreign).ship(count(foreign, 9876, application="Web shop"))

    for path in (f"/consumer/{shop.pk}/usage", "/consumer", f"/consumer/{shop.pk}"):
        assert "9,876" not in page(client, path)


def test_calls_from_before_a_name_was_its_own_are_not_told(owned: Owned) -> None:
    _, api, _ = owned
    owner, client = make_user(), Client()
    client.force_login(owner)
    organization = api.environment.organization
    Shipper(api).ship(count(api, 42, application="Partner", at=int(timezone.now().timestamp()) - 7200))
    first, _ = applications.create(owner, organization, name="Partner")
    former = str(first.pk)
    applications.delete(owner, first)
    second, _ = applications.create(owner, organization, name="Partner")
    make_contract(api, application=second)

    assert "No requests in this time" in page(client, f"/consumer/{second.pk}/usage")
    AuditEntry.objects.filter(object_id=former).delete()
    assert 'title="42">42</span>' in page(client, f"/consumer/{second.pk}/usage")


def test_what_is_used_of_a_limit_is_told(owned: Owned) -> None:
    shop, api, client = owned
    Shipper(api).ship(
        count(api, 30, application="Web shop"), count(api, 12, application="Web shop", **LIMITED)
    )
    contract = Contract.objects.get(application=shop)

    shown = page(client, f"/consumer/contracts/{contract.pk}")

    assert '<progress value="30" max="100"' in shown
    assert ">70</td>" in shown


def test_the_lists_tell_the_requests_of_a_day(owned: Owned) -> None:
    shop, api, client = owned
    now = timezone.now()
    Shipper(api).ship(
        count(api, 1200, application="Web shop", at=int((now - timedelta(hours=5)).timestamp())),
        count(api, 34, application="Web shop", status=500),
    )

    for path in ("/consumer", f"/consumer/{shop.pk}"):
        shown = page(client, path)
        assert "1,234" in shown and "34 failed" in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": 401, "policy": "jwt-validation"}, "credentials beside the client id"),
        ({"status": 403, "policy": "ip-allowlist"}, "rules do not allow this call"),
        (
            {"status": 503, "failure": "connection_refused", "upstream_host": "inner.test:1"},
            "could not answer",
        ),
        ({"status": 200, "failure": "cut"}, "cut in the middle"),
        ({"status": 404}, "nothing at this address"),
        ({"status": 418}, "the request is wrong"),
        ({"status": 0}, "Your side closed the connection"),
        ({"status": 429, "policy": "no-longer-in-the-catalog"}, "Too many requests"),
    ],
)
def test_each_trouble_is_explained_without_what_is_inside(
    owned: Owned, fields: dict[str, object], words: str
) -> None:
    shop, api, client = owned
    Shipper(api).ship(count(api, 5, application="Web shop", **fields))

    shown = page(client, f"/consumer/{shop.pk}/usage")

    assert words in shown
    assert "inner.test" not in shown and "ip-allowlist" not in shown
