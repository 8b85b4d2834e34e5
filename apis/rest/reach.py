"""What a REST request of API Manager may reach."""

from typing import Any
from uuid import UUID, uuid4

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from apis.models import ApiInstance, ApiInstanceQuerySet, PolicyBinding, Upstream
from apis.promotions import permission
from console.compiled import CompiledQuery
from console.grants import May
from console.models import Environment
from console.permissions import Permission
from console.rest import access
from gateways import lookup
from gateways.models import Gateway

_INSTANCE = CompiledQuery(
    lambda environment, pk: (
        ApiInstance.objects.order_by()
        .select_related("asset", "gateway", "tls_context")
        .filter(environment=environment, pk=pk)
    ),
    environment=uuid4(),
    pk=2**62 + 7,
)
_POLICY = CompiledQuery(
    lambda api, pk: PolicyBinding.objects.order_by().filter(api=api, pk=pk), api=2**62 + 7, pk=2**62 + 9
)


def filled(request: Request, organization_id: UUID, environment_id: UUID) -> Environment:
    """The environment, for whoever may bring APIs with their policies there."""
    found = access.environment(request, organization_id, environment_id, permission.NEEDED[0])
    permission.may_bring(access.caller(request), found)
    return found


def instance(
    request: Request,
    organization_id: UUID,
    environment_id: UUID,
    api_id: int,
    needs: str = Permission.VIEW_APIS,
    *,
    to_edit: bool = False,
) -> ApiInstance:
    """The API, for whoever has the permission for it; `to_edit` stands for Manage APIs."""
    environment = access.known_environment(request, organization_id, environment_id)
    rows = _INSTANCE(environment=environment.pk, pk=api_id) if api_id < 2**63 else []
    found = next(iter(rows), None)
    if found is not None:
        found.environment = environment
    if found is None or Permission.VIEW_APIS not in may(request, found):
        raise NotFound(f"API {api_id} not found.")
    needs = Permission.MANAGE_APIS if to_edit else needs
    if needs not in may(request, found):
        raise access.lacking(needs, found)
    return found


def instances(request: Request, environment: Environment) -> ApiInstanceQuerySet:
    """Those of the environment that the caller may see."""
    return ApiInstance.objects.permitting(access.held(request)).filter(environment=environment)


def may(request: Request, api: ApiInstance) -> May:
    """What the caller may do to this API."""
    return access.held(request).on_api(api.pk, api.environment_id, api.environment.organization.path)


def gateway(
    request: Request,
    organization_id: UUID,
    environment_id: UUID,
    gateway_id: UUID,
    needs: str = Permission.VIEW_GATEWAYS,
) -> Gateway:
    """A gateway that can be deployed to, which clients call a target."""
    environment = access.environment(request, organization_id, environment_id, needs)
    found = lookup.find(environment, gateway_id)
    if found is None or found.is_revoked:
        raise NotFound(f"Deployment target with ID {gateway_id} not found.")
    return found


def policy(api: ApiInstance, policy_id: int) -> PolicyBinding:
    found = _POLICY.first(api=api.pk, pk=policy_id) if policy_id < 2**63 else None
    if found is None:
        raise NotFound(f"Policy {policy_id} of API {api.pk} not found.")
    found.api = api
    return found


def upstream(api: ApiInstance, upstream_id: UUID) -> Upstream:
    found = api.upstreams.select_related("tls_context").filter(pk=upstream_id).first()
    if found is None:
        raise NotFound(f"Upstream {upstream_id} of API {api.pk} not found.")
    return found


def valid(shape: type[Serializer[Any]], data: Any, **options: Any) -> Any:
    """The body or query as the serializer understands it. Raises DRF's ValidationError.

    `partial` holds for every part of a body too: only flat ones may be read so.
    """
    body = shape(data=data, **options)
    body.is_valid(raise_exception=True)
    return body.validated_data
