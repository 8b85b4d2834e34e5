"""Which API a page is about, and whether the user may change it."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from apis.models import ApiInstance, PolicyBinding
from console import scope
from console.models import Environment, User


def actor(request: HttpRequest) -> User:
    """Who asks; every page of the console needs a login."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Log in first.")
    return request.user


def api_of(request: HttpRequest, pk: int) -> ApiInstance:
    """The API, if the user may see it; its environment becomes the one the user works in."""
    rows = ApiInstance.objects.visible_to(actor(request)).select_related(
        "asset", "gateway", "environment__organization"
    )
    api = get_object_or_404(rows, pk=pk)
    scope.enter(request, api.environment)
    return api


def api_to_change(request: HttpRequest, pk: int) -> ApiInstance:
    """The API, if the user may change it: 404 for one that is out of sight, 403 for a viewer."""
    api = api_of(request, pk)
    must_edit(request)
    return api


def binding_to_change(request: HttpRequest, pk: int, binding: int) -> PolicyBinding:
    api = api_to_change(request, pk)
    return get_object_or_404(api.policies.select_related("api__asset", "api__gateway"), pk=binding)


def must_edit(request: HttpRequest) -> None:
    if not scope_of(request).can_edit:
        raise PermissionDenied("You need the role Manager or Administrator here; ask an administrator.")


def environment_of(request: HttpRequest) -> Environment:
    """The environment the user works in; 404 for one who may see none."""
    environment: Environment | None = scope_of(request).environment
    if environment is None:
        raise Http404("You have no role in any environment yet.")
    return environment


def environment_to_change(request: HttpRequest) -> Environment:
    environment = environment_of(request)
    must_edit(request)
    return environment


def scope_of(request: HttpRequest) -> Any:
    return request.scope  # type: ignore[attr-defined]


def messages_of(error: ValidationError) -> dict[str, list[str]]:
    """The messages by field; those of no field under ""."""
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
