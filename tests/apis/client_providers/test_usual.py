"""What every list, page and form does, of client providers'."""

from django.db.models import Model

from apis.client_providers.models import ClientProvider
from console.models import Role
from tests.factories import make_client_provider
from tests.usual.details import Detail
from tests.usual.forms import Form, Sent, VersionedForm
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList

ADMINISTRATOR = Role.Name.ADMINISTRATOR
FACTS = {
    "name": "Keycloak",
    "discovery_url": "https://idp.example.com/realms/main",
    "introspection_url": "",
    "client_id": "gateway",
    "timeout_ms": "5000",
}


class TestClientProviders(SearchedList, EmptyList):
    path = "/administration/client-providers"
    part = "client-providers"
    noun = "client provider"
    nothing = "No client provider yet"
    offers = "/administration/client-providers/add"
    role = ADMINISTRATOR
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return make_client_provider(here.environment.organization, name=name)


class TestClientProvider(Detail):
    role = ADMINISTRATOR
    seen_by_viewers = False

    def make(self, here: Here) -> Model:
        return make_client_provider(here.environment.organization)


class TestNewClientProvider(Form):
    role = ADMINISTRATOR
    bad = {"discovery_url": "http://10.0.0.7/"}
    at = "id_discovery_url"
    words = "begins with https://"
    typed = {"client_id": "another"}

    def make(self, here: Here) -> Model:
        return here.environment.organization

    def address(self, row: Model) -> str:
        return "/administration/client-providers/add"

    def good(self, here: Here) -> Sent:
        return FACTS | {"organization": str(here.environment.organization_id), "secret": "s"}

    def is_saved(self, row: Model) -> bool:
        return ClientProvider.objects.filter(name="Keycloak", client_secret__isnull=False).exists()


class TestSettingsOfAClientProvider(VersionedForm):
    role = ADMINISTRATOR
    bad = {"introspection_url": "https://idp.example.com/ask"}
    at = "id_discovery_url"
    words = "one of the two"
    typed = {"client_id": "another"}

    def make(self, here: Here) -> Model:
        return make_client_provider(here.environment.organization)

    def address(self, row: Model) -> str:
        return f"/administration/client-providers/{row.pk}"

    def good(self, here: Here) -> Sent:
        return FACTS

    def is_saved(self, row: Model) -> bool:
        return ClientProvider.objects.filter(pk=row.pk, name="Keycloak", timeout_ms=5000).exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        ClientProvider.objects.filter(pk=row.pk).update(client_id="meanwhile")
