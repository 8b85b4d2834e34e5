"""Client providers that two people change at the same time."""

import pytest

from apis.changes import client_providers as change
from apis.changes.policies import apply_policy
from apis.client_providers.models import Chosen, ClientProvider
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.console.test_together import meanwhile
from tests.factories import make_client_provider, make_environment, make_organization, make_role
from tests.rest import Rest

pytestmark = pytest.mark.django_db(transaction=True)

OIDC = "openidconnect-access-token-enforcement"


@pytest.fixture
def place() -> Place:
    """In a business group, whose environments have the providers of the tenant."""
    tenant = make_organization("Acme")
    made = make_place(Role.Name.ADMINISTRATOR, make_environment(make_organization("Sales", parent=tenant)))
    make_role(made.user, tenant)
    return made


@pytest.fixture
def provider(place: Place) -> ClientProvider:
    return make_client_provider(place.environment.organization.parent, name="Keycloak")


def test_provider_that_is_deleted_meanwhile_is_not_chosen(place: Place, provider: ClientProvider) -> None:
    address = f"/accounts/api/organizations/{place.environment.organization_id}"
    address += f"/environments/{place.environment.pk}/clientProvider"

    with meanwhile(lambda: change.delete(place.user, ClientProvider.objects.get())):
        answer = Rest(place.user)("PUT", address, {"providerId": str(provider.pk)})

    assert answer.status_code == 409, answer.data
    assert "deleted meanwhile" in answer.data["message"]


def test_provider_that_is_chosen_meanwhile_is_not_deleted(place: Place, provider: ClientProvider) -> None:
    with meanwhile(lambda: change.choose(place.user, place.environment, ClientProvider.objects.get())):
        answer = Rest(place.user)("DELETE", of(provider))

    assert answer.status_code == 409, answer.data
    assert Chosen.objects.filter(provider=provider).exists()


def test_secret_of_a_provider_that_is_chosen_meanwhile_reaches_its_gateways(
    place: Place, provider: ClientProvider
) -> None:
    before = make_client_provider(place.environment.organization)
    change.choose(place.user, place.environment, before)
    apply_policy(place.user, make_saved_api(place, deploy=True), OIDC, {})
    place.gateway.refresh_from_db()
    generation = place.gateway.generation

    with meanwhile(
        lambda: change.choose(place.user, place.environment, ClientProvider.objects.get(pk=provider.pk))
    ):
        answer = Rest(place.user)("PATCH", of(provider), {"clientSecret": "renewed"})

    assert answer.status_code == 200, answer.data
    place.gateway.refresh_from_db()
    assert place.gateway.generation == generation + 2, "the choice is one change, the secret another"


def of(provider: ClientProvider) -> str:
    return f"/accounts/api/organizations/{provider.organization_id}/clientProviders/{provider.pk}"
