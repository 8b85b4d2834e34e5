"""REST: groups of API instances, of which there are none here: clients that look for an API's learn so."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.rest import access
from console.rest.serializers import ErrorAnswer


class GroupsAnswer(s.Serializer[Any]):
    total = s.IntegerField()
    instances = s.ListField(child=s.DictField())


class Groups(APIView):
    @extend_schema(
        operation_id="groupInstances",
        tags=["API instances"],
        responses={200: GroupsAnswer, 404: ErrorAnswer},
    )
    def get(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Always none: an API stands for itself."""
        access.known_environment(request, organization_id, environment_id)
        return Response({"total": 0, "instances": []})
