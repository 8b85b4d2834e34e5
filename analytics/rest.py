"""REST: an API's traffic in figures."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import queries
from analytics.queries import Figures
from apis.rest import reach

MOST_MINUTES = 30 * 24 * 60


class SummaryQuery(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(
        min_value=1, max_value=MOST_MINUTES, default=60, help_text="How far back from now."
    )


class StatusClasses(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: serializers.IntegerField() for name in queries.CLASSES[:4]}


class Latencies(serializers.Serializer[Any]):
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class Summary(serializers.Serializer[Any]):
    requests = serializers.IntegerField()
    violations = serializers.IntegerField(help_text="Requests that a policy refused.")
    status = StatusClasses()
    latency_ms = Latencies(help_text="Null when there were no requests.")


class SummaryView(APIView):
    @extend_schema(
        operation_id="apiSummary",
        tags=["Analytics"],
        parameters=[SummaryQuery],
        responses=Summary,
    )
    def get(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Requests, violations, status classes and latency percentiles of one API instance."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        query = SummaryQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(_summary(queries.summary(api.pk, query.validated_data["minutes"])))


def _summary(figures: Figures) -> dict[str, Any]:
    return {
        "requests": figures.requests,
        "violations": figures.violations,
        "status": {name: figures.classes[name] for name in queries.CLASSES[:4]},
        "latency_ms": {
            name: figures.latency_ms(q) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
    }
