"""REST: how many requests an API had, asked as Anypoint's clients ask its metrics."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import queries, ranges
from apis.rest import reach
from console.permissions import Permission
from console.rest.serializers import ErrorAnswer

LONGEST = timedelta(days=31)
"""Clients split what is longer than 30 days, and recognize the refusal by its words."""
EXACTLY = 10**9
ONE = (
    'SELECT COUNT(requests) FROM "mulesoft.api" WHERE "sub_org.id" = \'{}\' AND "env.id" = \'{}\' '
    "AND \"api.instance.id\" = '{}' AND timestamp BETWEEN {} AND {}"
)
UUIDS, NUMBER, TIME = r"([0-9a-fA-F-]{36})", r"([0-9]{1,18})", r"([0-9]{1,15})"
QUERY = re.compile(re.escape(ONE).replace(r"\{\}", "{}").format(UUIDS, UUIDS, NUMBER, TIME, TIME))


class MetricsBody(s.Serializer[Any]):
    query = s.CharField(max_length=1000, help_text=ONE.format("{org}", "{env}", "{api}", "{ms}", "{ms}"))


class CountShape(s.Serializer[Any]):
    def get_fields(self) -> dict[str, s.Field[Any, Any, Any, Any]]:
        return {"COUNT(requests)": s.IntegerField()}


class MetricsAnswer(s.Serializer[Any]):
    data: Any = CountShape(many=True)


class Metrics(APIView):
    @extend_schema(
        operation_id="metrics",
        tags=["Analytics"],
        request=MetricsBody,
        responses={200: MetricsAnswer, 400: ErrorAnswer, 403: ErrorAnswer, 404: ErrorAnswer},
    )
    def post(self, request: Request) -> Response:
        """The requests of one API between two times, in milliseconds since 1970, 31 days apart at most: this
        one query, as Anypoint's SDK writes it.
        """
        body = MetricsBody(data=request.data)
        body.is_valid(raise_exception=True)
        organization, environment, api_id, start, end = _read(" ".join(body.validated_data["query"].split()))
        api = reach.instance(request, organization, environment, api_id, Permission.VIEW_TRAFFIC)
        over = ranges.between(start, end, most_steps=EXACTLY)
        return Response({"data": [{"COUNT(requests)": queries.requests([api.pk], over)}]})


def _read(query: str) -> tuple[UUID, UUID, int, datetime, datetime]:
    found = QUERY.fullmatch(query)
    try:
        organization, environment = (UUID(found[at]) for at in (1, 2)) if found else (None, None)
    except ValueError:
        found = None
    if found is None or organization is None or environment is None:
        told = ONE.format("{org}", "{env}", "{api}", "{ms}", "{ms}")
        raise ValidationError({"query": [f"One query is answered here: {told}"]})
    start, end = int(found[4]), int(found[5])
    if timedelta(milliseconds=max(0, end - start)) >= LONGEST:
        raise ValidationError({"query": ["The timerange is too large: ask for 30 days at once."]})
    return organization, environment, int(found[3]), _time(start), _time(end)


def _time(milliseconds: int) -> datetime:
    """Nothing was counted later than now."""
    most = (timezone.now() + timedelta(days=1)).timestamp()
    return datetime.fromtimestamp(min(milliseconds / 1000, most), UTC)
