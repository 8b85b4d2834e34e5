"""Contracts and the applications that have them, for the gallery."""

from apis.forms.tier_choice import Tiers
from apis.models import ApiInstance
from console.models import User
from tests.analytics.traffic import Shipper, count, sample
from tests.factories import make_application, make_contract, make_tier


def contracts_of(api: ApiInstance, owner: User) -> dict[str, object]:
    """Of every state, one of which asks for another tier; and calls, of which some were refused."""
    organization = api.environment.organization
    silver, gold = (make_tier(api, name=name, description="For partners.") for name in ("Silver", "Gold"))
    for one in range(Tiers.OFFERED):
        make_tier(api, name=f"Plan {one} of many")
    shop = make_application(organization, name="Web shop", owners=[owner], description="Where people buy.")
    told = {"tier": silver, "requested_tier": gold, "reason": "Christmas.", "answer": "Welcome."}
    contract = make_contract(api, application=shop, **told)
    waits = {"status": "PENDING", "approved_at": None, "requested_tier": silver, "reason": "To try it."}
    make_contract(api, **waits)
    for status in ("REJECTED", "REVOKED"):
        make_contract(api, status=status, tier=silver, answer="Not any more.")
    refused = {"policy": "rate-limiting-sla-based", "status": 429, "application": "Web shop"}
    Shipper(api).ship(
        count(api, 40, application="Web shop"),
        count(api, 5, **refused),
        samples=(sample(api, **refused),),
    )
    return {
        "application": shop.pk,
        "consumer": shop.pk,
        "consumer_contract": contract.pk,
        "contract": contract.pk,
        "tier": silver.pk,
        "verb": "revoke",
    }
