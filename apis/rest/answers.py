"""API instances, their deployments and gateways as clients of Anypoint read them.

Each field says where its value is in the row: what is answered, and what the reference tells of it, is
declared once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.assets.models import Asset
from apis.deployment.status import ApiStatus
from apis.failing import Failing
from apis.models import ApiInstance, Route, RouteUpstream, TlsContext, Upstream
from apis.rest.bodies import trusted_by_all
from apis.rest.upstream_settings import SettingsShape
from console.models import Environment
from console.rest.fields import Moment, TextOrNull, fixed, made
from console.rest.reading import Answer
from console.rest.shapes import date
from gateways.models import Gateway

Shape = dict[str, Any]

_WORDS = {"Active": "active", "Unregistered": "unregistered"}


def dates(row: Any) -> Shape:
    """When it was made and, where that is kept, changed."""
    updated = getattr(row, "updated_at", None)
    return {
        "created": {"date": date(row.created_at)},
        "updated": {"date": date(updated)} if updated else {},
    }


def _named(context: TlsContext | None) -> Shape | None:
    if context is None:
        return None
    group = str(context.secret_group_id)
    return {"secretGroupId": group, "tlsContextId": str(context.pk), "name": context.name}


def _endpoint_type(api: ApiInstance) -> str:
    return str(api.extra.get("endpoint", {}).get("type") or api.asset.type)


def _upstreams(api: ApiInstance) -> list[Upstream]:
    return [target.upstream for route in api.routes.all() for target in route.targets.all()]


def _rules(route: Route) -> Shape:
    """The rules that the route has."""
    return {name: value for name in ("path", "methods", "host", "headers") if (value := getattr(route, name))}


def _tls_contexts(api: ApiInstance) -> Shape:
    return {"inbound": _named(api.tls_context), "outbound": _named(trusted_by_all(_upstreams(api)))}


class StatusShape(Answer):
    status = s.CharField(source="state")
    message = s.CharField(source="words")

    def get_attribute(self, instance: ApiInstance) -> ApiStatus:
        found: ApiStatus = self.context["statuses"][instance.pk]
        return found


class StatusWord(s.CharField):
    def get_attribute(self, instance: ApiInstance) -> str:
        return _WORDS.get(self.context["statuses"][instance.pk].state, "inactive")


class UpstreamFailing(s.CharField):
    def get_attribute(self, instance: ApiInstance) -> str | None:
        found: Failing | None = self.context["failing"].get(instance.pk)
        return found.sentence if found else None


class LastActive(Moment):
    def get_attribute(self, instance: ApiInstance) -> Any:
        return self.context["active"].get(instance.pk)


class RoutedUpstream(SettingsShape):
    id = s.UUIDField(source="upstream_id")
    weight = s.IntegerField()
    uri = s.CharField(source="upstream.uri")
    label = TextOrNull(source="upstream.label")
    tlsContext = made(s.JSONField, lambda target: _named(target.upstream.tls_context), allow_null=True)

    @staticmethod
    def of(row: RouteUpstream) -> Upstream:
        return row.upstream


class RouteShape(Answer):
    label = TextOrNull()
    rules = made(s.DictField, _rules)
    upstreams = RoutedUpstream(many=True, source="targets")


class EndpointShape(Answer):
    # What clients sent of it and nothing acts upon is given back from `extra`.
    id = s.IntegerField(source="pk")
    type = made(s.CharField, _endpoint_type, allow_null=True)
    uri = made(s.CharField, lambda api: next((one.uri for one in _upstreams(api)), None), allow_null=True)
    proxyUri = s.CharField(allow_null=True, source="address")
    proxyRegistrationUri = fixed(s.CharField, None, allow_null=True)
    isCloudHub = s.BooleanField(allow_null=True, source="extra.endpoint.isCloudHub")
    deploymentType = fixed(s.CharField, "HY")
    policiesVersion = fixed(s.CharField, None, allow_null=True)
    referencesUserDomain = s.BooleanField(allow_null=True, source="extra.endpoint.referencesUserDomain")
    responseTimeout = s.IntegerField(allow_null=True, source="response_timeout_ms")
    wsdlConfig = s.JSONField(allow_null=True, source="extra.endpoint.wsdlConfig")
    muleVersion4OrAbove = s.BooleanField(allow_null=True, source="extra.endpoint.muleVersion4OrAbove")
    validation = fixed(s.CharField, "NOT_APPLICABLE")
    tlsContexts = made(s.DictField, _tls_contexts)


class DeploymentShape(Answer):
    """Its id is the API's: an API has one deployment at most."""

    id = s.IntegerField(source="pk")
    apiId = s.IntegerField(source="pk")
    type = fixed(s.CharField, "HY")
    targetId = s.UUIDField(source="gateway_id")
    targetName = s.CharField(allow_null=True, source="gateway.name")
    gatewayVersion = fixed(s.CharField, settings.VERSION)
    environmentId = s.UUIDField(source="environment_id")
    environmentName = s.CharField(source="environment.name")
    organizationId = s.UUIDField(source="environment.organization_id")
    masterOrganizationId = s.UUIDField(source="environment.organization.root_id")
    expectedStatus = made(s.CharField, lambda api: "deployed" if api.is_deployed else "undeployed")
    applicationName = fixed(s.CharField, None, allow_null=True)
    updatedDate = Moment(allow_null=True, source="deployed_at")

    def get_attribute(self, instance: ApiInstance) -> ApiInstance | None:
        return instance if instance.is_deployed else None


