"""The organization and environment a request works in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from console.models import Environment, Organization, Role, User

SESSION_KEY = "environment"


@dataclass(frozen=True)
class Scope:
    """Either is None only for a user who may see nothing yet."""

    organization: Organization | None
    environment: Environment | None
    can_edit: bool
    can_administer: bool


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


def current(request: HttpRequest) -> Scope:
    """The environment chosen last, if it is still visible, else the oldest visible one."""
    if not isinstance(request.user, User):
        return Scope(None, None, False, False)
    visible = Environment.objects.visible_to(request.user).select_related("organization")
    chosen = request.session.get(SESSION_KEY)
    environment = (visible.filter(pk=chosen).first() if chosen else None) or visible.order_by(
        "created_at"
    ).first()
    if environment is None:
        return Scope(None, None, False, False)
    held = environment.roles_of(request.user)
    return Scope(
        environment.organization,
        environment,
        can_edit=not held.isdisjoint(Role.EDITORS),
        can_administer=Role.Name.ADMINISTRATOR in held,
    )


def enter(request: AnyRequest, environment: Environment) -> None:
    """Make this the environment the user works in: called by the switcher and by an object's own page."""
    if request.session.get(SESSION_KEY) != str(environment.pk):
        request.session[SESSION_KEY] = str(environment.pk)
        request.scope = cast(Scope, SimpleLazyObject(lambda: current(request)))


def navigation(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame shows."""
    return {"scope": getattr(request, "scope", None)}
