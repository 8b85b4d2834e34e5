"""What every list, page and form does, of Administration's."""

from datetime import timedelta

import pytest
from django.db.models import Model
from django.utils import timezone

from console.models import AuditEntry, ConnectedApp, Environment, Organization, Role, User
from console.providers.models import GroupRole, IdentityProvider
from console.tokens.models import PersonalToken
from tests.factories import make_role, make_user
from tests.usual.details import Detail
from tests.usual.forms import Form, FormOfOne, Sent, VersionedForm
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList, SortedList

ADMINISTRATOR = Role.Name.ADMINISTRATOR


class TestUsers(SearchedList, SortedList):
    path = "/administration/users"
    part = "users"
    noun = "user"
    size = 50
    role = ADMINISTRATOR
    is_of_environment = False
    columns = ("username", "active", "last_login")
    by_name = "username"

    def make(self, here: Here, name: str) -> object:
        return make_role(make_user(name), here.environment.organization, Role.Name.VIEWER)


class TestConnectedApps(SearchedList, EmptyList):
    path = "/administration/apps"
    part = "connected-apps"
    noun = "connected app"
    nothing = "No connected app yet"
    offers = "/administration/apps/add"
    role = ADMINISTRATOR
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return ConnectedApp.objects.create(
            name=name, organization=here.environment.organization, owner=here.user
        )


class TestPersonalTokens(SearchedList, EmptyList):
    path = "/administration/tokens"
    part = "personal-tokens"
    noun = "personal token"
    nothing = "No personal token yet"
    role = ADMINISTRATOR
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        end = timezone.now() + timedelta(days=9)
        return PersonalToken.objects.create(user=here.user, name=name, token_hash=name, expires_at=end)


class TestIdentityProviders(SearchedList, EmptyList):
    path = "/administration/providers"
    part = "providers"
    noun = "identity provider"
    nothing = "No identity provider yet"
    offers = "/administration/providers/add"
    role = ADMINISTRATOR
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return make_provider(here.environment.organization, name)


class TestIdentityProvider(Detail):
    role = ADMINISTRATOR
    seen_by_viewers = False

    def make(self, here: Here) -> Model:
        return make_provider(here.environment.organization, "alpha")


class TestNewIdentityProvider(Form):
    role = ADMINISTRATOR
    bad = {"discovery_url": "http://10.0.0.7/"}
    at = "id_discovery_url"
    words = "begins with https://"
    typed = {"client_id": "gatewright"}

    def make(self, here: Here) -> Model:
        return here.environment.organization

    def address(self, row: Model) -> str:
        return "/administration/providers/add"

    def good(self, here: Here) -> Sent:
        return provider_facts() | {"organization": str(here.environment.organization_id), "secret": "s"}

    def is_saved(self, row: Model) -> bool:
        return IdentityProvider.objects.filter(name="Acme ID", client_secret__isnull=False).exists()


class TestSettingsOfAnIdentityProvider(VersionedForm):
    role = ADMINISTRATOR
    bad = {"slug": "with"}
    at = "id_slug"
    words = "address of the console"
    typed = {"client_id": "another"}

    def make(self, here: Here) -> Model:
        return make_provider(here.environment.organization, "alpha")

    def address(self, row: Model) -> str:
        return f"/administration/providers/{row.pk}"

    def good(self, here: Here) -> Sent:
        return provider_facts() | {"makes_users": "on"}

    def is_saved(self, row: Model) -> bool:
        return IdentityProvider.objects.filter(pk=row.pk, name="Acme ID", makes_users=True).exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        IdentityProvider.objects.filter(pk=row.pk).update(client_id="meanwhile")


class TestGroupOfAnIdentityProvider(FormOfOne):
    role = ADMINISTRATOR
    bad = {"role": "king"}
    at = "id_role"
    words = "king"
    typed = {"group": "engineers"}

    def make(self, here: Here) -> Model:
        return make_provider(here.environment.organization, "alpha")

    def address(self, row: Model) -> str:
        return f"/administration/providers/{row.pk}"

    def send(self, here: Here, row: Model, **more: object) -> object:
        return here.client.post(f"{self.address(row)}/groups", {**self.good(here), **more})

    def good(self, here: Here) -> Sent:
        organization = str(here.environment.organization_id)
        return {"group": "engineers", "organization": organization, "role": "manager"}

    def is_saved(self, row: Model) -> bool:
        return GroupRole.objects.filter(provider=row, group="engineers", role="manager").exists()


def make_provider(organization: Organization, name: str) -> IdentityProvider:
    return IdentityProvider.objects.create(
        organization=organization,
        name=name,
        slug=f"slug-{IdentityProvider.objects.count()}",
        discovery_url="http://127.0.0.1:9/",
        client_id="c",
    )


def provider_facts() -> Sent:
    """Nobody listens there: what is saved is warned about."""
    return {
        "name": "Acme ID",
        "slug": "acme",
        "discovery_url": "http://127.0.0.1:9/realms/acme",
        "client_id": "gatewright",
        "scopes": "openid",
        "groups_claim": "groups",
    }


