"""What somebody was granted, and where."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db.models import Q

from console.permissions import EVERYTHING, MANAGER, Permission, needed


@dataclass(frozen=True)
class Grant:
    """Permissions that hold in an organization and all below it; with an environment there alone; with an
    API for that alone. The empty path is everywhere.
    """

    permissions: frozenset[str]
    path: str
    organization_id: UUID | None
    environment_id: UUID | None = None
    api_id: int | None = None

    def satisfies(self, *names: str) -> bool:
        """Whether it has one of these permissions, or all that one of these built-in roles has."""
        return any(needed(name) <= self.permissions for name in names)

    def reaches(self, other: "Grant") -> bool:
        """Whether all that the other one is about is this one's, too."""
        if self.api_id:
            return self.api_id == other.api_id
        if self.environment_id:
            return self.environment_id == other.environment_id
        return other.path.startswith(self.path)

    def common(self, other: "Grant") -> "Grant | None":
        """What both permit, where both hold."""
        permissions = self.permissions & other.permissions
        place = other if self.reaches(other) else self if other.reaches(self) else None
        if place is None or not permissions:
            return None
        return Grant(permissions, place.path, place.organization_id, place.environment_id, place.api_id)


class LimitedCredential(Protocol):
    """A credential by which a request came, and which permits less than its user may do."""

    def grants(self) -> list[Grant]: ...


class Granting(Protocol):
    def grant(self) -> Grant: ...


class Keeping:
    """Somebody whose grants are asked for once, where `keeps_grants`: for a request that changes nothing."""

    keeps_grants = False
    _kept: list[Grant] | None = None

    def kept(self, roles: Callable[[], Iterable[Granting]]) -> list[Grant]:
        """Of the roles, which are asked for where nothing is kept."""
        if self._kept is not None:
            return self._kept
        found = [one.grant() for one in roles()]
        self._kept = found if self.keeps_grants else None
        return found


class May(frozenset[str]):
    """The permissions that somebody holds at a place. Templates ask `may.manage_apis`."""

    def __getitem__(self, name: str) -> bool:
        return Permission[name.upper()] in self

    @property
    def edit(self) -> bool:
        """All that a manager may do."""
        return self >= MANAGER


@dataclass(frozen=True)
class Held:
    """All that somebody was granted, asked of the database once."""

    grants: tuple[Grant, ...] = ()
    is_everything: bool = False

    def in_environment(self, environment_id: UUID, path: str) -> May:
        """What holds for all of it; `path` is its organization's."""
        return self._may(Grant(frozenset(), path, None, environment_id))

    def in_organization(self, path: str) -> May:
        """What holds in all of it, and below."""
        return self._may(Grant(frozenset(), path, None))

    def on_api(self, api_id: int | None, environment_id: UUID, path: str) -> May:
        return self._may(Grant(frozenset(), path, None, environment_id, api_id))

    def knows(self, environment_id: UUID, path: str) -> bool:
        """Whether anything of the environment may be seen, and be it a single API; `path` is its
        organization's.
        """
        return self.is_everything or any(
            one.environment_id == environment_id if one.environment_id else path.startswith(one.path)
            for one in self.grants
        )

    def somewhere(self, *permissions: str) -> bool:
        """Whether all of these are held together, in some environment or organization."""
        places = (one for one in self.grants if not one.api_id)
        return self.is_everything or any(self._may(one).issuperset(permissions) for one in places)

    @property
    def anywhere(self) -> May:
        """What holds at some place or other."""
        return May(EVERYTHING if self.is_everything else (p for one in self.grants for p in one.permissions))

    def apis(self, permission: str) -> list[int]:
        """The single APIs for which it was granted."""
        return [one.api_id for one in self.grants if one.api_id and permission in one.permissions]

    def entries_of_apis(self, permission: str) -> Q:
        """Of the audit log: those about these APIs, or what belongs to them."""
        keys = [str(pk) for pk in self.apis(permission)]
        return Q(object_type="apiinstance", object_id__in=keys) | Q(of_type="apiinstance", of_id__in=keys)

    def _may(self, place: Grant) -> May:
        if self.is_everything:
            return May(EVERYTHING)
        return May(one for grant in self.grants if grant.reaches(place) for one in grant.permissions)


def common(ones: Iterable[Grant], others: Iterable[Grant]) -> list[Grant]:
    """What both permit."""
    held = list(others)
    return [both for one in ones for other in held if (both := one.common(other))]


def any_of(conditions: Iterable[Q]) -> Q:
    whole = Q()
    for condition in conditions:
        whole |= condition
    return whole
