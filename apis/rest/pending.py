"""REST: what is saved of an API and not deployed; to look at, to deploy and to discard."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import discarding, review
from apis.deployment.pending import pending
from apis.models import ApiInstance
from apis.rest import answers, reach
from apis.rest.pending_serializers import PendingDeployment, PendingShape
from apis.revision import Content
from apis.revisions import rows
from console.models import User
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer


@extend_schema_view(
    retrieve=extend_schema(responses={200: PendingShape, 404: ErrorAnswer}),
    destroy=extend_schema(responses={204: None, 412: ErrorAnswer, **REFUSALS}),
)
@extend_schema(tags=["Deployments"])
class PendingViews(ViewSet):
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        """What differs between what the gateway is to run and what is saved. Its ETag is for If-Match."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        saved = rows.content_of(api)
        return preconditions.answer(_shape(access.caller(request), api, saved), review.token(api, saved))

    @extend_schema(
        operation_id="pending_deploy",
        request=PendingDeployment,
        responses={201: answers.DeploymentShape, 412: ErrorAnswer, **REFUSALS},
    )
    def deploy(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Deploy what is pending. With If-Match, only what was looked at."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.DEPLOY_APIS)
        body = reach.valid(PendingDeployment, request.data)
        review.deploy_pending(
            access.caller(request),
            api,
            seen=preconditions.seen(request),
            comment=body["comment"],
            despite_tests=body["despiteTests"],
        )
        return Response(answers.DeploymentShape(api).data, status=201)

    def destroy(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Discard what is pending: what is saved becomes what runs."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_APIS)
        discarding.discard(access.caller(request), api, seen=preconditions.seen(request))
        return Response(status=204)


def _shape(caller: User, api: ApiInstance, saved: Content) -> dict[str, Any]:
    found = pending(api, saved)
    by = User.objects.filter(pk__in=api.pending_by if found else []).order_by("username")
    return dict(
        PendingShape(
            {
                "pending": bool(found),
                "since": api.pending_since if found else None,
                "changedBy": list(by.values_list("username", flat=True)),
                "differences": found.lines,
                "yaml": found.yaml,
                "tests": review.untested(api, saved.digests) if found else "",
                "obstacles": [one.message for one in review.obstacles(caller, api, saved)] if found else [],
            }
        ).data
    )
