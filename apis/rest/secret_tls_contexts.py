"""REST: TLS contexts of a secret group, which refer to a keystore and a truststore of it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from apis.changes import tls_contexts as change
from apis.changes import versions
from apis.changes.tls_contexts import DesiredTlsContext
from apis.models import TlsContext
from apis.rest import bodies, reach, secret_reach
from apis.rest.secret_reach import SecretsViewSet, saved
from apis.rest.secret_serializers import Saved
from apis.rest.secret_tls_serializers import ContextBody, ContextPatch, ContextShape
from apis.secret_groups.models import Secret, SecretGroup
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer

NAMES = (*bodies.names_of(ContextBody()), ("keystore", "keystore.path"), ("truststore", "truststore.path"))
NO_MULE = '"Mule": gateways here are Flex Gateway\'s kind; write FlexGateway, with PEM or any other keystore.'
TYPE = OpenApiParameter("type", str, description="FlexGateway; of Mule there are none.")


@extend_schema_view(
    list=extend_schema(parameters=[TYPE], responses=ContextShape(many=True)),
    create=extend_schema(request=ContextBody, responses={201: Saved, **REFUSALS}),
    retrieve=extend_schema(responses={200: ContextShape, 404: ErrorAnswer}),
    update=extend_schema(request=ContextBody, responses={200: Saved, **REFUSALS}),
    partial_update=extend_schema(request=ContextPatch, responses={200: Saved, **REFUSALS}),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer, 409: ErrorAnswer}),
)
@extend_schema(tags=["Secret groups"])
class SecretTlsContextViews(SecretsViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id)
        kind = request.query_params.get("type", "FlexGateway")
        found = _contexts(group) if kind == "FlexGateway" else TlsContext.objects.none()
        return Response([ContextShape(one).data for one in found])

    def create(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        body = _body(ContextBody, request)
        with bodies.client_names(NAMES):
            desired = _desired(group, DesiredTlsContext(body["name"], group=group), body)
            made = change.create_tls_context(access.caller(request), group.environment, desired)
        return saved(made, f"TLS context {made} was created.", 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, context_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id)
        context = _found(group, context_id)
        return preconditions.answer(ContextShape(context).data, versions.of_tls_context(context))

    def update(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, context_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        context = _found(group, context_id)
        body = _body(ContextBody, request)
        with bodies.client_names(NAMES):
            desired = _desired(group, DesiredTlsContext(body["name"], group=group), body)
            self._edit(request, context, desired)
        return saved(context, f"TLS context {context} was replaced.")

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, context_id: UUID
    ) -> Response:
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        context = _found(group, context_id)
        body = _body(ContextPatch, request)
        with bodies.client_names(NAMES), transaction.atomic():
            change.lock_tls_context(context)
            self._edit(request, context, _desired(group, change.desired_of(context), body))
        return saved(context, f"TLS context {context} was changed.")

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, group_id: UUID, context_id: UUID
    ) -> Response:
        """409 while an instance has it."""
        group = secret_reach.group(request, organization_id, environment_id, group_id, to_edit=True)
        change.delete_tls_context(access.caller(request), _found(group, context_id))
        return Response(status=204)

    def _edit(self, request: Request, context: TlsContext, desired: DesiredTlsContext) -> None:
        seen = preconditions.seen(request)
        change.edit_tls_context(access.caller(request), context, desired, seen=seen)


def _contexts(group: SecretGroup) -> QuerySet[TlsContext]:
    """Those of a release that knew no groups are in the environment's own."""
    own = Q(group=None) if group.pk == group.environment_id else Q(pk=None)
    return group.environment.tls_contexts.filter(Q(group=group) | own)


def _found(group: SecretGroup, context_id: UUID) -> TlsContext:
    found = _contexts(group).filter(pk=context_id).first()
    if found is None:
        raise NotFound(f"TLS context {context_id} not found.")
    found.environment = group.environment
    return found


def _body(shape: Any, request: Request) -> Any:
    if isinstance(request.data, dict) and request.data.get("target") == "Mule":
        raise ValidationError({"target": [NO_MULE]})
    return reach.valid(shape, request.data)


def _desired(group: SecretGroup, desired: DesiredTlsContext, body: dict[str, Any]) -> DesiredTlsContext:
    """As desired before, with what the body names."""
    sent: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in body.items()
    }
    sent.pop("target", None)
    for name in ("keystore", "truststore"):
        if name in sent:
            sent[name] = _store(group, name, sent[name])
    return replace(desired, **sent)


def _store(group: SecretGroup, kind: str, told: dict[str, str] | None) -> Secret | None:
    if told is None:
        return None
    folder, _, key = told["path"].strip("/").rpartition("/")
    try:
        found = group.secrets.filter(kind=kind, pk=UUID(key)).first() if folder == f"{kind}s" else None
    except ValueError:
        found = None
    if found is None:
        message = f'"{told["path"][:100]}" is no {kind} of {group}; write {kind}s/ and its id.'
        raise ValidationError({kind: [message]})
    found.group = group
    return found
