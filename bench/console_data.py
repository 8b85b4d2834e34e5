"""Rows for measuring pages: APIs, gateways, and traffic as the rollups leave it."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from analytics import partitions
from analytics.grains import FAMILIES, ROLLED_UP
from analytics.models import (
    ResourceDay,
    ResourceHour,
    ResourceMinute,
    TrafficDay,
    TrafficHour,
    TrafficMinute,
)
from analytics.rollups import add_up_lately
from apis.assets.models import Asset
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.owners.models import ApiOwner
from apis.revision import Brought
from console import first_start
from console.models import Environment
from gateways.models import Ack, Deployment, Gateway, Replica, ResourceStatus

TAGS: tuple[list[str], ...] = ([], ["eu"], ["eu", "pci"], ["internal", "us", "squad-a"])
FILTERED = 2
"""The gateway whose APIs have the tags and the owner that the list is filtered by."""
POLICIES = ("ip-allowlist", "http-basic-authentication", "rate-limiting")
FIRST = "api.id = (SELECT min(id) FROM apis_apiinstance)"
BUSY = "api.id %% 50 = (SELECT min(id) FROM apis_apiinstance) %% 50"
"""One API in fifty, the first among them, has four kinds of answers an hour; the others have one."""
MINUTES_DAYS = 2
"""Minutes, of which there are too many, are those of the first API alone, whose pages are measured."""
LABELS = """(VALUES ('GET', 200, '', 900), ('POST', 201, '', 80), ('GET', 503, '', 5),
    ('GET', 401, 'http-basic-authentication', 15)) AS label (method, status, policy, share)"""


def _histogram(buckets: int) -> str:
    return f"""(SELECT jsonb_object_agg(bucket::text, (bucket * 7) %% 90 + 1)
        FROM generate_series(70, {69 + buckets}) AS bucket) AS histogram (value)"""


@dataclass(frozen=True)
class Made:
    apis: int
    gateways: int
    rollups: int
    first_api: int
    gateway: uuid.UUID


def prepare(home: Path) -> None:
    call_command("migrate", verbosity=0, interactive=False)
    first_start.ensure_data(home)


def fill(*, apis: int, gateways: int, days: int) -> Made:
    """As many more, in the environment that a first login shows; the traffic of all APIs anew."""
    environment = Environment.objects.earliest("created_at")
    made_gateways = _gateways(environment, gateways)
    made = _apis(environment, made_gateways, apis)
    _deployments(made_gateways, made)
    with connection.cursor() as cursor:
        for family in FAMILIES:
            cursor.execute(f"TRUNCATE {', '.join(family.table(grain) for grain in ROLLED_UP)}")
    rollups = _traffic(days)
    _totals()
    add_up_lately(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    first = ApiInstance.objects.earliest("pk").pk
    filtered = made_gateways[FILTERED].pk
    return Made(ApiInstance.objects.count(), Gateway.objects.count(), rollups, first, filtered)


def _gateways(environment: Environment, count: int) -> list[Gateway]:
    start = Gateway.objects.count()
    made = Gateway.objects.bulk_create(
        Gateway(environment=environment, name=f"edge-{start + number}", generation=1)
        for number in range(count)
    )
    # Alive for as long as the measurement takes.
    now, later = timezone.now(), timezone.now() + timedelta(hours=6)
    Replica.objects.bulk_create(
        Replica(
            id=uuid.uuid4(),
            gateway=gateway,
            name=f"{gateway.name}-{number}",
            version="0.1.0",
            started_at=now,
            last_heartbeat_at=later,
            generation=1,
            envoy={"state": "LIVE", "listeners": ["p8081"]},
        )
        for gateway in made
        for number in (1, 2)
    )
    return made


def _apis(environment: Environment, gateways: list[Gateway], count: int) -> list[ApiInstance]:
    start = ApiInstance.objects.count()
    assets = Asset.objects.bulk_create(
        Asset(
            organization=environment.organization,
            asset_id=f"orders-{start + number}",
            name=f"Orders {start + number}",
        )
        for number in range(count)
    )
    apis = ApiInstance.objects.bulk_create(
        ApiInstance(
            environment=environment,
            asset=asset,
            gateway=gateways[number % len(gateways)],
            base_path=f"/orders-{start + number}",
            tags=TAGS[number % len(TAGS)],
            is_deployed=True,
            deployed_at=timezone.now(),
            changed_generation=1,
        )
        for number, asset in enumerate(assets)
    )
    upstreams = Upstream.objects.bulk_create(
        Upstream(api=api, uri=f"http://backend-{number}:8080/") for number, api in enumerate(apis)
    )
    ApiOwner.objects.bulk_create(
        ApiOwner(api=api, email=f"team{'-b' * (number % 2)}@example.com") for number, api in enumerate(apis)
    )
    routes = Route.objects.bulk_create(Route(api=api, position=0) for api in apis)
    RouteUpstream.objects.bulk_create(
        RouteUpstream(route=route, upstream=upstream)
        for route, upstream in zip(routes, upstreams, strict=True)
    )
    PolicyBinding.objects.bulk_create(
        PolicyBinding(api=api, policy=policy, order=order)
        for api in apis
        for order, policy in enumerate(POLICIES, start=1)
    )
    return apis


def _deployments(gateways: list[Gateway], apis: list[ApiInstance]) -> None:
    """Every replica has applied all of its gateway's APIs."""
    now = timezone.now()
    deployments = Deployment.objects.bulk_create(
        Deployment(gateway=gateway, generation=1, digest="0" * 64, resources_count=1) for gateway in gateways
    )
    Brought.objects.bulk_create(
        Brought(api=api, gateway_id=api.gateway_id, generation=1) for api in apis if api.gateway_id
    )
    of_gateway = {deployment.gateway_id: deployment for deployment in deployments}
    replicas = list(Replica.objects.filter(gateway__in=gateways))
    Ack.objects.bulk_create(
        Ack(deployment=of_gateway[replica.gateway_id], replica=replica, applied=True, duration_ms=20)
        for replica in replicas
    )
    ResourceStatus.objects.bulk_create(
        ResourceStatus(
            replica=replica,
            namespace=str(api.environment_id),
            name=api.resource_name,
            state=ResourceStatus.State.APPLIED,
            generation=1,
            running_generation=1,
            since=now,
        )
        for replica in replicas
        for api in apis
        if api.gateway_id == replica.gateway_id
    )


