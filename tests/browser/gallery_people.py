"""What the pages of teams and roles show."""

from console.models import Role, User
from console.roles.models import CustomRole
from console.teams.models import Membership, Team
from tests.apis.views.pages import Place


def made_for_people(place: Place, viewer: User) -> dict[str, object]:
    """A team with a member and a role of its own, and a custom role that it holds."""
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
    return {"custom_role": own.pk, "team": team.pk, "member": member.pk}
