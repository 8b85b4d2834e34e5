"""The hours of a day that the list of APIs draws."""

import time

import pytest

from analytics import queries
from apis import traffic
from apis.lists import ordering
from apis.models import ApiInstance
from tests.analytics.traffic import Shipper, count
from tests.factories import make_api

pytestmark = pytest.mark.django_db


def test_each_hour_has_its_requests_and_the_sum_is_the_days() -> None:
    api, quiet = make_api(), make_api()
    hour = int(time.time()) // 3600 * 3600
    Shipper(api).ship(
        count(api, 5, at=hour),
        count(api, 3, at=hour - 2 * 3600),
        count(api, 2, at=hour - 2 * 3600, status=503),
        count(api, 7, at=hour - 23 * 3600),
        count(api, 9, at=hour - 24 * 3600),
    )

    figures = traffic.by_hour([api.pk, quiet.pk])

    assert list(figures) == [api.pk]
    drawn = {24 - back: counts for back, counts in enumerate(figures[api.pk].hours) if counts != (0, 0)}
    assert drawn == {1: (5, 0), 3: (5, 2), 24: (7, 0)}
    assert (figures[api.pk].requests, figures[api.pk].errors) == (17, 2)


def test_an_environments_measures_are_those_of_its_apis() -> None:
    api, other = make_api(), make_api()
    for one in (api, other):
        Shipper(one).ship(count(one, 4), count(one, 1, status=404))

    for by, each in (("requests", 5), ("errors", 20)):
        measure = traffic.measured(api.environment, by)
        rows = ApiInstance.objects.filter(environment=api.environment).values("pk")
        assert ordering.summed(measure, rows) == (1, each)
        assert ordering.summed(measure, ApiInstance.objects.values("pk")) == (2, 2 * each)
        assert ordering.summed(measure, rows.none()) == (0, 0)
    assert queries.last_day([api.pk, other.pk]) == {api.pk: (5, 1), other.pk: (5, 1)}
