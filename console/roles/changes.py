"""Custom roles: made, changed, deleted. Atomic and audited; raises as `console.granting` does."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction

from console.audit import record
from console.granting import require_administrator, require_somebody
from console.models import AuditEntry, Organization, User
from console.permissions import EVERYTHING, Permission
from console.roles.models import CustomRole
from console.versions import check, version

Action = AuditEntry.Action


@transaction.atomic
def make(
    actor: User, organization: Organization, name: str, permissions: Collection[str], description: str = ""
) -> CustomRole:
    require_administrator(actor, organization)
    organization.lock()
    if organization.custom_roles.count() >= CustomRole.MOST:
        raise ValidationError({"name": [f"{organization} has {CustomRole.MOST} roles; delete one first."]})
    role = CustomRole(organization=organization)
    _fill(role, name, permissions, description)
    record(actor, Action.CREATE, role, organization=organization, after=role.facts())
    return role


@transaction.atomic
def change(
    actor: User,
    role: CustomRole,
    name: str,
    permissions: Collection[str],
    description: str = "",
    *,
    seen: str = "",
) -> None:
    """In force with the next request of everybody who holds it. Raises Changed when it is not as it was
    `seen`.
    """
    require_administrator(actor, role.organization)
    role.organization.lock()
    role.refresh_from_db()
    check(seen, seen_version(role))
    before, gave = role.facts(), Permission.ADMINISTER_ORGANIZATION in role.permissions
    _fill(role, name, permissions, description)
    if gave and Permission.ADMINISTER_ORGANIZATION not in permissions:
        for one in Organization.objects.filter(roles__custom=role).distinct():
            require_somebody(one)
    record(actor, Action.UPDATE, role, organization=role.organization, before=before, after=role.facts())


@transaction.atomic
def delete(actor: User, role: CustomRole) -> None:
    """Refused while somebody holds it."""
    require_administrator(actor, role.organization)
    role.organization.lock()
    if held := role.given.count():
        people = "one user or team" if held == 1 else f"{held} users and teams"
        raise ValidationError({"": [f"{role} is given to {people}; take it away from them first."]})
    record(actor, Action.DELETE, role, organization=role.organization, before=role.facts())
    role.delete()


def seen_version(role: CustomRole) -> str:
    return version(role.facts())


def _fill(role: CustomRole, name: str, permissions: Collection[str], description: str) -> None:
    unknown = set(permissions) - EVERYTHING
    if unknown or not permissions:
        told = f"There is no permission {sorted(unknown)[0]}." if unknown else "Choose at least one."
        raise ValidationError({"permissions": [told]})
    same = CustomRole.objects.filter(organization=role.organization, name__iexact=name.strip())
    if same.exclude(pk=role.pk).exists():
        message = f"{role.organization} already has a role called {name.strip()}; choose another name."
        raise ValidationError({"name": [ValidationError(message, code="conflict")]})
    role.name, role.description = name.strip(), description.strip()
    role.permissions = sorted(permissions)
    role.full_clean(validate_constraints=False)
    role.save()
