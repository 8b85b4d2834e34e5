"""Bodies that the TLS context part of the REST interface takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.changes.tls_contexts import ALPN
from apis.models import TlsContext
from apis.rest.strict import StrictSerializer
from console.rest.fields import OneOf

VERSIONS = {f"TLSv{value}".removesuffix(".0"): value for value in TlsContext.Version.values}
"""As clients write them: TLSv1, TLSv1.1, TLSv1.2, TLSv1.3."""
VERSION_CHOICES = [(word, word) for word in VERSIONS]


class InboundSettings(StrictSerializer):
    enableClientCertValidation = s.BooleanField(required=False)


class OutboundSettings(StrictSerializer):
    skipServerCertValidation = s.BooleanField(
        required=False, help_text="Take upstreams whatever their certificate says."
    )


class TlsContextPatch(StrictSerializer):
    """Every field may be left out; what is left out stays."""

    also_known = ("id", "secretGroupId", "subject", "names", "fingerprint", "expirationDate", "audit")
    name = s.CharField(max_length=120, required=False)
    target = OneOf(["FlexGateway"], required=False)
    certificate = s.CharField(
        required=False,
        allow_blank=True,
        help_text="PEM: its own, then those of its issuers; needed to serve, empty to trust alone.",
    )
    key = s.CharField(required=False, write_only=True, help_text="PEM. It is never given back.")
    trustedCA = s.CharField(
        required=False, allow_blank=True, help_text="PEM: who signs clients' and upstreams' certificates."
    )
    minTlsVersion = OneOf(VERSION_CHOICES, required=False)
    maxTlsVersion = OneOf(VERSION_CHOICES, required=False)
    alpnProtocols = s.ListField(child=OneOf(list(ALPN)), required=False)
    cipherSuites = s.ListField(
        child=s.CharField(max_length=60), required=False, help_text="Empty: those that are safe today."
    )
    inboundSettings = InboundSettings(required=False)
    outboundSettings = OutboundSettings(required=False)


class TlsContextBody(TlsContextPatch):
    """The key may stand in `certificate` too; the answer shows what else is left out."""

    name = s.CharField(max_length=120)


class TlsContextShape(s.Serializer[Any]):
    id = s.UUIDField()
    secretGroupId = s.UUIDField(help_text="The environment's id: each has one group.")
    name = s.CharField()
    target = s.CharField()
    certificate = s.CharField(allow_blank=True)
    trustedCA = s.CharField(allow_blank=True, help_text='"" when none is trusted.')
    subject = s.CharField(allow_null=True)
    names = s.ListField(child=s.CharField(), help_text="Hosts and addresses that the certificate is for.")
    fingerprint = s.CharField(allow_null=True, help_text="SHA-256, hex.")
    expirationDate = s.DateTimeField(allow_null=True)
    minTlsVersion = s.CharField()
    maxTlsVersion = s.CharField()
    alpnProtocols = s.ListField(child=s.CharField())
    cipherSuites = s.ListField(child=s.CharField())
    inboundSettings = InboundSettings()
    outboundSettings = OutboundSettings()
    audit = s.DictField()


@extend_schema_serializer(many=False)
class TlsContextList(s.Serializer[Any]):
    total = s.IntegerField()
    tlsContexts = TlsContextShape(many=True)
