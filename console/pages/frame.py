"""What the frame around every page shows: places with their counts, scopes, theme, who is there."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from console import menu
from console.grants import May
from console.models import Environment, Organization, User
from console.pages import condition
from console.scope import AnyRequest
from console.themes import THEMES


@dataclass(frozen=True)
class Place:
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
    visible = Environment.objects.known_to(request.user).select_related("organization")
    found: dict[Organization, list[Environment]] = {}
    for environment in visible:
        found.setdefault(environment.organization, []).append(environment)
    names = dict(Organization.objects.visible_to(request.user).values_list("pk", "name"))
    ordered = sorted(found.items(), key=lambda item: _name_path(item[0], names))
    top = min((organization.depth for organization in found), default=0)
    return [ScopeGroup(organization, organization.depth - top, held) for organization, held in ordered]


def _name_path(organization: Organization, names: dict[Any, str]) -> list[str]:
    ids = organization.path.strip("/").split("/")
    by_text = {str(pk): name for pk, name in names.items()}
    return [by_text.get(part, "").casefold() + part for part in ids]


def _places(request: AnyRequest) -> list[Place]:
    environment = request.scope.environment
    may = request.scope.may
    places = [
        (_place(request.path, entry, environment if not entry.needs or entry.needs in may else None), entry)
        for entry in menu.entries()
    ]
    if environment is None:
        return [place for place, entry in places if entry.is_for_consumers]
    return [place for place, entry in places if place.is_current or _is_offered(entry, may)]


def _is_offered(entry: menu.Entry, may: May) -> bool:
    """What would be refused leads nobody there."""
    is_open = not entry.needs or entry.opens_to_all or entry.needs in may
    return is_open and not entry.is_for_consumers


def _place(asked: str, entry: menu.Entry, environment: Environment | None) -> Place:
    path = reverse(entry.page)
    is_current = asked == path or (path != "/" and asked.startswith(f"{path}/"))
    count = entry.count(environment) if entry.count and environment else None
    alarm = entry.alarm(environment) if entry.alarm and environment else 0
    return Place(entry.title, path, entry.icon, count, alarm, is_current)
