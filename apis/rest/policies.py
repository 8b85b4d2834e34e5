"""REST: policies on an API instance, and the catalog they come from."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from drf_spectacular.utils import (
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import policies, versions
from apis.models import ApiInstance, PolicyBinding
from apis.rest import bodies, policy_serializers, reach, saving
from apis.rules import policy_advice
from apis.rules.policy_place import in_front
from console.models import User
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.versions import check as check_version
from policies.policy import CATALOG_GROUP


@extend_schema_view(
    list=extend_schema(
        parameters=[policy_serializers.PolicyListQuery],
        responses=PolymorphicProxySerializer(
            "PolicyList",
            [policy_serializers.PolicyShape(many=True), policy_serializers.ActivePolicies],
            resource_type_field_name=None,
            many=False,
        ),
    ),
    create=extend_schema(
        parameters=[policy_serializers.ApplyQuery, saving.SaveQuery],
        request=policy_serializers.PolicyBody,
        responses={201: policy_serializers.PolicyShape, **REFUSALS},
    ),
    retrieve=extend_schema(responses={200: policy_serializers.PolicyShape, 404: ErrorAnswer}),
    partial_update=extend_schema(
        parameters=[saving.SaveQuery],
        request=policy_serializers.PolicyPatch,
        responses={200: policy_serializers.PolicyShape, **REFUSALS},
    ),
    destroy=extend_schema(parameters=[saving.SaveQuery], responses={204: None, 404: ErrorAnswer}),
)
@extend_schema(tags=["Policies"])
class PolicyViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """The policies of an instance in the order in which they run."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_POLICIES)
        if not reach.valid(policy_serializers.PolicyListQuery, request.query_params)["fullInfo"]:
            return Response(_list(api))
        active = [row for row in api.policies.all() if not row.is_disabled]
        found = policy_serializers.ActivePolicyShape(active, many=True).data
        sees_tiers = Permission.VIEW_CONTRACTS in reach.may(request, api)
        return Response({"policies": found, "tiers": _tiers(api) if sees_tiers else _NO_TIERS})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Apply a policy of the catalog."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_POLICIES)
        body = reach.valid(policy_serializers.PolicyBody, request.data)
        query = reach.valid(policy_serializers.ApplyQuery, request.query_params)
        with bodies.client_names():
            allow, deploy = query["allowDuplicated"], saving.asked(request, api)
            made = _apply(access.caller(request), api, body, allow_duplicated=allow, deploy=deploy)
        return answer(made, 201)

    @extend_schema(
        operation_id="applyOutboundPolicy",
        parameters=[policy_serializers.ApplyQuery, saving.SaveQuery],
        request=policy_serializers.PolicyBody,
        responses={201: policy_serializers.PolicyShape, **REFUSALS},
    )
    def create_outbound(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        """Apply an outbound policy to the upstreams that `upstreamIds` names."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_POLICIES)
        body = reach.valid(policy_serializers.PolicyBody, request.data)
        query = reach.valid(policy_serializers.ApplyQuery, request.query_params)
        with bodies.client_names():
            if not policies.template_of(_name(body)).is_outbound:
                message = "It acts on requests to the API: send it to the API's policies."
                raise ValidationError({"policy": [message]})
            allow, deploy = query["allowDuplicated"], saving.asked(request, api)
            made = _apply(access.caller(request), api, body, allow_duplicated=allow, deploy=deploy)
        return answer(made, 201)

    @extend_schema(
        operation_id="reorderPolicies",
        parameters=[saving.SaveQuery],
        request=policy_serializers.OrderEntry(many=True),
        responses={200: policy_serializers.PolicyShape(many=True), **REFUSALS},
    )
    def reorder(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Set the order: `[{"id", "order"}]`, naming each policy that has one once."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_POLICIES)
        given = reach.valid(policy_serializers.OrderEntry, request.data, many=True)
        ids = [entry["id"] for entry in sorted(given, key=lambda entry: entry["order"])]
        ordered = policies.reorder_policies(
            access.caller(request), api, ids, deploy=saving.asked(request, api)
        )
        known = {row.pk: row for row in ordered}
        told = in_front([known[pk] for pk in ids])
        said = saving.said(api) | ({"order": [told]} if told else {})
        return Response(_list(api), headers=preconditions.warning(said))

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, policy_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_POLICIES)
        return answer(reach.policy(api, policy_id), is_changed=False)

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, policy_id: int
    ) -> Response:
        """Change configuration, conditions, label, place or whether it is disabled."""
        # No policy gives or takes rights: they are asked for once.
        access.caller(request).keeps_grants = True
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_POLICIES)
        binding = reach.policy(api, policy_id)
        body = reach.valid(policy_serializers.PolicyPatch, request.data)
        with bodies.client_names():
            seen, deploy = preconditions.seen(request), saving.asked(request, api)
            _edit(access.caller(request), binding, body, seen, deploy)
        return answer(binding)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, policy_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_POLICIES)
        binding = reach.policy(api, policy_id)
        deploy = saving.asked(request, api)
        _remove(access.caller(request), binding, preconditions.seen(request), deploy)
        return Response(status=204, headers=preconditions.warning(saving.said(binding.api)))


def _tiers(api: ApiInstance) -> dict[str, Any]:
    """What contracts with the API are good for; the version grows with each change of one."""
    rows = list(api.tiers.all())
    values = policy_serializers.ActiveTierShape(rows, many=True).data
    newest = max((row.updated_at.timestamp() for row in rows), default=0)
    return {"values": values, "version": int(newest * 1000)}


def _apply(
    actor: User, api: ApiInstance, body: dict[str, Any], *, allow_duplicated: bool, deploy: bool | None
) -> PolicyBinding:
    if body.get("groupId") and str(body["groupId"]) != CATALOG_GROUP:
        message = f"{body['groupId']} holds no policies; leave it out, or write {CATALOG_GROUP}."
        raise ValidationError({"groupId": [message]})
    name, upstreams = _name(body), _upstreams(body) or ()
    if body.get("order") and policies.template_of(name).is_outbound:
        raise ValidationError({"order": ["Outbound policies have no order; leave it out."]})
    return policies.apply_policy(
        actor,
        api,
        name,
        body.get("configurationData") or {},
        conditions=body.get("pointcutData") or (),
        upstreams=upstreams,
        order=body.get("order"),
        label=body.get("label") or "",
        is_disabled=body.get("disabled", False),
        mode=body.get("mode", PolicyBinding.Mode.ENFORCE),
        version=body.get("assetVersion") or "",
        allow_duplicated=allow_duplicated,
        deploy=deploy,
    )


def _name(body: dict[str, Any]) -> str:
    name = body.get("assetId") or body.get("policyTemplateId")
    if not name:
        raise ValidationError({"policy": ["Name the policy, for example rate-limiting."]})
    return str(name)


def _upstreams(body: dict[str, Any]) -> list[UUID] | None:
    """Each once; None where the body does not say. The command line sends one as `upstreamId`."""
    one, several = body.get("upstreamId"), body.get("upstreamIds")
    if one is None and several is None:
        return None
    return list(dict.fromkeys([*([one] if one else ()), *(several or ())]))


@transaction.atomic
def _remove(actor: User, binding: PolicyBinding, seen: str, deploy: bool | None) -> None:
    policies.lock_policy(binding)
    check_version(seen, versions.of_policy(binding))
    policies.remove_policy(actor, binding, deploy=deploy)


def _edit(actor: User, binding: PolicyBinding, body: dict[str, Any], seen: str, deploy: bool | None) -> None:
    if not {"mode", "disabled", "order"} & set(body) and _is_edited(body):
        # A transaction already: one around it would cost a savepoint.
        _edit_itself(actor, binding, body, seen, deploy)
        return
    with transaction.atomic():
        if _is_edited(body):
            _edit_itself(actor, binding, body, seen, deploy)
        elif seen:
            policies.lock_policy(binding)
            check_version(seen, versions.of_policy(binding))
        if "mode" in body:
            policies.set_policy_mode(actor, binding, body["mode"], deploy=deploy)
        if "disabled" in body:
            policies.set_policy_disabled(actor, binding, body["disabled"], deploy=deploy)
        if body.get("order"):
            policies.move_policy(actor, binding, body["order"], deploy=deploy)


def _is_edited(body: dict[str, Any]) -> bool:
    parts = {"configurationData", "pointcutData", "label", "assetVersion"}
    return _upstreams(body) is not None or bool(parts & set(body))


def _edit_itself(
    actor: User, binding: PolicyBinding, body: dict[str, Any], seen: str, deploy: bool | None
) -> None:
    policies.edit_policy(
        actor,
        binding,
        body.get("configurationData"),
        conditions=body["pointcutData"] or () if "pointcutData" in body else None,
        upstreams=_upstreams(body),
        label=body["label"] or "" if "label" in body else None,
        version=body.get("assetVersion"),
        seen=seen,
        deploy=deploy,
    )


def _list(api: ApiInstance) -> list[dict[str, Any]]:
    rows = list(api.policies.all())
    for row in rows:
        row.api = api
    return [_shape(row) for row in rows]


def answer(binding: PolicyBinding, code: int = 200, *, is_changed: bool = True) -> Response:
    said = {
        _CLIENTS[part] + dot + rest: texts
        for field, texts in policy_advice.of_binding(binding.api, binding).items()
        for part, dot, rest in [field.partition(".")]
    }
    said |= saving.said(binding.api) if is_changed else {}
    return preconditions.answer(_shape(binding), versions.of_policy(binding), code, said)


_NO_TIERS: dict[str, Any] = {"values": [], "version": 0}
_CLIENTS = {"config": "configurationData", "conditions": "pointcutData"}
"""What clients call the parts of a policy."""


def _shape(binding: PolicyBinding) -> dict[str, Any]:
    return dict(policy_serializers.PolicyShape(binding).data)
