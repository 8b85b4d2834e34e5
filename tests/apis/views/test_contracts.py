"""Contracts and tiers of an API, and its applications, as who manages them sees and decides them."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apis.changes.policies import apply_policy
from apis.contracts.models import Application, Contract, Tier
from apis.models import ApiInstance
from console.models import AuditEntry, Role
from console.permissions import Permission
from console.roles.models import CustomRole
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_application, make_contract, make_tier, make_user

pytestmark = pytest.mark.django_db
GRANTS_NOTHING = "No policy of this API asks for contracts."


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place, deploy=True)


def waiting(api: ApiInstance, **fields: object) -> Contract:
    return make_contract(api, status="PENDING", approved_at=None, **fields)


def decide(place: Place, contract: Contract, verb: str, **sent: object) -> Contract:
    path = f"/apis/{contract.api_id}/contracts/{contract.pk}/{verb}"
    assert place.client.get(path).status_code == 200
    answer = place.client.post(path, {"seen": contract.status, **sent})
    assert answer.status_code == 302, text(answer)
    return contract


def state(contract: Contract) -> tuple[str, str | None, str | None, str]:
    contract.refresh_from_db()
    tier, wanted = contract.tier, contract.requested_tier
    return contract.status, tier and tier.name, wanted and wanted.name, contract.answer


def test_every_decision_can_be_made(place: Place, api: ApiInstance) -> None:
    silver, gold = make_tier(api, name="Silver"), make_tier(api, name="Gold")
    contract = waiting(api, requested_tier=silver)

    assert state(decide(place, contract, "reject", answer="Not yet.")) == (
        "REJECTED", None, "Silver", "Not yet.",
    )  # fmt: skip
    assert state(decide(place, contract, "approve", tier=gold.pk)) == ("APPROVED", "Gold", None, "")
    assert state(decide(place, contract, "revoke", answer="Stop.")) == ("REVOKED", "Gold", None, "Stop.")
    assert state(decide(place, contract, "restore")) == ("APPROVED", "Gold", None, "")
    assert state(decide(place, contract, "change-tier", tier=silver.pk)) == ("APPROVED", "Silver", None, "")
    Contract.objects.update(requested_tier=gold)
    assert state(decide(place, contract, "reject-tier")) == ("APPROVED", "Silver", None, "")
    Contract.objects.update(requested_tier=gold)
    assert state(decide(place, contract, "approve-tier")) == ("APPROVED", "Gold", None, "")
    decide(place, contract, "revoke")
    contract.refresh_from_db()
    decide(place, contract, "delete")
    assert not Contract.objects.exists()


def test_what_somebody_else_decided_meanwhile_is_told(place: Place, api: ApiInstance) -> None:
    contract = waiting(api)
    path = f"/apis/{api.pk}/contracts/{contract.pk}/approve"
    Contract.objects.update(status="REJECTED")

    late = place.client.post(path, {"seen": "PENDING"})

    assert late.status_code == 422 and "is rejected by now" in text(late)
    assert state(contract)[0] == "REJECTED"


def test_a_decision_that_does_not_fit_leads_back(place: Place, api: ApiInstance) -> None:
    contract = waiting(api)

    assert place.client.get(f"/apis/{api.pk}/contracts/{contract.pk}/restore").status_code == 302
    assert place.client.get(f"/apis/{api.pk}/contracts/{contract.pk}/explode").status_code == 404
    assert place.client.post(f"/apis/{api.pk}/contracts/{contract.pk}/delete", {}).status_code == 302


def test_several_are_approved_at_once(place: Place, api: ApiInstance) -> None:
    tier = make_tier(api)
    deprecated = make_tier(api, status="DEPRECATED")
    good, other = waiting(api, requested_tier=tier), waiting(api, requested_tier=tier)
    revoked = make_contract(api, status="REVOKED")
    foreign = waiting(make_saved_api(place, "Other"))
    kept = waiting(api, requested_tier=deprecated)

    sent = {"contract": [good.pk, other.pk, revoked.pk, foreign.pk, "x", "9" * 40]}
    answer = place.client.post(f"/apis/{api.pk}/contracts/approve", sent, follow=True)

    assert "Approved 2 contracts." in text(answer)
    assert [state(one)[0] for one in (good, other, revoked, foreign, kept)] == [
        "APPROVED", "APPROVED", "REVOKED", "PENDING", "PENDING",
    ]  # fmt: skip


def test_the_tab_tells_how_many_wait(place: Place, api: ApiInstance) -> None:
    tier = make_tier(api)
    waiting(api), waiting(api)
    make_contract(api, requested_tier=tier)
    make_contract(api)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert '>Contracts<span class="count">3<span' in page


def test_the_list_is_filtered_by_its_address(place: Place, api: ApiInstance) -> None:
    tier, organization = make_tier(api), place.environment.organization
    named = {one: make_application(organization, name=one) for one in ("anna", "boris", "clara")}
    waiting(api, application=named["anna"])
    make_contract(api, application=named["boris"], tier=tier)
    make_contract(api, application=named["clara"], requested_tier=tier)

    def shown(query: str) -> list[str]:
        page = text(place.client.get(f"/apis/{api.pk}/contracts?{query}"))
        return [name for name in named if f">{name}</a>" in page]

    assert shown("status=PENDING") == ["anna"]
    assert shown("status=APPROVED") == ["boris", "clara"]
    assert shown("status=tier") == ["clara"]
    assert shown(f"tier={tier.pk}") == ["boris", "clara"]
    assert shown("tier=x") == list(named)
    assert shown(f"q={named['boris'].client_id[:20]}") == ["boris"]


def test_a_banner_says_that_contracts_grant_nothing(place: Place, api: ApiInstance) -> None:
    path = f"/apis/{api.pk}/contracts"
    assert GRANTS_NOTHING in text(place.client.get(path))
    assert f"/apis/{api.pk}/policies/add/client-id-enforcement" in text(place.client.get(path))

    binding = apply_policy(place.user, api, "client-id-enforcement", {})
    assert GRANTS_NOTHING not in text(place.client.get(path))
    make_tier(api)
    assert "holds applications to their tier" in text(place.client.get(f"/apis/{api.pk}/tiers"))
    apply_policy(place.user, api, "rate-limiting-sla-based", {})
    assert "holds applications to their tier" not in text(place.client.get(f"/apis/{api.pk}/tiers"))

    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/disable")
    assert GRANTS_NOTHING not in text(place.client.get(path)), "the rate limit asks for contracts, too"


def test_the_policys_page_tells_who_has_a_contract(place: Place, api: ApiInstance) -> None:
    path = f"/apis/{api.pk}/policies/add/client-id-enforcement"
    assert "No application has a contract with this API" in text(place.client.get(path))

    make_contract(api), waiting(api)

    page = text(place.client.get(path))
    assert "1 application has a contract" in page and "1 waits" in page
    other = text(place.client.get(f"/apis/{api.pk}/policies/add/rate-limiting"))
    assert "has a contract" not in other
    asks = 'data-when="config.skipClientIdValidation" data-is="false"'
    assert asks in text(place.client.get(f"/apis/{api.pk}/policies/add/jwt-validation"))


def test_an_application_is_made_and_its_secret_shown_once(place: Place) -> None:
    make_user("stranger")
    bad = {"name": "Shop", "owners": "stranger", "expires": "never"}
    refused = place.client.post("/applications/add", bad)
    assert refused.status_code == 422 and "is called &quot;stranger&quot;" in text(refused)

    sent = {"name": "Shop", "expires": "date", "expires_on": "2999-12-31", "once": "abc"}
    first, second = (text(place.client.post("/applications/add", sent)) for _ in "ab")

    made = Application.objects.get()
    assert made.client_id in first and "This secret is shown once" in first
    assert first.count(made.secrets.get().hint) and Application.objects.count() == 1
    assert [list(made.owners.all()), made.expires_at and made.expires_at.year] == [[place.user], 2999]
    assert "This secret is shown once" in second
    assert 'bad">Expired' not in text(place.client.get("/applications"))


def test_an_application_that_calls_apis_is_deleted_by_its_name(place: Place, api: ApiInstance) -> None:
    shop = make_application(place.environment.organization, name="Shop")
    make_contract(api, application=shop)
    path = f"/applications/{shop.pk}/delete"

    asked = place.client.get(path)
    assert "1 contract" in text(asked) and str(api) in text(asked)
    assert place.client.post(path, {"name": "shop"}).status_code == 422
    assert place.client.post(path, {"name": " Shop "}).status_code == 302

    assert not Application.objects.exists() and not Contract.objects.exists()


def test_a_tier_that_is_used_is_deprecated_rather_than_deleted(place: Place, api: ApiInstance) -> None:
    tier = make_tier(api)
    make_contract(api, tier=tier)
    path = f"/apis/{api.pk}/tiers/{tier.pk}"

    assert "1 contract" in text(place.client.get(f"{path}/delete"))
    assert place.client.post(f"{path}/delete").status_code == 422
    place.client.post(f"{path}/deprecate", {"deprecated": "true"})

    assert Tier.objects.get().status == "DEPRECATED"
    Contract.objects.all().delete()
    place.client.post(f"{path}/delete")
    assert not Tier.objects.exists()


def test_limits_are_rows_with_units(place: Place, api: ApiInstance) -> None:
    rows = {
        "name": "Gold",
        "limits": ["0", "1"],
        "limits.0.maximum_requests": "100",
        "limits.0.period_ms": "1",
        "limits.0.period_ms.unit": "min",
        "limits.1.maximum_requests": "5000",
        "limits.1.period_ms": "1",
        "limits.1.period_ms.unit": "mo",
        "limits.1.hidden": "on",
    }
    more = place.client.post(f"/apis/{api.pk}/tiers/add", {**rows, "rows": "add:limits"})
    assert text(more).count('type="hidden" name="limits"') == 3 and not Tier.objects.exists()

    place.client.post(f"/apis/{api.pk}/tiers/add", rows)

    made = Tier.objects.get()
    assert (made.words, made.told) == ("100 a minute, 5,000 a month", "100 a minute")
    assert "Some are hidden" in text(place.client.get(f"/apis/{api.pk}/tiers"))


@pytest.mark.parametrize(
    "spoilt",
    [
        {"limits.0.maximum_requests": "9" * 400},
        {"limits.0.maximum_requests": "1e3000"},
        {"limits.0.period_ms": "0"},
        {"limits.0.period_ms": "2", "limits.0.period_ms.unit": "y"},
        {"limits.0.period_ms": "nan"},
        {"limits.0.hidden": "on"},
        {"limits": []},
        {"limits": [str(number) for number in range(5000)]},
        {"name": ""},
    ],
)
def test_limits_that_cannot_hold_are_refused(
    place: Place, api: ApiInstance, spoilt: dict[str, object]
) -> None:
    good = {
        "name": "Gold",
        "limits": ["0"],
        "limits.0.maximum_requests": "1",
        "limits.0.period_ms": "1",
        "limits.0.period_ms.unit": "s",
    }

    answer = place.client.post(f"/apis/{api.pk}/tiers/add", {**good, **spoilt})

    assert answer.status_code == 422
    assert 'class="error"' in text(answer) or "Nothing was saved" in text(answer)
    assert not Tier.objects.exists()


def test_a_viewer_asks_for_an_own_application_alone(place: Place, api: ApiInstance) -> None:
    viewer = make_place(Role.Name.VIEWER, place.environment)
    own = make_application(place.environment.organization, owners=[viewer.user])
    other = make_application(place.environment.organization)
    path = f"/apis/{api.pk}/contracts/request"

    page = text(viewer.client.get(path))
    assert f'value="{own.pk}"' in page and f'value="{other.pk}"' not in page
    refused = viewer.client.post(path, {"application": other.pk, "accepted_terms": "on"})
    assert refused.status_code == 422
    viewer.client.post(path, {"application": own.pk, "accepted_terms": "on"})

    assert list(Contract.objects.values_list("application", "status")) == [(own.pk, "APPROVED")]
    assert AuditEntry.objects.get(object_type="contract").actor == viewer.user


def test_a_viewer_decides_nothing(place: Place, api: ApiInstance) -> None:
    viewer: Client = make_place(Role.Name.VIEWER, place.environment).client
    contract = waiting(api)

    assert viewer.post(f"/apis/{api.pk}/contracts/{contract.pk}/approve").status_code == 403
    assert viewer.post(f"/apis/{api.pk}/contracts/approve", {"contract": contract.pk}).status_code == 403
    page = text(viewer.get(f"/apis/{api.pk}/contracts"))
    assert "/approve" not in page and 'name="contract"' not in page
    assert state(contract)[0] == "PENDING"


def test_who_manages_contracts_alone_is_offered_what_is_to_be_decided(place: Place, api: ApiInstance) -> None:
    somebody = make_place(Role.Name.VIEWER, place.environment)
    organization = place.environment.organization
    kind = CustomRole.objects.create(
        organization=organization, name="Contracts", permissions=[Permission.MANAGE_CONTRACTS]
    )
    Role.objects.filter(user=somebody.user).update(name=Role.CUSTOM, custom=kind)
    contract = waiting(api)

    page = text(somebody.client.get(f"/apis/{api.pk}/contracts"))

    assert "/approve" in page and "Add policy" not in page
    assert state(decide(somebody, contract, "approve"))[0] == "APPROVED"


def test_a_page_asks_once_what_its_user_may_do_and_the_next_one_anew(place: Place, api: ApiInstance) -> None:
    with CaptureQueriesContext(connection) as found:
        page = text(place.client.get(f"/apis/{api.pk}/contracts"))
        asked = sum('JOIN "roles_customrole"' in one["sql"] for one in found)
    place.user.roles.update(name="viewer")
    later = text(place.client.get(f"/apis/{api.pk}/contracts"))

    assert asked == 1
    assert "Hide from consumers" in page
    assert "Hide from consumers" not in later
