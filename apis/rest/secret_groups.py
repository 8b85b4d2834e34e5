"""REST: secret groups."""

from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from apis.changes import secret_groups as change
from apis.rest import bodies, reach, secret_reach
from apis.rest.secret_reach import SecretsViewSet, saved
from apis.rest.secret_serializers import GroupBody, GroupPatch, GroupShape, Saved
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer

NAMES: bodies.Names = (("sent_to", "sentTo"),)


@extend_schema_view(
    list=extend_schema(responses=GroupShape(many=True)),
    create=extend_schema(request=GroupBody, responses={201: Saved, **REFUSALS}),
    retrieve=extend_schema(responses={200: GroupShape, 404: ErrorAnswer}),
    partial_update=extend_schema(request=GroupPatch, responses={200: Saved, **REFUSALS}),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer, 409: ErrorAnswer}),
)
@extend_schema(tags=["Secret groups"])
class SecretGroupViews(SecretsViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        place = secret_reach.environment(request, organization_id, environment_id, to_edit=False)
        return Response([GroupShape(one).data for one in place.secret_groups.all()])

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        place = secret_reach.environment(request, organization_id, environment_id, to_edit=True)
        body = reach.valid(GroupBody, request.data)
        with bodies.client_names(NAMES):
            made = change.create_group(access.caller(request), place, **body)
        return saved(made, f"Secret group {made} was created.", 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id)
        return preconditions.answer(GroupShape(group).data, change.version_of(group))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        body = reach.valid(GroupPatch, request.data)
        with bodies.client_names(NAMES):
            change.edit_group(access.caller(request), group, **body, seen=preconditions.seen(request))
        return saved(group, f"Secret group {group} was changed.")

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID
    ) -> Response:
        """With all that is in it; 409 while anything of it is used."""
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        change.delete_group(access.caller(request), group)
        return Response(status=204)
