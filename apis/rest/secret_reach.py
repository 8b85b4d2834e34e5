"""What secret groups' addresses have in common: who may reach what, and refusals with the codes that clients
of Secrets Manager read.
"""

from typing import Any
from uuid import UUID

from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.secret_groups.models import SecretGroup
from apis.secret_groups.permission import may_manage
from console.models import Environment
from console.permissions import Permission
from console.rest import access


class SecretsViewSet(ViewSet):
    def handle_exception(self, exc: Exception) -> Response:
        """They read `code` of each error, and end without one."""
        response: Response = super().handle_exception(exc)
        for error in (response.data or {}).get("errors", ()):
            error["code"] = error["type"]
        return response


def environment(
    request: Request, organization_id: UUID, environment_id: UUID, *, to_edit: bool
) -> Environment:
    found = access.environment(request, organization_id, environment_id, Permission.VIEW_SECRETS)
    if to_edit and not may_manage(access.caller(request), found):
        raise PermissionDenied(f"Changes of secrets need the permission Manage secrets and TLS in {found}.")
    return found


def group(
    request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, *, to_edit: bool = False
) -> SecretGroup:
    place = environment(request, organization_id, environment_id, to_edit=to_edit)
    found = place.secret_groups.filter(pk=group_id).first()
    if found is None:
        raise NotFound(f"Secret group {group_id} not found.")
    found.environment = place
    return found


def manages(request: Request, place: Environment) -> bool:
    return may_manage(access.caller(request), place)


def saved(thing: Any, words: str, code: int = 200) -> Response:
    return Response({"id": str(thing.pk), "message": words}, status=code)
