"""What every list and form does, of invitations."""

from django.db.models import Model

from console.invitations.models import Invitation
from console.models import Role
from tests.usual.forms import Form, Sent
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList

ADMINISTRATOR = Role.Name.ADMINISTRATOR


class TestInvitations(SearchedList, EmptyList):
    path = "/administration/invitations"
    part = "invitations"
    noun = "invitation"
    nothing = "No invitation yet"
    offers = "/administration/invitations/add"
    role = ADMINISTRATOR
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return Invitation.objects.create(
            organization=here.environment.organization,
            role="viewer",
            email=f"{name}@acme.test",
            token_hash=name,
            inviter=here.user,
        )


class TestInvite(Form):
    role = ADMINISTRATOR
    bad = {"email": "nobody"}
    at = "id_email"
    words = "valid email"

    def make(self, here: Here) -> Model:
        return here.environment.organization

    def address(self, row: Model) -> str:
        return "/administration/invitations/add"

    def good(self, here: Here) -> Sent:
        organization = str(here.environment.organization_id)
        return {"way": "link", "email": "g@acme.test", "organization": organization, "role": "manager"}

    def is_saved(self, row: Model) -> bool:
        return Invitation.objects.filter(organization=row, email="g@acme.test", role="manager").exists()