class DeploymentStatus(Answer):
    """Of an API that was deployed; the context is that of `InstanceShape`."""

    status = s.SerializerMethodField(help_text="applying, applied, failed or undeployed.")
    apiVersionStatus = StatusWord(help_text="As `status` of the API.")
    lastActiveDate = LastActive(allow_null=True)
    message = s.SerializerMethodField(help_text="What the replicas say, in words.")

    def get_status(self, api: ApiInstance) -> str:
        found: ApiStatus = self.context["statuses"][api.pk]
        if not api.is_deployed:
            return "undeployed"
        if found.state == "Active":
            return "applied"
        return "failed" if found.is_refused else "applying"

    def get_message(self, api: ApiInstance) -> str:
        found: ApiStatus = self.context["statuses"][api.pk]
        return found.words


class ActiveContracts(s.IntegerField):
    def get_attribute(self, instance: ApiInstance) -> int:
        found: int = self.context["contracts"].get(instance.pk, 0)
        return found


class IsPinned(s.BooleanField):
    def get_attribute(self, instance: ApiInstance) -> bool:
        return instance.pk in self.context["pinned"]


class InstanceShape(Answer):
    """The superset object that every client finds its fields in."""

    # The context has by the API's id the `statuses`, in `failing` what fails at its upstreams, the number of
    # `contracts` by which somebody may call, in `active` when each was called last, and in `pinned` those
    # that the caller pinned.
    audit = made(s.DictField, dates)
    masterOrganizationId = s.UUIDField(source="environment.organization.root_id")
    organizationId = s.UUIDField(source="environment.organization_id")
    environmentId = s.UUIDField(source="environment_id")
    id = s.IntegerField(source="pk")
    instanceLabel = TextOrNull(source="label")
    groupId = s.UUIDField(source="asset.organization_id")
    assetId = s.CharField(source="asset.asset_id")
    assetVersion = s.CharField(source="asset.version")
    productVersion = s.CharField(source="asset.api_version")
    description = TextOrNull()
    tags = s.ListField(child=s.CharField())
    order = fixed(s.IntegerField, 1)
    providerId = s.CharField(allow_null=True, source="extra.providerId")
    deprecated = s.BooleanField(source="is_deprecated")
    lastActiveDate = LastActive(allow_null=True)
    endpointUri = TextOrNull(source="consumer_endpoint")
    isPublic = fixed(s.BooleanField, False)
    stage = fixed(s.CharField, "release")
    technology = fixed(s.CharField, "flexGateway")
    status = StatusWord(help_text="active, inactive or unregistered.")
    configurationStatus = StatusShape(help_text="What the gateway's replicas acknowledged, in words.")
    upstreamFailing = UpstreamFailing(
        allow_null=True,
        help_text="Ours: what fails at its upstreams, and of how many requests in five minutes; null where "
        "none does. `configurationStatus` says nothing of it.",
    )
    approvalMethod = s.CharField(allow_null=True, source="extra.approvalMethod")
    autodiscoveryInstanceName = s.CharField(source="autodiscovery_name")
    pinned = IsPinned(help_text="Whether the caller pinned it.")
    activeContractsCount = ActiveContracts()
    endpoint = EndpointShape(source="*")
    routing = RouteShape(many=True, source="routes")
    deployment = DeploymentShape(allow_null=True)


