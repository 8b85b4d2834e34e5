"""Bodies of API instances, their deployments and gateways that the REST interface takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.assets.models import ASSET_ID, WHAT_AN_ASSET_ID_IS, Asset
from apis.rest.strict import StrictSerializer
from console.rest.fields import OneOf, list_or_null

MOST_ROWS = 100
"""Of a list in one answer."""
ASSET_TYPES = {
    "http": Asset.Type.HTTP,
    "http-api": Asset.Type.HTTP,
    "rest-api": Asset.Type.REST,
    "raml": Asset.Type.REST,
    "rest": Asset.Type.REST,
    "oas": Asset.Type.REST,
    "wsdl": Asset.Type.HTTP,
    "soap-api": Asset.Type.HTTP,
}


class SpecBody(s.Serializer[Any]):
    groupId = s.UUIDField(required=False, allow_null=True, help_text="The organization, unless given.")
    assetId = s.RegexField(
        f"^{ASSET_ID}$",
        error_messages={"invalid": WHAT_AN_ASSET_ID_IS},
    )
    version = s.CharField(max_length=40)


class TlsContextRef(s.Serializer[Any]):
    """In an answer it has the context's `name` too."""

    tlsContextId = s.UUIDField()
    secretGroupId = s.UUIDField(required=False, allow_null=True)
    name = s.CharField(required=False, allow_null=True)


class TlsContextsBody(s.Serializer[Any]):
    inbound = TlsContextRef(
        required=False, allow_null=True, help_text="What an https:// proxyUri serves with, and only that."
    )
    outbound = TlsContextRef(
        required=False,
        allow_null=True,
        help_text="For every https:// upstream that names no tlsContext itself.",
    )


class EndpointBody(s.Serializer[Any]):
    type = OneOf(list(ASSET_TYPES), required=False, allow_null=True)
    uri = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=1024)
    proxyUri = s.CharField(
        required=False,
        allow_null=True,
        max_length=512,
        help_text="http(s)://0.0.0.0:PORT/BASE-PATH; null means port 8081 and the asset's id as base path.",
    )
    isCloudHub = s.BooleanField(required=False, allow_null=True)
    deploymentType = OneOf(["HY", "CH", "CH2", "RF", "SM"], required=False, allow_null=True)
    referencesUserDomain = s.BooleanField(required=False, allow_null=True)
    responseTimeout = s.IntegerField(
        required=False,
        allow_null=True,
        help_text="Milliseconds in which an upstream must begin to answer; null: what the gateway says.",
    )
    muleVersion4OrAbove = s.BooleanField(required=False, allow_null=True)
    wsdlConfig = s.JSONField(required=False, allow_null=True)
    tlsContexts = TlsContextsBody(required=False, allow_null=True)


class RulesBody(StrictSerializer):
    path = s.CharField(required=False, allow_blank=True, allow_null=True)
    methods = s.CharField(required=False, allow_blank=True, allow_null=True)
    host = s.CharField(required=False, allow_blank=True, allow_null=True)
    headers = s.DictField(child=s.CharField(), required=False, allow_null=True)


class UpstreamBody(s.Serializer[Any]):
    id = s.UUIDField(required=False, allow_null=True)
    uri = s.CharField(required=False, max_length=1024)
    label = s.CharField(required=False, allow_blank=True, allow_null=True, max_length=255)
    weight = s.IntegerField(default=100, min_value=0, max_value=100)
    tlsContext = TlsContextRef(
        required=False,
        allow_null=True,
        help_text="How an https:// URI is trusted; null: by the system's CAs.",
    )


class RouteBody(s.Serializer[Any]):
    label = s.CharField(required=False, allow_blank=True, allow_null=True, max_length=255)
    rules = RulesBody(required=False, allow_null=True)
    upstreams = UpstreamBody(many=True)


class UpstreamEdit(StrictSerializer):
    """An upstream of the API by its id, and what of it changes."""

    also_known = ("audit", "weight")

    id = s.UUIDField()
    uri = s.CharField(required=False, max_length=1024)
    label = s.CharField(required=False, allow_blank=True, allow_null=True, max_length=255)
    tlsContext = TlsContextRef(required=False, allow_null=True)


