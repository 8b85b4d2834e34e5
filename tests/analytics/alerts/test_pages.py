"""Pages of alerts: what each shows, and what its buttons do."""

from html import unescape

import pytest

from analytics.alerts import change
from analytics.alerts.models import Alert, Incident
from apis.changes import instances, removal
from apis.models import ApiInstance
from console.models import Role
from console.notices.models import Notice
from console.permissions import Permission
from console.roles.models import CustomRole
from tests.analytics.alerts.watching import Clock
from tests.analytics.traffic import Shipper, count
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_alert, make_api, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place, deploy=True)


def raised(api: ApiInstance, **fields: object) -> Alert:
    alert = make_alert(api=api, name="Errors", window_minutes=1, **fields)
    clock = Clock()
    clock.ship(Shipper(api), api, status=500)
    clock.round()
    return Alert.objects.get(pk=alert.pk)


def test_what_alerts_is_seen_everywhere(place: Place, api: ApiInstance) -> None:
    assert "alerting</span>" not in text(place.client.get("/apis"))

    alert = raised(api)

    for page in ("/apis", f"/apis/{api.pk}", "/"):
        assert '1<span class="hidden-text"> alerting</span>' in text(place.client.get(page)), page
    page = unescape(text(place.client.get(f"/apis/{api.pk}/policies")))
    assert "1 alert of this API holds" in page and "Error rate above 5 % in 1 minute: 100 %" in page
    assert f'href="/alerts/{alert.pk}"' in page
    listed = text(place.client.get("/alerts?state=alerting"))
    assert ">Alerting</span>" in listed and "Errors" in listed
    assert "Errors" not in text(place.client.get("/alerts?state=ok"))


@pytest.mark.parametrize(
    ("button", "data", "shown"),
    [
        ("silence", {"minutes": "60"}, "Silenced"),
        ("pause", {}, "Paused"),
        ("resume", {}, "Alerting"),
        ("test", {}, "Alerting"),
    ],
)
def test_each_button_does_what_it_says(
    place: Place, api: ApiInstance, button: str, data: dict[str, str], shown: str
) -> None:
    alert = raised(api, users=[place.user.pk])

    answer = place.client.post(f"/alerts/{alert.pk}/{button}", data, follow=True)

    assert f">{shown}</span>" in text(answer)
    assert Notice.objects.filter(subject__startswith="[Test]").exists() == (button == "test")


@pytest.mark.parametrize("minutes", ["", "-1", "x", "99999999999999999999", "43201"])
def test_a_silence_without_an_end_is_refused(place: Place, api: ApiInstance, minutes: str) -> None:
    alert = raised(api)

    answer = place.client.post(f"/alerts/{alert.pk}/silence", {"minutes": minutes}, follow=True)

    assert "Silence it for 1 minute to 30 days" in text(answer)
    assert Alert.objects.get().silenced_until is None


def test_a_form_from_an_apis_page_is_about_it(place: Place, api: ApiInstance) -> None:
    page = unescape(text(place.client.get(f"/alerts/new?api={api.pk}&type=percentile")))

    assert f'value="Orders ({api.pk})"' in page
    assert '<option value="percentile" selected' in page


def test_an_api_is_typed_by_name_or_number(place: Place, api: ApiInstance) -> None:
    for typed in ("orders", str(api.pk), f"Orders ({api.pk})"):
        sent = {"name": typed, "type": "errors", "about": "api", "api": typed, "threshold": "5"}
        assert place.client.post("/alerts/new", sent).status_code == 302, typed

    assert Alert.objects.filter(api=api).count() == 3
    make_api(place.gateway, name="ORDERS")
    sent = {"name": "a", "type": "errors", "about": "api", "api": "orders", "threshold": "5"}
    assert "Several APIs are called orders" in text(place.client.post("/alerts/new", sent))


def test_the_preview_tells_how_often_it_had_been_raised(place: Place, api: ApiInstance) -> None:
    clock = Clock()
    shipper = Shipper(api)
    for minutes, status in ((60, 500), (50, 200), (40, 500), (30, 200)):
        shipper.ship(count(api, 10, at=clock.seconds - 60 * minutes, status=status))
    sent = {
        "name": "",
        "type": "errors",
        "about": "api",
        "api": str(api.pk),
        "threshold": "5",
        "window_minutes": "5",
    }

    page = text(place.client.post("/alerts/new/preview", sent))

    assert "2 times</b>" in page and "<polyline" in page and 'class="threshold"' in page
    for kind in (
        *("requests", "time", "percentile", "slow"),
        *("no-traffic", "violations", "certificate", "upstream"),
    ):
        assert place.client.post("/alerts/new/preview", sent | {"type": kind}).status_code == 200
    for window in ("60", "120", "1440", "10080"):
        page = text(place.client.post("/alerts/new/preview", sent | {"window_minutes": window}))
        assert "<polyline" in page, window
    wide = sent | {"about": "environment", "counted": "together"}
    assert "<polyline" in text(place.client.post("/alerts/new/preview", wide))
    assert "not whole yet" in text(place.client.post("/alerts/new/preview", sent | {"threshold": "x"}))


def test_the_preview_of_a_form_that_is_empty_tells_of_no_mistake(place: Place, api: ApiInstance) -> None:
    sent = {"name": "", "type": "errors", "about": "api", "api": str(api.pk), "threshold": ""}

    page = text(place.client.post("/alerts/new/preview", sent))
    wrong = text(place.client.post("/alerts/new/preview", sent | {"window_minutes": "x"}))

    assert "Fill in <b>Threshold</b> to see here" in page
    assert "not whole yet" not in page and "Write a number" not in page
    assert "not whole yet" in wrong and "x is no number" in wrong


