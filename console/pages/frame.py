"""What the frame around every page shows: places with their counts, scopes, theme, who is there."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import SimpleLazyObject

from console import links, menu
from console.grants import May
from console.models import Environment, Organization, User
from console.pages import condition
from console.scope import AnyRequest, known
from console.themes import THEMES

NOTHING = menu.MenuCounts()


@dataclass(frozen=True)
class NavigationEntry:
    """An entry of the left navigation; everything below `path` belongs to it."""

    title: str
    path: str
    icon: str
    count: int | None = None
    alarm: int = 0
    is_current: bool = False


@dataclass(frozen=True)
class ScopeGroup:
    """An organization in the switcher, with the environments the user may choose there."""

    organization: Organization
    depth: int
    environments: list[Environment]


def frame(request: AnyRequest) -> dict[str, Any]:
    """Context processor. All of it is lazy: a fragment that shows no frame pays for none of it."""
    theme = request.COOKIES.get("theme")
    groups = SimpleLazyObject(lambda: scope_groups(request))
    return {
        "theme": theme if theme in THEMES else "",
        "places": SimpleLazyObject(lambda: _places(request)),
        "scope_groups": groups,
        "scope_count": SimpleLazyObject(lambda: sum(len(one.environments) for one in groups)),
        "unread_notices": SimpleLazyObject(lambda: _unread(request)),
        "troubles": SimpleLazyObject(condition.troubles),
    }


def _unread(request: AnyRequest) -> int:
    """Of the inbox: counted by the query that loaded the session."""
    row = getattr(request.session, "row", None)
    return getattr(row, "unread_notices", 0)


def scope_groups(request: AnyRequest) -> list[ScopeGroup]:
    """The visible environments by organization, parents before children."""
    if not isinstance(request.user, User):
        return []
    found: dict[Organization, list[Environment]] = {}
    for environment in known(request.user.held()):
        found.setdefault(environment.organization, []).append(environment)
    names = _names(request.user, found)
    ordered = sorted(found.items(), key=lambda item: [names.get(one, "") + one for one in _path(item[0])])
    top = min((organization.depth for organization in found), default=0)
    return [ScopeGroup(organization, organization.depth - top, held) for organization, held in ordered]


def _names(user: User, organizations: Iterable[Organization]) -> dict[str, str]:
    """Of these and those above them that the user may see, by their ids: to sort by."""
    names = {str(one.pk): one.name.casefold() for one in organizations}
    above = {part for one in organizations for part in _path(one)} - set(names)
    if above:
        rows = Organization.objects.visible_to(user).filter(pk__in=above).order_by()
        names |= {str(pk): name.casefold() for pk, name in rows.values_list("pk", "name")}
    return names


def _path(organization: Organization) -> list[str]:
    """The ids from the tenant's down to its own."""
    return organization.path.strip("/").split("/")


def _places(request: AnyRequest) -> list[NavigationEntry]:
    environment, may = request.scope.environment, request.scope.may
    entries = list(menu.entries())
    if environment is None:
        return [_place(request.path, entry) for entry in entries if entry.is_for_consumers]
    told = menu.counted(environment, [one for one in entries if not one.needs or one.needs in may])
    places = [(_place(request.path, one, told.get(one.page, NOTHING)), one) for one in entries]
    return [place for place, entry in places if place.is_current or _is_offered(entry, may)]


def _is_offered(entry: menu.MenuEntry, may: May) -> bool:
    """What would be refused leads nobody there."""
    is_open = not entry.needs or entry.opens_to_all or entry.needs in may
    return is_open and not entry.is_for_consumers


def _place(asked: str, entry: menu.MenuEntry, told: menu.MenuCounts = NOTHING) -> NavigationEntry:
    path = links.link(entry.page)
    is_current = asked == path or (path != "/" and asked.startswith(f"{path}/"))
    return NavigationEntry(entry.title, path, entry.icon, told.rows, told.alarms or 0, is_current)
