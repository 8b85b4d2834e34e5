"""A round of looks at 1,000 alerts on 5,000 APIs that all have traffic: time of a worker, statements."""

import os
import statistics
from datetime import timedelta
from pathlib import Path
from typing import Any

AIM_MS = 5000
SHORT = (5, 10, 15, 30, 60)
LONG = (120, 1440)
MINUTES = 70


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """The round's function in this process; PostgreSQL is the embedded one, and its one process counts as
    this one's time of the processor does: a machine that others use says nothing by the clock.
    """
    os.environ.update(
        GATEWRIGHT_HOME=str(folder), DJANGO_SETTINGS_MODULE="console.settings", GATEWRIGHT_LOG_LEVEL="ERROR"
    )
    import django

    from console.stack import servers

    with servers.running(folder):
        django.setup()
        from bench import console_data

        console_data.prepare(folder)
        made = console_data.fill(apis=200 if quick else 5000, gateways=20 if quick else 200, days=3)
        console_data._run("SET max_parallel_workers_per_gather = 0", [])
        rows = _minutes()
        found = [
            _row(name, count, wide, rounds)
            for name, count, wide in (
                ("about one API each", 1000, 0),
                ("40 of them about every API", 960, 40),
                ("200 of them about every API", 800, 200),
            )
        ]
    from bench import report

    title = f"Alerts: a round on {made.apis:,} APIs, {rows:,} rows of an hour's minutes"
    report.tell("alerts", title, found, quick=quick, rounds=rounds)


def _minutes() -> int:
    """Each minute of the last hour, four kinds of answers to each API."""
    from analytics.models import EnvironmentMinute, TrafficMinute
    from bench import console_data
    from gateways.models import Replica

    replica = Replica.objects.earliest("name").pk
    for table in ("trafficminute", "apiminute", "latencyminute", "environmentminute"):
        console_data._run(f"TRUNCATE analytics_{table}", [])
    rows = console_data._run(
        f"""
        INSERT INTO {TrafficMinute._meta.db_table} (time, api_id, replica_id, route, method, status, policy,
            application, requests, received_bytes, sent_bytes, total, upstream)
        SELECT time, api.id, %s, '0', method, status, policy, '', share, share * 300, share * 900,
               histogram.value, histogram.value
        FROM generate_series(date_trunc('minute', now()) - interval '{MINUTES} minutes', now(),
                interval '1 minute') AS time,
            apis_apiinstance AS api, {console_data.LABELS}, {console_data._histogram(10)} ORDER BY time
        """,
        [replica],
    )
    console_data._run(
        """
        INSERT INTO analytics_apiminute (time, api_id, requests, errors)
        SELECT time, api_id, sum(requests), coalesce(sum(requests) FILTER (WHERE status >= 400), 0)
        FROM analytics_trafficminute GROUP BY 1, 2 ORDER BY 1
        """,
        [],
    )
    console_data.add_latencies("minute")
    assert EnvironmentMinute.objects.count() == 0
    console_data._run("ANALYZE", [])
    return rows


def _row(name: str, count: int, wide: int, rounds: int) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from analytics.alerts import rounds as looks
    from analytics.alerts.models import Alert, Incident, Round
    from bench.console import cpu_ms

    Alert.objects.all().delete()
    _add(count, wide)
    took, used = [], []
    for number in range(rounds + 1):
        Round.objects.update(until=None)
        before = cpu_ms()
        with CaptureQueriesContext(connection) as asked:
            looks.run(_now() - timedelta(minutes=rounds - number))
        used.append(cpu_ms() - before)
        took.append(Round.objects.get().took_ms)
    return {
        "alerts": name,
        "first round ms": took[0],
        "median ms": statistics.median(took[1:]),
        "largest ms": max(took[1:]),
        "first round's CPU ms": used[0],
        "CPU ms": statistics.median(used[1:]),
        "aim ms": AIM_MS,
        "statements": len(asked),
        "incidents": Incident.objects.filter(resolved_at=None).count(),
    }


def _now() -> Any:
    from django.utils import timezone

    return timezone.now()


def _add(count: int, wide: int) -> None:
    """Of each type in turn, with each window in turn; every third holds."""
    from analytics.alerts.models import Alert
    from apis.models import ApiInstance
    from console.models import Environment

    environment = Environment.objects.earliest("created_at")
    apis = list(ApiInstance.objects.order_by("pk").values_list("pk", flat=True))
    types = list(Alert.Type.values)

    def alert(number: int, **about: Any) -> Alert:
        windows = (*SHORT, LONG[number % 2]) if number % 10 == 0 else SHORT
        return Alert(
            environment=environment,
            name=f"alert {number}",
            type=types[number % len(types)],
            threshold=30 if number % 3 == 0 or types[number % len(types)] == "certificate" else 1e9,
            window_minutes=windows[number % len(windows)],
            codes=[503],
            subject="${api}",
            message="${value}",
            **about,
        )

    Alert.objects.bulk_create(
        alert(number, about="api", api_id=apis[number * 7 % len(apis)])
        for number in range(count)
        if types[number % len(types)] != "gateway-away"
    )
    Alert.objects.bulk_create(
        alert(number, about="environment", is_together=number % 4 == 0) for number in range(wide)
    )
    missing = count + wide - Alert.objects.count()
    Alert.objects.bulk_create(
        alert(types.index("gateway-away") + len(types) * number, about="environment")
        for number in range(missing)
    )