def test_the_chart_of_an_alert(place: Place, api: ApiInstance) -> None:
    alert = raised(api)

    assert "<polyline" in text(place.client.get(f"/alerts/{alert.pk}/chart"))
    part = text(place.client.get(f"/alerts/{alert.pk}/chart", headers={"HX-Request": "true"}))
    assert part.lstrip().startswith('<div id="alert-preview"')


def test_an_apis_tab_shows_what_is_about_it_among_others(place: Place, api: ApiInstance) -> None:
    ApiInstance.objects.filter(pk=api.pk).update(tags=["Public"])
    make_alert(api=api, name="own")
    make_alert(place.environment, name="everybodys")
    make_alert(place.environment, name="tagged", about="tag", tag="public")
    make_alert(place.environment, name="gateways", about="gateway", gateway=place.gateway)
    make_alert(place.environment, name="elsewhere", about="tag", tag="internal")

    page = text(place.client.get(f"/apis/{api.pk}/alerts"))

    shown = [
        name for name in ("own", "everybodys", "tagged", "gateways", "elsewhere") if f">{name}</a>" in page
    ]
    assert shown == ["own", "everybodys", "tagged", "gateways"]


def test_a_deleted_api_takes_its_alerts_along_and_brings_them_back(place: Place, api: ApiInstance) -> None:
    alert = raised(api)
    leaver = make_user()
    Alert.objects.update(created_by=leaver)

    key = api.pk
    removed = instances.delete_api(place.user, api)
    assert not Alert.objects.exists()
    leaver.delete()
    removal.restore_api(place.user, removed)

    back = Alert.objects.get()
    assert (back.pk, back.name, back.api_id, back.created_by) == (alert.pk, "Errors", key, None)
    assert Incident.objects.get().alert == back


def test_automated_policies_do_not_stand_in_the_way(place: Place, api: ApiInstance) -> None:
    from tests.factories import make_automated

    make_automated(place.environment)
    sent = {"name": "a", "type": "violations", "about": "api", "api": str(api.pk), "threshold": "5"}

    assert place.client.post("/alerts/new", sent | {"policies": "ip-blocklist"}).status_code == 302


def test_a_viewer_reads_and_manages_nothing(place: Place, api: ApiInstance) -> None:
    alert, viewer = raised(api), make_place(Role.Name.VIEWER, place.environment).client

    assert viewer.get(f"/alerts/{alert.pk}").status_code == 200
    assert viewer.get("/alerts/new").status_code == 403
    for button in ("pause", "resume", "silence", "test", "delete", "edit", "preview"):
        assert viewer.post(f"/alerts/{alert.pk}/{button}", {"minutes": "5"}).status_code == 403


def test_an_edit_keeps_what_was_raised_and_begins_what_waited_anew(place: Place, api: ApiInstance) -> None:
    alert = raised(api)
    Incident.objects.create(alert=alert, key="api:0", name="waits", since=alert.created_at)
    sent = {"name": "Errors", "type": "errors", "about": "api", "api": str(api.pk), "threshold": "50"}

    assert place.client.post(f"/alerts/{alert.pk}/edit", sent).status_code == 302

    assert [one.name for one in alert.incidents.all()] == ["Orders"]
    assert Alert.objects.get().state == Alert.State.ALERTING


def test_deleted_twice_it_is_not_found(place: Place, api: ApiInstance) -> None:
    alert = make_alert(api=api)
    stale = Alert.objects.get(pk=alert.pk)

    assert place.client.post(f"/alerts/{alert.pk}/delete").status_code == 302
    assert place.client.post(f"/alerts/{alert.pk}/delete").status_code == 404
    with pytest.raises(Exception, match="not found"):
        change.pause(place.user, stale, is_paused=True)


def test_who_may_not_see_alerts_is_told_of_none(place: Place, api: ApiInstance) -> None:
    raised(api)
    somebody = make_place(Role.Name.VIEWER, place.environment)
    kind = CustomRole.objects.create(
        organization=place.environment.organization, name="APIs", permissions=[Permission.VIEW_APIS]
    )
    Role.objects.filter(user=somebody.user).update(name=Role.CUSTOM, custom=kind)

    page = text(somebody.client.get(f"/apis/{api.pk}"))

    assert "of this API hold" not in page and "alerting</span>" not in page
    assert somebody.client.get("/alerts").status_code == 403
    kind.permissions = [Permission.VIEW_ALERTS, Permission.VIEW_APIS]
    kind.save()
    page = text(somebody.client.get(f"/apis/{api.pk}"))
    assert "1 alert of this API holds" in page and "alerting</span>" in page


def test_a_role_for_one_api_shows_its_own_alerts_alone(place: Place, api: ApiInstance) -> None:
    mine = raised(api)
    other = make_alert(api=make_api(place.gateway), name="Of another")
    wide = make_alert(environment=place.environment, about="environment", name="Of all")
    somebody = make_place(Role.Name.VIEWER, place.environment)
    Role.objects.filter(user=somebody.user).update(name="api-viewer", api=api, environment=place.environment)

    listed = text(somebody.client.get(f"/apis/{api.pk}/alerts"))

    assert "Errors" in listed and "Of all" not in listed and "Of another" not in listed
    page = text(somebody.client.get(f"/apis/{api.pk}"))
    assert "1 alert of this API holds" in page and "alerting</span>" not in page
    codes = [somebody.client.get(one.get_absolute_url()).status_code for one in (mine, other, wide)]
    assert codes == [200, 404, 404]
    for verb in ("pause", "silence", "delete", "test"):
        assert somebody.client.post(f"/alerts/{mine.pk}/{verb}", {"minutes": "5"}).status_code == 403
