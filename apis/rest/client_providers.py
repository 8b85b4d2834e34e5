"""REST: client providers of an organization, and which one an environment has."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import client_providers as change
from apis.client_providers import check
from apis.client_providers.models import ClientProvider
from apis.rest import reach
from apis.rest.bodies import client_names
from apis.rest.client_provider_serializers import (
    HIDDEN,
    ChoiceBody,
    ChoiceShape,
    ProviderBody,
    ProviderPatch,
    ProvidersAnswer,
    ProviderShape,
    TestedAnswer,
)
from apis.secret_groups.models import Secret
from console.models import Environment
from console.rest import access, nothing, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer

NAMES = (
    ("discovery_url", "discoveryUrl"),
    ("introspection_url", "introspectionUrl"),
    ("client_id", "clientId"),
    ("secret", "clientSecret"),
    ("timeout_ms", "timeoutMs"),
    ("provider", "providerId"),
    ("truststore", "truststoreId"),
)


@extend_schema_view(
    list=extend_schema(responses={200: ProvidersAnswer, 403: ErrorAnswer, 404: ErrorAnswer}),
    create=extend_schema(request=ProviderBody, responses={201: ProviderShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: ProviderShape, 403: ErrorAnswer, 404: ErrorAnswer}),
    partial_update=extend_schema(request=ProviderPatch, responses={200: ProviderShape, **REFUSALS}),
    destroy=extend_schema(
        responses={204: None, 403: ErrorAnswer, 404: ErrorAnswer, 409: ErrorAnswer, 412: ErrorAnswer}
    ),
)
@extend_schema(tags=["Client providers"])
class ClientProviderViews(ViewSet):
    """For the organization's administrators."""

    def list(self, request: Request, organization_id: UUID) -> Response:
        place = access.administered(request, organization_id)
        rows = ClientProvider.objects.filter(organization=place)[: change.MOST]
        return Response({"data": ProviderShape(rows, many=True).data, "total": len(rows)})

    def create(self, request: Request, organization_id: UUID) -> Response:
        made = ClientProvider(organization=access.administered(request, organization_id))
        return self._saved(request, made, reach.valid(ProviderBody, request.data), 201)

    def retrieve(self, request: Request, organization_id: UUID, provider_id: UUID) -> Response:
        found = _provider(request, organization_id, provider_id)
        return preconditions.answer(ProviderShape(found).data, change.version_of_provider(found))

    def partial_update(self, request: Request, organization_id: UUID, provider_id: UUID) -> Response:
        found = _provider(request, organization_id, provider_id)
        return self._saved(request, found, reach.valid(ProviderPatch, request.data))

    def destroy(self, request: Request, organization_id: UUID, provider_id: UUID) -> Response:
        """409 while an environment has it."""
        found = _provider(request, organization_id, provider_id)
        change.delete(access.caller(request), found, seen=preconditions.seen(request))
        return Response(status=204)

    @extend_schema(
        request=None, responses={200: TestedAnswer, 400: ErrorAnswer, 403: ErrorAnswer, 404: ErrorAnswer}
    )
    def test(self, request: Request, organization_id: UUID, provider_id: UUID) -> Response:
        """Asks it now, as gateways will: for its discovery document, and about a token that is made up."""
        found = _provider(request, organization_id, provider_id)
        nothing.check(request)
        told = check.ask(found)
        return Response(TestedAnswer({"said": told.said, "fault": told.fault}).data)

    def _saved(
        self, request: Request, row: ClientProvider, body: dict[str, Any], status: int = 200
    ) -> Response:
        for name in change.FIELDS:
            setattr(row, name, body.get(name, getattr(row, name)))
        given = body.get("clientSecret", "")
        secret = "" if given == HIDDEN else given
        with client_names(NAMES):
            change.save(access.caller(request), row, secret, seen=preconditions.seen(request))
        return preconditions.answer(ProviderShape(row).data, change.version_of_provider(row), status)


@extend_schema_view(
    retrieve=extend_schema(responses={200: ChoiceShape, 403: ErrorAnswer, 404: ErrorAnswer}),
    update=extend_schema(request=ChoiceBody, responses={200: ChoiceShape, **REFUSALS}),
    destroy=extend_schema(
        responses={204: None, 403: ErrorAnswer, 404: ErrorAnswer, 409: ErrorAnswer, 412: ErrorAnswer}
    ),
)
@extend_schema(tags=["Client providers"])
class ChosenProviderViews(ViewSet):
    """Which client provider an environment has; for the organization's administrators."""

    def retrieve(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        place = _environment(request, organization_id, environment_id)
        found = change.chosen_of(place)
        if found is None:
            raise NotFound(f"{place} has no client provider.")
        return preconditions.answer(ChoiceShape(found).data, change.version_of(found))

    def update(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        place = _environment(request, organization_id, environment_id)
        body = reach.valid(ChoiceBody, request.data)
        provider = ClientProvider.objects.offered_to(place).filter(pk=body["providerId"]).first()
        if provider is None:
            raise ValidationError({"providerId": [f"{place} may choose no such client provider."]})
        key = body.get("truststoreId")
        stores = Secret.objects.filter(group__environment=place, kind=Secret.Kind.TRUSTSTORE)
        truststore = stores.select_related("group").filter(pk=key).first() if key else None
        if key and truststore is None:
            raise ValidationError({"truststoreId": [f"{place} has no such truststore."]})
        with client_names(NAMES):
            change.choose(
                access.caller(request), place, provider, truststore, seen=preconditions.seen(request)
            )
        return self.retrieve(request, organization_id, environment_id)

    def destroy(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """409 while policies ask for it."""
        place = _environment(request, organization_id, environment_id)
        with client_names(NAMES):
            change.choose(access.caller(request), place, None, seen=preconditions.seen(request))
        return Response(status=204)


def _provider(request: Request, organization_id: UUID, provider_id: UUID) -> ClientProvider:
    place = access.administered(request, organization_id)
    rows = ClientProvider.objects.select_related("organization").filter(organization=place)
    found = rows.filter(pk=provider_id).first()
    if found is None:
        raise NotFound(f"Client provider {provider_id} not found.")
    return found


def _environment(request: Request, organization_id: UUID, environment_id: UUID) -> Environment:
    found = access.known_environment(request, organization_id, environment_id)
    access.administered(request, organization_id)
    return found
