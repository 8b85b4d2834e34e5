"""Gives API Manager, which lies below, the figures that its pages show: an `apis.traffic.TrafficSource`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from analytics import calls, conditions, queries, ranked
from analytics.models import Sample
from apis.automated.models import AutomatedPolicy
from apis.failing import Failing
from apis.models import PolicyBinding
from apis.traffic import ApplicationCalls, Held, Measure, Observed, PathTraffic, Recent, Ruling, Traffic
from console.models import Environment
from console.statements import Statement

MOST_RECENT = 10


def measured(environment: Environment, by: Measure) -> Statement:
    return ranked.day_measured(by)


def by_hour(apis: Iterable[int]) -> dict[int, Traffic]:
    return {
        api: Traffic(sum(one for one, _ in hours), sum(one for _, one in hours), tuple(hours))
        for api, hours in queries.hours(apis).items()
    }


def last_active(apis: Iterable[int]) -> dict[int, datetime]:
    return queries.last_active(apis)


def failing(apis: Iterable[int]) -> dict[int, Failing]:
    return queries.failing(list(apis))


def failing_in(environment: Environment) -> dict[int, Failing]:
    return queries.failing(environment)


def resources(api: int, limit: int) -> list[PathTraffic]:
    return [
        PathTraffic(one.method, one.resource, one.requests, one.client_errors, one.server_errors, one.total)
        for one in queries.day_of_resources(api, limit)
    ]


def recent(api: int) -> list[Recent]:
    since = timezone.now() - timedelta(days=1)
    return [
        Recent(one.time, one.method, one.path, one.status, one.remote_address, one.user_agent)
        for one in Sample.objects.filter(api=api, time__gte=since).order_by("-time")[:MOST_RECENT]
    ]


def recorded_paths(api: int, limit: int) -> list[tuple[str, str]]:
    return queries.recorded_paths(api, limit)


def held(policies: Iterable[PolicyBinding], api: int) -> dict[Ruling, Held]:
    return conditions.held(policies, api)


def observed(policies: Iterable[Ruling], api: int) -> dict[Ruling, Observed]:
    return conditions.observed(policies, api)


def observed_by_automated(policies: Collection[AutomatedPolicy]) -> dict[AutomatedPolicy, Observed]:
    return conditions.observed_by_automated(policies)


def by_application(apis: Iterable[int], names: Mapping[int, str]) -> dict[tuple[int, int], Traffic]:
    return {key: Traffic(*counts) for key, counts in calls.last_day(apis, names).items()}


def of_applications(names: Mapping[int, str]) -> dict[int, Traffic]:
    """By id. What is called under its name where it has no contract is another tenant's."""
    found = calls.last_day_of_contracts(names) if names else {}
    return {pk: Traffic(*counts) for pk, counts in found.items()}


def used(of: ApplicationCalls, periods_ms: Sequence[int], refusers: Collection[str]) -> list[int]:
    return calls.used(of, [timedelta(milliseconds=one) for one in periods_ms], refusers)
