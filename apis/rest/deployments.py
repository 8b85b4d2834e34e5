"""REST: gateways as targets, and an API instance's deployment to one."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis import traffic
from apis.changes import instances
from apis.deployment.status import statuses_of
from apis.models import ApiInstance
from apis.rest import answers, bodies, reach, serializers
from console.models import User
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer
from gateways.models import Gateway

NOT_DEPLOYED = 'A new one is "deployed"; PATCH or DELETE a deployment to undeploy it.'


@extend_schema_view(
    list=extend_schema(responses=answers.TargetList),
    retrieve=extend_schema(responses={200: answers.TargetShape, 404: ErrorAnswer}),
)
@extend_schema(tags=["Deployments"])
class TargetViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """The environment's gateways."""
        rows = targets(request, organization_id, environment_id)
        found = answers.TargetShape(rows, many=True).data
        return Response({"total": len(found), "data": found})

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID
    ) -> Response:
        found = target(request, organization_id, environment_id, gateway_id)
        return Response(answers.TargetShape(found).data)


@extend_schema_view(
    list=extend_schema(responses=answers.DeploymentShape(many=True)),
    create=extend_schema(
        request=serializers.DeploymentBody, responses={201: answers.DeploymentShape, **REFUSALS}
    ),
    retrieve=extend_schema(responses={200: answers.DeploymentShape, 404: ErrorAnswer}),
    partial_update=extend_schema(
        request=serializers.DeploymentBody, responses={200: answers.DeploymentShape, **REFUSALS}
    ),
    update=extend_schema(
        request=serializers.DeploymentBody, responses={201: answers.DeploymentShape, **REFUSALS}
    ),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer}),
)
@extend_schema(tags=["Deployments"])
class DeploymentViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Empty for an instance that was never deployed."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        return Response([_shape(api)] if _has_deployment(api) else [])

    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.DEPLOY_APIS)
        body = reach.valid(serializers.DeploymentBody, request.data)
        if body["expectedStatus"] != "deployed":
            raise ValidationError({"expectedStatus": [NOT_DEPLOYED]})
        if api.is_deployed and not body["overwrite"]:
            # Clients take 400, not 409, for a deployment that is there already.
            message = f"API {api.pk} is deployed to {api.gateway}; redeploy it (PATCH), or send overwrite."
            raise ValidationError({"deployment": [message]})
        with bodies.client_names(bodies.OF_DEPLOYMENT):
            _deploy(access.caller(request), api, body)
        return Response(_shape(api), status=201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, deployment_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id)
        _check(api, deployment_id)
        return Response(_shape(api))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, deployment_id: int
    ) -> Response:
        """Deploy again, on another target if one is named; `expectedStatus: undeployed` takes it off."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.DEPLOY_APIS)
        return _redeployed(request, api, deployment_id, is_whole=False)

    def update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, deployment_id: int
    ) -> Response:
        """The same, with the target and all that it is to be."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.DEPLOY_APIS)
        return _redeployed(request, api, deployment_id, is_whole=True)

    @extend_schema(
        operation_id="deploymentStatus", responses={200: answers.DeploymentStatus, 404: ErrorAnswer}
    )
    def status(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, deployment_id: int
    ) -> Response:
        """How far it is, for clients that ask until it is applied or has failed."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        _check(api, deployment_id)
        context = {"statuses": statuses_of([api]), "active": traffic.last_active([api.pk])}
        return Response(answers.DeploymentStatus(api, context=context).data)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, deployment_id: int
    ) -> Response:
        """Undeploy."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.DEPLOY_APIS)
        _check(api, deployment_id)
        instances.undeploy_api(access.caller(request), api)
        return Response(status=204)


def target(request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID) -> Gateway:
    found = reach.gateway(request, organization_id, environment_id, gateway_id)
    prefetch_related_objects([found], "replicas")
    return found


def targets(request: Request, organization_id: UUID, environment_id: UUID) -> list[Gateway]:
    """The gateways of the environment with their replicas."""
    environment = access.environment(request, organization_id, environment_id, Permission.VIEW_GATEWAYS)
    rows = Gateway.objects.filter(environment=environment, is_revoked=False)
    return list(rows.select_related("environment").prefetch_related("replicas"))


def _has_deployment(api: ApiInstance) -> bool:
    return api.gateway_id is not None and api.deployed_at is not None


def _check(api: ApiInstance, deployment_id: int) -> None:
    if deployment_id != api.pk or not _has_deployment(api):
        raise NotFound(f"Deployment {deployment_id} of API {api.pk} not found.")


def _deploy(actor: User, api: ApiInstance, body: dict[str, Any]) -> None:
    gateway = bodies.gateway_of(api.environment, body) if "targetId" in body else None
    if body.get("expectedStatus") == "undeployed":
        instances.undeploy_api(actor, api)
    else:
        instances.deploy_api(actor, api, gateway)


def _redeployed(request: Request, api: ApiInstance, deployment_id: int, *, is_whole: bool) -> Response:
    _check(api, deployment_id)
    body = reach.valid(serializers.DeploymentBody, request.data, partial=not is_whole)
    with bodies.client_names(bodies.OF_DEPLOYMENT):
        _deploy(access.caller(request), api, body)
    return Response(_shape(api), 201 if is_whole else 200)


def _shape(api: ApiInstance) -> dict[str, Any]:
    return dict(answers.DeploymentShape(api).data)
