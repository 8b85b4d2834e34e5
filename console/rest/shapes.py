"""Users, organizations and environments as clients of Anypoint read them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from console.models import ConnectedApp, Environment, Organization, Role, User

Shape = dict[str, Any]


def date(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and "Z"."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def environment(row: Environment) -> Shape:
    return {
        "id": str(row.pk),
        "name": row.name,
        "organizationId": str(row.organization_id),
        "isProduction": row.type == Environment.Type.PRODUCTION,
        "type": row.type,
        "clientId": None,
        "deploys": row.deploys,
        "failingTestsStop": row.failing_tests_stop,
    }


def user(row: User) -> Shape:
    visible = list(row.organizations())
    members = [_member(organization, visible) for organization in visible]
    roots = [member for member in members if member["isRoot"]]
    return {
        "id": str(row.pk),
        "username": row.username,
        "firstName": row.first_name,
        "lastName": row.last_name,
        "email": row.email,
        "createdAt": date(row.date_joined),
        "lastLogin": date(row.last_login),
        "enabled": row.is_active,
        "organizationId": roots[0]["id"] if roots else None,
        "organization": roots[0] if roots else None,
        "organizationPreferences": {},
        "memberOfOrganizations": members,
        "contributorOfOrganizations": [],
    }


def client(app: ConnectedApp) -> Shape:
    return {"client_id": app.client_id, "name": app.name, "org_id": str(app.organization_id)}


def organization(
    row: Organization, environments: Iterable[Environment], visible: list[Organization]
) -> Shape:
    owner = _owner(row)
    return _member(row, visible) | {
        "createdAt": date(row.created_at),
        "updatedAt": date(row.created_at),
        "ownerId": str(owner.pk) if owner else None,
        "owner": {"id": str(owner.pk), "username": owner.username}
        if owner
        else {"id": None, "username": None},
        "environments": [environment(found) for found in environments],
        "subscription": {"category": None, "type": None, "expiration": None},
        "entitlements": {},
        "clientId": None,
    }


def _member(row: Organization, visible: list[Organization]) -> Shape:
    """Relatives that the user may not see are left out; the topmost visible one counts as the root."""
    ids = {str(other.pk) for other in visible}
    parents = [part for part in row.path.split("/")[:-2] if part in ids]
    below = [str(o.pk) for o in visible if o.path.startswith(row.path) and o.pk != row.pk]
    return {
        "id": str(row.pk),
        "name": row.name,
        "isRoot": not parents,
        "isMaster": not parents,
        "parentOrganizationIds": parents,
        "subOrganizationIds": below,
        "tenantOrganizationIds": [],
    }


def _owner(row: Organization) -> User | None:
    """The administrator who has the organization for longest."""
    roles = Role.objects.filter(organization=row, environment=None, name=Role.Name.ADMINISTRATOR, team=None)
    first = roles.select_related("user").order_by("pk").first()
    return first.user if first else None