def _traffic(days: int) -> int:
    """Hours of so many days, and days of twice as many, and some minutes; how many rows that is."""
    now = timezone.now()
    partitions.ensure([now - timedelta(days=back) for back in range(2 * days + 1)], ("hour", "day"))
    partitions.ensure([now - timedelta(days=back) for back in range(MINUTES_DAYS + 1)], ("minute",))
    replica = Replica.objects.earliest("name").pk
    return (
        _insert(TrafficMinute, "minute", MINUTES_DAYS, replica, FIRST, buckets=8)
        + _insert(TrafficHour, "hour", days, replica, f"{BUSY} OR status = 200", buckets=8)
        + _insert(TrafficDay, "day", 2 * days, replica, f"{BUSY} OR status = 200", buckets=25)
        + _insert_resources(ResourceMinute, "minute", MINUTES_DAYS, FIRST)
        + _insert_resources(ResourceHour, "hour", days, BUSY)
        + _insert_resources(ResourceDay, "day", 2 * days, "true")
    )


def _insert(
    model: type[Model], grain: str, days: int, replica: uuid.UUID, which: str, *, buckets: int
) -> int:
    return _run(
        f"""
        INSERT INTO {model._meta.db_table} (time, api_id, replica_id, route, method, status, policy,
            application, requests, received_bytes, sent_bytes, total, upstream)
        SELECT time, api.id, %s, '0', method, status, policy, '', share, share * 300, share * 900,
               histogram.value, histogram.value
        FROM {_times(grain, days)}, apis_apiinstance AS api, {LABELS}, {_histogram(buckets)}
        WHERE {which} ORDER BY time
        """,
        [replica],
    )


def _insert_resources(model: type[Model], grain: str, days: int, which: str) -> int:
    return _run(
        f"""
        INSERT INTO {model._meta.db_table} (time, api_id, method, resource, requests, client_errors,
            server_errors, total)
        SELECT time, api.id, 'GET', '/orders/' || number, 100, 3, 1, histogram.value
        FROM {_times(grain, days)}, apis_apiinstance AS api, generate_series(1, 5) AS number,
             {_histogram(20)}
        WHERE {which} ORDER BY time
        """,
        [],
    )


def _totals() -> None:
    """What rolling up leaves of that traffic for environments and lists, and in that order on the disk."""
    for grain in ("minute", "hour", "day"):
        _run(
            f"""
            INSERT INTO analytics_environment{grain} (time, environment_id, status, policy, requests,
                received_bytes, sent_bytes, total, upstream)
            SELECT time, environment_id, status, policy, sum(requests), sum(received_bytes),
                   sum(sent_bytes), histogram_sum(total), histogram_sum(upstream)
            FROM analytics_traffic{grain} JOIN apis_apiinstance AS api ON api.id = api_id
            GROUP BY 1, 2, 3, 4 ORDER BY 1
            """,
            [],
        )
        _run(
            f"""
            INSERT INTO analytics_api{grain} (time, api_id, requests, errors)
            SELECT time, api_id, sum(requests), coalesce(sum(requests) FILTER (WHERE status >= 400), 0)
            FROM analytics_traffic{grain} GROUP BY 1, 2 ORDER BY 1
            """,
            [],
        )
        add_latencies(grain)


def add_latencies(grain: str) -> None:
    _run(
        f"""
        INSERT INTO analytics_latency{grain} (time, api_id, total)
        SELECT time, api_id, histogram_sum(total) FROM analytics_traffic{grain} GROUP BY 1, 2 ORDER BY 1
        """,
        [],
    )


def _times(grain: str, days: int) -> str:
    start = f"date_trunc('{grain}', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '{days} days'"
    return f"generate_series({start}, now(), interval '1 {grain}') AS time"


def _run(sql: str, parameters: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
