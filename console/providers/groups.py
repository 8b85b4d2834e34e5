"""Which groups somebody is in at a provider, and what they have by it: roles, and places in teams."""

from typing import Any

from django.db import transaction

from console.audit import record
from console.models import AuditEntry, Environment, Organization, Role
from console.providers import group_teams
from console.providers.models import Identity, IdentityProvider, ProvidedRole

MOST_GROUPS = 2000
Place = tuple[Organization, Environment | None, str]


def groups_of(provider: IdentityProvider, claims: dict[str, Any]) -> frozenset[str]:
    """Of a claim called so, or of an object that the dots lead into. One group may be a text by itself."""
    name = provider.groups_claim
    if not name:
        return frozenset()
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    listed = found if isinstance(found, list) else [found]
    return frozenset(one for one in listed[:MOST_GROUPS] if isinstance(one, str) and len(one) <= 255)


@transaction.atomic
def give(identity: Identity, groups: frozenset[str]) -> None:
    """Exactly what is of these groups: what the provider gave before goes, what was given by hand stays."""
    group_teams.put_in(identity, groups)
    wanted = _wanted(identity.provider, groups)
    for given in identity.provided.select_related("role__organization", "role__environment", "role__user"):
        role = given.role
        if wanted.pop((role.organization_id, role.environment_id, role.name), None) is None:
            given.delete()
            _take(identity.provider, role)
    for organization, environment, name in wanted.values():
        _give(identity, organization, environment, name)


def take_all(identity: Identity) -> None:
    """Of somebody who no longer comes by this provider. Call it in a transaction."""
    group_teams.take_out(identity)
    for given in identity.provided.select_related("role__organization", "role__environment", "role__user"):
        given.delete()
        _take(identity.provider, given.role)


def _wanted(provider: IdentityProvider, groups: frozenset[str]) -> dict[tuple[Any, ...], Place]:
    """By what identifies a role. A place that is no longer below the provider's organization gives none."""
    found: dict[tuple[Any, ...], Place] = {}
    if provider.default_role:
        home = provider.organization
        found[home.pk, None, provider.default_role] = (home, None, provider.default_role)
    given = provider.group_roles.filter(organization__path__startswith=provider.organization.path)
    for one in given.select_related("organization", "environment"):
        if one.group in groups:
            place = (one.organization, one.environment, one.role)
            found[one.organization_id, one.environment_id, one.role] = place
    return found


def _give(identity: Identity, organization: Organization, environment: Environment | None, name: str) -> None:
    role, is_new = Role.objects.get_or_create(
        user=identity.user, organization=organization, environment=environment, name=name
    )
    if not is_new and not role.provided.exists():
        return
    ProvidedRole.objects.get_or_create(role=role, identity=identity)
    if is_new:
        _record(AuditEntry.Action.CREATE, identity.provider, role)


def _take(provider: IdentityProvider, role: Role) -> None:
    """Another provider may give it, too."""
    if role.provided.exists():
        return
    _record(AuditEntry.Action.DELETE, provider, role)
    role.delete()


def _record(action: AuditEntry.Action, provider: IdentityProvider, role: Role) -> None:
    place = f"{role.organization} / {role.environment}" if role.environment else str(role.organization)
    facts = {"user": str(role.user), "role": role.name, "where": place}
    record(
        None,
        action,
        role,
        organization=role.organization,
        environment=role.environment,
        before=facts if action == AuditEntry.Action.DELETE else None,
        after=facts if action == AuditEntry.Action.CREATE else None,
        actor_name=f"identity provider {provider}",
    )
