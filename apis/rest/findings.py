"""REST: what the linter finds in an API as it is saved, and muting a finding."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import findings as change
from apis.lint.findings import findings
from apis.rest import reach
from apis.rest.finding_serializers import FindingShape, MuteBody, MutedShape
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer


@extend_schema(tags=["Findings"])
class FindingViews(ViewSet):
    @extend_schema(operation_id="findings_list", responses={200: FindingShape(many=True), 404: ErrorAnswer})
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """The gravest first; muted ones last, each with the reason."""
        found = findings(reach.instance(request, organization_id, environment_id, api_id))
        return Response(FindingShape([*found.told, *found.muted], many=True).data)

    @extend_schema(operation_id="finding_mute", request=MuteBody, responses={201: MutedShape, **REFUSALS})
    def mute(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """`code` and `place` of the finding. Muted again, the reason changes."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        body = reach.valid(MuteBody, request.data)
        made = change.mute_finding(access.caller(request), api, body["code"], body["place"], body["reason"])
        return Response(MutedShape(made).data, status=201)

    @extend_schema(operation_id="finding_unmute", responses={204: None, **REFUSALS})
    def unmute(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, muted_id: int
    ) -> Response:
        """Tell it again."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        row = api.muted_findings.filter(pk=muted_id).first() if muted_id < 2**63 else None
        if row is None:
            raise NotFound(f"Muted finding {muted_id} of API {api.pk} not found.")
        row.api = api
        change.unmute_finding(access.caller(request), row)
        return Response(status=204)