class UpstreamNew(StrictSerializer):
    """An upstream that no route leads to yet: name its `id` in `routing`."""

    also_known = ("audit", "id")

    uri = s.CharField(max_length=1024)
    label = s.CharField(required=False, allow_blank=True, allow_null=True, max_length=255)
    tlsContext = TlsContextRef(required=False, allow_null=True)


class UpstreamPatch(UpstreamNew):
    uri = s.CharField(required=False, max_length=1024)


class DeploymentBody(s.Serializer[Any]):
    targetId = s.UUIDField()
    targetName = s.CharField(required=False, allow_null=True)
    targetType = s.CharField(required=False, allow_null=True)
    type = s.CharField(default="HY")
    expectedStatus = OneOf(["deployed", "undeployed"], default="deployed")
    gatewayVersion = s.CharField(required=False, allow_null=True)
    environmentId = s.UUIDField(required=False, allow_null=True)
    environmentName = s.CharField(required=False, allow_null=True)
    overwrite = s.BooleanField(default=False)


class InstancePatch(StrictSerializer):
    """Every field may be left out; one that is named is whole. What else an answer holds is passed over."""

    also_known = (
        *("audit", "masterOrganizationId", "organizationId", "environmentId", "id", "groupId", "assetId"),
        *("productVersion", "order", "lastActiveDate", "isPublic", "stage", "status", "configurationStatus"),
        *("autodiscoveryInstanceName", "pinned", "activeContractsCount", "spec"),
    )

    technology = s.CharField(required=False, allow_null=True, help_text="Only flexGateway.")
    endpoint = EndpointBody(required=False)
    routing = list_or_null(RouteBody(), required=False)
    upstreams = list_or_null(
        UpstreamEdit(), required=False, help_text="Changes upstreams where they are, on whatever routes."
    )
    instanceLabel = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=255)
    endpointUri = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=200)
    description = s.CharField(required=False, allow_null=True, allow_blank=True)
    tags = s.ListField(child=s.CharField(max_length=60), required=False)
    providerId = s.CharField(required=False, allow_null=True)
    approvalMethod = s.CharField(required=False, allow_null=True)
    deployment = DeploymentBody(required=False, allow_null=True)
    assetVersion = s.CharField(required=False, max_length=40)
    deprecated = s.BooleanField(required=False)


class InstanceBody(InstancePatch):
    """It needs `spec`, and an upstream in `endpoint.uri` or `routing`."""

    spec = SpecBody(
        help_text="An asset that does not exist yet is made, since there is no Exchange to take it from."
    )


class ListQuery(s.Serializer[Any]):
    assetId = s.CharField(required=False)
    groupId = s.UUIDField(required=False)
    assetVersion = s.CharField(required=False)
    productVersion = s.CharField(required=False)
    instanceLabel = s.CharField(required=False)
    query = s.CharField(required=False)
    limit = s.IntegerField(
        default=20, min_value=1, help_text="More than 100 is taken as 100; the answer says which it was."
    )
    offset = s.IntegerField(default=0, min_value=0, max_value=2**31)
    sort = OneOf(["id", "name", "createdDate", "updatedDate"], default="createdDate")
    ascending = s.BooleanField(default=False)

    def validate_limit(self, asked: int) -> int:
        return min(asked, MOST_ROWS)


class StatusShape(s.Serializer[Any]):
    status = s.CharField()
    message = s.CharField()


class RoutedUpstream(s.Serializer[Any]):
    id = s.UUIDField()
    weight = s.IntegerField()
    uri = s.CharField()
    label = s.CharField(allow_null=True)
    tlsContext = s.JSONField(allow_null=True)


class RouteShape(s.Serializer[Any]):
    label = s.CharField(allow_null=True)
    rules = s.DictField()
    upstreams = RoutedUpstream(many=True)


