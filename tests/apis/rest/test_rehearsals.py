"""REST: what a gateway would do with a request is asked for, and answered by a worker."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from apis.testing import jobs
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from apis.tasks import rehearse

    monkeypatch.setattr(rehearse, "apply_async", lambda args, **_: None)
    yield
    cache.clear()


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.mark.envoy
def test_a_request_is_tried(place: Place) -> None:
    api, rest = make_saved_api(place), Rest(place.user, place.environment)

    begun = rest("POST", f"AM/{api.pk}/rehearsals", {"request": {"target": "/orders/1?a"}})
    before = rest("GET", f"AM/{api.pk}/rehearsals/{begun.data['id']}")
    jobs.work(begun.data["id"])
    done = rest("GET", f"AM/{api.pk}/rehearsals/{begun.data['id']}")

    assert (begun.status_code, begun.data["state"], before.data["verdict"]) == (202, "waiting", None)
    assert (done.data["state"], done.data["fault"]) == ("done", "")
    assert done.data["verdict"]["outcome"] == "upstream"
    assert done.data["verdict"]["routes"][0]["state"] == "taken"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "curl command"),
        ({"request": {"target": "/"}, "curl": "curl h"}, "curl command"),
        ({"request": {"target": "a b"}}, "one word"),
        ({"request": {"target": "/", "bygone": 1}}, "bygone"),
        ({"curl": "curl --proxy p h"}, "--proxy"),
        ({"request": {"target": "/"}, "answers": [{"bygone": 1}]}, "bygone"),
        ({"request": {"target": "/"}, "on": "deployed"}, "not deployed"),
    ],
)
def test_what_is_no_request_is_refused(place: Place, body: dict[str, Any], said: str) -> None:
    api, rest = make_saved_api(place), Rest(place.user, place.environment)

    answer = rest("POST", f"AM/{api.pk}/rehearsals", body)

    assert answer.status_code == 400
    assert said in str(answer.data)


def test_a_rehearsal_is_its_askers_alone(place: Place) -> None:
    api, viewer = make_saved_api(place), make_user()
    make_role(viewer, place.environment.organization, Role.Name.VIEWER)
    sent = {"curl": "curl http://h:8081/orders"}

    begun = Rest(place.user, place.environment)("POST", f"AM/{api.pk}/rehearsals", sent)
    seen = Rest(viewer, place.environment)("GET", f"AM/{api.pk}/rehearsals/{begun.data['id']}")

    assert seen.status_code == 404
    assert Rest(viewer, place.environment)("POST", f"AM/{api.pk}/rehearsals", sent).status_code == 403


@pytest.mark.envoy
def test_a_request_is_tried_among_all_apis_of_a_gateway(place: Place) -> None:
    api, rest = make_saved_api(place), Rest(place.user, place.environment)
    target, other = f"AMX/gateway-targets/{api.gateway_id}/rehearsals", make_gateway(place.environment)

    begun = rest("POST", target, {"request": {"target": "/orders/1"}})
    assert begun.status_code == 202, begun.data
    jobs.work(begun.data["id"])
    done = rest("GET", f"{target}/{begun.data['id']}")

    assert (done.data["fault"], done.data["verdict"]["outcome"]) == ("", "upstream")
    elsewhere = f"AMX/gateway-targets/{other.pk}/rehearsals/{begun.data['id']}"
    assert rest("GET", elsewhere).status_code == 404
    assert rest("GET", f"AM/{api.pk}/rehearsals/{begun.data['id']}").status_code == 404
    assert rest("POST", target, {"request": {"target": "/", "bygone": 1}}).status_code == 400
    assert rest("POST", target, {"request": {"target": "/"}, "onn": "deployed"}).status_code == 400
    viewer = make_user()
    make_role(viewer, place.environment.organization, Role.Name.VIEWER)
    sent = {"request": {"target": "/orders"}}
    assert Rest(viewer, place.environment)("POST", target, sent).status_code == 403
