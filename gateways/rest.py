"""REST: registration tokens, as `registration create` asks for them with a user's or an app's credentials."""

from uuid import UUID

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from console.permissions import Permission
from console.rest import access, nothing
from gateways import change


@extend_schema(
    tags=["Gateways"],
    request=None,
    responses={
        201: inline_serializer("RegistrationTokenAnswer", {"registrationToken": serializers.CharField()})
    },
)
@api_view(["POST"])
def gateway_tokens(request: Request, organization_id: UUID, environment_id: UUID) -> Response:
    """A one-time token that registers one gateway in this environment."""
    environment = access.environment(request, organization_id, environment_id, Permission.MANAGE_GATEWAYS)
    nothing.check(request)
    _, text = change.issue_token(access.caller(request), environment)
    return Response({"registrationToken": text}, status=201)
