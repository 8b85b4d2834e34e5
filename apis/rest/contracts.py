"""REST: the contracts of an API."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import contracts as change
from apis.contracts import access as who
from apis.contracts.models import Application, Contract, Tier
from apis.models import ApiInstance
from apis.rest import bodies, reach
from apis.rest import contract_serializers as shapes
from console.models import User
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer

VIEW, MANAGE = Permission.VIEW_CONTRACTS, Permission.MANAGE_CONTRACTS
NAMES: bodies.Names = (
    (r"application", "applicationId"),
    (r"tier", "requestedTierId"),
    (r"reason", "requestAccessInfo.reason"),
    (r"expires_at", "expiresAt"),
    (r"accepted_terms", "acceptedTerms"),
)
SORT = {"id": "pk", "name": "application__name", "status": "status", "createdDate": "created_at"}
Status = Contract.Status
Change = Callable[..., Contract]


@extend_schema_view(
    list=extend_schema(
        parameters=[shapes.ContractQuery], responses={200: shapes.ContractList, 404: ErrorAnswer}
    ),
    create=extend_schema(request=shapes.ContractBody, responses={201: shapes.ContractShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: shapes.ContractShape, 404: ErrorAnswer}),
    partial_update=extend_schema(
        request=shapes.ContractPatch, responses={200: shapes.ContractShape, **REFUSALS}
    ),
    destroy=extend_schema(responses={204: None, **REFUSALS}),
)
@extend_schema(tags=["Contracts"])
class ContractViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """`coreServicesId` is a client id."""
        api = reach.instance(request, organization_id, environment_id, api_id, VIEW)
        query = reach.valid(shapes.ContractQuery, request.query_params)
        columns = {"coreServicesId": "application__client_id", "status": "status"}
        columns["applicationId"] = "application"
        rows = api.contracts.filter(
            **{column: query[name] for name, column in columns.items() if name in query}
        )
        if text := query.get("query"):
            rows = rows.filter(Q(application__name__icontains=text) | Q(application__client_id=text))
        sign = "" if query["ascending"] else "-"
        page = rows.order_by(f"{sign}{SORT[query['sort']]}", f"{sign}pk")
        related = page.select_related("application", "tier", "requested_tier", "terms")
        found = list(related[query["offset"] : query["offset"] + query["limit"]])
        for contract in found:
            contract.api = api
        shown = shapes.ContractShape(found, many=True, context={"held": access.held(request)}).data
        return Response({"total": rows.count(), "contracts": shown})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Ask for access. Approved at once where the API has no tiers, or the tier approves by itself."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        user = access.caller(request)
        if not (who.may_manage_contracts(user, api) or who.owns_any(user)):
            raise PermissionDenied(
                f"Only who manages contracts of {api}, or owns an application, may do this."
            )
        body = reach.valid(shapes.ContractBody, request.data)
        application = Application.objects.visible_to(user).filter(pk=body["applicationId"]).first()
        if application is None:
            raise ValidationError({"applicationId": [f"Application {body['applicationId']} not found."]})
        return requested(request, application, api, body)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, contract_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, VIEW)
        return answer(request, _one(api, contract_id))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, contract_id: int
    ) -> Response:
        """Approve, reject, revoke or restore it by its `status`; give it another tier; say when it ends."""
        api = reach.instance(request, organization_id, environment_id, api_id, MANAGE)
        contract = _one(api, contract_id)
        body = reach.valid(shapes.ContractPatch, request.data)
        with bodies.client_names((*NAMES[:1], (r"tier", "tierId"), *NAMES[2:])):
            _patch(access.caller(request), contract, body)
        return answer(request, _one(api, contract_id))

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, contract_id: int
    ) -> Response:
        """400 while it is active: revoke it first."""
        api = reach.instance(request, organization_id, environment_id, api_id, MANAGE)
        change.delete(access.caller(request), _one(api, contract_id))
        return Response(status=204)


@extend_schema(
    tags=["Contracts"], request=shapes.DecisionBody, responses={201: shapes.ContractShape, **REFUSALS}
)
class DecisionViews(ViewSet):
    @extend_schema(operation_id="contract_approve")
    def approve(self, request: Request, **ids: Any) -> Response:
        """On the tier that it asks for, or `tierId`."""
        return _decided(request, ids, change.approve)

    @extend_schema(operation_id="contract_reject")
    def reject(self, request: Request, **ids: Any) -> Response:
        return _decided(request, ids, change.reject)

    @extend_schema(operation_id="contract_revoke")
    def revoke(self, request: Request, **ids: Any) -> Response:
        """It lets nobody pass from now on."""
        return _decided(request, ids, change.revoke)

    @extend_schema(operation_id="contract_restore")
    def restore(self, request: Request, **ids: Any) -> Response:
        return _decided(request, ids, change.restore)


def _decided(request: Request, ids: dict[str, Any], decide: Change) -> Response:
    contract_id = ids.pop("contract_id")
    api = reach.instance(request, **ids, needs=MANAGE)
    contract = _one(api, contract_id)
    body = reach.valid(shapes.DecisionBody, request.data)
    tier = {"tier": _tier(api, body["tierId"], "tierId")} if body.get("tierId") else {}
    if tier and decide is not change.approve:
        raise ValidationError({"tierId": ["Only an approval may name a tier."]})
    with bodies.client_names(((r"tier", "tierId"),)):
        decide(access.caller(request), contract, answer=body.get("answer", ""), **tier)
    return answer(request, _one(api, contract_id), 201)


def requested(request: Request, application: Application, api: ApiInstance, body: dict[str, Any]) -> Response:
    """Access asked for, whichever address says so. Raises PermissionDenied."""
    user = access.caller(request)
    if not who.may_request(user, application, api):
        raise PermissionDenied(f"Only owners of {application}, or managers of its organization, may do this.")
    wanted = body.get("requestedTierId")
    told = body.get("requestAccessInfo") or {}
    with bodies.client_names(NAMES):
        made = change.request(
            user,
            application,
            api,
            tier=_tier(api, wanted, "requestedTierId") if wanted else None,
            reason=told.get("reason") or "",
            accepted_terms=body["acceptedTerms"],
            expires_at=body.get("expiresAt"),
        )
    return answer(request, _one(api, made.pk), 201)


@transaction.atomic
def _patch(user: User, contract: Contract, body: dict[str, Any]) -> None:
    said = {"answer": body["answer"]} if "answer" in body else {}
    if "tierId" in body:
        change.change_tier(user, contract, _tier(contract.api, body["tierId"], "tierId"), **said)
    if "requestedTierId" in body:
        wanted = body["requestedTierId"]
        tier = _tier(contract.api, wanted, "requestedTierId") if wanted else None
        change.ask_for_tier(user, contract, tier)
    if "expiresAt" in body:
        change.change_expiry(user, contract, body["expiresAt"])
    if "status" in body:
        _step(contract, body["status"])(user, contract, **said)


def _step(contract: Contract, status: str) -> Change:
    if status == Status.APPROVED:
        return change.restore if contract.status == Status.REVOKED else change.approve
    return change.revoke if status == Status.REVOKED else change.reject


def _tier(api: ApiInstance, tier_id: int, field: str) -> Tier:
    if found := api.tiers.filter(pk=tier_id).first():
        return found
    raise ValidationError({field: [f"API {api.pk} has no tier {tier_id}."]})


def _one(api: ApiInstance, contract_id: int) -> Contract:
    rows = api.contracts.select_related("application", "tier", "requested_tier", "terms")
    found = rows.filter(pk=contract_id).first() if contract_id < 2**63 else None
    if found is None:
        raise NotFound(f"Contract {contract_id} of API {api.pk} not found.")
    found.api = api
    return found


def answer(request: Request, contract: Contract, code: int = 200) -> Response:
    told = shapes.ContractShape(contract, context={"held": access.held(request)})
    return Response(told.data, status=code)
