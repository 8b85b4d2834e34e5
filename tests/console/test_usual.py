"""What every list, page and form does, of Administration's."""

import pytest
from django.db.models import Model

from console.models import AuditEntry, ConnectedApp, Environment, Organization, Role, User
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
