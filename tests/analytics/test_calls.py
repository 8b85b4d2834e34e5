"""What one application called: counted by its label, told to nobody else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apis import resource_names
from apis.changes import applications
from apis.contracts.models import Application, Contract
from apis.models import ApiInstance, PolicyBinding
from console.models import AuditEntry
from console.rest import tokens
from tests.analytics.traffic import Shipper, count, sample
from tests.factories import make_api, make_application, make_contract, make_role, make_tier, make_user

pytestmark = pytest.mark.django_db
label = resource_names.of_application
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
    called = {"application": label(shop.pk)}
    Shipper(api).ship(
        count(api, 90, **called),
        count(api, 10, **called, **LIMITED),
        samples=(sample(api, path="/orders/4711", reason="secret-limit", **called, **LIMITED),),
    )

    shown = page(client, f"/consumer/{shop.pk}/usage")

    assert '<span class="v" title="100">100</span>' in shown
    assert "More requests than your tier allows" in shown and "Retry-After" in shown
    assert "/orders/4711" in shown
    assert "secret-limit" not in shown, "why a policy refused holds its settings"
    assert "System status" not in shown, "no part of the console is away"


def test_calls_of_another_application_are_not_among_them(owned: Owned) -> None:
    shop, api, client = owned
    rival = make_contract(api, application=make_application(name=shop.name)).application
    Shipper(api).ship(
        count(api, 3, application=label(shop.pk)),
        count(api, 7777, application=label(rival.pk)),
        count(api, 5555),
        samples=(sample(api, application=label(rival.pk), path="/of-the-rival", status=500),),
    )

    shown = page(client, f"/consumer/{shop.pk}/usage")

    assert 'title="3">3</span>' in shown
    assert "7,777" not in shown and "5,555" not in shown and "/of-the-rival" not in shown


def test_calls_with_an_api_that_it_has_no_contract_with_are_not_told(owned: Owned) -> None:
    """One of another tenant may have the same name, by which gateways of the release before count."""
    shop, _, client = owned
    foreign = make_api()
    Shipper(foreign).ship(
        count(foreign, 9876, application="Web shop"), count(foreign, 9876, application=label(shop.pk))
    )

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


def test_another_name_counts_on(owned: Owned) -> None:
    shop, api, client = owned
    Shipper(api).ship(count(api, 40, application=label(shop.pk)))
    applications.update(make_user(), shop, name="Old shop")
    successor = make_application(shop.organization, name="Web shop", owners=list(shop.owners.all()))
    make_contract(api, application=successor)

    assert 'title="40">40</span>' in page(client, f"/consumer/{shop.pk}/usage")
    assert "No requests in this time" in page(client, f"/consumer/{successor.pk}/usage")


def test_what_gateways_of_the_release_before_count_by_name_is_told_too(owned: Owned) -> None:
    shop, api, client = owned
    Shipper(api).ship(
        count(api, 1200, application=label(shop.pk)),
        count(api, 34, application="Web shop", status=500),
        samples=(sample(api, application="Web shop", path="/counted-by-name", status=500),),
    )

    for path in ("/consumer", f"/consumer/{shop.pk}", f"/consumer/{shop.pk}/usage"):
        assert "1,234" in page(client, path), path
    assert "/counted-by-name" in page(client, f"/consumer/{shop.pk}/usage")


def test_a_name_that_is_the_label_of_another_one_reads_nothing_of_it(owned: Owned) -> None:
    shop, api, _ = owned
    owner, client = make_user(), Client()
    client.force_login(owner)
    spy = make_application(name=label(shop.pk), owners=[owner])
    make_contract(api, application=spy)
    Shipper(api).ship(
        count(api, 8765, application=label(shop.pk)),
        samples=(sample(api, application=label(shop.pk), path="/of-the-shop", status=500),),
    )

    for path in ("/consumer", f"/consumer/{spy.pk}", f"/consumer/{spy.pk}/usage"):
        shown = page(client, path)
        assert "8,765" not in shown and "/of-the-shop" not in shown


def test_recent_requests_tell_the_names_of_who_called(owned: Owned) -> None:
    shop, api, _ = owned
    stranger = make_application(name="Of another tenant")
    Shipper(api).ship(
        count(api, 4),
        samples=(
            *(sample(api, application=one) for one in (label(shop.pk), label(stranger.pk), "key of Olga")),
            sample(api),
        ),
    )
    viewer, client = make_user(), Client()
    make_role(viewer, api.environment.organization, "viewer")
    client.force_login(viewer)
    ids = [api.environment.organization_id, api.environment_id, api.pk]
    address = reverse("rest_api_requests", args=ids)

    shown = page(client, f"/apis/{api.pk}/analytics")
    told = client.get(address, headers={"Authorization": f"Bearer {tokens.issue(viewer)}"}).json()

    for name in ("Web shop", label(stranger.pk), "key of Olga"):
        assert name in shown
    assert "Of another tenant" not in shown, "a gateway may ship any label"
    assert {one["application"] for one in told} == {"Web shop", label(stranger.pk), "key of Olga", ""}


def test_what_is_used_of_a_limit_is_told(owned: Owned) -> None:
    shop, api, client = owned
    called = {"application": label(shop.pk)}
    Shipper(api).ship(count(api, 30, **called), count(api, 12, **called, **LIMITED))
    contract = Contract.objects.get(application=shop)

    shown = page(client, f"/consumer/contracts/{contract.pk}")

    assert '<progress value="30" max="100"' in shown
    assert ">70</td>" in shown


def test_what_a_policy_before_the_limit_refused_used_nothing_of_it(owned: Owned) -> None:
    shop, api, client = owned
    for order, policy in enumerate(("ip-allowlist", "rate-limiting-sla-based", "json-threat-protection")):
        PolicyBinding.objects.create(api=api, policy=policy, order=order)
    called = {"application": label(shop.pk)}
    Shipper(api).ship(
        count(api, 30, **called),
        count(api, 9, **called, policy="ip-allowlist", status=403),
        count(api, 5, **called, policy="json-threat-protection", status=400),
    )
    contract = Contract.objects.get(application=shop)

    shown = page(client, f"/consumer/contracts/{contract.pk}")
    api.policies.filter(policy="ip-allowlist").update(order=9)
    moved = page(client, f"/consumer/contracts/{contract.pk}")

    assert '<progress value="35" max="100"' in shown
    assert '<progress value="44" max="100"' in moved, "the limit counted it before it was refused"


def test_the_lists_tell_the_requests_of_a_day(owned: Owned) -> None:
    shop, api, client = owned
    now = timezone.now()
    Shipper(api).ship(
        count(api, 1200, application=label(shop.pk), at=int((now - timedelta(hours=5)).timestamp())),
        count(api, 34, application=label(shop.pk), status=500),
    )

    for path in ("/consumer", f"/consumer/{shop.pk}"):
        shown = page(client, path)
        assert "1,234" in shown and "34 failed" in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": 401, "policy": "jwt-validation"}, "credentials beside the client id"),
        (
            {"status": 401, "policy": "client-id-enforcement", "policy_check": "client"},
            "No contract with this API has",
        ),
        (
            {"status": 401, "policy": "rate-limiting-sla-based", "policy_check": "secret"},
            "The secret was missing",
        ),
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
    Shipper(api).ship(count(api, 5, application=label(shop.pk), **fields))

    shown = page(client, f"/consumer/{shop.pk}/usage")

    assert words in shown
    assert "inner.test" not in shown and "ip-allowlist" not in shown
    assert shown.count(f"v1 · {api.environment}") == 2, "which of several environments it was"
