"""The findings of an API on its pages: told where they are meant, muted with a reason, told again."""

import re

import pytest

from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.muted_finding import MutedFinding
from console.models import AuditEntry, Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_api, make_gateway
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList

pytestmark = pytest.mark.django_db


class TestFindingsOfAnEnvironment(SearchedList, EmptyList):
    path = "/apis/findings"
    part = "findings"
    noun = "API"
    nothing = "No APIs here yet"
    offers = "/apis/add"

    def make(self, here: Here, name: str) -> object:
        return make_api(make_gateway(here.environment), name=name)


BASIC = {"username": "ann", "password": "of-ann"}


def test_a_finding_stands_on_the_overview_in_the_lane_and_on_its_page(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "http-basic-authentication", BASIC)

    overview = text(place.client.get(f"/apis/{api.pk}"))
    lane = text(place.client.get(f"/apis/{api.pk}/policies"))
    page = text(place.client.get(f"/apis/{api.pk}/findings"))

    assert "Credentials over HTTP" in overview
    assert "It takes credentials over HTTP" in lane
    assert "Serve the API with HTTPS" in page
    assert "credentials-in-clear" in page


def test_an_order_that_is_not_applied_yet_is_judged(place: Place) -> None:
    api = make_saved_api(place)
    first = apply_policy(place.user, api, "http-basic-authentication", BASIC)
    second = apply_policy(place.user, api, "http-caching", {})
    sent = {"ids": [first.pk, second.pk], "rows": f"down:ids:{first.pk}"}

    moved = text(place.client.post(f"/apis/{api.pk}/policies/order", sent))

    assert "It is skipped where HTTP Caching before it has an answer" in moved


def test_a_route_that_gets_nothing_is_said_as_it_is_typed(place: Place) -> None:
    upstreams = [DesiredUpstream("http://api.example.com/")]
    routes = [DesiredRoute(path="/a.*", upstreams=upstreams), DesiredRoute(path="/a/b", upstreams=upstreams)]
    api = make_saved_api(place, routes=routes)

    page = text(place.client.get(f"/apis/{api.pk}/routes"))

    assert "Gets no request: route 1 takes them all" in page
    assert "Is reached without TLS, and api.example.com may be on another network" in page


def test_a_finding_is_muted_with_a_reason_and_told_again(place: Place) -> None:
    api = make_saved_api(place)
    page = text(place.client.get(f"/apis/{api.pk}/findings"))
    (link,) = re.findall(r'href="(/apis/\d+/findings/mute\?[^"]+)"', page)
    asked = text(place.client.get(link.replace("&amp;", "&")))
    sent = {"code": "no-authentication", "place": "api"}

    without = place.client.post(f"/apis/{api.pk}/findings/mute", sent | {"reason": " "})
    muted = place.client.post(
        f"/apis/{api.pk}/findings/mute", sent | {"reason": "<b>Public</b>"}, follow=True
    )
    row = MutedFinding.objects.get()
    history = text(place.client.get(f"/apis/{api.pk}/history"))
    place.client.post(f"/apis/{api.pk}/findings/{row.pk}/unmute")

    assert "whoever reaches port 8081 may call it" in asked
    assert without.status_code == 422
    assert "Say why" in text(without)
    assert "&lt;b&gt;Public&lt;/b&gt;" in text(muted)
    assert "muted finding" in history.lower()
    assert not MutedFinding.objects.exists()
    assert AuditEntry.objects.filter(action=AuditEntry.Action.DELETE).exists()


def test_what_is_found_no_more_cannot_be_muted(place: Place) -> None:
    api = make_saved_api(place)

    answer = place.client.get(f"/apis/{api.pk}/findings/mute?code=tls-version&place=api", follow=True)

    assert "Nothing of that kind is found there any more." in text(answer)


def test_who_may_not_change_the_api_may_not_mute(place: Place) -> None:
    api = make_saved_api(place)
    viewer, stranger = make_place(Role.Name.VIEWER, place.environment), make_place()
    sent = {"code": "no-authentication", "place": "api", "reason": "x"}

    assert "Mute…" not in text(viewer.client.get(f"/apis/{api.pk}/findings"))
    assert viewer.client.post(f"/apis/{api.pk}/findings/mute", sent).status_code == 403
    assert stranger.client.get(f"/apis/{api.pk}/findings").status_code == 404
    assert stranger.client.post(f"/apis/{api.pk}/findings/mute", sent).status_code == 404
