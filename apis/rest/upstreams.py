"""REST: the upstreams of an API instance, one by one."""

from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import upstreams
from apis.rest import answers, bodies, reach, saving, serializers
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer


@extend_schema_view(
    list=extend_schema(operation_id="upstreams", responses=answers.UpstreamList),
    create=extend_schema(request=serializers.UpstreamNew, responses={201: answers.UpstreamShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: answers.UpstreamShape, 404: ErrorAnswer}),
    partial_update=extend_schema(
        parameters=[saving.SaveQuery],
        request=serializers.UpstreamPatch,
        responses={200: answers.UpstreamShape, **REFUSALS},
    ),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer, 409: ErrorAnswer}),
)
@extend_schema(tags=["API instances"])
class UpstreamViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """With those that no route leads to."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        found = answers.UpstreamShape(api.upstreams.select_related("tls_context"), many=True).data
        return Response({"total": len(found), "upstreams": found})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Add an upstream; it gets requests once `routing` names its id."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        body = reach.valid(serializers.UpstreamNew, request.data)
        with bodies.client_names(bodies.OF_UPSTREAM):
            row = upstreams.add(access.caller(request), api, bodies.upstream(api, body))
        return Response(answers.UpstreamShape(row).data, status=201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, upstream_id: UUID
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id)
        return Response(answers.UpstreamShape(reach.upstream(api, upstream_id)).data)

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, upstream_id: UUID
    ) -> Response:
        """Change what the body names, on every route that leads to the upstream."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        row = reach.upstream(api, upstream_id)
        body = reach.valid(serializers.UpstreamPatch, request.data)
        with bodies.client_names(bodies.OF_UPSTREAM):
            upstreams.edit(
                access.caller(request),
                api,
                {row.pk: bodies.upstream(api, body, row)},
                deploy=saving.asked(request, api),
            )
        row, said = reach.upstream(api, upstream_id), bodies.warnings_of(api) | saving.said(api)
        return Response(answers.UpstreamShape(row).data, headers=preconditions.warning(said))

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, upstream_id: UUID
    ) -> Response:
        """Refused while a route leads to it."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        upstreams.remove(access.caller(request), api, reach.upstream(api, upstream_id))
        return Response(status=204)
