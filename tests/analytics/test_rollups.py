import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from pytest_django import Settings

from analytics import partitions, queries, ranges, ranked
from analytics.figures import add
from analytics.grains import COUNTS, DAY, ENVIRONMENTS, HOUR, MINUTE, ROLLED_UP, WINDOW
from analytics.latencies import LatencyDay
from analytics.models import (
    ResourceHour,
    Sample,
    Stale,
    TrafficDay,
    TrafficHour,
    TrafficMinute,
    TrafficWindow,
)
from analytics.rollups import roll_up
from apis.models import ApiInstance
from gateways.protocol.histogram import LARGEST, merge, middle, percentile
from tests.analytics.traffic import Shipper, count, resource, sample
from tests.factories import make_api

totals = import_module("analytics.migrations.0004_totals_partitioned")
pytestmark = pytest.mark.django_db(transaction=True)

YESTERDAY = int((timezone.now() - timedelta(days=1)).timestamp())


def ship_a_day(api: ApiInstance, seed: int = 1, batches: int = 6) -> Shipper:
    chance = random.Random(seed)
    shipper = Shipper(api)
    for _ in range(batches):
        rows = [
            count(
                api,
                chance.randrange(1, 50),
                at=YESTERDAY + chance.randrange(3 * 3600),
                us=chance.randrange(100, 100_000),
                status=chance.choice([200, 200, 404, 500]),
                policy=chance.choice(["", "", "rate-limiting"]),
            )
            for _ in range(60)
        ]
        shipper.ship(*rows, resources=tuple(resource(api, row.requests, at=row.time) for row in rows))
    return shipper


def over_all() -> list[ranges.Range]:
    """The same two days, read at every grain that they are kept at."""
    start = DAY.floor(datetime.fromtimestamp(YESTERDAY, UTC))
    end = start + timedelta(days=2)
    return [ranges.Range(start, end, grain.seconds, grain) for grain in (MINUTE, HOUR, DAY)]


def test_every_grain_adds_up_to_the_windows() -> None:
    api = make_api()
    ship_a_day(api)
    over = over_all()[0]
    raw = queries.figures([api.pk], ranges.Range(over.start, over.end, 10, WINDOW))

    done = roll_up(timezone.now() + timedelta(days=2))

    assert done["minute"] > 100
    assert Stale.objects.count() == 0
    for over in over_all():
        assert queries.figures([api.pk], over) == queries.figures(api.environment, over) == raw
        assert queries.errors_by_api([api.pk], over) == {api.pk: (raw.requests, raw.errors)}
    for model in (TrafficMinute, TrafficHour, TrafficDay):
        assert sum(model.objects.values_list("requests", flat=True)) == raw.requests
    assert sum(ResourceHour.objects.values_list("requests", flat=True)) == raw.requests


def test_readers_see_everything_before_between_and_after_rollups() -> None:
    api = make_api()
    shipper = ship_a_day(api)
    expected = sum(TrafficWindow.objects.values_list("requests", flat=True))

    for later in (0, 1, 24, 48):
        roll_up(timezone.now() + timedelta(hours=later))
        shipper.ship(count(api, 7, at=YESTERDAY + 60))
        expected += 7
        for over in over_all():
            assert queries.figures([api.pk], over).requests == expected
            for whose in ([api.pk], api.environment):
                points, refused = queries.charted(whose, over)
                assert points == queries.series(whose, over)
                assert sum(point.requests for point in points) == expected
                assert sum(refused["rate-limiting"]) == sum(point.violations for point in points)
            assert queries.errors_by_api([api.pk], over)[api.pk][0] == expected


def test_a_range_as_a_whole_is_the_sum_of_its_steps_wherever_it_begins_and_ends() -> None:
    api = make_api()
    ship_a_day(api)
    start = DAY.floor(datetime.fromtimestamp(YESTERDAY, UTC))
    day = timedelta(hours=24)
    minutes = timedelta(minutes=37)
    cut = [
        ranges.Range(start - 2 * day + timedelta(hours=5), start + timedelta(hours=20), 3600, HOUR),
        ranges.Range(start - timedelta(hours=3), start + 2 * day + timedelta(hours=1), 3600, HOUR),
        ranges.Range(start - minutes, start + day + minutes, 60, MINUTE),
        ranges.Range(start + timedelta(hours=9) + minutes, start + timedelta(hours=10), 60, MINUTE),
    ]

    for later in (0, 1, 24, 48):
        roll_up(timezone.now() + timedelta(hours=later))

        for over in cut:
            steps = add(queries.series([api.pk], over))
            assert queries.figures([api.pk], over) == queries.figures(api.environment, over) == steps
            assert queries.requests([api.pk], over) == steps.requests
            for parts in queries.breakdowns([api.pk], over).values():
                assert merge(part.total for part in parts) == steps.total
            assert sum(one.requests for one in queries.top_resources([api.pk], over)) == steps.requests


def test_leaders_are_those_of_the_environment_that_still_exist() -> None:
    quiet, foreign, gone = make_api(), make_api(), make_api()
    busy = make_api(quiet.gateway)
    ApiInstance.objects.filter(pk=gone.pk).update(environment=quiet.environment)
    for one, requests, status in (
        (quiet, 3, 500),
        (busy, 40, 200),
        (busy, 2, 404),
        (foreign, 90, 500),
        (gone, 80, 500),
    ):
        Shipper(one).ship(count(one, requests, at=YESTERDAY, status=status))
    gone.delete()

    found = ranked.leaders(quiet.environment, over_all()[0], 10)

    assert found == ([busy.pk, quiet.pk], [quiet.pk, busy.pk])
    assert ranked.leaders(quiet.environment, over_all()[0], 1) == ([busy.pk], [quiet.pk])


