"""What every list, page and form does, of SLA tiers, contracts and client applications."""

from typing import cast

from django.db.models import Model
from django.urls import reverse

from apis.changes import terms
from apis.contracts.models import Application, Contract, Tier
from apis.contracts.terms import Terms
from apis.models import ApiInstance
from console.models import Role
from tests.apis.views.test_usual import api_of, gateway_of
from tests.factories import make_api, make_application, make_contract, make_tier
from tests.usual.details import Detail
from tests.usual.forms import Form, FormOfOne, Sent, VersionedForm
from tests.usual.here import Here, beside
from tests.usual.lists import EmptyList, SearchedList


class TestTiers(SearchedList, EmptyList):
    part = "tiers"
    noun = "SLA tier"
    nothing = "No SLA tiers yet"

    def address(self, here: Here) -> str:
        return f"/apis/{api_of(here).pk}/tiers"

    def make(self, here: Here, name: str) -> object:
        return make_tier(api_of(here), name=name)


class TestContracts(SearchedList, EmptyList):
    part = "contracts"
    noun = "contract"
    nothing = "No contracts yet"

    def address(self, here: Here) -> str:
        return f"/apis/{api_of(here).pk}/contracts"

    def make(self, here: Here, name: str) -> object:
        api = api_of(here)
        application = make_application(here.environment.organization, name=name)
        return make_contract(api, application=application, tier=make_tier(api))


class TestApplications(SearchedList, EmptyList):
    path = "/applications"
    part = "applications"
    noun = "client application"
    nothing = "No client applications yet"
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return make_application(here.environment.organization, name=name, owners=[here.user])


class TestOwnApplications(SearchedList, EmptyList):
    path = "/consumer"
    part = "applications"
    noun = "application"
    nothing = "You own no application"
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return make_application(here.environment.organization, name=name, owners=[here.user])


class TestContractsOfAnApplication(SearchedList):
    part = "contracts"
    noun = "contract"
    is_of_environment = False

    def address(self, here: Here) -> str:
        return f"/applications/{self.application(here).pk}"

    def application(self, here: Here) -> Application:
        found = Application.objects.filter(organization=here.environment.organization).first()
        return found or make_application(here.environment.organization, owners=[here.user])

    def make(self, here: Here, name: str) -> object:
        api = make_api(gateway_of(here), name=name)
        return make_contract(api, application=self.application(here), tier=make_tier(api))


class TestApplication(Detail):
    tabs = ("", "/usage")
    is_numbered = True

    def make(self, here: Here) -> Model:
        api = api_of(here)
        application = make_application(here.environment.organization, owners=[here.user])
        make_contract(api, application=application, tier=make_tier(api))
        return application

    def address(self, row: Model) -> str:
        return f"/applications/{row.pk}"


class TestOwnApplication(Detail):
    tabs = ("", "/usage", "/request", "/secret")
    is_numbered = True

    def make(self, here: Here) -> Model:
        api = api_of(here)
        application = make_application(here.environment.organization, owners=[here.user])
        make_contract(api, application=application, tier=make_tier(api))
        return application

    def address(self, row: Model) -> str:
        return f"/consumer/{row.pk}"

    def test_a_viewer_sees_nothing_to_write_with(self, here: Here) -> None:
        """Whoever owns it not does not find it, whatever the role."""
        address = self.address(self.make(here))

        for role in Role.Name.values:
            assert beside(here, role).client.get(address).status_code == 404


class TestTierForm(VersionedForm):
    bad = {"limits.0.maximum_requests": "0"}
    at = "f-limits.0.maximum_requests"
    words = "Write a whole number from 1"
    typed = {"name": "Gold", "limits.0.period_ms": "5"}

    def make(self, here: Here) -> Model:
        return make_tier(api_of(here), name="silver")

    def address(self, row: Model) -> str:
        return f"/apis/{cast(Tier, row).api_id}/tiers/{row.pk}"

    def good(self, here: Here) -> Sent:
        return {
            "name": "Gold",
            "description": "For partners.",
            "limits": ["0"],
            "limits.0.maximum_requests": "500",
            "limits.0.period_ms": "2",
            "limits.0.period_ms.unit": "w",
        }

    def is_saved(self, row: Model) -> bool:
        row.refresh_from_db()
        limit = {"maximumRequests": 500, "timePeriodInMilliseconds": 1_209_600_000, "visible": True}
        return cast(Tier, row).name == "Gold" and cast(Tier, row).limits == [limit]

    def change_meanwhile(self, row: Model, here: Here) -> None:
        Tier.objects.filter(pk=row.pk).update(description="changed by somebody else")


class TestApplicationForm(VersionedForm):
    bad = {"url": "nonsense"}
    at = "id_url"
    words = "is no URL"
    typed = {"name": "Web shop", "redirect_uris": "https://shop.test/back"}

    def make(self, here: Here) -> Model:
        return make_application(here.environment.organization, owners=[here.user])

    def address(self, row: Model) -> str:
        return f"/applications/{row.pk}/edit"

    def good(self, here: Here) -> Sent:
        return {
            "name": "Web shop",
            "url": "https://shop.test",
            "owners": here.user.username,
            "expires": "never",
            "redirect_uris": "https://shop.test/back",
            "grant_types": ["client_credentials"],
        }

    def is_saved(self, row: Model) -> bool:
        row.refresh_from_db()
        return cast(Application, row).redirect_uris == ["https://shop.test/back"]

    def change_meanwhile(self, row: Model, here: Here) -> None:
        Application.objects.filter(pk=row.pk).update(description="changed by somebody else")


class TestAnswerForm(FormOfOne):
    bad = {"answer": "x" * 501}
    at = "id_answer"
    words = "at most 500"
    typed = {}

    def make(self, here: Here) -> Model:
        api = api_of(here)
        tier = make_tier(api)
        return make_contract(api, status="PENDING", approved_at=None, requested_tier=tier)

    def address(self, row: Model) -> str:
        return reverse("api_contract_decide", args=[cast(Contract, row).api_id, row.pk, "approve"])

    def good(self, here: Here) -> Sent:
        tier = Tier.objects.filter(api__environment=here.environment).first()
        return {"answer": "Welcome.", "seen": "PENDING", "tier": str(tier.pk if tier else 0)}

    def is_saved(self, row: Model) -> bool:
        row.refresh_from_db()
        return cast(Contract, row).status == "APPROVED"


class TestTermsOfAnApi(VersionedForm):
    bad = {"text": "a\x07bell"}
    at = "id_text"
    words = "cannot be shown"
    typed = {}
    late = "Somebody changed the terms after you opened them"
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return api_of(here)

    def address(self, row: Model) -> str:
        return f"/apis/{row.pk}/terms"

    def good(self, here: Here) -> Sent:
        return {"text": "Be kind."}

    def is_saved(self, row: Model) -> bool:
        newest = Terms.objects.filter(api=row.pk).first()
        return newest is not None and newest.text == "Be kind."

    def change_meanwhile(self, row: Model, here: Here) -> None:
        terms.of_api(here.user, cast(ApiInstance, row), "Be quick.")


class TestTermsOfAnEnvironment(Form):
    bad = {"text": "a\x07bell"}
    at = "id_text"
    words = "cannot be shown"
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/apis/terms"

    def good(self, here: Here) -> Sent:
        return {"text": "Be kind."}

    def is_saved(self, row: Model) -> bool:
        newest = Terms.objects.filter(environment=row.pk).first()
        return newest is not None and newest.text == "Be kind."
