"""The organization and environment a request works in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from console.compiled import CompiledQuery
from console.grants import Held, May
from console.models import Environment, Organization, User
from console.permissions import Permission

SESSION_KEY = "environment"
NO_ROLE = "You have no role in any environment yet."


NOTHING, NONE = Held(), May()


@dataclass(frozen=True)
class Scope:
    """Either is None only for a user who may see nothing yet."""

    organization: Organization | None = None
    environment: Environment | None = None
    held: Held = NOTHING
    """All that the user was granted, anywhere."""
    may: May = NONE
    """What the user may do in all of the environment."""

    @property
    def can_edit(self) -> bool:
        return self.may.edit

    @property
    def can_administer(self) -> bool:
        return Permission.ADMINISTER_ENVIRONMENT in self.may

    @property
    def administers_some(self) -> bool:
        """Whether the user administers an organization, be it another one: who opens the pages of that."""
        needed = Permission.ADMINISTER_ORGANIZATION
        whole = (one for one in self.held.grants if one.environment_id is None)
        return self.held.is_everything or any(needed in one.permissions for one in whole)


class AnyRequest(HttpRequest):
    """What the middleware hands on, whoever asks."""

    scope: Scope
    htmx: HtmxDetails


class Request(AnyRequest):
    """Of somebody who is logged in: every view gets this but those marked `login_not_required`."""

    user: User


class ScopeMiddleware:
    """Sets `request.scope`, computed on first use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.scope = SimpleLazyObject(lambda: current(request))  # type: ignore[attr-defined]  # so an AnyRequest is made
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> None:
        """A page asks in ten places what its user may do."""
        is_read = request.method in ("GET", "HEAD") and getattr(view, "login_required", True)
        if is_read and isinstance(request.user, User):
            request.user.keeps_grants = True


def current(request: HttpRequest) -> Scope:
    """The environment chosen last, if it is still visible, else the oldest visible one."""
    if not isinstance(request.user, User):
        return Scope()
    held = request.user.held()
    environment = _chosen(request.session.get(SESSION_KEY), held) or _oldest(held)
    if environment is None:
        return Scope(held=held)
    organization = environment.organization
    return Scope(organization, environment, held, held.in_environment(environment.pk, organization.path))


def _chosen(key: str | None, held: Held) -> Environment | None:
    """The environment of this key, where one may see anything of it."""
    found = _environment(key=UUID(key)) if key else []
    return next((one for one in found if held.knows(one.pk, one.organization.path)), None)


def _oldest(held: Held) -> Environment | None:
    if held.is_everything:
        return _oldest_of_all.first()
    visible = Environment.objects.known_by(held).select_related("organization")
    return visible.order_by("created_at").first()


def known(held: Held) -> Iterable[Environment]:
    """Those of which one may see anything, with their organizations."""
    if held.is_everything:
        return _all()
    return Environment.objects.known_by(held).select_related("organization")


_all = CompiledQuery(lambda: Environment.objects.select_related("organization"))
_oldest_of_all = CompiledQuery(
    lambda: Environment.objects.select_related("organization").order_by("created_at")[:1]
)


_environment = CompiledQuery(
    lambda key: Environment.objects.filter(pk=key).select_related("organization").order_by(), key=uuid4()
)


def must(request: Request, permission: str) -> None:
    """In all of the environment that the user works in; 404 where there is none, 403 for who lacks it."""
    if request.scope.environment is None:
        raise Http404(NO_ROLE)
    if permission not in request.scope.may:
        raise lacking(permission)


def lacking(permission: str) -> PermissionDenied:
    label = Permission(permission).label
    return PermissionDenied(f"You need the permission {label} here; ask an administrator.")


def enter(request: AnyRequest, environment: Environment) -> None:
    """Make this the environment the user works in: called by the switcher and by an object's own page."""
    if request.session.get(SESSION_KEY) != str(environment.pk):
        request.session[SESSION_KEY] = str(environment.pk)
        request.scope = cast(Scope, SimpleLazyObject(lambda: current(request)))


def navigation(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame shows."""
    return {"scope": getattr(request, "scope", None)}
