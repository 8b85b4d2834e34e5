"""What a round of looks makes of traffic, and whom it tells."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alerts import change, rounds, settling
from analytics.alerts.judging import Breach, Look
from analytics.alerts.models import Alert, Incident, Round
from analytics.rollups import roll_up
from apis.models import ApiInstance
from tests.analytics.alerts.watching import Clock, make_alert, open_incidents, told
from tests.analytics.traffic import Shipper, count
from tests.factories import make_actor, make_api, make_gateway

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> ApiInstance:
    return make_api(name="Orders")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_is_pending_until_there_is_traffic(api: ApiInstance, clock: Clock) -> None:
    alert = make_alert(api)

    clock.round()
    assert state(alert) == "Pending"
    clock.ship(Shipper(api), api)
    clock.round()

    assert state(alert) == "OK"
    assert told() == []


def test_it_is_raised_and_resolved_once_each(api: ApiInstance, clock: Clock) -> None:
    alert, shipper = make_alert(api, window_minutes=1), Shipper(api)

    for status in (200, 503, 503, 503, 200, 200, 200):
        clock.ship(shipper, api, status=status)
        clock.round()

    assert told() == ["Orders Alerting", "Orders OK"]
    assert state(alert) == "OK"
    incident = Incident.objects.get()
    assert incident.resolved_at is not None and incident.value == 100


def test_one_quiet_minute_is_no_end(api: ApiInstance, clock: Clock) -> None:
    make_alert(api, window_minutes=1)
    shipper = Shipper(api)

    for status in (503, 200, 503, 200, 503):
        clock.ship(shipper, api, status=status)
        clock.round()

    assert told() == ["Orders Alerting"]


def test_late_data_raises_nothing_twice(api: ApiInstance, clock: Clock) -> None:
    """A gateway that was cut off ships ten minutes at once, after they were looked at."""
    shipper = Shipper(api)
    make_alert(api, type=Alert.Type.REQUESTS, operator="below", threshold=5, window_minutes=5)
    clock.ship(shipper, api)
    clock.round(10)
    assert told() == ["Orders Alerting"]

    late = [count(api, 10, at=clock.seconds - 60 * back) for back in range(10)]
    shipper.ship(*late)
    clock.round(4)

    assert told() == ["Orders Alerting", "Orders OK"]


def test_windows_on_end_are_waited_for(api: ApiInstance, clock: Clock) -> None:
    make_alert(api, window_minutes=2, periods=3)
    shipper = Shipper(api)
    for _ in range(4):
        clock.ship(shipper, api, status=500)
        clock.round()
    assert (told(), open_incidents()) == ([], ["Orders"])

    clock.ship(shipper, api, status=500)
    clock.round()

    assert told() == ["Orders Alerting"]


def test_what_did_not_hold_long_enough_leaves_nothing(api: ApiInstance, clock: Clock) -> None:
    make_alert(api, window_minutes=1, periods=3)
    clock.ship(Shipper(api), api, status=500)
    clock.round(3)

    assert (told(), Incident.objects.count()) == ([], 0)


def test_after_a_long_pause_the_waiting_begins_anew(api: ApiInstance, clock: Clock) -> None:
    make_alert(api, window_minutes=1, periods=10)
    shipper = Shipper(api)
    clock.ship(shipper, api, status=500)
    clock.round()
    clock.ahead(40)
    clock.ship(shipper, api, status=500)
    clock.round()

    assert told() == []


@pytest.mark.parametrize(
    ("fields", "shipped", "holds"),
    [
        ({"type": "requests", "operator": "above", "threshold": 9}, {}, True),
        ({"type": "requests", "operator": "above", "threshold": 10}, {}, False),
        ({"type": "requests", "operator": "at-least", "threshold": 10}, {}, True),
        ({"type": "requests", "operator": "equal", "threshold": 10}, {}, True),
        ({"type": "requests", "operator": "at-most", "threshold": 9}, {}, False),
        ({"type": "codes", "codes": [503], "threshold": 5}, {"status": 503}, True),
        ({"type": "codes", "codes": [404, 500], "threshold": 0}, {"status": 503}, False),
        ({"type": "violations", "threshold": 5}, {"status": 403, "policy": "ip-blocklist"}, True),
        (
            {"type": "violations", "threshold": 5, "policies": ["rate-limiting"]},
            {"status": 403, "policy": "ip-blocklist"},
            False,
        ),
        ({"type": "time", "threshold": 90}, {"us": 100_000}, True),
        ({"type": "time", "threshold": 110}, {"us": 100_000}, False),
        ({"type": "percentile", "percentile": 99, "threshold": 90}, {"us": 100_000}, True),
        ({"type": "slow", "slower_ms": 90, "threshold": 9}, {"us": 100_000}, True),
        ({"type": "slow", "slower_ms": 200, "threshold": 0}, {"us": 100_000}, False),
        ({"type": "errors", "threshold": 5}, {"status": 404}, True),
        ({"type": "no-traffic"}, {}, False),
    ],
)
def test_each_type_sees_its_own(
    api: ApiInstance, clock: Clock, fields: dict[str, Any], shipped: dict[str, Any], holds: bool
) -> None:
    make_alert(api, **fields)
    clock.ship(Shipper(api), api, **shipped)
    clock.round()

    assert bool(told()) == holds


@pytest.mark.parametrize("is_together", [False, True])
@pytest.mark.parametrize("alert_type", ["requests", "slow", "codes", "violations"])
def test_each_window_of_the_same_apis_is_seen_as_long_as_it_is(
    api: ApiInstance, clock: Clock, alert_type: str, is_together: bool
) -> None:
    """One look at the longest has them all."""
    fields = {"type": alert_type, "threshold": 0, "codes": [429], "slower_ms": 5, "is_together": is_together}
    for minutes in (5, 10, 30, 60):
        wide = {"about": Alert.About.ENVIRONMENT, "window_minutes": minutes}
        make_alert(api, **fields, **wide, name=str(minutes))
    shipper, ends = Shipper(api), clock.at
    for ago in (45, 20, 8, 2):
        clock.at = ends - timedelta(minutes=ago)
        clock.ship(shipper, api, status=429, policy="rate-limiting", us=100_000)
    clock.at = ends
    clock.round()

    values = dict(Incident.objects.values_list("alert__name", "value"))
    assert values == {"5": 10, "10": 20, "30": 30, "60": 40}


def test_an_api_that_is_called_no_more_is_silent_and_one_that_never_was_is_not(
    api: ApiInstance, clock: Clock
) -> None:
    never = make_api(api.gateway, name="Never")
    make_alert(api, type=Alert.Type.SILENT, about=Alert.About.ENVIRONMENT, window_minutes=5)
    clock.ship(Shipper(api), api)
    clock.round(8)

    assert told() == ["Orders Alerting"]
    assert str(never) not in open_incidents()


def test_each_api_with_a_tag_is_told_of_in_one_message(api: ApiInstance, clock: Clock) -> None:
    others = [make_api(api.gateway, name=f"Api{number}", tags=["Public"]) for number in range(3)]
    make_alert(api, about=Alert.About.TAG, tag="public")
    for one in (*others, api):
        clock.ship(Shipper(one), one, status=500)
    clock.round()

    assert told() == ["Api0, Api1 and Api2 Alerting"]


def test_added_up_no_api_counts_alone(api: ApiInstance, clock: Clock) -> None:
    other = make_api(api.gateway)
    wide = {
        "about": Alert.About.GATEWAY,
        "gateway": api.gateway,
        "type": Alert.Type.REQUESTS,
        "threshold": 15,
    }
    make_alert(api, is_together=True, **wide)
    make_alert(api, **wide)
    for one in (api, other):
        clock.ship(Shipper(one), one)
    clock.round()

    assert told() == ["All APIs of the gateway Alerting"]


def test_long_windows_are_added_up_from_what_was_rolled_up(transactional_db: None, clock: Clock) -> None:
    api = make_api(name="Orders")
    shipper = Shipper(api)
    shipper.ship(*(count(api, 10, at=clock.seconds - 60 * back) for back in range(0, 170, 10)))
    roll_up()
    make_alert(api, type=Alert.Type.REQUESTS, operator="equal", threshold=120, window_minutes=120)
    make_alert(api, type=Alert.Type.REQUESTS, operator="equal", threshold=60, window_minutes=60)
    make_alert(api, type=Alert.Type.REQUESTS, operator="equal", threshold=120, window_minutes=60)
    clock.round()

    assert told() == ["Orders Alerting", "Orders Alerting"]


def test_a_minute_is_looked_at_once(api: ApiInstance, clock: Clock) -> None:
    make_alert(api)
    assert rounds.run(clock.at + rounds.GRACE) == 1
    assert rounds.run(clock.at + rounds.GRACE) is None
    assert rounds.run(clock.at - timedelta(minutes=5)) is None


def test_one_worker_looks_at_a_time(transactional_db: None, clock: Clock) -> None:
    rounds.run(clock.at)
    found: list[int | None] = []

    def other() -> None:
        try:
            found.append(rounds.run(clock.at + timedelta(minutes=5)))
        finally:
            connection.close()

    with transaction.atomic():
        Round.objects.select_for_update().get()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(20)

    assert found == [None]


def test_silenced_it_tells_nobody_until_the_silence_ends(api: ApiInstance, clock: Clock) -> None:
    alert = change.silence(make_actor(), make_alert(api, window_minutes=1), 60)
    shipper = Shipper(api)
    clock.ship(shipper, api, status=500)
    clock.round()
    assert (told(), state(alert), open_incidents()) == ([], "Silenced", ["Orders"])

    change.silence(make_actor(), alert, 0)
    clock.ship(shipper, api, status=500)
    clock.round()

    assert told() == ["Orders Alerting"]


def test_what_ends_while_it_is_silenced_is_never_told(api: ApiInstance, clock: Clock) -> None:
    alert = change.silence(make_actor(), make_alert(api, window_minutes=1), 60)
    clock.ship(Shipper(api), api, status=500)
    clock.round(5)
    change.silence(make_actor(), alert, 0)
    clock.round(2)

    assert told() == []
    assert Incident.objects.get().resolved_at


def test_paused_it_looks_at_nothing(api: ApiInstance, clock: Clock) -> None:
    alert, shipper = make_alert(api), Shipper(api)
    clock.ship(shipper, api, status=500)
    clock.round()
    change.pause(make_actor(), alert, is_paused=True)
    clock.round(4)

    assert told() == ["Orders Alerting"]
    assert (state(alert), Incident.objects.get().ending) == ("Paused", "paused")


def test_an_alert_that_is_changed_in_the_middle_of_a_round_waits_for_the_next(
    api: ApiInstance, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = make_alert(api)
    clock.ship(Shipper(api), api, status=500)
    stale = rounds._alerts()
    change.pause(make_actor(), alert, is_paused=True)
    change.pause(make_actor(), alert, is_paused=False)

    assert rounds._settle(stale, {alert.pk: None}, timezone.now(), None) == []  # type: ignore[dict-item]


def test_what_is_no_longer_covered_is_resolved(api: ApiInstance, clock: Clock) -> None:
    ApiInstance.objects.filter(pk=api.pk).update(tags=["a"])
    make_alert(api, about=Alert.About.TAG, tag="a", window_minutes=60)
    clock.ship(Shipper(api), api, status=500)
    clock.round()
    ApiInstance.objects.filter(pk=api.pk).update(tags=[])
    clock.round(2)

    assert told() == ["Orders Alerting", "Orders OK"]


def test_a_round_asks_as_often_for_many_alerts_as_for_few(api: ApiInstance, clock: Clock) -> None:
    gateway = make_gateway()
    apis = [make_api(gateway, name=f"api{number}") for number in range(20)]
    for one in apis:
        clock.ship(Shipper(one), one, 10, status=200)
    few = asked(clock, apis[:4])
    many = asked(clock, apis)

    assert many == few


def asked(clock: Clock, apis: list[ApiInstance]) -> int:
    Alert.objects.all().delete()
    types = ("requests", "codes", "time", "violations")
    for number, one in enumerate(apis):
        make_alert(one, type=types[number % 4], codes=[500], threshold=1000, window_minutes=1 + number % 5)
    with CaptureQueriesContext(connection) as found:
        clock.round()
    return len(found)


def state(alert: Alert) -> str:
    return Alert.objects.get(pk=alert.pk).shown_state


def test_of_too_many_that_hold_those_that_were_open_go_on(api: ApiInstance, clock: Clock) -> None:
    alert = make_alert(api)
    last = Incident(alert=alert, key="api:9999", name="Last", since=clock.at, raised_at=clock.at)
    breaches = [Breach(f"api:{number}", "Orders", 9.0) for number in range(settling.MOST_OPEN)]

    settled = settling.settle(
        alert, Look((*breaches, Breach("api:9999", "Last", 8.0))), [last], clock.at, clock.at
    )

    assert (last.newest, last.calm, last.resolved_at) == (8.0, 0, None)
    assert (len(settled.new), settled.new[-1].key) == (settling.MOST_OPEN - 1, breaches[-2].key)
