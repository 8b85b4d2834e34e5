"""REST: what was deleted lately, and its way back."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import automated, policies, removal
from apis.removed import Removed, RemovedQuerySet
from apis.rest import answers, bodies, policy_serializers, reach
from apis.rest.automated_serializers import AutomatedShape
from apis.rest.instances import answer as instance_answer
from apis.rest.policies import answer as policy_answer
from apis.rest.removed_serializers import RemovedList, RemovedShape, RestoreBody
from apis.rest.serializers import PageQuery
from console.permissions import Permission
from console.rest import access, nothing, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer

NAMES = ((r"base_path", "basePath"), (r"tls_context", "tlsContext"))


@extend_schema(tags=["Deleted"])
class RemovedApiViews(ViewSet):
    @extend_schema(
        operation_id="deleted_apis",
        parameters=[PageQuery],
        responses={200: RemovedList, 404: ErrorAnswer},
    )
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """APIs that can still be restored, the one that was deleted last first."""
        environment = access.environment(request, organization_id, environment_id, Permission.VIEW_APIS)
        return _list(request, Removed.objects.filter(environment=environment, kind=Removed.Kind.API))

    @extend_schema(
        operation_id="deleted_api_restore",
        request=RestoreBody,
        responses={201: answers.InstanceShape, **REFUSALS},
    )
    def restore(
        self, request: Request, organization_id: UUID, environment_id: UUID, removed_id: int
    ) -> Response:
        """The API as it was, under the id that it had, deployed if it was and its gateway is still there."""
        environment = access.environment(request, organization_id, environment_id, Permission.MANAGE_APIS)
        kept = _one(Removed.objects.filter(environment=environment, kind=Removed.Kind.API), removed_id)
        body = reach.valid(RestoreBody, request.data)
        caller, at = access.caller(request), {"base_path": body["basePath"], "port": body["port"]}
        with bodies.client_names(NAMES):
            api = removal.restore_api(caller, kept, **at)
        found = reach.instance(request, organization_id, environment_id, api.pk)
        return instance_answer(request, found, 201)


@extend_schema(tags=["Deleted"])
class RemovedPolicyViews(ViewSet):
    @extend_schema(
        operation_id="deleted_policies",
        parameters=[PageQuery],
        responses={200: RemovedList, 404: ErrorAnswer},
    )
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Policies of the API that can still be restored, the one that was removed last first."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_POLICIES)
        return _list(request, Removed.objects.filter(api_id=api.pk, kind=Removed.Kind.POLICY))

    @extend_schema(
        operation_id="deleted_policy_restore",
        request=None,
        responses={201: policy_serializers.PolicyShape, **REFUSALS},
    )
    def restore(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, removed_id: int
    ) -> Response:
        """Apply it again where it was, with the configuration that it had."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_POLICIES)
        kept = _one(Removed.objects.filter(api_id=api.pk, kind=Removed.Kind.POLICY), removed_id)
        nothing.check(request)
        return policy_answer(policies.restore_policy(access.caller(request), api, kept), 201)


@extend_schema(tags=["Deleted"])
class RemovedAutomatedViews(ViewSet):
    @extend_schema(
        operation_id="deleted_automated_policies",
        parameters=[PageQuery],
        responses={200: RemovedList, 404: ErrorAnswer},
    )
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Automated policies that can still be restored, the one that was deleted last first."""
        environment = access.environment(request, organization_id, environment_id, Permission.VIEW_POLICIES)
        return _list(request, Removed.objects.filter(environment=environment, kind=Removed.Kind.AUTOMATED))

    @extend_schema(
        operation_id="deleted_automated_policy_restore",
        request=None,
        responses={201: AutomatedShape, **REFUSALS},
    )
    def restore(
        self, request: Request, organization_id: UUID, environment_id: UUID, removed_id: int
    ) -> Response:
        """The policy as it was, in its place, in force at once for the APIs that its rule covers."""
        environment = access.environment(request, organization_id, environment_id, Permission.MANAGE_POLICIES)
        rows = Removed.objects.filter(environment=environment, kind=Removed.Kind.AUTOMATED)
        kept = _one(rows, removed_id)
        nothing.check(request)
        made = automated.restore(access.caller(request), kept)
        shape = dict(AutomatedShape(made).data)
        return preconditions.answer(shape, automated.seen_version(made), 201)


def _list(request: Request, found: RemovedQuerySet) -> Response:
    page = reach.valid(PageQuery, request.query_params)
    found = found.there().defer("saved").select_related("by")
    rows = found[page["offset"] : page["offset"] + page["limit"]]
    return Response({"total": found.count(), **page, "deleted": RemovedShape(rows, many=True).data})


def _one(found: RemovedQuerySet, pk: int) -> Removed:
    rows = found.there().select_related("environment__organization")
    kept = rows.filter(pk=pk).first() if pk < 2**63 else None
    if kept is None:
        raise NotFound(f"{pk} is nothing that was deleted here and is still kept.")
    return kept
