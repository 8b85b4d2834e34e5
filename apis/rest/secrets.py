"""REST: keystores, truststores, certificates and shared secrets of a group. What they hold stays there."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from apis.changes import secrets as change
from apis.changes.secrets import Material
from apis.rest import bodies, reach, secret_reach
from apis.rest.secret_reach import SecretsViewSet, saved
from apis.rest.secret_serializers import (
    CertificateBody,
    KeystoreBody,
    Saved,
    SecretPatch,
    SecretShape,
    SharedBody,
    TruststoreBody,
)
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.reading.uploaded import UploadedSecret
from apis.secret_groups.shared import FIELDS
from console.rest import access, preconditions
from console.rest.parsers import BoundedJSONParser
from console.rest.serializers import REFUSALS, ErrorAnswer

NAMES: bodies.Names = (
    ("ends_on", "expirationDate"),
    ("passphrase", "storePassphrase"),
    ("key_passphrase", "keyPassphrase"),
    ("chain", "capath"),
)
FILES: Mapping[str, tuple[str, str]] = {
    "certStore": ("certificate", "certificateFileName"),
    "trustStore": ("store", "truststoreFileName"),
    "certificate": ("certificate", "certificateFileName"),
    "key": ("key", "keyFileName"),
    "capath": ("chain", "capathFileName"),
    "keyStore": ("store", "keystoreFileName"),
}
"""By the name of a body: what it is when it is read, and what its name is called in answers."""
MAIN = {
    Secret.Kind.CERTIFICATE: "certStore",
    Secret.Kind.TRUSTSTORE: "trustStore",
    Secret.Kind.KEYSTORE: "keyStore",
}


@extend_schema_view(
    list=extend_schema(responses=SecretShape(many=True)),
    create=extend_schema(responses={201: Saved, **REFUSALS}),
    retrieve=extend_schema(responses={200: SecretShape, 404: ErrorAnswer}),
    update=extend_schema(responses={200: Saved, **REFUSALS}),
    partial_update=extend_schema(request=SecretPatch, responses={200: Saved, **REFUSALS}),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer, 409: ErrorAnswer}),
)
@extend_schema(tags=["Secret groups"])
class SecretViews(SecretsViewSet):
    """Of one kind; a body is multipart, or JSON with PEM as text."""

    parser_classes = (MultiPartParser, BoundedJSONParser)
    kind = Secret.Kind.SHARED
    body: type[Serializer[Any]] = SharedBody

    def list(self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id)
        found = group.secrets.filter(kind=self.kind).without_content()
        return Response(self._shapes(request, group)(found, many=True).data)

    def create(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        body = reach.valid(self.body, request.data)
        with bodies.client_names(self._names()):
            material = self._material(body)
            ends_on = body.get("expirationDate")
            made = change.create_secret(
                access.caller(request), group, self.kind, body["name"], material, ends_on=ends_on
            )
        return saved(made, f"{made.get_kind_display()} {made} was created.", 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, secret_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id)
        secret = self._found(group, secret_id)
        shape = self._shapes(request, group)(secret).data
        return preconditions.answer(shape, change.version_of(secret))

    def update(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, secret_id: UUID
    ) -> Response:
        """Replaces what it holds, wherever it is used, in seconds."""
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        secret = self._found(group, secret_id)
        body = reach.valid(self.body, request.data)
        with bodies.client_names(self._names()):
            told = {"name": body["name"], "ends_on": body.get("expirationDate")}
            change.edit_secret(
                access.caller(request),
                secret,
                **told,
                material=self._material(body),
                seen=preconditions.seen(request),
            )
        return saved(secret, f"{secret.get_kind_display()} {secret} was replaced.")

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, secret_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        secret = self._found(group, secret_id)
        body = reach.valid(SecretPatch, request.data)
        given = {"name": body.get("name"), "ends_on": body.get("expirationDate", "")}
        with bodies.client_names(self._names()):
            change.edit_secret(access.caller(request), secret, **given, seen=preconditions.seen(request))
        return saved(secret, f"{secret.get_kind_display()} {secret} was changed.")

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, secret_id: UUID
    ) -> Response:
        """409 while anything uses it."""
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        secret = self._found(group, secret_id)
        change.delete_secret(access.caller(request), secret, seen=preconditions.seen(request))
        return Response(status=204)

    def _found(self, group: SecretGroup, secret_id: UUID) -> Secret:
        found = group.secrets.filter(kind=self.kind, pk=secret_id).first()
        if found is None:
            raise NotFound(f"{self.kind.label} {secret_id} not found.")
        found.group = group
        return found

    def _shapes(self, request: Request, group: SecretGroup) -> Any:
        context = {"manages": secret_reach.manages(request, group.environment)}
        return lambda found, **options: SecretShape(found, context=context, **options)

    def _names(self) -> bodies.Names:
        main = MAIN.get(self.kind)
        own = ("certificate", "certStore") if self.kind == Secret.Kind.CERTIFICATE else ("store", main or "")
        return (*NAMES, own)

    def _material(self, body: Mapping[str, Any]) -> Material:
        if self.kind == Secret.Kind.SHARED:
            known = {name for names in FIELDS.values() for name in names}
            return change.shared_material(body["type"], {name: body[name] for name in known & body.keys()})
        files = {FILES[name][0]: body[name][1] for name in FILES.keys() & body.keys()}
        told = {FILES[name][1]: body[name][0] for name in FILES.keys() & body.keys() if body[name][0]}
        told |= {name: body[name] for name in ("alias", "algorithm") if name in body}
        asked = UploadedSecret(
            self.kind,
            body["type"],
            files,
            body.get("storePassphrase", ""),
            body.get("keyPassphrase", ""),
            body.get("alias", ""),
        )
        return change.read(asked, told)


@extend_schema_view(
    create=extend_schema(operation_id="shared_secret_create", request=SharedBody),
    update=extend_schema(operation_id="shared_secret_replace", request=SharedBody),
)
class SharedSecretViews(SecretViews):
    pass


@extend_schema_view(
    create=extend_schema(operation_id="certificate_create", request={"multipart/form-data": CertificateBody}),
    update=extend_schema(
        operation_id="certificate_replace", request={"multipart/form-data": CertificateBody}
    ),
)
class CertificateViews(SecretViews):
    kind = Secret.Kind.CERTIFICATE
    body = CertificateBody


@extend_schema_view(
    create=extend_schema(operation_id="truststore_create", request={"multipart/form-data": TruststoreBody}),
    update=extend_schema(operation_id="truststore_replace", request={"multipart/form-data": TruststoreBody}),
)
class TruststoreViews(SecretViews):
    kind = Secret.Kind.TRUSTSTORE
    body = TruststoreBody


@extend_schema_view(
    create=extend_schema(operation_id="keystore_create", request={"multipart/form-data": KeystoreBody}),
    update=extend_schema(operation_id="keystore_replace", request={"multipart/form-data": KeystoreBody}),
)
class KeystoreViews(SecretViews):
    kind = Secret.Kind.KEYSTORE
    body = KeystoreBody
