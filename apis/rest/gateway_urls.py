"""Addresses of gateways as targets, and of what is deployed to them."""

from django.urls import path

from apis.rest.deployments import DeploymentViews, TargetViews
from apis.rest.ingress import IngressViews
from apis.rest.paths import AMX, SCOPE
from apis.rest.rehearsals import GatewayRehearsalViews

PX = f"proxies/xapi/v1/{SCOPE}/apis/<int:api_id>/deployments"

urlpatterns = [
    path(f"{AMX}/gateway-targets", TargetViews.as_view({"get": "list"}), name="rest_targets"),
    path(
        f"{AMX}/gateway-targets/<uuid:gateway_id>",
        TargetViews.as_view({"get": "retrieve"}),
        name="rest_target",
    ),
    path(
        f"{AMX}/gateway-targets/<uuid:gateway_id>/ingress",
        IngressViews.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="rest_ingress",
    ),
    path(
        f"{AMX}/gateway-targets/<uuid:gateway_id>/rehearsals",
        GatewayRehearsalViews.as_view({"post": "start"}),
        name="rest_gateway_rehearsals",
    ),
    path(
        f"{AMX}/gateway-targets/<uuid:gateway_id>/rehearsals/<str:key>",
        GatewayRehearsalViews.as_view({"get": "retrieve"}),
        name="rest_rehearsal_on_gateway",
    ),
    path(PX, DeploymentViews.as_view({"get": "list", "post": "create"}), name="rest_deployments"),
    path(
        f"{PX}/<int:deployment_id>",
        DeploymentViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_deployment",
    ),
]