class TestAuditLog(SearchedList, EmptyList):
    path = "/administration/audit"
    part = "entries"
    noun = "entry"
    nothing = "Nothing has changed yet"
    size = 50
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return AuditEntry.objects.create(
            actor_name="grace",
            organization=here.environment.organization,
            environment=here.environment,
            action="create",
            object_type="gateway",
            object_id=name,
            object_name=name,
        )

    @pytest.mark.parametrize(("query", "found"), [("action=create", True), ("action=delete", False)])
    def test_it_is_narrowed_by_kind_and_action(self, here: Here, query: str, found: bool) -> None:
        self.make(here, "alpha")

        page = here.get(f"{self.path}?type=gateway&{query}")

        assert self.shows(page, "alpha") == found


class TestUser(Detail):
    role = ADMINISTRATOR
    seen_by_viewers = False
    is_numbered = True

    def make(self, here: Here) -> Model:
        user = make_user()
        make_role(user, here.environment.organization, Role.Name.VIEWER)
        return user

    def address(self, row: Model) -> str:
        return f"/administration/users/{row.pk}"


class TestOrganization(Detail):
    role = ADMINISTRATOR
    seen_by_viewers = False

    def make(self, here: Here) -> Model:
        return here.environment.organization

    def address(self, row: Model) -> str:
        return f"/administration/organizations/{row.pk}"


class TestEnvironment(Detail):
    role = ADMINISTRATOR
    seen_by_viewers = False

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return f"/administration/environments/{row.pk}"


class TestNewUser(Form):
    role = ADMINISTRATOR
    bad = {"username": "a b"}
    at = "id_username"
    words = "valid username"
    typed = {"email": "g@acme.test"}

    def make(self, here: Here) -> Model:
        return here.environment.organization

    def address(self, row: Model) -> str:
        return "/administration/users/add"

    def good(self, here: Here) -> Sent:
        organization = here.environment.organization_id
        return {"username": "grace", "email": "", "organization": str(organization), "role": "manager"}

    def is_saved(self, row: Model) -> bool:
        return User.objects.filter(username="grace").exists()


class TestRoleOfAUser(FormOfOne):
    role = ADMINISTRATOR
    bad = {"role": "king"}
    at = "id_role"
    words = "king"

    def make(self, here: Here) -> Model:
        user = make_user()
        make_role(user, here.environment.organization, Role.Name.VIEWER)
        return user

    def address(self, row: Model) -> str:
        return f"/administration/users/{row.pk}"

    def good(self, here: Here) -> Sent:
        return {"organization": str(here.environment.organization_id), "role": "manager"}

    def is_saved(self, row: Model) -> bool:
        return Role.objects.filter(user=row, name="manager").exists()


class Rename(VersionedForm):
    role = ADMINISTRATOR
    bad = {"name": "x" * 121}
    at = "id_name"
    words = "at most 120"
    late = 'It was renamed to "Theirs" after you opened this'

    def good(self, here: Here) -> Sent:
        return {"name": "Mine"}

    def is_saved(self, row: Model) -> bool:
        return type(row)._default_manager.filter(pk=row.pk, name="Mine").exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        type(row)._default_manager.filter(pk=row.pk).update(name="Theirs")


class TestNameOfAnOrganization(Rename):
    def make(self, here: Here) -> Model:
        return here.environment.organization

    def address(self, row: Model) -> str:
        return f"/administration/organizations/{row.pk}"


class TestNameOfAnEnvironment(Rename):
    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return f"/administration/environments/{row.pk}"


class AddedBelow(FormOfOne):
    """What an administrator adds to an organization."""

    role = ADMINISTRATOR
    bad = {"name": "x" * 121}
    at = "id_name"
    words = "at most 120"

    def make(self, here: Here) -> Model:
        return here.environment.organization

    def good(self, here: Here) -> Sent:
        return {"name": "Retail", "type": "sandbox"}


class TestNewEnvironment(AddedBelow):
    def address(self, row: Model) -> str:
        return f"/administration/organizations/{row.pk}/environments/add"

    def is_saved(self, row: Model) -> bool:
        return Environment.objects.filter(organization=row, name="Retail").exists()


class TestNewBusinessGroup(AddedBelow):
    def address(self, row: Model) -> str:
        return f"/administration/organizations/{row.pk}/groups/add"

    def is_saved(self, row: Model) -> bool:
        return Organization.objects.filter(parent=row, name="Retail").exists()


class TestAccessOfAnApp(VersionedForm):
    role = ADMINISTRATOR
    bad = {"expires": "date"}
    at = "id_expires_at"
    words = "Choose the date"
    late = "saved now: role administrator"

    def make(self, here: Here) -> Model:
        return ConnectedApp.objects.create(
            name="ci", organization=here.environment.organization, owner=here.user, role=Role.Name.MANAGER
        )

    def address(self, row: Model) -> str:
        return f"/administration/apps/{row.pk}/access"

    def good(self, here: Here) -> Sent:
        return {"role": "viewer", "where": "all", "expires": "never"}

    def is_saved(self, row: Model) -> bool:
        return ConnectedApp.objects.filter(pk=row.pk, role="viewer", in_every_environment=True).exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        ConnectedApp.objects.filter(pk=row.pk).update(role=ADMINISTRATOR)
