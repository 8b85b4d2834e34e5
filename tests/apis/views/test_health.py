"""Whether an API's upstreams are healthy, as its gateway's replicas told."""

import pytest

from apis.changes.policies import apply_policy
from apis.models import ApiInstance
from gateways.models import Replica
from tests.apis.views.pages import Place, make_saved_api, text
from tests.factories import make_replica

pytestmark = pytest.mark.django_db
WELL = {"healthy": 1, "unknown": 0, "total": 1, "unhealthy": []}
ILL = {"healthy": 0, "unknown": 0, "total": 1, "unhealthy": ["10.0.0.9:80"]}
ASKED = {"healthy": 0, "unknown": 1, "total": 1, "unhealthy": []}


@pytest.fixture
def api(place: Place) -> ApiInstance:
    api = make_saved_api(place)
    upstreams = [one.pk for one in api.upstreams.all()]
    apply_policy(place.user, api, "health-check", {"path": "/health"}, upstreams=upstreams)
    return api


def told(api: ApiInstance, replica: Replica, said: object) -> None:
    (upstream,) = api.upstreams.all()
    service = f"{api.environment_id}/apii-{api.pk}-{upstream.pk.hex[:8]}"
    replica.envoy = {"upstreams": {service: said}}
    replica.save()


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        (WELL, WELL, "Healthy"),
        (ILL, ILL, "Unhealthy"),
        (WELL, ILL, "Unhealthy on 1 of 2"),
        (ASKED, ASKED, "Being asked"),
        (ASKED, WELL, "Healthy"),
        ("nonsense", {"healthy": -1, "total": "x"}, "Health not known"),
    ],
)
def test_the_overview_says_what_replicas_told(
    place: Place, api: ApiInstance, first: object, second: object, shown: str
) -> None:
    told(api, place.gateway.replicas.get(), first)
    told(api, make_replica(place.gateway, name="other"), second)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert f">{shown}<" in page
    assert ("other: 0 of 1 host healthy, not 10.0.0.9:80" in page) == (second is ILL)


def test_nothing_is_said_where_nobody_asks(place: Place) -> None:
    api = make_saved_api(place)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert "Health not known" not in page
    assert "Healthy" not in page
