"""REST: the audit log, at the addresses of Anypoint's Audit Log Query API, for administrators."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.audit_log import csv_file, filtering, retention
from console.audit_log.filtering import AuditFilter
from console.models import AuditEntry, AuditEntryQuerySet
from console.nouns import area
from console.rest import access
from console.rest.audit_serializers import (
    ActionList,
    LogEntry,
    LogQuery,
    LogQueryResult,
    ObjectTypeList,
    PlatformList,
    RetentionBody,
    RetentionList,
)
from console.rest.shapes import date

TAGS = ["Audit log"]
PLATFORMS = {"console": "Access Management", "gateways": "Runtime Manager", "apis": "API Manager"}
"""By where its model is; what else there is belongs to APIs."""
QUERY = [
    OpenApiParameter("cursorPagination", OpenApiTypes.BOOL),
    OpenApiParameter("doIncludeTotal", OpenApiTypes.BOOL),
]
COUNTED = 10_000
"""A total that is higher is not counted to its end."""


@extend_schema(tags=TAGS)
class AuditQuery(APIView):
    @extend_schema(operation_id="queryAuditLog", request=LogQuery, responses=LogQueryResult, parameters=QUERY)
    def post(self, request: Request, organization_id: UUID) -> Response:
        """The organization's entries, oldest first unless `ascending` is false."""
        given, rows = _asked(request, organization_id)
        is_by_cursor = request.query_params.get("cursorPagination") == "true"
        limit, ascending = given.get("limit", 200), given["ascending"]
        try:
            found = filtering.beyond(rows, given.get("cursor", ""), ascending=ascending)
        except ValueError as error:
            raise ValidationError({"cursor": [str(error)]}) from None
        start = 0 if is_by_cursor else given["offset"]
        entries = list(found.select_related("environment")[start : start + limit])
        answer: dict[str, Any] = {"data": [_entry(one, given["full"]) for one in entries]}
        if not is_by_cursor or request.query_params.get("doIncludeTotal") == "true":
            answer["total"] = rows.order_by()[:COUNTED].count()
        if is_by_cursor and entries:
            answer["cursor"] = filtering.cursor_of(entries[-1])
        return Response(answer)


@extend_schema(tags=TAGS)
class AuditFile(APIView):
    @extend_schema(
        operation_id="exportAuditLog", request=LogQuery, responses={(200, "text/csv"): OpenApiTypes.STR}
    )
    def post(self, request: Request, organization_id: UUID) -> HttpResponseBase:
        """The same as CSV, 100,000 rows at most; cells that a spreadsheet would compute begin with '."""
        given, rows = _asked(request, organization_id)
        return csv_file.answer(filtering.beyond(rows, "", ascending=given["ascending"]))


@extend_schema(tags=TAGS)
class AuditPlatforms(APIView):
    @extend_schema(operation_id="auditPlatforms", responses=PlatformList)
    def get(self, request: Request, organization_id: UUID) -> Response:
        access.administered(request, organization_id)
        data = [{"name": label, "label": label} for label in PLATFORMS.values()]
        return Response({"data": data, "total": len(data)})


@extend_schema(tags=TAGS)
class AuditObjectTypes(APIView):
    @extend_schema(operation_id="auditObjectTypes", responses=ObjectTypeList)
    def get(self, request: Request, organization_id: UUID) -> Response:
        access.administered(request, organization_id)
        data = [{"name": one, "platforms": [platform(one)]} for one in filtering.kinds()]
        return Response({"data": data, "total": len(data)})


@extend_schema(tags=TAGS)
class AuditActions(APIView):
    @extend_schema(operation_id="auditActions", responses=ActionList)
    def get(self, request: Request, organization_id: UUID) -> Response:
        access.administered(request, organization_id)
        others = [one for one in filtering.kinds() if one != "user"]
        data = [
            {"name": name, "label": label, "objectTypes": ["user"] if name == "login" else ["user", *others]}
            for name, label in AuditEntry.Action.choices
        ]
        return Response({"data": data, "total": len(data)})


@extend_schema(tags=TAGS)
class AuditRetention(APIView):
    @extend_schema(operation_id="auditRetention", responses=RetentionList)
    def get(self, request: Request, organization_id: UUID) -> Response:
        """The period in force, then what will be."""
        row = access.administered(request, organization_id)
        return Response({"data": [*_retentions(row)]})

    @extend_schema(operation_id="chooseAuditRetention", request=RetentionBody, responses=RetentionList)
    def put(self, request: Request, organization_id: UUID) -> Response:
        row = access.administered(request, organization_id)
        body = RetentionBody(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        retention.choose(access.caller(request), row, given["retentionPeriod"], given.get("effectiveFrom"))
        return Response({"data": [*_retentions(row)]})


def platform(kind: str) -> str:
    """Whose thing it is, in the words of Anypoint."""
    return PLATFORMS.get(area(kind), PLATFORMS["apis"])


def _retentions(row: Any) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    told = [{"retentionPeriod": retention.days_of(row), "effectiveFrom": None}]
    coming = row.audit_retentions.filter(effective_from__gt=now).order_by("effective_from")
    return [
        *told,
        *({"retentionPeriod": one.days, "effectiveFrom": date(one.effective_from)} for one in coming),
    ]


def _asked(request: Request, organization_id: UUID) -> tuple[dict[str, Any], AuditEntryQuerySet]:
    """Access is checked before the body is read."""
    organization = access.administered(request, organization_id)
    body = LogQuery(data=request.data)
    body.is_valid(raise_exception=True)
    given = body.validated_data
    rows = filtering.visible(access.caller(request)).filter(organization=organization)
    wanted = AuditFilter(
        kinds=tuple(given.get("objectTypes", ())),
        actions=tuple(given.get("actions", ())),
        since=given["startDate"],
        failed=given.get("failed"),
    )
    rows = wanted.of(rows)
    if given.get("endDate"):
        rows = rows.filter(at__lte=given["endDate"])
    lists = {"userIds": "actor__in", "objectIds": "object_id__in", "parentIds": "of_id__in"}
    lists["environmentIds"] = "environment__in"
    for name, lookup in lists.items():
        if given.get(name):
            rows = rows.filter(**{lookup: given[name]})
    if given.get("platforms"):
        kinds = [one for one in filtering.kinds() if platform(one) in given["platforms"]]
        rows = rows.filter(object_type__in=kinds)
    return given, rows


def _entry(entry: AuditEntry, is_full: bool) -> dict[str, Any]:
    environment = entry.environment
    told = {
        "id": str(entry.pk),
        "timestamp": date(entry.at),
        "organizationId": str(entry.organization_id),
        "environmentId": str(environment.pk) if environment else None,
        "platform": platform(entry.object_type),
        "action": entry.action,
        "failed": entry.failed,
        "subject": {"id": str(entry.actor_id) if entry.actor_id else None, "name": entry.actor_name},
        "objects": [
            {
                "objectId": entry.object_id,
                "objectName": entry.object_name,
                "objectType": entry.object_type,
                "parentId": entry.of_id or None,
                "parentType": entry.of_type or None,
                "environmentId": str(environment.pk) if environment else None,
                "environmentName": environment.name if environment else None,
            }
        ],
    }
    if is_full:
        told["payload"] = {"properties": entry.diff}
    return dict(LogEntry(told).data)
