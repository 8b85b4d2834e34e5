"""REST: gateways as older clients of Anypoint ask for them before they deploy."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.addresses import served
from apis.models import ApiInstance
from apis.rest import answers, reach
from apis.rest import flex_target_serializers as shapes
from apis.rest.deployments import target, targets
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer


@extend_schema(tags=["Deployments"])
class FlexTargetViews(ViewSet):
    @extend_schema(
        operation_id="flex_gateway_targets",
        responses={200: shapes.FlexTargetShape(many=True), 404: ErrorAnswer},
    )
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """The environment's gateways, in an array; gateway-targets has them in an object."""
        rows = targets(request, organization_id, environment_id)
        return Response(shapes.FlexTargetShape(rows, many=True).data)

    @extend_schema(operation_id="flex_gateway_target", responses={200: answers.TargetShape, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID
    ) -> Response:
        found = target(request, organization_id, environment_id, gateway_id)
        return Response(answers.TargetShape(found).data)

    @extend_schema(
        operation_id="flex_gateway_target_apis", responses={200: shapes.PlaceList, 404: ErrorAnswer}
    )
    def apis(
        self, request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID
    ) -> Response:
        """Where its APIs listen, deployed or not: those that the caller may see."""
        found = reach.gateway(request, organization_id, environment_id, gateway_id)
        seen = ApiInstance.objects.permitting(access.held(request)).filter(gateway=found)
        needed = ("protocol", "port", "base_path", "is_deployed", "pending_since", "revision")
        where = served(seen.only("pk", *needed).order_by("port", "base_path", "pk"))
        rows = [{"id": pk, "port": port, "path": path} for pk, (_, port, path) in where.items()]
        shape = shapes.PlaceShape(rows, many=True).data
        return Response({"instances": shape, "targetAllowsPortSharing": True})

    @extend_schema(
        operation_id="deployment_targets",
        parameters=[shapes.EnvironmentQuery],
        responses={200: shapes.DeploymentTargetShape(many=True), **REFUSALS},
    )
    def of_organization(self, request: Request, organization_id: UUID) -> Response:
        """The same of the environment that the query names, in fewer words."""
        access.organization(request, organization_id)
        query = reach.valid(shapes.EnvironmentQuery, request.query_params)
        rows = targets(request, organization_id, query["environmentId"])
        return Response(shapes.DeploymentTargetShape(rows, many=True).data)