def test_an_environment_adds_up_its_own_apis_and_keeps_those_that_were_deleted() -> None:
    api, foreign = make_api(), make_api()
    neighbour = make_api(api.gateway, name="neighbour")
    for one, requests in ((api, 3), (neighbour, 4), (foreign, 50)):
        Shipper(one).ship(count(one, requests, at=YESTERDAY, policy="rate-limiting"))
    roll_up(timezone.now() + timedelta(days=2))
    environment = api.environment

    neighbour.delete()

    for over in over_all():
        assert queries.requests(environment, over) == 7
        points, refused = queries.charted(environment, over)
        assert points == queries.series(environment, over)
        assert [sum(steps) for steps in refused.values()] == [7]
        assert queries.errors_by_api([api.pk], over).keys() == {api.pk}


def test_totals_of_older_traffic_are_made_when_their_tables_are() -> None:
    api = make_api()
    ship_a_day(api)
    roll_up(timezone.now() + timedelta(days=2))
    over = over_all()
    before = [queries.series(api.environment, one) for one in over]
    tables = [family.table(grain) for family in (ENVIRONMENTS, COUNTS) for grain in ROLLED_UP]

    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)}")
        assert [queries.requests(api.environment, one) for one in over] == [0, 0, 0]
        for grain in ROLLED_UP:
            for fill in totals.FILL.values():
                cursor.execute(fill.format(grain=grain.name))

    assert [queries.series(api.environment, one) for one in over] == before


def test_rolling_up_twice_is_the_same_as_once() -> None:
    api = make_api()
    ship_a_day(api)
    later = timezone.now() + timedelta(days=2)
    roll_up(later)
    before = sorted(TrafficHour.objects.values_list("time", "status", "policy", "requests"))

    Stale.objects.bulk_create(Stale(grain="hour", time=time) for time in {row[0] for row in before})
    roll_up(later)

    assert sorted(TrafficHour.objects.values_list("time", "status", "policy", "requests")) == before


def test_a_period_that_has_not_ended_stays_stale_once() -> None:
    api = make_api()
    shipper = Shipper(api)
    now = timezone.now()
    for _ in range(5):
        shipper.ship(count(api, at=int(now.timestamp())))

    roll_up(now)

    assert sorted(Stale.objects.values_list("grain", flat=True)) == ["day", "hour", "minute"]


@pytest.fixture
def old_partition() -> Iterator[str]:
    long_ago = datetime(2001, 2, 3, tzinfo=UTC)
    partitions.ensure([long_ago], ["window"])
    yield "analytics_trafficwindow_20010203"
    partitions.drop_old()


def test_old_partitions_go_and_the_next_days_are_made(old_partition: str) -> None:
    partitions.make_ahead()

    dropped = partitions.drop_old()

    assert old_partition in dropped
    assert f"analytics_trafficwindow_{timezone.now():%Y%m%d}" not in dropped
    with connection.cursor() as cursor:
        ahead = f"analytics_sample_{timezone.now() + partitions.AHEAD:%Y%m%d}"
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NULL", [ahead, old_partition])
        assert cursor.fetchone() == (True, True)


def test_over_the_size_old_requests_go_but_nothing_that_may_be_rolled_up_again(
    settings: Settings,
) -> None:
    api = make_api()
    shipper = Shipper(api)
    shipper.ship(count(api, at=YESTERDAY), samples=(sample(api, at=float(YESTERDAY)), sample(api)))
    settings.ANALYTICS_MAX_BYTES = 1

    partitions.drop_old()

    assert [one.time.date() for one in Sample.objects.all()] == [timezone.now().date()]
    assert TrafficWindow.objects.count() == 1


def test_over_the_size_old_minutes_go(settings: Settings) -> None:
    settings.ANALYTICS_MAX_BYTES = 1
    last_week = timezone.now() - timedelta(days=7)
    partitions.ensure([last_week], ["minute"])

    assert f"analytics_trafficminute_{last_week:%Y%m%d}" in partitions.drop_old()


def test_rows_without_a_sum_that_a_column_holds_keep_nobody_from_being_rolled_up() -> None:
    lying, honest = make_api(), make_api()
    for api in (lying, honest):
        Shipper(api).ship(count(api, at=YESTERDAY), count(api, at=YESTERDAY, status=404))
    nonsense = {"0": 2**63 - 1, "12": 10**40, "400000": 1}
    TrafficWindow.objects.filter(api=lying).update(received_bytes=2**63 - 1, requests=2**62, total=nonsense)

    roll_up()

    day = TrafficDay.objects.filter(api=honest).aggregate(Sum("requests"))
    assert day == {"requests__sum": 2}
    assert TrafficDay.objects.filter(api=lying, received_bytes=2**63 - 1).count() == 2
    assert LatencyDay.objects.get(api=lying).total == {"0": 10**18 - 1, "12": 10**18 - 1, "400000": 2}
    assert percentile({400_000: 2}, 0.5) == middle(LARGEST)
