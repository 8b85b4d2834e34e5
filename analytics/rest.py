"""REST: an API's traffic in figures."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import calls, conditions, queries, ranges, upstreams, without_contract
from analytics.figures import CLASSES, Figures
from analytics.models import Sample
from apis.failing import UpstreamFailure
from apis.models import PolicyBinding
from apis.rest import reach
from apis.traffic import Held
from console.permissions import Permission
from console.rest.access import caller

MOST_MINUTES = 30 * 24 * 60
MOST_REQUESTS = 200
PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


class SummaryQuery(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(
        min_value=1, max_value=MOST_MINUTES, default=60, help_text="How far back from now."
    )


class StatusClasses(serializers.Serializer[Any]):
    """They add up to `requests`."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        told = {
            "1xx": "Upgraded connections, such as WebSockets.",
            "cut": "Answers that began with 1xx to 3xx and were cut in the middle.",
            "left": "The client left before an answer.",
        }
        return {name: serializers.IntegerField(help_text=told.get(name)) for name in CLASSES}


class FailureSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(help_text="Such as connection_refused, dns_failure, tls_failure, cut.")
    detail = serializers.CharField(allow_blank=True)
    upstream = serializers.CharField(allow_blank=True, help_text="Its configured address.")
    words = serializers.CharField()
    requests = serializers.IntegerField()


class Latencies(serializers.Serializer[Any]):
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class UpstreamSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(
        allow_blank=True,
        help_text="The first eight digits of its id; empty for what older gateways did not tell.",
    )
    name = serializers.CharField(help_text="Its label, else its URI.")
    requests = serializers.IntegerField(help_text="Those that were sent on to it.")
    failed = serializers.IntegerField(help_text="Answers of 400 and above, and those cut in the middle.")
    latency_ms = Latencies(help_text="Of the upstream itself.")


class ObservedSerializer(serializers.Serializer[Any]):
    policy = serializers.CharField(help_text="Its name in the catalog.")
    requests = serializers.IntegerField()


class Summary(serializers.Serializer[Any]):
    requests = serializers.IntegerField()
    violations = serializers.IntegerField(help_text="Requests that a policy refused.")
    would_refuse = ObservedSerializer(
        many=True, help_text="How many each policy that only observes would have refused, the most first."
    )
    status = StatusClasses()
    latency_ms = Latencies(help_text="Null when there were no requests.")
    failures = FailureSerializer(many=True, help_text="Why requests failed at their upstreams.")
    upstreams = UpstreamSerializer(many=True, help_text="Those that were asked, the most frequent first.")
    failing = serializers.CharField(
        allow_null=True, help_text="What fails in the last five minutes, where it asks for a look."
    )


