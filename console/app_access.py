"""What a connected app may do, where, until when: as it is asked for, checked, and kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from console.models import ConnectedApp, Environment, Organization, Role, User
from console.permissions import Permission, words
from console.versions import version


@dataclass(frozen=True)
class AppAccess:
    """A role or chosen permissions, where, until when (None: without end)."""

    role: str
    environments: tuple[Environment, ...] = ()
    in_every_environment: bool = False
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    """With the role ConnectedApp.SCOPES: these permissions, and what they imply."""


def check(organization: Organization, access: AppAccess) -> None:
    """Raises ValidationError for what no app of the organization can be given."""
    if not access.environments and not access.in_every_environment:
        raise ValidationError({"environments": ["Choose at least one, or every environment."]})
    foreign = [one for one in access.environments if not one.organization.path.startswith(organization.path)]
    if foreign:
        raise ValidationError({"environments": [f"{foreign[0]} is not an environment of {organization}."]})
    if access.role == Role.Name.ADMINISTRATOR and not access.in_every_environment:
        raise ValidationError(
            {"role": ["An administrator is one of the whole organization: choose every environment."]}
        )
    if access.expires_at and access.expires_at <= timezone.now():
        raise ValidationError({"expires_at": ["This is over already; choose a later date."]})


def check_scopes(who: User, organization: Organization, access: AppAccess) -> None:
    """Raises ValidationError for chosen permissions that `who` does not hold there: the app's owner, and
    whoever gives them by a credential that permits less.
    """
    if access.role != ConnectedApp.SCOPES:
        return
    if not access.scopes:
        raise ValidationError({"scopes": ["Choose at least one permission, or a role."]})
    if Permission.ADMINISTER_ORGANIZATION in access.scopes and not access.in_every_environment:
        message = "Administer the organization holds for all of it: choose every environment."
        raise ValidationError({"scopes": [message]})
    held = who.held()
    places = [held.in_environment(one.pk, one.organization.path) for one in access.environments]
    if access.in_every_environment:
        places = [held.in_organization(organization.path)]
    name = f"{who} by {who.through}" if who.through else who
    for scope in access.scopes:
        if not all(scope in place for place in places):
            named = Permission(scope).label if scope in Permission.values else scope
            raise ValidationError({"scopes": [f"{name} does not hold {named} there, and the app may not."]})


def keep(app: ConnectedApp, access: AppAccess) -> None:
    app.role, app.expires_at = access.role, access.expires_at
    app.in_every_environment = access.in_every_environment
    app.scopes = sorted(access.scopes) if access.role == ConnectedApp.SCOPES else []
    app.full_clean()
    app.save(update_fields=["role", "scopes", "expires_at", "in_every_environment"])
    app.environments.set([] if access.in_every_environment else access.environments)


def app_version(app: ConnectedApp) -> str:
    """Of what the app may do, where and until when."""
    return version(access_facts(app))


def access_facts(app: ConnectedApp) -> dict[str, Any]:
    """What the audit compares of what it may do."""
    places = sorted(f"{one.organization} / {one}" for one in app.environments.select_related("organization"))
    return {
        "role": app.role,
        **({"permissions": ", ".join(words(app.scopes))} if app.scopes else {}),
        "environments": "every one" if app.in_every_environment else ", ".join(places),
        "expires": f"{app.expires_at:%Y-%m-%d}" if app.expires_at else "never",
    }
