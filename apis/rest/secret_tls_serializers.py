"""Bodies of TLS contexts as Anypoint's Secrets Manager has them."""

from typing import Any

from rest_framework import serializers as s

from apis.changes.tls_contexts import ALPN
from apis.models import TlsContext
from apis.rest.secret_serializers import Meta
from apis.rest.strict import StrictSerializer
from apis.rest.tls_serializers import WORDS, InboundSettings, OutboundSettings, TlsVersion
from console.rest.fields import OneOf, fixed, made


class StorePath(StrictSerializer):
    path = s.CharField(max_length=200, help_text="keystores/ or truststores/ and its id.")


class ContextPatch(StrictSerializer):
    """Every field may be left out; what is left out stays. It ends when its keystore does."""

    also_known = ("meta", "id", "subject", "expirationDate")
    name = s.CharField(max_length=120, required=False)
    target = OneOf(["FlexGateway"], required=False)
    minTlsVersion = TlsVersion(required=False, source="min_version")
    maxTlsVersion = TlsVersion(required=False, source="max_version")
    alpnProtocols = s.ListField(child=OneOf(list(ALPN)), required=False, source="alpn")
    cipherSuites = s.ListField(child=s.CharField(max_length=60), required=False, source="ciphers")
    inboundSettings = InboundSettings(required=False, source="*")
    outboundSettings = OutboundSettings(required=False, source="*")
    keystore = StorePath(required=False, allow_null=True)
    truststore = StorePath(required=False, allow_null=True)


class ContextBody(ContextPatch):
    name = s.CharField(max_length=120)


def _path(context: TlsContext, kind: str) -> dict[str, str] | None:
    pk = getattr(context, f"{kind}_id")
    return {"path": f"{kind}s/{pk}"} if pk else None


def _until(context: TlsContext) -> str | None:
    facts = context.facts or context.trusted_facts
    return facts.expires_at.date().isoformat() if facts else None


class ContextMeta(Meta):
    modifiedBy = s.UUIDField(source="created_by_id", allow_null=True)


class ContextShape(s.Serializer[TlsContext]):
    meta = ContextMeta(source="*")
    name = s.CharField()
    target = fixed(s.CharField, "FlexGateway")
    expirationDate = made(s.DateField, _until, allow_null=True)
    minTlsVersion = made(s.CharField, lambda context: WORDS[context.min_version])
    maxTlsVersion = made(s.CharField, lambda context: WORDS[context.max_version])
    alpnProtocols = s.ListField(child=s.CharField(), source="alpn")
    cipherSuites = s.ListField(child=s.CharField(), source="ciphers")
    inboundSettings = InboundSettings(source="*")
    outboundSettings = OutboundSettings(source="*")
    keystore = made(s.DictField, lambda context: _path(context, "keystore"), allow_null=True)
    truststore = made(s.DictField, lambda context: _path(context, "truststore"), allow_null=True)

    def to_representation(self, instance: TlsContext) -> dict[str, Any]:
        """Without the stores that it has not: clients look whether the field is there."""
        whole = super().to_representation(instance)
        return {name: one for name, one in whole.items() if one is not None or not name.endswith("store")}
