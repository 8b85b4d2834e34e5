"""Bodies of API instances and their deployments that the REST interface takes."""

import re
from typing import Any

from rest_framework import serializers as s

from apis.assets.models import ASSET_ID, WHAT_AN_ASSET_ID_IS, Asset
from apis.rest.strict import StrictSerializer
from apis.rest.upstream_settings import SettingsBody, WholeSettingsBody
from console.rest.fields import Limit, Offset, OneLine, OneOf, list_or_null

LONGEST = 256
"""Characters of what is kept for clients and not acted upon."""
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


class PageQuery(s.Serializer[Any]):
    limit = Limit(MOST_ROWS, default=20)
    offset = Offset()


class SpecBody(StrictSerializer):
    groupId = s.UUIDField(required=False, allow_null=True, help_text="The organization, unless given.")
    assetId = s.RegexField(
        f"^{ASSET_ID}$",
        error_messages={"invalid": WHAT_AN_ASSET_ID_IS},
    )
    version = s.CharField(max_length=40)


class TlsContextRef(StrictSerializer):
    """In an answer it has the context's `name` too."""

    tlsContextId = s.UUIDField()
    secretGroupId = s.UUIDField(required=False, allow_null=True)
    name = s.CharField(required=False, allow_null=True)


class TlsContextsBody(StrictSerializer):
    inbound = TlsContextRef(
        required=False, allow_null=True, help_text="What an https:// proxyUri serves with, and only that."
    )
    outbound = TlsContextRef(
        required=False,
        allow_null=True,
        help_text="For every https:// upstream that names no tlsContext itself.",
    )


class WsdlBody(StrictSerializer):
    """Given back as sent: gateways here serve no WSDL."""

    name = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=LONGEST)
    namespace = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=LONGEST)
    port = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=LONGEST)


class EndpointBody(StrictSerializer):
    also_known = ("id", "proxyRegistrationUri", "policiesVersion", "validation", "apiId", "audit")

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
    wsdlConfig = WsdlBody(required=False, allow_null=True)
    tlsContexts = TlsContextsBody(required=False, allow_null=True)


class RulesBody(StrictSerializer):
    path = s.CharField(required=False, allow_blank=True, allow_null=True)
    methods = s.CharField(required=False, allow_blank=True, allow_null=True)
    host = s.CharField(required=False, allow_blank=True, allow_null=True)
    headers = s.DictField(child=s.CharField(), required=False, allow_null=True)


class UpstreamBody(SettingsBody, StrictSerializer):
    also_known = ("audit",)

    id = s.UUIDField(required=False, allow_null=True)
    uri = s.CharField(required=False, max_length=1024)
    label = OneLine(required=False, allow_blank=True, allow_null=True, max_length=255)
    weight = s.IntegerField(default=100, min_value=0, max_value=100)
    tlsContext = TlsContextRef(
        required=False,
        allow_null=True,
        help_text="How an https:// URI is trusted; null: by the system's CAs.",
    )


class RouteBody(StrictSerializer):
    also_known = ("id", "audit")

    label = OneLine(required=False, allow_blank=True, allow_null=True, max_length=255)
    rules = RulesBody(required=False, allow_null=True)
    upstreams = UpstreamBody(many=True)


class UpstreamEdit(SettingsBody, StrictSerializer):
    """An upstream of the API by its id, and what of it changes."""

    also_known = ("audit", "weight")

    id = s.UUIDField()
    uri = s.CharField(required=False, max_length=1024)
    label = OneLine(required=False, allow_blank=True, allow_null=True, max_length=255)
    tlsContext = TlsContextRef(required=False, allow_null=True)


class UpstreamNew(WholeSettingsBody, StrictSerializer):
    """An upstream that no route leads to yet: name its `id` in `routing`."""

    also_known = ("audit", "id")

    uri = s.CharField(max_length=1024)
    label = OneLine(required=False, allow_blank=True, allow_null=True, max_length=255)
    tlsContext = TlsContextRef(required=False, allow_null=True)


class UpstreamPatch(UpstreamNew):
    kinds = SettingsBody.kinds
    uri = s.CharField(required=False, max_length=1024)


class DeploymentBody(StrictSerializer):
    """Clients send back what they read; what other runtimes have, such as `target`, says nothing here."""

    also_known = (
        *("audit", "id", "apiId", "organizationId", "masterOrganizationId", "applicationName", "updatedDate"),
        *("remoteSystemId", "target", "name", "javaVersion", "releaseChannel"),
    )

    targetId = s.UUIDField()
    targetName = s.CharField(required=False, allow_null=True)
    targetType = s.CharField(required=False, allow_null=True)
    type = s.CharField(default="HY")
    expectedStatus = OneOf(["deployed", "undeployed"], default="deployed")
    gatewayVersion = s.CharField(required=False, allow_null=True)
    environmentId = s.UUIDField(required=False, allow_null=True)
    environmentName = s.CharField(required=False, allow_null=True)
    overwrite = s.BooleanField(default=False)

    def validate_type(self, given: str) -> str:
        if given != "HY":
            raise s.ValidationError(
                f'"{given[:40]}": only self-managed gateways are deployed to here; write HY.'
            )
        return given


