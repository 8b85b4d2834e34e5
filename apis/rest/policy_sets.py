"""REST: policy sets, which are given to APIs and changed in one place for all of them."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.automated.models import PolicySet
from apis.changes import automated
from apis.changes import policy_sets as change
from apis.models import ApiInstance
from apis.rest import automated_serializers as policy_shapes
from apis.rest import bodies, reach
from apis.rest import policy_set_serializers as shapes
from apis.rest.automated import NAMES, add
from console.models import Environment
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer

VIEW, MANAGE = Permission.VIEW_POLICIES, Permission.MANAGE_POLICIES
NO_RULE = "A policy of a set holds for the APIs that have the set; leave it out."
GIVEN: bodies.Names = ((r"apis", "apiIds"),)


@extend_schema_view(
    list=extend_schema(responses={200: shapes.SetList, 404: ErrorAnswer}),
    create=extend_schema(request=shapes.SetBody, responses={201: shapes.SetShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: shapes.SetShape, 404: ErrorAnswer}),
    partial_update=extend_schema(request=shapes.SetBody, responses={200: shapes.SetShape, **REFUSALS}),
    destroy=extend_schema(responses={204: None, **REFUSALS}),
)
@extend_schema(tags=["Policy sets"])
class PolicySetViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Those of the environment, by name; there are 200 at most."""
        environment = access.environment(request, organization_id, environment_id, VIEW)
        rows = environment.policy_sets.annotate(policy_count=Count("policies")).order_by("name", "pk")
        found = change.counted(rows)
        return Response({"policySets": shapes.SetRow(found, many=True).data, "total": len(found)})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """An empty one. Add its policies then, and give it to APIs."""
        environment = access.environment(request, organization_id, environment_id, MANAGE)
        body = reach.valid(shapes.SetBody, request.data)
        made = change.add(access.caller(request), environment, body["name"], body.get("description", ""))
        return _answer(made, 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, set_id: int
    ) -> Response:
        return _answer(_one(request, (organization_id, environment_id, set_id), VIEW))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, set_id: int
    ) -> Response:
        """What it is called; its policies and APIs have addresses of their own."""
        found = _one(request, (organization_id, environment_id, set_id), MANAGE)
        body = reach.valid(shapes.SetBody, request.data, partial=True)
        with transaction.atomic():
            change.check_whole(found, access.caller(request), preconditions.seen(request))
            name, description = body.get("name", found.name), body.get("description", found.description)
            change.edit(access.caller(request), found, name, description)
        return _answer(found)

    def destroy(self, request: Request, organization_id: UUID, environment_id: UUID, set_id: int) -> Response:
        """With its policies. 409 while an API has it."""
        found = _one(request, (organization_id, environment_id, set_id), MANAGE)
        with transaction.atomic():
            change.check_whole(found, access.caller(request), preconditions.seen(request))
            change.delete(access.caller(request), found)
        return Response(status=204)

    @extend_schema(
        operation_id="policy_set_policies", responses={200: policy_shapes.AutomatedList, 404: ErrorAnswer}
    )
    def policies(
        self, request: Request, organization_id: UUID, environment_id: UUID, set_id: int
    ) -> Response:
        """In the order in which they run. Each is changed and deleted as an automated policy."""
        found = _one(request, (organization_id, environment_id, set_id), VIEW)
        rows = list(found.policies.all())
        for one in rows:
            one.environment = found.environment
        shown = policy_shapes.AutomatedShape(rows, many=True).data
        return Response({"automatedPolicies": shown, "total": len(shown)})

    @extend_schema(
        operation_id="policy_set_add_policy",
        request=policy_shapes.NewBody,
        responses={201: policy_shapes.AutomatedShape, **REFUSALS},
    )
    def add_policy(
        self, request: Request, organization_id: UUID, environment_id: UUID, set_id: int
    ) -> Response:
        """It runs on each API that has the set, at once."""
        found = _one(request, (organization_id, environment_id, set_id), MANAGE)
        body = reach.valid(policy_shapes.NewBody, request.data)
        if "ruleOfApplication" in body:
            raise ValidationError({"ruleOfApplication": [NO_RULE]})
        with bodies.client_names(NAMES):
            made = add(access.caller(request), found.environment, body, policy_set=found)
        shape = dict(policy_shapes.AutomatedShape(made).data)
        return preconditions.answer(shape, automated.seen_version(made), 201)

    @extend_schema(
        operation_id="policy_set_give", request=shapes.ApisBody, responses={200: shapes.SetShape, **REFUSALS}
    )
    def give(self, request: Request, organization_id: UUID, environment_id: UUID, set_id: int) -> Response:
        """Give it to these APIs too; those that have it already are passed over."""
        found = _one(request, (organization_id, environment_id, set_id), MANAGE)
        body = reach.valid(shapes.ApisBody, request.data)
        with bodies.client_names(GIVEN), transaction.atomic():
            change.check_whole(found, access.caller(request), preconditions.seen(request))
            change.give(access.caller(request), found, body["apiIds"])
        return _answer(found)

    @extend_schema(
        operation_id="policy_set_take", parameters=[shapes.TakeQuery], responses={204: None, **REFUSALS}
    )
    def take(
        self, request: Request, organization_id: UUID, environment_id: UUID, set_id: int, api_id: int
    ) -> Response:
        """Take it from the API."""
        found = _one(request, (organization_id, environment_id, set_id), MANAGE)
        query = reach.valid(shapes.TakeQuery, request.query_params)
        api = reach.instance(request, organization_id, environment_id, api_id)
        with bodies.client_names(GIVEN):
            change.take(access.caller(request), found, api, keep=query["keep"])
        return Response(status=204)


def _one(request: Request, ids: tuple[UUID, UUID, int], needs: str) -> PolicySet:
    organization_id, environment_id, set_id = ids
    environment: Environment = access.environment(request, organization_id, environment_id, needs)
    found = environment.policy_sets.filter(pk=set_id).first() if set_id < 2**63 else None
    if found is None:
        raise NotFound(f"Policy set {set_id} not found.")
    found.environment = environment
    return found


def _answer(policy_set: PolicySet, code: int = 200) -> Response:
    there = ApiInstance.objects.filter(environment=policy_set.environment, pk__in=policy_set.apis)
    ids = list(there.order_by("pk").values_list("pk", flat=True))
    counts = {"policy_count": policy_set.policies.count(), "api_count": len(ids), "api_ids": ids}
    for name, value in counts.items():
        setattr(policy_set, name, value)
    return preconditions.answer(shapes.SetShape(policy_set).data, change.whole_version(policy_set), code)
