"""What a REST request may reach: ids in a path that the caller may not see answer 404."""

from uuid import UUID

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request

from console.models import Environment, Organization, Role, User


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


def environment(
    request: Request, organization_id: UUID, environment_id: UUID, *, to_edit: bool = False
) -> Environment:
    """The environment, for reading or for editing (403 for a caller who may only read)."""
    user = caller(request)
    rows = Environment.objects.select_related("organization")
    found = rows.filter(pk=environment_id, organization_id=organization_id).first()
    roles = found.roles_of(user) if found else set[str]()
    if found is None or not roles:
        raise NotFound(f"Environment {environment_id} of organization {organization_id} not found.")
    if to_edit and roles.isdisjoint(Role.EDITORS):
        raise PermissionDenied(f"Changes in {found} need the role Manager or Administrator.")
    return found


def administered(request: Request, organization_id: UUID) -> Organization:
    """The organization, for its administrators; 403 for others who may see it."""
    user, found = caller(request), organization(request, organization_id)
    if not Organization.objects.where(user, Role.Name.ADMINISTRATOR).filter(pk=found.pk).exists():
        raise PermissionDenied(f"This needs the role Administrator in {found}.")
    return found
