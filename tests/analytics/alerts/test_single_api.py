"""Who holds Manage alerts for one API: alerts about just that one, by page and by REST, and no others."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from analytics.alerts import change
from analytics.alerts.models import Alert
from analytics.alerts.wanted import WantedAlert, wanted_of
from apis.models import ApiInstance
from console.models import Role, User
from console.notices.models import Notice
from console.permissions import Permission
from console.roles.models import CustomRole
from tests.apis.views.pages import text
from tests.factories import make_actor, make_alert, make_api, make_gateway, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine() -> ApiInstance:
    return make_api(make_gateway())


@pytest.fixture
def other(mine: ApiInstance) -> ApiInstance:
    return make_api(mine.gateway)


@pytest.fixture
def user(mine: ApiInstance) -> User:
    return holder(mine, Permission.MANAGE_ALERTS)


def holder(api: ApiInstance, *permissions: str) -> User:
    organization = api.environment.organization
    kind = CustomRole.objects.create(
        organization=organization, name="on call " + " ".join(permissions), permissions=list(permissions)
    )
    user = make_user()
    Role.objects.create(
        user=user,
        organization=organization,
        environment=api.environment,
        api=api,
        name=Role.CUSTOM,
        custom=kind,
    )
    return user


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def sent(api: ApiInstance, **fields: Any) -> dict[str, Any]:
    usual = {"name": "Errors", "type": "errors", "about": "api", "api": str(api.pk), "threshold": "5"}
    return usual | fields


def body(api: ApiInstance, **fields: Any) -> dict[str, Any]:
    condition = {"operator": "above", "threshold": 5, "interval": 5}
    usual = {"name": "Errors", "severity": "critical", "metricType": "api_error_rate", "condition": condition}
    return usual | {"resources": [{"apiId": str(api.pk)}]} | fields


def test_by_page_from_adding_to_deleting(user: User, mine: ApiInstance) -> None:
    client = browser(user)
    people = {"people": user.username}

    assert "New alert" in client.get(f"/apis/{mine.pk}/alerts").content.decode()
    form = client.get(f"/alerts/new?api={mine.pk}").content.decode()
    assert "Whole environment" not in form and "Gateway disconnected" not in form
    assert client.post(f"/alerts/new?api={mine.pk}", sent(mine) | people).status_code == 302
    alert = Alert.objects.get()
    assert alert.users == [user.pk], "who may view alerts about this API can be told of them"
    page = f"/alerts/{alert.pk}"
    assert client.post(f"{page}/edit", sent(mine, name="Failures") | people).status_code == 302
    for verb, data in (("silence", {"minutes": "5"}), ("pause", {}), ("resume", {}), ("test", {})):
        assert client.post(f"{page}/{verb}", data).status_code == 302, verb
    assert client.post(f"{page}/preview", sent(mine)).status_code == 200
    assert client.get(page).status_code == 200
    assert Notice.objects.filter(user=user, subject__startswith="[Test]").exists()
    assert client.post(f"{page}/delete").status_code == 302
    assert not Alert.objects.exists()


def test_only_theirs_are_suggested_as_one_types(user: User, mine: ApiInstance, other: ApiInstance) -> None:
    alert = make_alert(api=mine)
    told = re.compile(r'<option value="[^"]*\((\d+)\)">')

    def suggested(who: User, page: str, typed: str) -> list[str]:
        form = text(browser(who).get(f"/alerts/{page}"))
        [address] = re.findall(r'hx-get="(/alerts/[^"]*/apis)"', form)
        assert not told.findall(form)
        return told.findall(text(browser(who).get(address, {"api": typed})))

    everybody = make_actor()

    assert set(suggested(everybody, "new", "")) == {str(mine.pk), str(other.pk)}
    # The number may be in the other's name, too.
    assert str(other.pk) in suggested(everybody, "new", str(other.pk))
    assert suggested(everybody, f"{alert.pk}/edit", other.asset.name) == [str(other.pk)]
    for page in ("new", f"{alert.pk}/edit"):
        assert suggested(user, page, "") == [str(mine.pk)]


def test_by_rest_from_adding_to_deleting(user: User, mine: ApiInstance) -> None:
    rest = Rest(user, mine.environment)

    made = rest("POST", "ALERTS", body(mine))
    assert made.status_code == 201, made.data
    path = f"ALERTS/{made.data['alertId']}"
    assert rest("PATCH", path, {"severity": "info"}).data["severity"] == "info"
    assert rest("POST", f"{path}/silence", {"minutes": 5}).data["state"] == "silenced"
    assert rest("PATCH", path, {"notifications": [notified(user)]}).status_code == 200
    assert rest("POST", f"{path}/test").status_code == 202
    assert [one["alertId"] for one in rest("GET", "ALERTS").data] == [made.data["alertId"]]
    assert len(rest("GET", f"AM/{mine.pk}/alerts").data) == 0, "the older shape knows no error rates"
    assert rest("DELETE", path).status_code == 204


def notified(user: User) -> dict[str, Any]:
    return {"type": "user", "recipients": [user.username]}


@pytest.mark.parametrize("about", ["api", "tag", "gateway", "environment"])
def test_alerts_about_anything_else_are_none_of_theirs(
    user: User, mine: ApiInstance, other: ApiInstance, about: str
) -> None:
    fields: dict[str, Any] = {"about": about, "tag": "orders", "gateway": mine.gateway}
    fields = {"api": other} if about == "api" else fields
    alert = make_alert(mine.environment, **fields)
    client, rest = browser(user), Rest(user, mine.environment)
    told = {"tag": "orders", "gateway": str(mine.gateway_id)}

    for verb in ("", "/edit", "/chart"):
        assert client.get(f"/alerts/{alert.pk}{verb}").status_code == 404
    for verb in ("edit", "preview", "silence", "pause", "resume", "test", "delete"):
        assert client.post(f"/alerts/{alert.pk}/{verb}", {"minutes": "5"}).status_code == 404
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/silence"), ("POST", "/test")):
        assert rest(method, f"ALERTS/{alert.pk}{path}", {}).status_code == 404
    assert rest("GET", "ALERTS").data == []
    for path in ("/alerts/new", "/alerts/new/preview"):
        answer = client.post(path, sent(other, about=about, **told))
        assert answer.status_code in (403, 422) or "Choose an API" in answer.content.decode(), path
    sent_about = {"kind": about, "tag": "orders", "gatewayId": str(mine.gateway_id), "together": False}
    wide = {"resources": [], "about": sent_about}
    assert rest("POST", "ALERTS", body(other, **({} if about == "api" else wide))).status_code == 403
    assert list(Alert.objects.all()) == [alert]


@pytest.mark.parametrize("about", ["api", "environment"])
def test_an_alert_of_theirs_is_not_moved_to_where_they_may_not(
    user: User, mine: ApiInstance, other: ApiInstance, about: str
) -> None:
    alert = make_alert(api=mine)
    elsewhere = {"api": str(other.pk)} if about == "api" else {"about": "environment"}
    patch = {"resources": [{"apiId": str(other.pk)}]}
    patch = patch if about == "api" else {"about": {"kind": "environment", "together": False}}

    page = browser(user).post(f"/alerts/{alert.pk}/edit", sent(mine) | elsewhere)
    told = Rest(user, mine.environment)("PATCH", f"ALERTS/{alert.pk}", patch)

    assert page.status_code in (403, 422)
    assert told.status_code == 403
    alert.refresh_from_db()
    assert (alert.about, alert.api_id, alert.name) == ("api", mine.pk, alert.name)
    assert alert.edition == 0


def test_one_that_was_moved_since_it_was_looked_at_is_theirs_no_more(
    user: User, mine: ApiInstance, other: ApiInstance
) -> None:
    looked_at = make_alert(api=mine)
    Alert.objects.filter(pk=looked_at.pk).update(api=other)

    for act in (
        lambda: change.silence(user, looked_at, 5),
        lambda: change.pause(user, looked_at, is_paused=True),
        lambda: change.send_test(user, looked_at),
        lambda: change.delete(user, looked_at),
        lambda: change.edit(user, looked_at, replace(wanted_of(looked_at), name="Mine")),
    ):
        with pytest.raises(PermissionDenied):
            act()
    assert Alert.objects.get().api == other


def test_an_api_of_another_tenant_is_none(user: User, mine: ApiInstance) -> None:
    foreign = make_api(make_gateway())
    rest = Rest(user, foreign.environment)

    assert rest("POST", "ALERTS", body(foreign)).status_code == 404
    assert rest("POST", f"AM/{foreign.pk}/alerts", {}).status_code == 404
    assert Rest(user, mine.environment)("POST", "ALERTS", body(foreign)).status_code == 403
    with pytest.raises(PermissionDenied):
        change.add(
            user, foreign.environment, WantedAlert(name="a", type="errors", about="api", api=foreign.pk)
        )
    # A role for an API of theirs is good for no alert that lies elsewhere.
    with pytest.raises(Exception, match="Choose an API of"):
        change.add(
            user,
            foreign.environment,
            WantedAlert(name="a", type="errors", about="api", api=mine.pk, threshold=5),
        )
    assert not Alert.objects.exists()


def test_the_policies_of_another_api_are_not_told(user: User, mine: ApiInstance, other: ApiInstance) -> None:
    binding = other.policies.create(policy="ip-blocklist", order=1, config={})
    filters = [{"name": "policy_id", "values": [str(binding.pk)]}]
    wanted = body(
        mine,
        metricType="api_policy_violation_count",
        resources=[{"apiId": str(other.pk), "subFilters": filters}],
    )

    answer = Rest(user, mine.environment)("POST", "ALERTS", wanted)

    assert answer.status_code in (400, 403)
    assert "ip-blocklist" not in str(answer.data)


def test_who_may_look_alone_changes_nothing(mine: ApiInstance) -> None:
    viewer, alert = holder(mine, Permission.VIEW_ALERTS), make_alert(api=mine)
    client, rest = browser(viewer), Rest(viewer, mine.environment)

    assert client.get(f"/alerts/{alert.pk}").status_code == 200
    assert client.get("/alerts/new").status_code == 403
    assert rest("GET", f"ALERTS/{alert.pk}").status_code == 200
    for method, path in (
        ("POST", "ALERTS"),
        ("PATCH", f"ALERTS/{alert.pk}"),
        ("DELETE", f"ALERTS/{alert.pk}"),
    ):
        assert rest(method, path, {}).status_code == 403


def test_who_may_not_view_alerts_reads_none_by_rest(mine: ApiInstance) -> None:
    somebody, alert = holder(mine, Permission.VIEW_APIS), make_alert(api=mine)
    rest = Rest(somebody, mine.environment)

    for path in ("ALERTS", f"ALERTS/{alert.pk}", f"ALERTS/{alert.pk}/incidents", f"AM/{mine.pk}/alerts"):
        assert rest("GET", path).status_code == 403, path
