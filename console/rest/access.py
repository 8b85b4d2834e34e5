"""What a REST request may reach: ids in a path that the caller may not see answer 404."""

from uuid import UUID

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request

from console.grants import Held, May
from console.models import Environment, Organization, User
from console.permissions import Permission


def caller(request: Request) -> User:
    """The user of an authenticated request."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Log in first.")
    return request.user


def organization(request: Request, organization_id: UUID) -> Organization:
    found = Organization.objects.visible_to(caller(request)).filter(pk=organization_id).first()
    if found is None:
        raise NotFound(f"Organization {organization_id} not found.")
    return found


def held(request: Request) -> Held:
    """All that the caller was granted, asked of the database once."""
    found: Held | None = getattr(request, "_held", None)
    if found is None:
        found = caller(request).held()
        request._held = found  # type: ignore[attr-defined]
    return found


def known_environment(request: Request, organization_id: UUID, environment_id: UUID) -> Environment:
    """The environment, for whoever may see anything there, and be it a single API."""
    rows = Environment.objects.known_by(held(request)).select_related("organization")
    found = rows.filter(pk=environment_id, organization_id=organization_id).first()
    if found is None:
        raise NotFound(f"Environment {environment_id} of organization {organization_id} not found.")
    return found


def environment(
    request: Request, organization_id: UUID, environment_id: UUID, needs: str = ""
) -> Environment:
    """The environment, for who has the permission in all of it: without one, any; 403 for others who know
    it.
    """
    found = known_environment(request, organization_id, environment_id)
    may = may_in(request, found)
    if not needs and not may:
        raise NotFound(f"Environment {environment_id} of organization {organization_id} not found.")
    if needs and needs not in may:
        raise lacking(needs, found)
    return found


def may_in(request: Request, environment: Environment) -> May:
    """What the caller may do in all of it."""
    return held(request).in_environment(environment.pk, environment.organization.path)


def lacking(permission: str, place: object) -> PermissionDenied:
    return PermissionDenied(f"This needs the permission {Permission(permission).label} in {place}.")


def administered(request: Request, organization_id: UUID) -> Organization:
    """The organization, for its administrators; 403 for others who may see it."""
    user, found = caller(request), organization(request, organization_id)
    administers = Organization.objects.where(user, Permission.ADMINISTER_ORGANIZATION)
    if not administers.filter(pk=found.pk).exists():
        raise PermissionDenied(f"This needs the permission Administer the organization in {found}.")
    return found
