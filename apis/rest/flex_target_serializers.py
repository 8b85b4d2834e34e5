"""Gateways as older clients of Anypoint read them."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.rest.answers import TargetFacts, version_of
from console.rest.fields import fixed, made
from gateways.models import Gateway


def _counted(gateway: Gateway) -> dict[str, int]:
    found = [replica.is_connected for replica in gateway.replicas.all()]
    return {"CONNECTED": sum(found), "DISCONNECTED": len(found) - sum(found)}


class FlexTargetShape(TargetFacts):
    replicas = made(s.DictField, _counted, child=s.IntegerField(), help_text="How many, by status.")


class PlaceShape(s.Serializer[Any]):
    """Where an API of the gateway listens."""

    id = s.IntegerField()
    port = s.IntegerField()
    path = s.CharField()


@extend_schema_serializer(many=False)
class PlaceList(s.Serializer[Any]):
    instances = PlaceShape(many=True)
    targetAllowsPortSharing = s.BooleanField()


class DeploymentTargetShape(s.Serializer[Any]):
    id = s.UUIDField()
    name = s.CharField()
    type = fixed(s.CharField, "server")
    gatewayVersion = made(s.CharField, version_of)


class EnvironmentQuery(s.Serializer[Any]):
    environmentId = s.UUIDField()