class SummaryView(APIView):
    @extend_schema(
        operation_id="apiSummary",
        tags=["Analytics"],
        parameters=[SummaryQuery],
        responses=Summary,
    )
    def get(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Requests, violations, status classes and latency percentiles of one API instance."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_TRAFFIC)
        query = SummaryQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        over = ranges.last(timedelta(minutes=query.validated_data["minutes"]))
        failing = queries.failing([api.pk]).get(api.pk)
        return Response(
            {
                **_summary(queries.figures([api.pk], over)),
                "would_refuse": [
                    {"policy": policy, "requests": count}
                    for policy, count in conditions.would_refuse([api.pk], over)
                ],
                "failures": [_failure(one) for one in queries.failures([api.pk], over)],
                "upstreams": [_upstream(one) for one in upstreams.rows(api, over) if one.figures.requests],
                "failing": failing.sentence if failing else None,
            }
        )


class RequestsQuery(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=MOST_REQUESTS, default=50)
    failed = serializers.BooleanField(default=False, help_text="Only those whose upstream failed.")
    request_id = serializers.CharField(
        required=False, default="", max_length=8192, help_text="The `x-request-id` of an answer."
    )


class RequestSerializer(serializers.Serializer[Any]):
    time = serializers.DateTimeField()
    method = serializers.CharField()
    path = serializers.CharField(help_text="As the client sent it, without its query.")
    status = serializers.IntegerField(help_text="0 when the client left before an answer.")
    policy = serializers.CharField(allow_blank=True, help_text="The policy that refused it.")
    check = serializers.CharField(allow_blank=True, help_text="Which check of the policy refused.")
    refusal = serializers.CharField(allow_blank=True, help_text="Why: the check and the compared values.")
    observed = serializers.CharField(
        allow_blank=True, help_text="What policies that only observe would have refused, and why."
    )
    request_id = serializers.CharField(allow_blank=True)
    failure = serializers.CharField(allow_null=True, help_text="Why its upstream failed, in words.")
    reason = serializers.CharField(allow_blank=True)
    upstream = serializers.CharField(allow_blank=True, help_text="The configured address.")
    upstream_address = serializers.CharField(allow_blank=True, help_text="The connection's address.")
    total_ms = serializers.FloatField(allow_null=True, help_text="Null where no answer was sent to its end.")
    remote_address = serializers.CharField()
    application = serializers.CharField(
        allow_blank=True, help_text="The name of the client application, or of the key, that called."
    )


class RequestsView(APIView):
    @extend_schema(
        operation_id="apiRequests",
        tags=["Analytics"],
        parameters=[RequestsQuery],
        responses=RequestSerializer(many=True),
    )
    def get(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """The newest requests that were kept as they were."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_TRAFFIC)
        query = RequestsQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = Sample.objects.filter(api=api).order_by("-time")
        if request_id := query.validated_data["request_id"]:
            found = found.filter(request_id=request_id[:64])
        if query.validated_data["failed"]:
            found = found.exclude(failure="")
        samples = list(found[: query.validated_data["limit"]])
        callers = calls.callers(api, samples)
        without_contract.tell(caller(request), api, samples)
        return Response([_request(one, callers.get(one.application, "")) for one in samples])


def _request(sample: Sample, application: str) -> dict[str, Any]:
    return {
        "time": sample.time,
        "method": sample.method,
        "path": sample.path,
        "status": sample.status,
        "policy": sample.policy,
        "check": sample.policy_check,
        "refusal": sample.reason,
        "observed": sample.observed,
        "request_id": sample.request_id,
        "failure": sample.failed.sentence if sample.failed else None,
        "reason": sample.failure,
        "upstream": sample.upstream_host,
        "upstream_address": sample.upstream_address,
        "total_ms": sample.total_us / 1000 if sample.total_us else None,
        "remote_address": sample.remote_address,
        "application": application,
    }


class HeldSerializer(serializers.Serializer[Any]):
    policy = serializers.IntegerField(help_text="The policy's id on the API.")
    name = serializers.CharField()
    conditions = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))
    fired = serializers.IntegerField(help_text="Requests for which the conditions held.")
    requests = serializers.IntegerField(help_text="All requests of the API in that time.")
    since = serializers.DateTimeField(
        allow_null=True, help_text="When the policy was changed, if that was within the last day."
    )
    never_fired = serializers.BooleanField(help_text="Whether that asks for a look at the conditions.")


class ConditionsView(APIView):
    @extend_schema(operation_id="apiConditions", tags=["Analytics"], responses=HeldSerializer(many=True))
    def get(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """How often the conditions of an API's policies held in the last day."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_TRAFFIC)
        bindings = [one for one in api.policies.all() if one.conditions and not one.is_disabled]
        held = conditions.held(bindings, api.pk)
        return Response([_held(one, held[one]) for one in bindings])


def _held(binding: PolicyBinding, held: Held) -> dict[str, Any]:
    return {
        "policy": binding.pk,
        "name": binding.policy,
        "conditions": binding.conditions,
        "fired": held.requests,
        "requests": held.of,
        "since": held.since,
        "never_fired": held.never,
    }


def _failure(failed: UpstreamFailure) -> dict[str, Any]:
    return {
        "reason": failed.reason,
        "detail": failed.detail,
        "upstream": failed.host,
        "words": failed.sentence,
        "requests": failed.requests,
    }


def _upstream(row: upstreams.UpstreamTraffic) -> dict[str, Any]:
    return {
        "key": row.key,
        "name": row.title,
        "requests": row.figures.requests,
        "failed": row.figures.errors,
        "latency_ms": {name: row.figures.upstream_ms(q) for name, q in PERCENTILES},
    }


def _summary(figures: Figures) -> dict[str, Any]:
    return {
        "requests": figures.requests,
        "violations": figures.violations,
        "status": {name: figures.classes[name] for name in CLASSES},
        "latency_ms": {name: figures.latency_ms(q) for name, q in PERCENTILES},
    }
