"""What administrators change of identity providers. Atomic and audited, as all of `console.accounts` is."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from console.addressed import ANEW, leads_elsewhere
from console.audit import HIDDEN, record
from console.granting import require_administrator
from console.models import AuditEntry, Environment, Organization, User
from console.providers import fetching
from console.providers.groups import take_all
from console.providers.models import GroupRole, GroupTeam, IdentityProvider
from console.sessions.models import LoginSession
from console.teams.models import Team

Action = AuditEntry.Action
FIELDS = (
    "name",
    "slug",
    "discovery_url",
    "client_id",
    "scopes",
    "groups_claim",
    "makes_users",
    "default_role",
    "links_by_email",
    "password_allowed",
    "checks_second_factor",
    "is_listed",
    "is_enabled",
)
MOST_GROUP_ROLES = 500


@transaction.atomic
def save(actor: User, provider: IdentityProvider, secret: str = "", *, removes_secret: bool = False) -> None:
    """A new one, or what was changed of one. An empty secret leaves the stored one as it is, and is refused
    where the address leads elsewhere; `removes_secret` makes a public client of it.
    """
    require_administrator(actor, provider.organization)
    before = IdentityProvider.objects.select_for_update(of=("self",)).filter(pk=provider.pk).first()
    stored = before.client_secret if before and not removes_secret else None
    _check(actor, provider, before, is_kept=bool(stored and not secret))
    provider.client_secret = secret or stored
    provider.full_clean()
    provider.save()
    if before is not None and before.is_enabled and not provider.is_enabled:
        _end_sessions(provider)
    was = _facts(before) | _secret(before.client_secret, "old") if before else None
    now = _facts(provider) | _secret(provider.client_secret, "new" if secret else "old")
    action, organization = (Action.UPDATE if before else Action.CREATE), provider.organization
    record(actor, action, provider, organization=organization, before=was, after=now)


@transaction.atomic
def delete(actor: User, provider: IdentityProvider) -> None:
    """Who came by it is logged out, and loses the roles and teams that came by it; the users stay."""
    require_administrator(actor, provider.organization)
    _end_sessions(provider)
    for identity in provider.identities.select_related("user", "provider"):
        take_all(identity)
    organization = provider.organization
    record(actor, Action.DELETE, provider, organization=organization, before=_facts(provider))
    provider.delete()


@transaction.atomic
def add_group(
    actor: User,
    provider: IdentityProvider,
    group: str,
    *,
    organization: Organization,
    environment: Environment | None,
    role: str,
) -> GroupRole:
    """From the next login of each of its members on."""
    require_administrator(actor, provider.organization)
    list(IdentityProvider.objects.select_for_update(of=("self",)).filter(pk=provider.pk))
    if not organization.path.startswith(provider.organization.path):
        raise ValidationError({"organization": [f"{provider} gives roles in {provider.organization} alone."]})
    if environment and environment.organization_id != organization.pk:
        raise ValidationError({"environment": [f"{environment} is not an environment of {organization}."]})
    if provider.group_roles.count() >= MOST_GROUP_ROLES:
        raise ValidationError({"group": [f"A provider has {MOST_GROUP_ROLES} of them at most."]})
    given = GroupRole(
        provider=provider, group=group, organization=organization, environment=environment, role=role
    )
    if provider.group_roles.filter(
        group=group, organization=organization, environment=environment, role=role
    ).exists():
        raise ValidationError({"group": ["This group has this role already."]})
    given.full_clean()
    given.save()
    after = {"group": group, "role": str(given)}
    record(actor, Action.CREATE, given, organization=organization, after=after, of=provider)
    return given


@transaction.atomic
def remove_group(actor: User, given: GroupRole) -> None:
    """Its members lose the role with their next login."""
    require_administrator(actor, given.provider.organization)
    before = {"group": given.group, "role": str(given)}
    organization = given.provider.organization
    record(actor, Action.DELETE, given, organization=organization, before=before, of=given.provider)
    given.delete()


@transaction.atomic
def add_group_team(actor: User, provider: IdentityProvider, group: str, team: Team) -> GroupTeam:
    """From the next login of each of the group's members on, they are in the team."""
    require_administrator(actor, provider.organization)
    list(IdentityProvider.objects.select_for_update(of=("self",)).filter(pk=provider.pk))
    if not team.organization.path.startswith(provider.organization.path):
        message = f"{provider} fills teams of {provider.organization} and below alone."
        raise ValidationError({"team": [message]})
    if provider.group_teams.count() >= MOST_GROUP_ROLES:
        raise ValidationError({"group": [f"A provider has {MOST_GROUP_ROLES} of them at most."]})
    if provider.group_teams.filter(group=group, team=team).exists():
        raise ValidationError({"group": ["The members of this group are in this team already."]})
    given = GroupTeam(provider=provider, group=group, team=team)
    given.full_clean()
    given.save()
    after = {"group": group, "team": team.name}
    record(actor, Action.CREATE, given, organization=team.organization, after=after, of=provider)
    return given


@transaction.atomic
def remove_group_team(actor: User, given: GroupTeam) -> None:
    """Its members leave the team with their next login, but for who was added by hand."""
    require_administrator(actor, given.provider.organization)
    before = {"group": given.group, "team": given.team.name}
    organization = given.team.organization
    record(actor, Action.DELETE, given, organization=organization, before=before, of=given.provider)
    given.delete()


def _check(
    actor: User, provider: IdentityProvider, before: IdentityProvider | None, *, is_kept: bool
) -> None:
    """`is_kept`: the secret that is stored goes on."""
    faults: dict[str, list[str]] = {}
    if before and is_kept and leads_elsewhere([before.discovery_url], [provider.discovery_url]):
        faults["secret"] = [ANEW]
    if fault := fetching.fault_of(provider.discovery_url):
        faults["discovery_url"] = [fault]
    if provider.slug in ("with", "at", "second", "passkey", "forgotten", "reset"):
        faults["slug"] = ["This is an address of the console's own; choose another."]
    if any(not one.isprintable() for one in provider.scopes):
        faults["scopes"] = ["Write words separated by spaces."]
    is_new_here = provider.is_listed and not (before and before.is_listed)
    if is_new_here and not actor.reaches_everything:
        raise PermissionDenied(
            "Only an administrator of everything offers a provider to all on the login page."
        )
    if faults:
        raise ValidationError(faults)


def _end_sessions(provider: IdentityProvider) -> None:
    LoginSession.objects.filter(user__identities__provider=provider).delete()


def _facts(provider: IdentityProvider) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in FIELDS}


def _secret(stored: Any, age: str) -> dict[str, str]:
    return {"client_secret": f"{HIDDEN} ({age})" if stored else ""}
