"""REST: what the linter finds in an API as it is saved, and muting a finding."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import findings as change
from apis.lint.findings import findings, findings_of
from apis.rest import reach
from apis.rest.finding_serializers import FindingShape, FindingsPage, MuteBody, MutedShape
from apis.rest.serializers import PageQuery
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer


@extend_schema(tags=["Findings"])
class FindingViews(ViewSet):
    @extend_schema(operation_id="findings_list", responses={200: FindingShape(many=True), 404: ErrorAnswer})
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """The gravest first; muted ones last, each with the reason."""
        found = findings(reach.instance(request, organization_id, environment_id, api_id))
        return Response(FindingShape([*found.told, *found.muted], many=True).data)

    @extend_schema(
        operation_id="findings_of_environment",
        parameters=[PageQuery],
        responses={200: FindingsPage, 400: ErrorAnswer, 404: ErrorAnswer},
    )
    def of_environment(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """API by API, by their ids; an API in which nothing is found is there too."""
        environment = access.known_environment(request, organization_id, environment_id)
        query = reach.valid(PageQuery, request.query_params)
        limit, offset = query["limit"], query["offset"]
        rows = reach.instances(request, environment).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[offset : offset + limit])
        found = findings_of(ids)
        apis = [{"apiId": pk, "findings": [*found[pk].told, *found[pk].muted]} for pk in ids if pk in found]
        page = {"total": rows.count(), "limit": limit, "offset": offset, "apis": apis}
        return Response(FindingsPage(page).data)

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