class InstancePatch(StrictSerializer):
    """Every field may be left out; one that is named is whole. What else an answer holds is passed over."""

    also_known = (
        *("audit", "masterOrganizationId", "organizationId", "environmentId", "id", "groupId", "assetId"),
        *("productVersion", "order", "lastActiveDate", "isPublic", "stage", "status", "configurationStatus"),
        *("upstreamFailing", "autodiscoveryInstanceName", "pinned", "activeContractsCount", "spec"),
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
    providerId = s.CharField(required=False, allow_null=True, max_length=LONGEST)
    approvalMethod = s.CharField(required=False, allow_null=True, max_length=LONGEST)
    deployment = DeploymentBody(required=False, allow_null=True)
    assetVersion = s.CharField(required=False, max_length=40)
    deprecated = s.BooleanField(required=False)


class InstanceWhole(InstancePatch):
    """An instance as a whole: what may be left out is then as in a new one, without label or tags.

    Where it is deployed is its deployment's matter, and stays unless `deployment` says otherwise.
    """

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        endpoint = given.get("endpoint", {})
        if not endpoint.get("proxyUri"):
            raise s.ValidationError({"endpoint": {"proxyUri": ["This field is required."]}}, code="required")
        if not given.get("routing") and not endpoint.get("uri"):
            told = ["Name its upstreams here, or one in endpoint.uri."]
            raise s.ValidationError({"routing": told}, code="required")
        contexts = {"inbound": None, **(endpoint.get("tlsContexts") or {})}
        whole = {"responseTimeout": None, **endpoint, "tlsContexts": contexts}
        texts = ("instanceLabel", "endpointUri", "description", "providerId", "approvalMethod")
        return {**dict.fromkeys(texts), "tags": [], "deprecated": False, **given, "endpoint": whole}


class Included(StrictSerializer):
    allEntities = s.BooleanField(default=True)


class PromoteBody(StrictSerializer):
    """Contracts are of one environment: what is said of them says nothing."""

    also_known = ("contracts",)

    originApiId = s.IntegerField(min_value=1, help_text="Of any environment that the caller may see.")
    policies = Included(required=False, allow_null=True, help_text="Left out: all of them.")
    tests = Included(required=False, allow_null=True, help_text="Left out: all of them.")
    tiers = Included(required=False, allow_null=True, help_text="Left out: all of them.")
    terms = Included(
        required=False, allow_null=True, help_text="Those of its own. Left out: they come along."
    )
    alerts = Included(required=False, allow_null=True, help_text="Left out: all of them.")
    counterpartId = s.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="What the origin was promoted to here before: it is brought up to date, with the addresses "
        "and secrets that it has. Left out: a new instance is made.",
    )
    secrets = s.DictField(
        child=s.DictField(child=s.CharField(max_length=20_000)),
        required=False,
        help_text='By the origin\'s policy, then by path: {"12": {"password": "…"}}. By group and name, as '
        'they are called here, those of shared secrets to be made: {"payments/db": {"password": "…"}}.',
    )
    sharedSecrets = s.DictField(
        child=s.RegexField("^[^/]{1,120}/[^/]{1,120}$"),
        required=False,
        help_text='What shared secrets that policies mention are called here: {"payments/db": "live/db"}. '
        "Left out: as the last promotion had it, else as they are called there.",
    )
    sentTo = s.DictField(
        child=s.ListField(child=s.CharField(max_length=300), allow_empty=True),
        required=False,
        help_text="By secret groups that are made here, where their shared secrets may go; none: anywhere. "
        "Left out: the servers to which the policies send them.",
    )
    keepSecrets = s.BooleanField(
        required=False,
        allow_null=True,
        help_text="Whether those that secrets does not name are copied. Left out: where the caller may edit "
        "the origin's environment too; each is named in the Warning header.",
    )

    def validate_secrets(self, given: dict[str, Any]) -> dict[str, Any]:
        known = re.compile("[0-9]{1,18}|[^/]{1,120}/[^/]{1,120}")
        if wrong := next((key for key in given if not known.fullmatch(key)), None):
            raise s.ValidationError(
                f"{wrong[:240]} is neither the id of a policy nor group/name of a shared secret."
            )
        return given


class InstanceBody(InstancePatch):
    """It needs `spec`, and an upstream in `endpoint.uri` or `routing`; or `promote`, beside which all else is
    what the copy has otherwise than its origin: `upstreams` then names the origin's.
    """

    spec = SpecBody(
        required=False,
        help_text="An asset that does not exist yet is made, since there is no Exchange to take it from.",
    )
    promote = PromoteBody(required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "spec" not in given and "promote" not in given:
            raise s.ValidationError({"spec": ["This field is required."]}, code="required")
        return given
