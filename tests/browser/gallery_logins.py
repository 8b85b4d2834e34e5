"""What the pages of logins show: identity providers, passkeys."""

import uuid

from console.factors.models import Passkey
from console.models import Role
from console.providers.models import IdentityProvider
from console.teams.models import Team
from tests.apis.views.pages import Place
from tests.factories import make_client_provider, make_user


def made_for_logins(place: Place) -> dict[str, object]:
    """An identity provider, by which the viewer came and the administrator may."""
    organization = place.environment.organization
    made = IdentityProvider.objects.create(
        organization=organization,
        name="Acme ID",
        slug="acme",
        discovery_url="https://id.acme.test/realms/staff",
        client_id="gatewright",
        is_listed=True,
    )
    given = made.group_roles.create(group="engineers", organization=organization, role=Role.Name.MANAGER)
    whom = {"subject": "7", "user": place.user, "email": "a@acme.test"}
    team = Team.objects.create(organization=organization, name="Night shift")
    in_team = made.group_teams.create(group="operators", team=team)
    tied = made.identities.create(issuer="https://id.acme.test", **whom)
    IdentityProvider.objects.create(
        organization=organization, name="Other", slug="other", discovery_url="https://id.test", client_id="c"
    )
    return {
        "provider": made.pk,
        "client_provider": make_client_provider(organization, name="Keycloak").pk,
        "slug": made.slug,
        "group": given.pk,
        "group_team": in_team.pk,
        "identity": tied.pk,
        "login": made.pk,
        **dict.fromkeys(("uidb64", "token"), "none"),  # of a link that is good no more
        "passkey": _passkey(place),
        "number": uuid.uuid4(),  # of a session that has ended
    }


def _passkey(place: Place) -> int:
    return Passkey.objects.create(
        user=make_user("with-passkey"), name="Phone", credential_id=b"1", data=b"", host="localhost"
    ).pk
