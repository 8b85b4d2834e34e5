"""Bodies of client providers, and of which one an environment has."""

from typing import Any

from rest_framework import serializers as s

from apis.client_providers.models import LEAST_WAIT_MS, MOST_WAIT_MS, Chosen
from apis.rest.strict import StrictSerializer
from console.rest.fields import OneLine, fixed, made

HIDDEN = "******"


class ProviderPatch(StrictSerializer):
    also_known = ("id", "organizationId", "type", "createdAt")
    name = OneLine(max_length=60, required=False)
    discoveryUrl = OneLine(source="discovery_url", max_length=500, required=False, allow_blank=True)
    introspectionUrl = OneLine(source="introspection_url", max_length=500, required=False, allow_blank=True)
    clientId = OneLine(source="client_id", max_length=255, required=False)
    clientSecret = s.CharField(
        max_length=1000, required=False, allow_blank=True, trim_whitespace=False, write_only=True
    )
    timeoutMs = s.IntegerField(
        source="timeout_ms", min_value=LEAST_WAIT_MS, max_value=MOST_WAIT_MS, required=False
    )


class ProviderBody(ProviderPatch):
    name = OneLine(max_length=60)
    clientId = OneLine(source="client_id", max_length=255)


class ProviderShape(s.Serializer[Any]):
    id = s.UUIDField()
    organizationId = s.UUIDField(source="organization_id")
    type = fixed(s.CharField, "openid")
    name = s.CharField()
    discoveryUrl = s.CharField(source="discovery_url")
    introspectionUrl = s.CharField(source="introspection_url")
    clientId = s.CharField(source="client_id")
    clientSecret = fixed(s.CharField, HIDDEN)
    timeoutMs = s.IntegerField(source="timeout_ms")
    createdAt = s.DateTimeField(source="created_at")


class ProvidersAnswer(s.Serializer[Any]):
    data = ProviderShape(many=True)  # type: ignore[assignment]
    total = s.IntegerField()


class TestedAnswer(s.Serializer[Any]):
    """What the provider's document says, and why no token can be judged by it: "" where one can."""

    said = s.DictField(child=s.CharField())
    fault = s.CharField(allow_blank=True)


class ChoiceBody(StrictSerializer):
    also_known = ("name",)
    providerId = s.UUIDField()
    truststoreId = s.UUIDField(required=False, allow_null=True)


class ChoiceShape(s.Serializer[Chosen]):
    providerId = s.UUIDField(source="provider_id")
    name = made(s.CharField, lambda row: row.provider.name)
    truststoreId = s.UUIDField(source="truststore_id", allow_null=True)
