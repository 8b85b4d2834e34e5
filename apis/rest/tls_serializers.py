"""Bodies that the TLS context part of the REST interface takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.changes.tls_contexts import ALPN
from apis.models import TlsContext
from apis.rest.answers import dates
from apis.rest.strict import StrictSerializer
from console.rest.fields import Moment, OneOf, fixed, made

VERSIONS = {f"TLSv{value}".removesuffix(".0"): value for value in TlsContext.Version.values}
"""As clients write them: TLSv1, TLSv1.1, TLSv1.2, TLSv1.3."""
VERSION_CHOICES = [(word, word) for word in VERSIONS]


WORDS = {value: word for word, value in VERSIONS.items()}


class TlsVersion(OneOf):
    """A version of TLS, in the words of clients."""

    def __init__(self, **options: Any) -> None:
        super().__init__(VERSION_CHOICES, **options)

    def to_internal_value(self, data: Any) -> str:
        return VERSIONS[super().to_internal_value(data)]


class InboundSettings(StrictSerializer):
    enableClientCertValidation = s.BooleanField(required=False, source="requires_client_certificate")


class OutboundSettings(StrictSerializer):
    skipServerCertValidation = s.BooleanField(
        required=False, source="skips_validation", help_text="Take upstreams whatever their certificate says."
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
        required=False,
        allow_blank=True,
        source="trusted_ca",
        help_text="PEM: who signs clients' and upstreams' certificates.",
    )
    minTlsVersion = TlsVersion(required=False, source="min_version")
    maxTlsVersion = TlsVersion(required=False, source="max_version")
    alpnProtocols = s.ListField(child=OneOf(list(ALPN)), required=False, source="alpn")
    cipherSuites = s.ListField(
        child=s.CharField(max_length=60),
        required=False,
        source="ciphers",
        help_text="Empty: those that are safe today.",
    )
    inboundSettings = InboundSettings(required=False, source="*")
    outboundSettings = OutboundSettings(required=False, source="*")


class TlsContextBody(TlsContextPatch):
    """The key may stand in `certificate` too; the answer shows what else is left out."""

    name = s.CharField(max_length=120)


class TlsContextShape(s.Serializer[Any]):
    id = s.UUIDField()
    secretGroupId = s.UUIDField(source="secret_group_id", help_text="The environment's own has its id.")
    name = s.CharField()
    target = fixed(s.CharField, "FlexGateway")
    certificate = s.CharField(allow_blank=True)
    trustedCA = s.CharField(allow_blank=True, source="trusted_ca", help_text='"" when none is trusted.')
    subject = s.CharField(allow_null=True, source="facts.subject")
    names = made(
        s.ListField,
        lambda context: context.facts.names if context.facts else [],
        child=s.CharField(),
        help_text="Hosts and addresses that the certificate is for.",
    )
    fingerprint = s.CharField(allow_null=True, source="facts.fingerprint", help_text="SHA-256, hex.")
    expirationDate = Moment(allow_null=True, source="facts.expires_at")
    minTlsVersion = made(s.CharField, lambda context: WORDS[context.min_version])
    maxTlsVersion = made(s.CharField, lambda context: WORDS[context.max_version])
    alpnProtocols = s.ListField(child=s.CharField(), source="alpn")
    cipherSuites = s.ListField(child=s.CharField(), source="ciphers")
    inboundSettings = InboundSettings(source="*")
    outboundSettings = OutboundSettings(source="*")
    audit = made(s.DictField, dates)


@extend_schema_serializer(many=False)
class TlsContextList(s.Serializer[Any]):
    total = s.IntegerField()
    tlsContexts = TlsContextShape(many=True)
