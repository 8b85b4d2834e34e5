"""REST: how a gateway takes requests in, in the words of its `Configuration` resources."""

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import bookkeeping, ingress
from apis.rest import bodies, reach
from apis.rest.ingress_serializers import IngressShape
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from gateways.models import Gateway

NAMES: bodies.Names = (
    (r"config\.(networks|hops)(.*)", r"trustedProxies.\1\2"),
    (r"config\.usesProxyProtocol", "proxyProtocol.enabled"),
    (r"config\.slashes", "paths.slashes"),
)


@extend_schema_view(
    retrieve=extend_schema(responses={200: IngressShape, 404: ErrorAnswer}),
    partial_update=extend_schema(request=IngressShape, responses={200: IngressShape, **REFUSALS}),
)
@extend_schema(tags=["Gateways"])
class IngressViews(ViewSet):
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID
    ) -> Response:
        """Whose word on the caller counts, and what slashes in paths are."""
        return _answer(reach.gateway(request, organization_id, environment_id, gateway_id))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID
    ) -> Response:
        """Change what the body names. The gateway takes it as it takes a change of an API."""
        gateway = reach.gateway(
            request, organization_id, environment_id, gateway_id, Permission.MANAGE_GATEWAYS
        )
        sent = _sent(reach.valid(IngressShape, request.data))
        with bodies.client_names(NAMES), transaction.atomic():
            bookkeeping.lock(gateway)
            gateway.refresh_from_db()
            wanted = {**ingress.of(gateway), **sent}
            ingress.change(access.caller(request), gateway, wanted, seen_version=preconditions.seen(request))
        return _answer(gateway)


def _sent(body: dict[str, Any]) -> dict[str, Any]:
    """What the body names, by the names of the page's form."""
    sent = {**body.get("trustedProxies", {}), **body.get("paths", {})}
    if "enabled" in body.get("proxyProtocol", {}):
        sent["usesProxyProtocol"] = body["proxyProtocol"]["enabled"]
    return sent


def _answer(gateway: Gateway) -> Response:
    now = ingress.of(gateway)
    shape = {
        "trustedProxies": {"networks": now["networks"], "hops": now["hops"]},
        "proxyProtocol": {"enabled": now["usesProxyProtocol"]},
        "paths": {"slashes": now["slashes"]},
    }
    warnings = {f"trustedProxies.{field}": texts for field, texts in ingress.warnings(gateway).items()}
    return preconditions.answer(shape, ingress.seen(gateway), warnings=warnings)
