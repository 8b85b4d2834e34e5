"""API instances, policies and targets as clients of Anypoint read them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from apis.assets.models import Asset
from apis.deployment.status import ApiStatus
from apis.models import ApiInstance, PolicyBinding, Route, TlsContext, Upstream
from apis.rest.bodies import trusted_by_all
from console.models import Environment
from console.rest.shapes import date
from gateways.models import Gateway
from policies import catalog
from policies.policy import CATALOG_GROUP

Shape = dict[str, Any]

_WORDS = {"Active": "active", "Unregistered": "unregistered"}


def audit(created: Any, updated: Any) -> Shape:
    return {"created": {"date": date(created)}, "updated": {"date": date(updated)} if updated else {}}


def instance(api: ApiInstance, status: ApiStatus, active: datetime | None) -> Shape:
    """The superset object that every client finds its fields in; `active` is when it was called last."""
    organization = api.environment.organization
    return {
        "audit": audit(api.created_at, api.updated_at),
        "masterOrganizationId": str(organization.root_id),
        "organizationId": str(organization.pk),
        "environmentId": str(api.environment_id),
        "id": api.pk,
        "instanceLabel": api.label or None,
        "groupId": str(api.asset.organization_id),
        "assetId": api.asset.asset_id,
        "assetVersion": api.asset.version,
        "productVersion": api.asset.api_version,
        "description": api.description or None,
        "tags": list(api.tags),
        "order": 1,
        "providerId": api.extra.get("providerId"),
        "deprecated": api.is_deprecated,
        "lastActiveDate": date(active),
        "endpointUri": api.consumer_endpoint or None,
        "isPublic": False,
        "stage": "release",
        "technology": "flexGateway",
        "status": _WORDS.get(status.state, "inactive"),
        "configurationStatus": {"status": status.state, "message": status.words},
        "approvalMethod": api.extra.get("approvalMethod"),
        "autodiscoveryInstanceName": api.autodiscovery_name,
        "pinned": False,
        "activeContractsCount": 0,
        "endpoint": _endpoint(api),
        "routing": [_route(route) for route in api.routes.all()],
        "deployment": deployment(api) if api.is_deployed else None,
    }


def _endpoint(api: ApiInstance) -> Shape:
    kept = api.extra.get("endpoint", {})
    upstreams = [target.upstream for route in api.routes.all() for target in route.targets.all()]
    return {
        "id": api.pk,
        "type": kept.get("type") or api.asset.type,
        "uri": upstreams[0].uri if upstreams else None,
        "proxyUri": api.address,
        "proxyRegistrationUri": None,
        "isCloudHub": kept.get("isCloudHub"),
        "deploymentType": "HY",
        "policiesVersion": None,
        "referencesUserDomain": kept.get("referencesUserDomain"),
        "responseTimeout": api.response_timeout_ms,
        "wsdlConfig": kept.get("wsdlConfig"),
        "muleVersion4OrAbove": kept.get("muleVersion4OrAbove"),
        "validation": "NOT_APPLICABLE",
        "tlsContexts": {
            "inbound": _tls_context(api.tls_context),
            "outbound": _tls_context(trusted_by_all(upstreams)),
        },
    }


def _tls_context(context: TlsContext | None) -> Shape | None:
    """An environment is one secret group."""
    if context is None:
        return None
    group = str(context.environment_id)
    return {"secretGroupId": group, "tlsContextId": str(context.pk), "name": context.name}


def _route(route: Route) -> Shape:
    rules = {
        name: value for name in ("path", "methods", "host", "headers") if (value := getattr(route, name))
    }
    return {
        "label": route.label or None,
        "rules": rules,
        "upstreams": [
            {
                "id": str(target.upstream_id),
                "weight": target.weight,
                "uri": target.upstream.uri,
                "label": target.upstream.label or None,
                "tlsContext": _tls_context(target.upstream.tls_context),
            }
            for target in route.targets.all()
        ],
    }


def deployment(api: ApiInstance) -> Shape:
    """Its id is the API's: an API has one deployment at most."""
    return {
        "id": api.pk,
        "apiId": api.pk,
        "type": "HY",
        "targetId": str(api.gateway_id),
        "targetName": api.gateway.name if api.gateway else None,
        "gatewayVersion": settings.VERSION,
        "environmentId": str(api.environment_id),
        "environmentName": api.environment.name,
        "organizationId": str(api.environment.organization_id),
        "masterOrganizationId": str(api.environment.organization.root_id),
        "expectedStatus": "deployed" if api.is_deployed else "undeployed",
        "applicationName": None,
        "updatedDate": date(api.deployed_at),
    }


