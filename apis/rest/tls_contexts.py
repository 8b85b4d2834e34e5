"""REST: TLS contexts, named as in Anypoint's Secrets Manager, with certificate and key in one body."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import tls_contexts as change
from apis.changes import versions
from apis.changes.tls_contexts import DesiredTlsContext
from apis.models import TlsContext
from apis.rest import bodies, reach
from apis.rest.tls_serializers import (
    TlsContextBody,
    TlsContextList,
    TlsContextPatch,
    TlsContextShape,
)
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.versions import check as check_version

NAMES = bodies.names_of(TlsContextPatch())


@extend_schema_view(
    list=extend_schema(responses=TlsContextList),
    create=extend_schema(request=TlsContextBody, responses={201: TlsContextShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: TlsContextShape, 404: ErrorAnswer}),
    partial_update=extend_schema(request=TlsContextPatch, responses={200: TlsContextShape, **REFUSALS}),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer, 409: ErrorAnswer}),
)
@extend_schema(tags=["TLS contexts"])
class TlsContextViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        environment = access.environment(request, organization_id, environment_id, Permission.VIEW_SECRETS)
        found = TlsContextShape(environment.tls_contexts.all(), many=True).data
        return Response({"total": len(found), "tlsContexts": found})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        environment = access.environment(request, organization_id, environment_id, Permission.MANAGE_SECRETS)
        body = reach.valid(TlsContextBody, request.data)
        with bodies.client_names(NAMES):
            desired = _desired(DesiredTlsContext(body["name"]), body)
            context = change.create_tls_context(access.caller(request), environment, desired)
        return _answer(context, 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, context_id: UUID
    ) -> Response:
        return _answer(_found(request, organization_id, environment_id, context_id))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, context_id: UUID
    ) -> Response:
        """Change what the body names, on every gateway where an API uses it."""
        context = _found(request, organization_id, environment_id, context_id, Permission.MANAGE_SECRETS)
        body = reach.valid(TlsContextPatch, request.data)
        with bodies.client_names(NAMES), transaction.atomic():
            change.lock_tls_context(context)
            desired = _desired(change.desired_of(context), body)
            seen = preconditions.seen(request)
            change.edit_tls_context(access.caller(request), context, desired, seen=seen)
        return _answer(context)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, context_id: UUID
    ) -> Response:
        """409 while an instance has it."""
        context = _found(request, organization_id, environment_id, context_id, Permission.MANAGE_SECRETS)
        with transaction.atomic():
            change.lock_tls_context(context)
            check_version(preconditions.seen(request), versions.of_tls_context(context))
            change.delete_tls_context(access.caller(request), context)
        return Response(status=204)


def _found(
    request: Request,
    organization_id: UUID,
    environment_id: UUID,
    context_id: UUID,
    needs: str = Permission.VIEW_SECRETS,
) -> TlsContext:
    environment = access.environment(request, organization_id, environment_id, needs)
    found = environment.tls_contexts.filter(pk=context_id).first()
    if found is None:
        raise NotFound(f"TLS context {context_id} not found.")
    found.environment = environment
    return found


def _desired(desired: DesiredTlsContext, body: dict[str, Any]) -> DesiredTlsContext:
    """As desired before, with what the body names."""
    sent: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in body.items()
    }
    sent.pop("target", None)
    # What is sent as text takes the place of a store that was chosen.
    if {"certificate", "key"} & sent.keys():
        sent["keystore"] = None
    if "trusted_ca" in sent:
        sent["truststore"] = None
    return replace(desired, **sent)


def _answer(context: TlsContext, code: int = 200) -> Response:
    return preconditions.answer(TlsContextShape(context).data, versions.of_tls_context(context), code)
