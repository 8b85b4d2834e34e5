"""The shape of how a gateway takes requests in: its fields are those of `Configuration` resources."""

from rest_framework import serializers as s

from apis.rest.strict import StrictSerializer
from gateways.models import Gateway


class TrustedProxies(StrictSerializer):
    networks = s.ListField(child=s.CharField(), required=False, help_text="Whose word on the caller counts.")
    hops = s.IntegerField(required=False, help_text="How many proxies each request passes; 0: see networks.")


class ProxyProtocol(StrictSerializer):
    enabled = s.BooleanField(required=False)


class Paths(StrictSerializer):
    slashes = s.ChoiceField(Gateway.PathSlashes.values, required=False)


class IngressShape(StrictSerializer):
    """What a body leaves out stays as it is."""

    trustedProxies = TrustedProxies(required=False)
    proxyProtocol = ProxyProtocol(required=False)
    paths = Paths(required=False)
