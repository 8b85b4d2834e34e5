"""REST: organizations and their environments."""

from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from console import accounts, environment_settings
from console.models import Environment
from console.rest import access, serializers, shapes


class OrganizationView(APIView):
    @extend_schema(operation_id="organization", tags=["Accounts"], responses=serializers.OrganizationShape)
    def get(self, request: Request, organization_id: UUID) -> Response:
        """The organization with the environments that the caller may see."""
        row, user = access.organization(request, organization_id), access.caller(request)
        environments = Environment.objects.known_to(user).filter(organization=row)
        shape = shapes.organization(row, environments, list(user.organizations()))
        return Response(serializers.OrganizationShape(shape).data)


@extend_schema_view(
    list=extend_schema(operation_id="environments", responses=serializers.EnvironmentList),
    create=extend_schema(
        operation_id="createEnvironment",
        request=serializers.EnvironmentBody,
        responses={201: serializers.EnvironmentShape},
    ),
    retrieve=extend_schema(operation_id="environment", responses=serializers.EnvironmentShape),
    partial_update=extend_schema(
        operation_id="changeEnvironment",
        request=serializers.EnvironmentPatch,
        responses={200: serializers.EnvironmentShape, **serializers.REFUSALS},
    ),
    destroy=extend_schema(operation_id="deleteEnvironment", responses={204: None}),
)
@extend_schema(tags=["Accounts"])
class EnvironmentViews(ViewSet):
    def list(self, request: Request, organization_id: UUID) -> Response:
        row = access.organization(request, organization_id)
        found = Environment.objects.known_to(access.caller(request)).filter(organization=row)
        data = [shapes.environment(environment) for environment in found]
        return Response({"data": data, "total": len(data)})

    def create(self, request: Request, organization_id: UUID) -> Response:
        row = access.administered(request, organization_id)
        body = serializers.EnvironmentBody(data=request.data)
        body.is_valid(raise_exception=True)
        name, kind = body.validated_data["name"], body.validated_data["type"]
        made = accounts.create_environment(access.caller(request), row, name, kind)
        return Response(shapes.environment(made), status=201)

    def retrieve(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        return Response(
            shapes.environment(access.known_environment(request, organization_id, environment_id))
        )

    def partial_update(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Say how changes that are saved of deployed APIs are deployed."""
        found = access.known_environment(request, organization_id, environment_id)
        access.administered(request, organization_id)
        body = serializers.EnvironmentPatch(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        environment_settings.set_deploys(
            access.caller(request),
            found,
            given.get("deploys", found.deploys),
            given.get("failingTestsStop", found.failing_tests_stop),
        )
        return Response(shapes.environment(found))

    def destroy(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        found = access.known_environment(request, organization_id, environment_id)
        access.administered(request, organization_id)
        accounts.delete_environment(access.caller(request), found)
        return Response(status=204)
