"""Bodies that the secret groups part of the REST interface takes and gives, named as in Anypoint's Secrets
Manager.
"""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as s

from apis.rest.strict import StrictSerializer
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.reading import limits
from apis.secret_groups.shared import LONGEST
from console.rest.fields import OneOf, made
from policies.fields.hosts import MOST_CHARACTERS


@extend_schema_field(OpenApiTypes.BINARY)
class FileUpload(s.Field[Any, Any, Any, Any]):
    """A file of a multipart body, or its text; (name, content)."""

    def to_internal_value(self, data: Any) -> tuple[str, bytes]:
        if isinstance(data, str):
            return "", data[: limits.MOST_BYTES + 1].encode()
        if not hasattr(data, "read"):
            raise s.ValidationError("Send it as a file.")
        return str(data.name)[:255], bytes(data.read(limits.MOST_BYTES + 1))

    def to_representation(self, value: Any) -> Any:
        return None


def _hosts(**how: Any) -> s.ListField:
    return s.ListField(
        source="sent_to",
        child=s.CharField(max_length=MOST_CHARACTERS),
        help_text="Ours: the hosts that policies may send its shared secrets to, *.example.com for all below "
        "it, each with a scheme and port (ldaps://ldap.example.com:636) or for any; [] for any host.",
        **how,
    )


class GroupBody(StrictSerializer):
    also_known = ("meta", "id")
    name = s.CharField(max_length=200)
    downloadable = s.BooleanField(required=False, default=False)
    sentTo = _hosts(required=False, default=list)


class GroupPatch(StrictSerializer):
    also_known = ("meta", "id")
    name = s.CharField(max_length=200, required=False)
    downloadable = s.BooleanField(required=False)
    sentTo = _hosts(required=False)


class Saved(s.Serializer[Any]):
    id = s.UUIDField()
    message = s.CharField()


class Meta(s.Serializer[Any]):
    id = s.UUIDField()
    createdAt = s.DateTimeField(source="created_at")
    modifiedAt = s.DateTimeField(source="updated_at")
    modifiedBy = s.UUIDField(source="changed_by_id", allow_null=True)


class GroupShape(s.Serializer[SecretGroup]):
    meta = Meta(source="*")
    name = s.CharField()
    downloadable = s.BooleanField()
    sentTo = _hosts()


class SecretBody(StrictSerializer):
    """What every secret has."""

    also_known = ("meta", "id")
    type = s.CharField(max_length=40)
    name = s.CharField(max_length=200)
    expirationDate = s.DateField(required=False, allow_null=True)


class SharedBody(SecretBody):
    username = s.CharField(required=False, max_length=LONGEST, trim_whitespace=False)
    password = s.CharField(required=False, max_length=LONGEST, trim_whitespace=False, write_only=True)
    key = s.CharField(required=False, max_length=LONGEST, trim_whitespace=False, write_only=True)
    accessKeyId = s.CharField(required=False, max_length=LONGEST)
    secretAccessKey = s.CharField(required=False, max_length=LONGEST, trim_whitespace=False, write_only=True)
    content = s.CharField(required=False, max_length=LONGEST, trim_whitespace=False, write_only=True)


class CertificateBody(SecretBody):
    certStore = FileUpload()


class TruststoreBody(SecretBody):
    trustStore = FileUpload()
    storePassphrase = s.CharField(required=False, max_length=1024, trim_whitespace=False, write_only=True)
    algorithm = OneOf(["PKIX", "SunX509"], required=False)


class KeystoreBody(SecretBody):
    certificate = FileUpload(required=False)
    key = FileUpload(required=False)
    capath = FileUpload(required=False)
    keyStore = FileUpload(required=False)
    storePassphrase = s.CharField(required=False, max_length=1024, trim_whitespace=False, write_only=True)
    keyPassphrase = s.CharField(required=False, max_length=1024, trim_whitespace=False, write_only=True)
    alias = s.CharField(required=False, max_length=255)
    algorithm = OneOf(["PKIX", "SunX509"], required=False)


class SecretPatch(StrictSerializer):
    """What it holds is replaced by PUT."""

    also_known = ("meta", "id", "type")
    name = s.CharField(max_length=200, required=False)
    expirationDate = s.DateField(required=False, allow_null=True)


def _until(secret: Secret) -> str | None:
    return secret.expires_at.date().isoformat() if secret.expires_at else None


class SecretShape(s.Serializer[Secret]):
    """Of those who may not manage secrets, the first four alone."""

    meta = Meta(source="*")
    name = s.CharField()
    type = s.CharField()
    expirationDate = made(s.DateField, _until, allow_null=True)
    username = s.CharField(source="told.username", required=False)
    accessKeyId = s.CharField(source="told.accessKeyId", required=False)
    keyFileName = s.CharField(source="told.keyFileName", required=False)
    certificateFileName = s.CharField(source="told.certificateFileName", required=False)
    capathFileName = s.CharField(source="told.capathFileName", required=False)
    keystoreFileName = s.CharField(source="told.keystoreFileName", required=False)
    truststoreFileName = s.CharField(source="told.truststoreFileName", required=False)
    alias = s.CharField(source="told.alias", required=False)
    algorithm = s.CharField(source="told.algorithm", required=False)
    subject = s.CharField(source="told.subject", required=False)
    issuer = s.CharField(source="told.issuer", required=False)
    names = s.ListField(source="told.names", child=s.CharField(), required=False)
    fingerprint = s.CharField(source="told.fingerprint", required=False)

    PUBLIC = ("meta", "name", "type", "expirationDate")

    def to_representation(self, instance: Secret) -> dict[str, Any]:
        whole = super().to_representation(instance)
        if self.context.get("manages"):
            return whole
        return {name: whole[name] for name in self.PUBLIC}
