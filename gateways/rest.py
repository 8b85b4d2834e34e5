"""REST: registration tokens, as `registration create` asks for them with a user's or an app's credentials."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from console.models import Environment, Role
from gateways import change


@extend_schema(
    request=None,
    responses={
        201: inline_serializer("RegistrationTokenAnswer", {"registrationToken": serializers.CharField()})
    },
)
@api_view(["POST"])
def gateway_tokens(request: Request, organization_id: UUID, environment_id: UUID) -> Response:
    """A one-time token that registers one gateway in this environment."""
    visible = Environment.objects.visible_to(request.user)
    environment = get_object_or_404(visible, pk=environment_id, organization_id=organization_id)
    if not environment.permits(request.user, *Role.EDITORS):
        raise PermissionDenied("Registering a gateway needs the role Manager or Administrator.")
    _, text = change.issue_token(request.user, environment)
    answer: dict[str, Any] = {"registrationToken": text}
    return Response(answer, status=201)
