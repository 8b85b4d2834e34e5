"""Roles that were given for one API alone: they end with it, and come back with it."""

from apis.models import ApiInstance
from apis.removed import Removed
from apis.revisions import plain
from console import granting
from console.grants import May
from console.models import Role, User
from console.permissions import Permission


def end(actor: User, api: ApiInstance) -> list[plain.Row]:
    """As they are to be kept. The rows go with the API."""
    holders = ("user", "team", "custom", "organization", "environment")
    roles = list(api.roles.order_by("pk").select_related(*holders))
    for role in roles:
        role.api = api
    granting.ended(actor, roles)
    return [plain.plain(role) for role in roles]


def of(removed: Removed) -> list[Role]:
    """Those that would come back with the API."""
    saved = removed.saved.get(plain.kind(Role), ())
    return granting.still_possible([plain.row_of(Role, row) for row in saved], removed.at)


def may_restore(user: User, removed: Removed) -> May:
    """What somebody may do to an API that is to be restored: by the roles for it that come back, where those
    for its environment are not enough.
    """
    may = removed.environment.may(user)
    if Permission.MANAGE_APIS in may:
        return may
    teams = set(user.teams.values_list("pk", flat=True))
    mine = [role for role in of(removed) if role.user_id == user.pk or role.team_id in teams]
    return May(may.union(*(role.permissions for role in mine)))
