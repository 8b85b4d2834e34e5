"""Addresses of gateways as targets, and of what is deployed to them."""

from django.urls import path

from apis.rest.deployments import DeploymentViews, TargetViews
from apis.rest.flex_targets import FlexTargetViews
from apis.rest.ingress import IngressViews
from apis.rest.paths import AMX, SCOPE
from apis.rest.rehearsals import GatewayRehearsalViews

PX = f"proxies/xapi/v1/{SCOPE}/apis/<int:api_id>/deployments"
FLEX = f"{AMX}/flex-gateway-targets"

urlpatterns = [
    path(FLEX, FlexTargetViews.as_view({"get": "list"}), name="rest_flex_targets"),
    path(f"{FLEX}/<uuid:gateway_id>", FlexTargetViews.as_view({"get": "retrieve"}), name="rest_flex_target"),
    path(
        f"{FLEX}/<uuid:gateway_id>/apis",
        FlexTargetViews.as_view({"get": "apis"}),
        name="rest_flex_target_apis",
    ),
    path(
        "proxies/xapi/v1/organizations/<uuid:organization_id>/deployment-targets",
        FlexTargetViews.as_view({"get": "of_organization"}),
        name="rest_deployment_targets",
    ),
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
        DeploymentViews.as_view(
            {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
        ),
        name="rest_deployment",
    ),
    path(
        f"{PX}/<int:deployment_id>/status",
        DeploymentViews.as_view({"get": "status"}),
        name="rest_deployment_status",
    ),
]
