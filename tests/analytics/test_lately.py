"""What the last day's hours come to is added up once, and nobody sees other sums than those of the hours."""

import time
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from analytics import partitions, queries, ranges, ranked, sources
from analytics.grains import COUNTS, DAY, HOUR, MINUTE
from analytics.lately import ApiLately
from analytics.models import ApiDay, ApiHour
from analytics.rollups import roll_up
from apis.models import ApiInstance
from tests.analytics.traffic import Shipper, count
from tests.factories import make_api

pytestmark = pytest.mark.django_db(transaction=True)

A_TEST_TAKES = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def _within_an_hour() -> None:
    """None turns while a test compares what is told twice."""
    while HOUR.floor(timezone.now() + A_TEST_TAKES) != HOUR.floor(timezone.now()):
        time.sleep(1)


def last_day() -> ranges.Range:
    return queries.last_day_range()


def summed(rows: str) -> dict[int, tuple[int, int]]:
    sql = f"SELECT api_id, sum(requests), sum(errors) FROM {rows} GROUP BY 1"
    found = queries.ask(sql, [], last_day())
    return {api: (int(requests), int(errors)) for api, requests, errors in found}


def told() -> dict[int, tuple[int, int]]:
    """By API, as lists are sorted: the same as the hours say."""
    over = last_day()
    found = summed(sources.of_all(over))
    assert found == summed(sources.rows(COUNTS, over, "true"))
    return found


def is_added_up() -> bool:
    values = sources.times(last_day())
    with connection.cursor() as cursor:
        cursor.execute("SELECT lately_is_whole('hour', %(newest)s, %(start)s)", values)
        return bool(cursor.fetchone()[0])


def an_hour_ago(hours: int) -> int:
    return int((HOUR.floor(timezone.now()) - timedelta(hours=hours)).timestamp())


@pytest.fixture
def api() -> ApiInstance:
    return make_api()


@pytest.fixture
def rolled_up(api: ApiInstance) -> Shipper:
    """Of an API with 15 requests in hours that ended, 5 of which failed, 1 in this one and 9 before all."""
    shipper = Shipper(api)
    shipper.ship(
        count(api, 10, at=an_hour_ago(3)),
        count(api, 5, at=an_hour_ago(20), status=500),
        count(api, 1, at=an_hour_ago(0)),
        count(api, 9, at=an_hour_ago(24)),
    )
    roll_up()
    return shipper


def rows() -> list[tuple[int, int, datetime]]:
    hours = ApiLately.objects.filter(grain="hour")
    return list(hours.values_list("requests", "errors", "until"))


def test_hours_that_ended_are_added_up_with_the_rollup(api: ApiInstance, rolled_up: Shipper) -> None:
    assert rows() == [(15, 5, HOUR.floor(timezone.now()))]
    assert is_added_up()
    assert told() == {api.pk: (16, 5)}


def test_what_comes_late_counts_at_once_and_is_added_up_later(api: ApiInstance, rolled_up: Shipper) -> None:
    rolled_up.ship(count(api, 100, at=an_hour_ago(5), status=404))
    assert not is_added_up()
    assert told() == {api.pk: (116, 105)}

    roll_up()

    assert is_added_up()
    assert told() == {api.pk: (116, 105)}


def test_what_comes_in_this_hour_is_no_reason_to_add_up_anew(api: ApiInstance, rolled_up: Shipper) -> None:
    kept = list(ApiLately.objects.values_list("pk", flat=True))
    rolled_up.ship(count(api, 7))
    roll_up()

    assert list(ApiLately.objects.values_list("pk", flat=True)) == kept
    assert told() == {api.pk: (23, 5)}


def test_hours_that_whoever_changes_are_not_told_as_they_were(api: ApiInstance, rolled_up: Shipper) -> None:
    """A worker of the release before rolls up without adding up."""
    ApiHour.objects.filter(requests=10).update(requests=11)
    assert not is_added_up()
    assert told() == {api.pk: (17, 5)}

    roll_up()
    assert is_added_up()
    ApiHour.objects.all().delete()

    assert not is_added_up()
    assert told() == {api.pk: (1, 0)}


def test_what_was_added_up_for_another_hour_is_not_told(api: ApiInstance, rolled_up: Shipper) -> None:
    ApiLately.objects.filter(grain="hour").update(until=HOUR.floor(timezone.now()) - HOUR.length)

    assert not is_added_up()
    assert told() == {api.pk: (16, 5)}

    roll_up()

    assert rows() == [(15, 5, HOUR.floor(timezone.now()))]


def test_with_an_hour_that_just_ended_it_waits_for_its_rollup(api: ApiInstance, rolled_up: Shipper) -> None:
    roll_up(HOUR.floor(timezone.now()) + HOUR.length + MINUTE.length)

    assert rows() == [(16, 5, HOUR.floor(timezone.now()) + HOUR.length)]
    assert not is_added_up()
    assert told() == {api.pk: (16, 5)}


def of_days() -> ranges.Range:
    return ranges.last(timedelta(days=30), most_steps=ranges.FEW_STEPS)


def a_day_ago(days: int) -> int:
    return int((DAY.floor(timezone.now()) - timedelta(days=days)).timestamp())


def summed_over(rows: str, over: ranges.Range) -> list[tuple[int, int, int]]:
    sql = f"SELECT api_id, sum(requests)::int, sum(errors)::int FROM {rows} GROUP BY 1"
    return queries.ask(sql, [], over)


def test_the_days_of_thirty_are_added_up_too(api: ApiInstance) -> None:
    shipper, today = Shipper(api), DAY.floor(timezone.now())
    old = [(today - days * DAY.length, requests) for days, requests in ((29, 10), (30, 9))]
    partitions.ensure([at for at, _ in old], ["day"])
    ApiDay.objects.bulk_create(ApiDay(time=at, api=api, requests=many, errors=0) for at, many in old)
    shipper.ship(count(api, 4, at=a_day_ago(1), status=500), count(api, 2))
    roll_up()
    over = of_days()
    assert list(ApiLately.objects.filter(grain="day").values_list("requests", "errors")) == [(14, 4)]
    assert "analytics_apilately" in sources.of_all(over)

    for late in (0, 100):
        shipper.ship(count(api, 1, at=a_day_ago(1) + late))
        for _ in range(2):
            requests = summed_over(sources.of_all(over), over)
            assert requests == summed_over(sources.rows(COUNTS, over, "true"), over)
            roll_up()

    assert ranked.leaders(api.environment, over, 3) == ([api.pk], [api.pk])


@pytest.mark.parametrize("preset", list(ranges.PRESETS))
def test_of_whatever_time_all_apis_are_added_up_as_their_rows_are(rolled_up: Shipper, preset: str) -> None:
    over = ranges.last(timedelta(seconds=ranges.PRESETS[preset]), preset, ranges.FEW_STEPS)

    for one in (over, over.before):
        found = summed_over(sources.of_all(one), one)
        assert found == summed_over(sources.rows(COUNTS, one, "true"), one)
    assert ("analytics_apilately" in sources.of_all(over)) == (preset in ("24h", "30d"))
    assert "analytics_apilately" not in sources.of_all(over.before)