def assets(instances: Iterable[Shape], rows: Iterable[ApiInstance], environment: Environment) -> list[Shape]:
    """Instances grouped by their asset, in the order given."""
    groups: dict[tuple[UUID, str], Shape] = {}
    for shape, row in zip(instances, rows, strict=True):
        asset = row.asset
        key = (asset.organization_id, asset.asset_id)
        group = groups.setdefault(key, _asset(asset, environment))
        group["apis"].append(shape)
        group["totalApis"] += 1
    return list(groups.values())


def _asset(asset: Asset, environment: Environment) -> Shape:
    return {
        "audit": audit(asset.created_at, None),
        "masterOrganizationId": str(environment.organization.root_id),
        "organizationId": str(environment.organization_id),
        "id": asset.pk,
        "name": f"groupId:{asset.organization_id}:assetId:{asset.asset_id}",
        "exchangeAssetName": asset.name,
        "groupId": str(asset.organization_id),
        "assetId": asset.asset_id,
        "apis": [],
        "totalApis": 0,
        "autodiscoveryApiName": f"groupId:{asset.organization_id}:assetId:{asset.asset_id}",
    }


def upstream(row: Upstream) -> Shape:
    return {
        "id": str(row.pk),
        "label": row.label or None,
        "uri": row.uri,
        "tlsContext": _tls_context(row.tls_context),
        "audit": audit(row.created_at, None),
    }


def policy(binding: PolicyBinding) -> Shape:
    """Secrets are never part of `configurationData`; sending it back without them keeps them."""
    environment = binding.api.environment
    return {
        "audit": audit(binding.created_at, binding.updated_at),
        "masterOrganizationId": str(environment.organization.root_id),
        "organizationId": str(environment.organization_id),
        "id": binding.pk,
        "policyTemplateId": binding.policy,
        "configurationData": binding.config,
        "order": binding.order,
        "disabled": binding.is_disabled,
        "pointcutData": binding.conditions or None,
        **_gav(binding),
        "implementationAsset": _implementation(binding),
        "type": "system",
        "apiId": binding.api_id,
        "label": binding.label or None,
        "upstreamIds": [],
    }


def active_policy(binding: PolicyBinding) -> Shape:
    """The form in which gateways and the SDK read the list."""
    return {
        "policyId": binding.pk,
        "policyTemplateId": binding.policy,
        "type": "system",
        "version": binding.updated_at.timestamp(),
        "order": binding.order,
        "pointcutData": binding.conditions or None,
        "configuration": binding.config,
        "template": _gav(binding),
        "implementationAsset": _implementation(binding),
        "upstreamIds": [],
    }


def _gav(binding: PolicyBinding) -> Shape:
    return {"groupId": CATALOG_GROUP, "assetId": binding.policy, "assetVersion": binding.policy_version}


def _implementation(binding: PolicyBinding) -> Shape:
    return {
        "assetId": f"{binding.policy}-flex",
        "groupId": CATALOG_GROUP,
        "version": _running_version(binding),
        "technology": "flexGateway",
        "minRuntimeVersion": "1.0.0",
    }


def _running_version(binding: PolicyBinding) -> str:
    """The catalog's own, whichever was asked for."""
    try:
        return binding.template.version
    except catalog.UnknownPolicy:
        return binding.policy_version


def target(row: Gateway) -> Shape:
    """Expects `replicas` prefetched."""
    live = [replica for replica in row.replicas.all() if replica.is_connected]
    versions = sorted({replica.version for replica in live})
    state = "CONNECTED" if live else "DISCONNECTED"
    heard = max((replica.last_heartbeat_at for replica in row.replicas.all()), default=None)
    return {
        "id": str(row.pk),
        "name": row.name,
        "type": "server",
        "kind": "flex",
        "status": state,
        "gatewayVersion": versions[-1] if versions else settings.VERSION,
        "version": versions[-1] if versions else settings.VERSION,
        "versions": versions,
        "organizationId": str(row.environment.organization_id),
        "environmentId": str(row.environment_id),
        "lastUpdate": date(heard or row.updated_at),
        "lastConnectedDate": date(heard),
        "tags": [],
        "replicas": [{"status": state, "count": len(live), "certificateExpirationDates": []}],
    }
