"""REST: what a connected app may do."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.models import ConnectedApp, Organization
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import ErrorAnswer


class ScopeShape(s.Serializer[Any]):
    scope = s.CharField()
    context_params = s.DictField(help_text="The organization, and the environment if it is for one alone.")


class ScopesAnswer(s.Serializer[Any]):
    data: Any = ScopeShape(many=True)
    total = s.IntegerField()


class Scopes(APIView):
    @extend_schema(
        operation_id="connectedAppScopes",
        tags=["Accounts"],
        responses={200: ScopesAnswer, 404: ErrorAnswer},
    )
    def get(self, request: Request, client_id: str) -> Response:
        """Each permission that the app was given, by its role or one by one, and where: for administrators of
        its organization. What its owner may not do, it may not either.
        """
        own = Organization.objects.where(access.caller(request), Permission.ADMINISTER_ORGANIZATION)
        app = (
            ConnectedApp.objects.select_related("organization")
            .filter(organization__in=own, pk=client_id)
            .first()
        )
        if app is None:
            raise NotFound(f"Connected app {client_id} not found.")
        data = []
        for grant in app.grants():
            place = {"org": str(grant.organization_id)}
            if grant.environment_id:
                place["envId"] = str(grant.environment_id)
            data += [{"scope": one, "context_params": place} for one in sorted(grant.permissions)]
        return Response({"data": data, "total": len(data)})
