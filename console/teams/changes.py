"""Teams: made, changed, deleted; who is a member. Atomic and audited; raises as `console.granting` does."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from console.audit import record
from console.granting import require_administrator, require_somebody
from console.models import AuditEntry, Organization, Role, User
from console.permissions import Permission
from console.teams.models import Membership, Team

Action = AuditEntry.Action
NOBODY = "Nobody whom you administer is called that. Add the user first."


def known_to(actor: User) -> QuerySet[User]:
    """Whom the actor may put into a team: those who were given something, are in a team, or log in by a
    provider, where the actor administers. A stranger would be kept from a login of their own organization,
    and from the help of its administrators, by what they are given here.
    """
    if actor.reaches_everything:
        return User.objects.all()
    here = Organization.objects.where(actor, Permission.ADMINISTER_ORGANIZATION)
    given = Role.objects.filter(organization__in=here).holders()
    in_teams = Membership.objects.filter(team__organization__in=here).values("user")
    by_login = User.objects.filter(identities__provider__organization__in=here).values("pk")
    return User.objects.filter(given | Q(pk__in=in_teams) | Q(pk__in=by_login))


@transaction.atomic
def make(actor: User, organization: Organization, name: str, description: str = "") -> Team:
    require_administrator(actor, organization)
    organization.lock()
    if organization.teams.count() >= Team.MOST:
        raise ValidationError({"name": [f"{organization} has {Team.MOST} teams; delete one first."]})
    team = Team(organization=organization)
    _fill(team, name, description)
    record(actor, Action.CREATE, team, organization=organization, after=facts(team))
    return team


@transaction.atomic
def change(actor: User, team: Team, name: str, description: str = "") -> None:
    require_administrator(actor, team.organization)
    team.organization.lock()
    before = facts(team)
    _fill(team, name, description)
    record(actor, Action.UPDATE, team, organization=team.organization, before=before, after=facts(team))


@transaction.atomic
def delete(actor: User, team: Team) -> None:
    """Its members lose the roles that they had by it."""
    require_administrator(actor, team.organization)
    places = _administered_by(team)
    record(actor, Action.DELETE, team, organization=team.organization, before=facts(team))
    team.delete()
    for one in places:
        require_somebody(one)


@transaction.atomic
def add(
    actor: User | None, team: Team, user: User, *, is_from_login: bool = False, actor_name: str = ""
) -> Membership:
    """Added again, nothing changes; by hand, what a login brought stays from then on. No actor: the identity
    provider, whose name is the actor's.
    """
    if actor:
        require_administrator(actor, team.organization)
        if not known_to(actor).filter(pk=user.pk).exists():
            raise ValidationError({"username": [NOBODY]})
    team.organization.lock()
    found = team.memberships.filter(user=user).first()
    if found is None and team.memberships.count() >= Team.MOST_MEMBERS:
        raise ValidationError({"user": [f"{team} has {Team.MOST_MEMBERS:,} members, and room for no more."]})
    if found is None:
        found = Membership.objects.create(team=team, user=user, is_from_login=is_from_login)
        _told(actor, Action.CREATE, found, actor_name)
    elif found.is_from_login and not is_from_login:
        found.is_from_login = False
        found.save(update_fields=["is_from_login"])
        before, after = {"goes with its group": True}, {"goes with its group": False}
        place = team.organization
        record(actor, Action.UPDATE, found, organization=place, before=before, after=after, of=team)
    return found


@transaction.atomic
def remove(actor: User | None, membership: Membership, *, actor_name: str = "") -> None:
    team = membership.team
    if actor:
        require_administrator(actor, team.organization)
    _told(actor, Action.DELETE, membership, actor_name)
    places = _administered_by(team)
    membership.delete()
    for one in places if actor else ():
        require_somebody(one)


def _administered_by(team: Team) -> list[Organization]:
    roles = team.roles.filter(environment=None).select_related("organization", "custom")
    found = {one.organization for one in roles if Permission.ADMINISTER_ORGANIZATION in one.permissions}
    return sorted(found, key=lambda one: one.path)


def _told(actor: User | None, action: AuditEntry.Action, row: Membership, actor_name: str) -> None:
    facts = {"user": row.user.get_username(), "team": row.team.name}
    before, after = (None, facts) if action == Action.CREATE else (facts, None)
    place = row.team.organization
    of = row.team
    record(actor, action, row, organization=place, before=before, after=after, of=of, actor_name=actor_name)


def _fill(team: Team, name: str, description: str) -> None:
    same = Team.objects.filter(organization=team.organization, name__iexact=name.strip())
    if same.exclude(pk=team.pk).exists():
        message = f"{team.organization} already has a team called {name.strip()}; choose another name."
        raise ValidationError({"name": [ValidationError(message, code="conflict")]})
    team.name, team.description = name.strip(), description.strip()
    team.full_clean(validate_constraints=False)
    team.save()


def facts(team: Team) -> dict[str, str]:
    return {"name": team.name, "description": team.description}
