"""Roles given to users and teams, and taken away.

Atomic and audited. Raises PermissionDenied unless the actor administers the organization, and ValidationError
with `{field: [messages]}` for what cannot be done.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction

from console.audit import record
from console.models import AuditEntry, Environment, Organization, Role, User
from console.permissions import BUILT_IN, OF_AN_API, Permission, closed

LAST = "{} would be left without an administrator; make somebody else one first."
MOST_ROLES = 500
"""Of a user, or of a team."""
_ENDED = "ended_with_it"
"""In the entry of a role that nobody took, but that ended with what it was for."""


def require_administrator(actor: User, organization: Organization) -> None:
    administered = Organization.objects.where(actor, Permission.ADMINISTER_ORGANIZATION)
    if not administered.filter(pk=organization.pk).exists():
        raise PermissionDenied(f"Only an administrator of {organization} may do this.")


def administrators(organization: Organization) -> models.QuerySet[User]:
    """Who can log in and administers it, here or above, in person or by a team."""
    above = Organization.objects.filter(pk__in=[part for part in organization.path.split("/") if part])
    giving = models.Q(name=Role.Name.ADMINISTRATOR) | models.Q(
        custom__permissions__contains=[Permission.ADMINISTER_ORGANIZATION.value]
    )
    roles = Role.objects.filter(giving, organization__in=above, environment=None)
    return User.objects.filter(roles.holders(), is_active=True)


def require_somebody(organization: Organization) -> None:
    """After a change that took something away: raises ValidationError, so that it is undone, where nobody
    administers the organization any more.
    """
    organization.lock()
    if not administrators(organization).exists():
        raise ValidationError({"": [LAST.format(organization)]})


def together(actor: User, user: User) -> None:
    """Let two who deactivate each other do so one after the other, until the transaction ends: one stays.
    Raises PermissionDenied for an actor who was deactivated meanwhile.
    """
    people = User.objects.select_for_update(no_key=True).filter(pk__in=(actor.pk, user.pk)).order_by("pk")
    if not any(one.pk == actor.pk and one.is_active for one in people):
        raise PermissionDenied("Your account was deactivated.")


@transaction.atomic
def grant_role(
    actor: User,
    user: User,
    organization: Organization,
    name: str,
    environment: Environment | None = None,
    **of: Any,
) -> Role:
    """See `give`."""
    return give(actor, {"user": user}, organization, name, environment, **of)


@transaction.atomic
def give(
    actor: User,
    holder: dict[str, Any],
    organization: Organization,
    name: str,
    environment: Environment | None = None,
    *,
    api: Any = None,
) -> Role:
    """In the organization and all below it, in one environment, or for one API of that. `holder` names a user
    or a team; `name` a built-in role, or "custom-ID". Given again, nothing changes.
    """
    require_administrator(actor, organization)
    team = holder.get("team")
    if team is not None and not organization.path.startswith(team.organization.path):
        message = f"Who administers {team.organization} chooses the members of {team}; use a team from here."
        raise ValidationError({"organization": [message]})
    custom, name = role_named(organization, name, environment, api=api)
    if Role.objects.filter(**holder).count() >= MOST_ROLES:
        raise ValidationError({"role": [f"At most {MOST_ROLES} roles are given to one; take some away."]})
    role, is_new = Role.objects.get_or_create(
        **holder, organization=organization, environment=environment, api=api, name=name, custom=custom
    )
    if is_new:
        _record(actor, AuditEntry.Action.CREATE, role, after=_facts(role))
    # What an identity provider gave is given by hand from now on, and stays when its group is gone.
    role.provided.all().delete()
    return role


def role_named(
    organization: Organization, name: str, environment: Environment | None = None, *, api: Any = None
) -> tuple[Any, str]:
    """The custom role, if it is one, and the name. Raises ValidationError for what cannot be given there."""
    if environment and environment.organization_id != organization.pk:
        raise ValidationError({"environment": [f"{environment} is not an environment of {organization}."]})
    if api is not None and (environment is None or api.environment_id != environment.pk):
        raise ValidationError({"api": ["Choose the environment that the API is in."]})
    custom, name = _named(organization, name, is_for_an_api=api is not None)
    if faults := _without_effect(custom, environment, api):
        raise ValidationError({"role": [faults]})
    return custom, name


@transaction.atomic
def revoke_role(actor: User, role: Role) -> None:
    require_administrator(actor, role.organization)
    if role.user == actor and role.name == Role.Name.ADMINISTRATOR:
        raise ValidationError(
            {"role": ["You cannot take your own administrator role away; ask another administrator."]}
        )
    gave = Permission.ADMINISTER_ORGANIZATION in role.permissions and role.environment_id is None
    _record(actor, AuditEntry.Action.DELETE, role, before=_facts(role))
    role.delete()
    if gave:
        require_somebody(role.organization)


def ended(actor: User, roles: Sequence[Role]) -> None:
    """Note that they end, with what they are for."""
    for role in roles:
        _record(actor, AuditEntry.Action.DELETE, role, before=_facts(role) | {_ENDED: True})


def still_possible(kept: Sequence[Role], since: datetime) -> list[Role]:
    """Of roles that ended then with what they were for, those whose holders are there, and what the role is.

    Not of whom an administrator took a role of the organization since: who thinks that nothing is left has
    nothing to take of these.
    """
    there = {field: _held(kept, field) for field in ("user", "team", "custom")}
    possible = []
    for role in kept:
        named = {field: getattr(role, f"{field}_id") for field in there}
        if all(key is None or key in there[field] for field, key in named.items()):
            for field, key in named.items():
                setattr(role, field, there[field].get(key))
            possible.append(role)
    taken = _taken_since(possible, since)
    return [role for role in possible if _holder(role) not in taken]


@transaction.atomic
def give_again(actor: User, roles: Sequence[Role]) -> None:
    """What they were for is back. An administrator gave them once, so nobody is asked again."""
    for role in roles:
        role.save_base(raw=True, force_insert=True)
        _record(actor, AuditEntry.Action.CREATE, role, after=_facts(role))


def _held(kept: Sequence[Role], field: str) -> dict[Any, Any]:
    """Of what the roles name in this field, those that are there, by their keys."""
    rows: Any = Role._meta.get_field(field).related_model
    return rows.objects.in_bulk({getattr(role, f"{field}_id") for role in kept} - {None})


def _taken_since(kept: Sequence[Role], since: datetime) -> set[tuple[str, str]]:
    """From whom, as `_holder` says it."""
    deleted = AuditEntry.objects.filter(
        organization__in={role.organization_id for role in kept},
        at__gt=since,
        action=AuditEntry.Action.DELETE,
        object_type=Role._meta.model_name,
    )
    diffs = deleted.exclude(diff__has_key=_ENDED).values_list("diff", flat=True)
    return {(one, diff[one][0]) for diff in diffs for one in ("user", "team") if one in diff}


def _named(organization: Organization, name: str, *, is_for_an_api: bool) -> tuple[Any, str]:
    if not name.startswith("custom-"):
        known = {"manager": "api-manager", "viewer": "api-viewer"} if is_for_an_api else {}
        name = known.get(name, name)
        if name not in BUILT_IN or name.startswith("api-") != is_for_an_api:
            raise ValidationError({"role": ["A single API has managers and viewers; choose one of these."]})
        return None, name
    above = [part for part in organization.path.split("/") if part]
    rows = Role._meta.get_field("custom").related_model._default_manager
    key = name.removeprefix("custom-")
    found = rows.filter(pk=key if key.isdecimal() and len(key) < 19 else 0, organization__in=above).first()
    if found is None:
        raise ValidationError({"role": [f"{organization} has no such role; choose another."]})
    return found, Role.CUSTOM


def _without_effect(custom: Any, environment: Environment | None, api: Any) -> str:
    """Why a custom role would do nothing here of what it says."""
    held = closed(custom.permissions) if custom else frozenset[str]()
    if environment and Permission.ADMINISTER_ORGANIZATION in held:
        return f"{custom} administers an organization: leave the environment out."
    if api is not None and custom and not held & OF_AN_API:
        return f"Nothing that {custom} permits is about a single API."
    return ""


def _facts(role: Role) -> dict[str, Any]:
    parts = [role.organization, role.environment, role.api]
    where = " / ".join(str(one) for one in parts if one)
    return dict([_holder(role)]) | {"role": str(role.custom or role.name), "where": where}


def _holder(role: Role) -> tuple[str, str]:
    return ("team", role.team.name) if role.team else ("user", str(role.user))


def _record(actor: User, action: AuditEntry.Action, role: Role, **facts: Any) -> None:
    record(actor, action, role, organization=role.organization, environment=role.environment, **facts)
