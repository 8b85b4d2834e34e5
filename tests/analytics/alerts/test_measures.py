"""What alerts measure is what gateways shipped, wherever it lies by now."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from analytics.alerts import measures
from analytics.grains import HOUR, LATENCIES, ROLLED_UP
from analytics.rollups import roll_up
from apis.models import ApiInstance
from gateways.protocol.messages import TrafficCount
from tests.analytics.alerts.watching import Clock
from tests.analytics.traffic import Shipper, count
from tests.factories import make_api

pytestmark = pytest.mark.django_db(transaction=True)

WINDOWS = (1, 5, 30, 60, 180, 1440)


def some(api: ApiInstance, chance: random.Random, end: int) -> list[TrafficCount]:
    return [
        count(
            api,
            chance.randrange(1, 50),
            at=end - int(chance.random() ** 3 * 30 * 3600) - 1,
            us=chance.choice((900, 1500, 80_000, chance.randrange(100, 3_000_000))),
            status=chance.choice((200, 200, 404, 500)),
            route=chance.choice("ab"),
        )
        for _ in range(50)
    ]


def test_latencies_are_what_was_shipped_at_each_stage_of_its_rollup() -> None:
    chance, at = random.Random(1), Clock().at
    first = make_api()
    apis = [first, make_api(first.gateway), make_api(first.gateway)]
    quiet, foreign = make_api(first.gateway), make_api()
    asked = [api.pk for api in (*apis, quiet)]
    shipped: list[TrafficCount] = []

    def ship() -> None:
        for api in (*apis, foreign):
            rows = some(api, chance, int(at.timestamp()))
            Shipper(api).ship(*rows)
            shipped.extend(rows if api is not foreign else ())

    def plain(window: int) -> dict[int, Counter[int]]:
        over = measures.stretch(window, at)
        found: dict[int, Counter[int]] = {}
        for api in apis:
            mine = [row for row in shipped if row.api == api.resource_name]
            for row in mine:
                if over.start.timestamp() <= row.time < over.end.timestamp():
                    found.setdefault(api.pk, Counter()).update(row.total)
        return found

    for later in (timedelta(), timedelta(hours=1), timedelta(days=2)):
        ship()
        for is_rolled_up in (False, True):
            if is_rolled_up:
                roll_up(timezone.now() + later)
            assert measures.latencies(asked, WINDOWS, at) == {one: plain(one) for one in WINDOWS}

    with connection.cursor() as cursor:  # as workers of the release before leave it
        cursor.execute(
            f"DELETE FROM {LATENCIES.table(HOUR)} WHERE time = %s", [HOUR.floor(at - timedelta(hours=4))]
        )
        assert measures.latencies(asked, WINDOWS, at) == {one: plain(one) for one in WINDOWS}
        cursor.execute(f"TRUNCATE {', '.join(LATENCIES.table(grain) for grain in ROLLED_UP)}")
        assert measures.latencies(asked, WINDOWS, at) == {one: plain(one) for one in WINDOWS}
    assert measures.latencies(asked, [30], at) == {30: plain(30)}
    assert measures.latencies([], WINDOWS, at) == {one: {} for one in WINDOWS}
