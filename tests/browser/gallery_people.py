"""What the pages of teams, roles and invitations show."""

from datetime import timedelta

from django.utils import timezone

from console.invitations import changes
from console.invitations.models import Invitation
from console.models import Role, User
from console.roles.models import CustomRole
from console.teams.models import Membership, Team
from console.tokens.models import PersonalToken
from tests.apis.views.pages import Place


def made_for_people(place: Place, viewer: User) -> dict[str, object]:
    """A team with a member and a role of its own, a custom role that it holds, and invitations."""
    organization = place.environment.organization
    own = CustomRole.objects.create(
        organization=organization,
        name="On call",
        description="May roll back at night.",
        permissions=["deploy:apis", "view:traffic"],
    )
    team = Team.objects.create(organization=organization, name="Operators", description="Day and night.")
    member = Membership.objects.create(team=team, user=viewer)
    Role.objects.create(team=team, organization=organization, name=Role.CUSTOM, custom=own)
    found = {"custom_role": own.pk, "team": team.pk, "member": member.pk}
    return found | _invitations(place, viewer) | {"personal_token": _tokens(place)}


def _tokens(place: Place) -> int:
    """Of each state, of the administrator who looks."""
    now = timezone.now()
    given = {"permissions": ["deploy:apis", "view:traffic"], "environment": place.environment}
    for name, told in (
        ("over", {"expires_at": now}),
        ("lost", {"expires_at": now + timedelta(days=9), "ended_at": now, "ending": "revoked"}),
        ("pipeline", {"expires_at": now + timedelta(days=90), "warn_at": now + timedelta(days=83)}),
        ("backup", {"expires_at": now + timedelta(days=5), "last_used_at": now} | given),
    ):
        whole = {"permissions": ["view:apis"], **told}
        made = PersonalToken.objects.create(user=place.user, name=name, token_hash=name, **whole)
    return made.pk


def _invitations(place: Place, viewer: User) -> dict[str, object]:
    """Of each state; an open one is for another than the administrator who looks at it."""
    organization, now = place.environment.organization, timezone.now()
    given = changes.InvitedRole(organization, "manager", place.environment)
    made = changes.make(place.user, given, email="grace@acme.test")
    for name, end in (
        ("late", {"expires_at": now}),
        ("gone", {"revoked_at": now, "inviter": None}),
        ("vera", {"accepted_at": now, "accepted_by": viewer}),
    ):
        told = {"organization": organization, "role": "viewer", "inviter": place.user} | end
        Invitation.objects.create(email=f"{name}@acme.test", token_hash=name, is_mailed=True, **told)
    return {"invitation": made.invitation.pk, "invitation_token": made.link.rsplit("/", 1)[-1]}