class EndpointShape(s.Serializer[Any]):
    id = s.IntegerField()
    type = s.CharField(allow_null=True)
    uri = s.CharField(allow_null=True)
    proxyUri = s.CharField(allow_null=True)
    proxyRegistrationUri = s.CharField(allow_null=True)
    isCloudHub = s.BooleanField(allow_null=True)
    deploymentType = s.CharField()
    policiesVersion = s.CharField(allow_null=True)
    referencesUserDomain = s.BooleanField(allow_null=True)
    responseTimeout = s.IntegerField(allow_null=True)
    wsdlConfig = s.JSONField(allow_null=True)
    muleVersion4OrAbove = s.BooleanField(allow_null=True)
    validation = s.CharField()
    tlsContexts = s.DictField()


class DeploymentShape(s.Serializer[Any]):
    id = s.IntegerField()
    apiId = s.IntegerField()
    type = s.CharField()
    targetId = s.UUIDField()
    targetName = s.CharField(allow_null=True)
    gatewayVersion = s.CharField()
    environmentId = s.UUIDField()
    environmentName = s.CharField()
    organizationId = s.UUIDField()
    masterOrganizationId = s.UUIDField()
    expectedStatus = s.CharField()
    applicationName = s.CharField(allow_null=True)
    updatedDate = s.DateTimeField(allow_null=True)


class InstanceShape(s.Serializer[Any]):
    audit = s.DictField()
    masterOrganizationId = s.UUIDField()
    organizationId = s.UUIDField()
    environmentId = s.UUIDField()
    id = s.IntegerField()
    instanceLabel = s.CharField(allow_null=True)
    groupId = s.UUIDField()
    assetId = s.CharField()
    assetVersion = s.CharField()
    productVersion = s.CharField()
    description = s.CharField(allow_null=True)
    tags = s.ListField(child=s.CharField())
    order = s.IntegerField()
    providerId = s.CharField(allow_null=True)
    deprecated = s.BooleanField()
    lastActiveDate = s.DateTimeField(allow_null=True)
    endpointUri = s.CharField(allow_null=True)
    isPublic = s.BooleanField()
    stage = s.CharField()
    technology = s.CharField()
    status = s.CharField(help_text="active, inactive or unregistered.")
    configurationStatus = StatusShape(help_text="What the gateway's replicas acknowledged, in words.")
    approvalMethod = s.CharField(allow_null=True)
    autodiscoveryInstanceName = s.CharField()
    pinned = s.BooleanField()
    activeContractsCount = s.IntegerField()
    endpoint = EndpointShape()
    routing = RouteShape(many=True)
    deployment = DeploymentShape(allow_null=True)


class AssetShape(s.Serializer[Any]):
    audit = s.DictField()
    masterOrganizationId = s.UUIDField()
    organizationId = s.UUIDField()
    id = s.IntegerField()
    name = s.CharField()
    exchangeAssetName = s.CharField()
    groupId = s.UUIDField()
    assetId = s.CharField()
    apis = InstanceShape(many=True)
    totalApis = s.IntegerField()
    autodiscoveryApiName = s.CharField()


@extend_schema_serializer(many=False)
class AssetList(s.Serializer[Any]):
    total = s.IntegerField(help_text="Of instances.")
    limit = s.IntegerField()
    offset = s.IntegerField()
    assets = AssetShape(many=True)


class InstanceList(s.Serializer[Any]):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    instances = InstanceShape(many=True)


class UpstreamShape(s.Serializer[Any]):
    id = s.UUIDField()
    label = s.CharField(allow_null=True)
    uri = s.CharField()
    tlsContext = s.JSONField(allow_null=True)
    audit = s.DictField()


class UpstreamList(s.Serializer[Any]):
    total = s.IntegerField()
    upstreams = UpstreamShape(many=True)


class TargetShape(s.Serializer[Any]):
    id = s.UUIDField()
    name = s.CharField()
    type = s.CharField()
    kind = s.CharField()
    status = s.CharField()
    gatewayVersion = s.CharField()
    version = s.CharField()
    versions = s.ListField(child=s.CharField())
    organizationId = s.UUIDField()
    environmentId = s.UUIDField()
    lastUpdate = s.DateTimeField()
    lastConnectedDate = s.DateTimeField(allow_null=True)
    tags = s.ListField(child=s.CharField())
    replicas = s.ListField(child=s.DictField())


@extend_schema_serializer(many=False)
class TargetList(s.Serializer[Any]):
    total = s.IntegerField()
    data = TargetShape(many=True)