@dataclass(frozen=True)
class AssetInstances:
    """An asset with those of its instances that are shown."""

    asset: Asset
    environment: Environment
    apis: list[ApiInstance] = field(default_factory=list)

    @property
    def coordinates(self) -> str:
        return f"groupId:{self.asset.organization_id}:assetId:{self.asset.asset_id}"


def by_asset(rows: Iterable[ApiInstance], environment: Environment) -> list[AssetInstances]:
    """Instances grouped by their asset, whichever its version, in the order given."""
    groups: dict[tuple[Any, str], AssetInstances] = {}
    for row in rows:
        key = (row.asset.organization_id, row.asset.asset_id)
        groups.setdefault(key, AssetInstances(row.asset, environment)).apis.append(row)
    return list(groups.values())


class AssetShape(Answer):
    audit = made(s.DictField, lambda group: dates(group.asset))
    masterOrganizationId = s.UUIDField(source="environment.organization.root_id")
    organizationId = s.UUIDField(source="environment.organization_id")
    id = s.IntegerField(source="asset.pk")
    name = s.CharField(source="coordinates")
    exchangeAssetName = s.CharField(source="asset.name")
    groupId = s.UUIDField(source="asset.organization_id")
    assetId = s.CharField(source="asset.asset_id")
    apis = InstanceShape(many=True)
    totalApis = made(s.IntegerField, lambda group: len(group.apis))
    autodiscoveryApiName = s.CharField(source="coordinates")


@extend_schema_serializer(many=False)
class AssetList(Answer):
    total = s.IntegerField(help_text="Of instances.")
    limit = s.IntegerField()
    offset = s.IntegerField()
    assets = AssetShape(many=True)


class InstanceList(Answer):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    instances = InstanceShape(many=True)


class UpstreamShape(SettingsShape):
    id = s.UUIDField()
    label = TextOrNull()
    uri = s.CharField()
    tlsContext = made(s.JSONField, lambda row: _named(row.tls_context), allow_null=True)
    audit = made(s.DictField, dates)


class UpstreamList(Answer):
    total = s.IntegerField()
    upstreams = UpstreamShape(many=True)


def _live(gateway: Gateway) -> list[Any]:
    return [replica for replica in gateway.replicas.all() if replica.is_connected]


def _state(live: list[Any]) -> str:
    return "CONNECTED" if live else "DISCONNECTED"


def _versions(gateway: Gateway) -> list[str]:
    return sorted({replica.version for replica in _live(gateway)})


def version_of(gateway: Gateway) -> str:
    """The newest that runs; ours while none does."""
    return next(reversed(_versions(gateway)), settings.VERSION)


def _heard(gateway: Gateway) -> Any:
    return max((replica.last_heartbeat_at for replica in gateway.replicas.all()), default=None)


def _replicas(gateway: Gateway) -> Shape:
    live = _live(gateway)
    return {"status": _state(live), "count": len(live), "certificateExpirationDates": []}


class TargetFacts(Answer):
    # Of a gateway whose replicas are prefetched.
    id = s.UUIDField()
    name = s.CharField()
    type = fixed(s.CharField, "server")
    kind = fixed(s.CharField, "flex")
    status = made(s.CharField, lambda gateway: _state(_live(gateway)))
    gatewayVersion = made(s.CharField, version_of)
    version = made(s.CharField, version_of)
    versions = made(s.ListField, _versions, child=s.CharField())
    organizationId = s.UUIDField(source="environment.organization_id")
    environmentId = s.UUIDField(source="environment_id")
    lastUpdate = made(Moment, lambda gateway: _heard(gateway) or gateway.updated_at)
    lastConnectedDate = made(Moment, _heard, allow_null=True)
    tags = fixed(s.ListField, [], child=s.CharField())


class TargetShape(TargetFacts):
    replicas = made(s.ListField, lambda gateway: [_replicas(gateway)], child=s.DictField())


@extend_schema_serializer(many=False)
class TargetList(Answer):
    total = s.IntegerField()
    data = TargetShape(many=True)
