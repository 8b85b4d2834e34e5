"""REST: automated policies, which clients of Anypoint name under the organization."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.automated import coverage
from apis.automated.models import AutomatedPolicy
from apis.changes import automated as change
from apis.changes import automated_check
from apis.changes.automated_check import Applies
from apis.rest import automated_serializers as shapes
from apis.rest import bodies, reach
from apis.rest.policy_serializers import OrderEntry, implementation
from apis.rules.policy_place import in_front
from console.models import Environment, User
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.versions import check as check_version
from policies.policy import CATALOG_GROUP

NAMES: bodies.Names = (
    (r"tags", "ruleOfApplication.tags"),
    (r"gateways", "ruleOfApplication.gatewayIds"),
    (r"names", "ruleOfApplication.names"),
    (r"names_are", "ruleOfApplication.namesAre"),
)
NO_RANGE = (
    "a range of runtime versions is about Mule, which is no gateway here: the policy holds for every API "
    "that the rest of the rule covers"
)
MOVED = "An automated policy stays in its environment; add it to the other one."


@extend_schema_view(
    list=extend_schema(parameters=[shapes.AutomatedQuery], responses=shapes.AutomatedList),
    create=extend_schema(request=shapes.AutomatedBody, responses={201: shapes.AutomatedShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: shapes.AutomatedShape, 404: ErrorAnswer}),
    partial_update=extend_schema(
        request=shapes.AutomatedPatch, responses={200: shapes.AutomatedShape, **REFUSALS}
    ),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer}),
)
@extend_schema(tags=["Automated policies"])
class AutomatedViews(ViewSet):
    def list(self, request: Request, organization_id: UUID) -> Response:
        """Those of the environments that the caller may see, in the order in which they run."""
        organization = access.organization(request, organization_id)
        query = reach.valid(shapes.AutomatedQuery, request.query_params)
        if key := query.get("environmentId"):
            return _list(access.environment(request, organization_id, key, Permission.VIEW_POLICIES))
        rows = AutomatedPolicy.objects.visible_to(access.caller(request))
        found = rows.filter(environment__organization=organization).order_by("environment__name", "order")
        shown = shapes.AutomatedShape(found.select_related("environment__organization"), many=True).data
        return Response({"automatedPolicies": shown, "total": len(shown)})

    def create(self, request: Request, organization_id: UUID) -> Response:
        """Add one to the environment that `ruleOfApplication` names: to all its APIs that the rule covers."""
        _must_edit_somewhere(request, organization_id)
        body = reach.valid(shapes.AutomatedBody, request.data)
        sent = body["ruleOfApplication"]
        environment = access.environment(
            request, organization_id, sent["environmentId"], needs=Permission.MANAGE_POLICIES
        )
        with bodies.client_names(NAMES):
            made = add(access.caller(request), environment, body)
        return _answer(made, 201, sent)

    @extend_schema(
        operation_id="reorderAutomatedPolicies",
        parameters=[shapes.AutomatedQuery],
        request=OrderEntry(many=True),
        responses={200: shapes.AutomatedList, **REFUSALS},
    )
    def reorder(self, request: Request, organization_id: UUID) -> Response:
        """Set the order in an environment: `[{"id", "order"}]`, naming each of its policies once."""
        _must_edit_somewhere(request, organization_id)
        query = reach.valid(shapes.AutomatedQuery, request.query_params)
        if not (key := query.get("environmentId")):
            raise ValidationError({"environmentId": ["Say of which environment: ?environmentId=…"]})
        environment = access.environment(request, organization_id, key, needs=Permission.MANAGE_POLICIES)
        given = reach.valid(OrderEntry, request.data, many=True)
        ids = [entry["id"] for entry in sorted(given, key=lambda entry: entry["order"])]
        known = {row.pk: row for row in change.reorder(access.caller(request), environment, ids)}
        told = in_front([known[pk] for pk in ids])
        return _list(environment, {"order": [told]} if told else {})

    def retrieve(self, request: Request, organization_id: UUID, policy_id: int) -> Response:
        return _answer(_found(request, organization_id, policy_id))

    def partial_update(self, request: Request, organization_id: UUID, policy_id: int) -> Response:
        """Change what the body names, on every gateway that has an API which it covers."""
        policy = _found(request, organization_id, policy_id, needs=Permission.MANAGE_POLICIES)
        body = reach.valid(shapes.AutomatedPatch, request.data)
        sent = body.get("ruleOfApplication") or {}
        if sent and sent["environmentId"] != policy.environment_id:
            raise ValidationError({"ruleOfApplication.environmentId": [MOVED]})
        with bodies.client_names(NAMES):
            _edit(access.caller(request), policy, body, preconditions.seen(request))
        return _answer(policy, 200, sent)

    def destroy(self, request: Request, organization_id: UUID, policy_id: int) -> Response:
        policy = _found(request, organization_id, policy_id, needs=Permission.MANAGE_POLICIES)
        change.delete(access.caller(request), policy, seen=preconditions.seen(request))
        return Response(status=204)

    @extend_schema(
        operation_id="listAutomatedPolicyApis",
        parameters=[shapes.CoverageQuery],
        responses={200: shapes.CoverageList, 404: ErrorAnswer},
    )
    def apis(self, request: Request, organization_id: UUID, policy_id: int) -> Response:
        """Each API of the environment: whether the policy holds for it, and why not."""
        policy = _found(request, organization_id, policy_id)
        query = reach.valid(shapes.CoverageQuery, request.query_params)
        found = coverage.coverage(policy)
        if query["covered"] is not None:
            found = [one for one in found if one.is_covered == query["covered"]]
        page = found[query["offset"] : query["offset"] + query["limit"]]
        return Response({"apis": shapes.CoverageShape(page, many=True).data, "total": len(found)})

    @extend_schema(
        operation_id="listAutomatedPolicyImplementations",
        responses={200: shapes.ImplementationList, 404: ErrorAnswer},
    )
    def implementations(self, request: Request, organization_id: UUID, policy_id: int) -> Response:
        """What runs it: one implementation for all gateways."""
        policy = _found(request, organization_id, policy_id)
        return Response({"implementationAssets": [implementation(policy)], "total": 1})


def _must_edit_somewhere(request: Request, organization_id: UUID) -> None:
    """Before a body says in which environment: what is wrong with it is told to those who may send one."""
    organization = access.organization(request, organization_id)
    editable = Environment.objects.filter(organization=organization)
    if not editable.permitting(access.caller(request), Permission.MANAGE_POLICIES).exists():
        raise PermissionDenied(
            f"This needs the permission Manage policies in an environment of {organization}."
        )


def _found(
    request: Request, organization_id: UUID, policy_id: int, needs: str = Permission.VIEW_POLICIES
) -> AutomatedPolicy:
    rows = AutomatedPolicy.objects.filter(environment__organization=organization_id)
    policy = rows.filter(pk=policy_id).first() if policy_id < 2**63 else None
    missing = NotFound(f"Automated policy {policy_id} of organization {organization_id} not found.")
    if policy is None:
        raise missing
    try:
        environment = access.environment(request, organization_id, policy.environment_id, needs)
    except NotFound:
        raise missing from None
    policy.environment = environment
    return policy


@transaction.atomic
def _edit(actor: User, policy: AutomatedPolicy, body: Mapping[str, Any], seen: str) -> None:
    change.lock_policy(policy, actor)
    check_version(seen, change.seen_version(policy))
    is_said = "ruleOfApplication" in body or "conflicts" in body
    change.edit(
        actor,
        policy,
        body.get("configurationData"),
        applies_to(automated_check.applies_of(policy), body) if is_said else None,
        conditions=body["pointcutData"] or () if "pointcutData" in body else None,
        label=body["label"] or "" if "label" in body else None,
        mode=body.get("mode"),
        version=body.get("assetVersion"),
        is_disabled=body.get("disabled"),
    )
    if body.get("order"):
        change.move(actor, policy, body["order"])


def applies_to(before: Applies, body: Mapping[str, Any]) -> Applies:
    rule = body.get("ruleOfApplication") or {}
    told: dict[str, Any] = {name: tuple(rule[name]) for name in ("tags",) if name in rule}
    if "gatewayIds" in rule:
        told["gateways"] = tuple(rule["gatewayIds"])
    if "names" in rule:
        told["names"] = rule["names"] or ""
    if "namesAre" in rule:
        told["names_are"] = rule["namesAre"]
    if "conflicts" in body:
        told["conflicts"] = body["conflicts"]
    return replace(before, **told)


def add(user: User, environment: Environment, body: Mapping[str, Any], **more: Any) -> AutomatedPolicy:
    """The policy that a valid body tells of; `more` goes to `apis.changes.automated.add`."""
    return change.add(
        user,
        environment,
        named(body),
        body.get("configurationData") or {},
        applies_to(Applies(), body),
        conditions=body.get("pointcutData") or (),
        order=body.get("order"),
        label=body.get("label") or "",
        is_disabled=body.get("disabled", False),
        mode=body.get("mode", AutomatedPolicy.Mode.ENFORCE),
        version=body.get("assetVersion") or "",
        **more,
    )


def named(body: Mapping[str, Any]) -> str:
    if body.get("groupId") and str(body["groupId"]) != CATALOG_GROUP:
        message = f"{body['groupId']} holds no policies; leave it out, or write {CATALOG_GROUP}."
        raise ValidationError({"groupId": [message]})
    name = body.get("assetId") or body.get("policyTemplateId")
    if not name:
        raise ValidationError({"policy": ["Name the policy, for example rate-limiting."]})
    return str(name)


def _list(environment: Environment, said: Mapping[str, list[str]] | None = None) -> Response:
    found = list(environment.automated_policies.all())
    for one in found:
        one.environment = environment
    shown = shapes.AutomatedShape(found, many=True).data
    headers = preconditions.warning(said or {})
    return Response({"automatedPolicies": shown, "total": len(shown)}, headers=headers)


def _answer(policy: AutomatedPolicy, code: int = 200, sent: Mapping[str, Any] | None = None) -> Response:
    ranged = (sent or {}).get("range") or {}
    said = {"ruleOfApplication.range": [NO_RANGE]} if any(ranged.values()) else {}
    shape = dict(shapes.AutomatedShape(policy).data)
    return preconditions.answer(shape, change.seen_version(policy), code, said)
