"""Hosts, checks and bounds of an upstream in the routes form and the wizard, and what replicas told."""

from typing import Any

import pytest

from apis.models import ApiInstance
from console.models import Role
from gateways.models import Replica
from gateways.protocol.upstream_settings import IDEMPOTENT
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.apis.views.wizard import fill, send
from tests.factories import make_replica

pytestmark = pytest.mark.django_db
DOWNSTREAM = {"protocol": "http", "port": "8081", "base_path": "/orders"}
ONE = {**DOWNSTREAM, "mode": "simple", "uri": "http://backend:8080/"}


def untouched(name: str) -> dict[str, Any]:
    """What a browser sends of one row of settings: lists that are empty otherwise."""
    return {
        name: ["0"],
        f"{name}.0.retries.methods": list(IDEMPOTENT),
        f"{name}.0.retries.statusCodes": "502\n503\n504",
        f"{name}.0.healthCheck.statuses": "200",
    }


TWO_HOSTS = {
    **untouched("uri_settings"),
    "uri_settings.0.hosts": ["0", "1"],
    "uri_settings.0.hosts.0.address": "one:8080",
    "uri_settings.0.hosts.0.weight": "3",
    "uri_settings.0.hosts.1.address": "two:8080",
    "uri_settings.0.hosts.1.backup": "on",
    "uri_settings.0.healthCheck.kind": "http",
    "uri_settings.0.healthCheck.path": "/health",
    "uri_settings.0.healthCheck.statuses": "200\n300-399",
    "uri_settings.0.healthCheck.intervalInSeconds": "5",
}


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place)


def post(place: Place, api: ApiInstance, sent: dict[str, Any]) -> Any:
    return place.client.post(f"/apis/{api.pk}/routes", sent)


def test_who_needs_one_host_sees_one_button(place: Place, api: ApiInstance) -> None:
    page = text(place.client.get(f"/apis/{api.pk}/routes"))

    assert 'value="add:uri_settings"' in page
    assert "Circuit breaker" not in page


def test_a_timeout_is_asked_for_in_seconds_and_not_in_minutes(place: Place, api: ApiInstance) -> None:
    page = text(post(place, api, {**ONE, "rows": "add:uri_settings"}))

    for name in ("timeouts.connectInMilliseconds", "dns.refreshInSeconds"):
        field = page[page.index(f'name="uri_settings.0.{name}.unit"') :]
        assert '<option value="s" selected>' in field[: field.index("</select>")]


def test_the_button_shows_each_setting_as_it_comes(place: Place, api: ApiInstance) -> None:
    page = text(post(place, api, {**ONE, "rows": "add:uri_settings"}))

    for name in ("loadBalancing.algorithm", "healthCheck.kind", "limits.maxRequests", "dns.refreshInSeconds"):
        assert f'name="uri_settings.0.{name}"' in page
    assert "<details" in page
    assert api.upstreams.get().settings == {}


def test_what_is_opened_and_left_as_it_comes_says_nothing(place: Place, api: ApiInstance) -> None:
    opened = {**untouched("uri_settings"), "uri_settings.0.loadBalancing.algorithm": "roundRobin"}

    assert post(place, api, {**ONE, **opened}).status_code == 302
    assert api.upstreams.get().settings == {}


def test_settings_are_saved_and_shown_again(place: Place, api: ApiInstance) -> None:
    answer = post(place, api, {**ONE, **TWO_HOSTS})

    assert answer.status_code == 302, text(answer)
    told = api.upstreams.get().told
    assert [(one.address, one.weight, one.backup) for one in told.hosts] == [
        ("one:8080", 3, False),
        ("two:8080", 1, True),
    ]
    assert told.health_check.statuses == ("200", "300-399")
    page = text(place.client.get(f"/apis/{api.pk}/routes"))
    assert 'value="two:8080"' in page
    assert 'value="remove:uri_settings:0"' in page

    post(place, api, ONE)
    assert api.upstreams.get().settings == {}


def test_each_upstream_of_a_route_has_its_own(place: Place, api: ApiInstance) -> None:
    sent = {
        **DOWNSTREAM,
        "mode": "routes",
        "routes": ["0"],
        "routes.0.upstreams": ["0", "1"],
        "routes.0.upstreams.0.uri": "http://blue:8080",
        "routes.0.upstreams.0.weight": "95",
        "routes.0.upstreams.1.uri": "http://green:8080",
        "routes.0.upstreams.1.weight": "5",
        **untouched("routes.0.upstreams.1.settings"),
        "routes.0.upstreams.1.settings.0.outlierDetection.consecutiveErrors": "5",
    }

    assert post(place, api, sent).status_code == 302
    blue, green = api.upstreams.order_by("uri")
    assert blue.settings == {}
    assert green.told.outlier_detection.consecutive_errors == 5


def test_another_upstream_takes_over_at_a_path_of_its_own(place: Place, api: ApiInstance) -> None:
    spare = {
        "uri_settings.0.failover.address": "spare:8080",
        "uri_settings.0.failover.path": "/backup/v1",
    }

    assert post(place, api, {**ONE, **untouched("uri_settings"), **spare}).status_code == 302

    told = api.upstreams.get().told.failover
    assert (told.address, told.path) == ("spare:8080", "/backup/v1")
    page = text(place.client.get(f"/apis/{api.pk}/routes"))
    assert 'value="/backup/v1"' in page
    assert "gets no POST or PATCH while nobody knows that it is needed" in text(
        place.client.get(f"/apis/{api.pk}/findings")
    )
    post(place, api, {**ONE, **untouched("uri_settings"), **spare, "uri_settings.0.failover.path": ""})
    assert api.upstreams.get().settings == {"failover": {"address": "spare:8080"}}


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        ({"uri_settings.0.failover.path": "/a"}, "failover.path", "Nobody takes over"),
        ({"uri_settings.0.hosts.1.address": "http://two"}, "hosts.1.address", "has a scheme"),
        ({"uri_settings.0.hosts.1.weight": "many"}, "hosts.1.weight", "is not a whole number"),
        ({"uri_settings.0.healthCheck.kind": "none"}, "hosts.1.backup", "Nothing tells when it is needed"),
        ({"uri_settings.0.healthCheck.path": "health"}, "healthCheck.path", "does not start with"),
        ({"uri_settings.0.limits.maxRequests": "0"}, "limits.maxRequests", "Write 1 or more"),
    ],
)
def test_faults_stand_at_their_fields(
    place: Place, api: ApiInstance, change: dict[str, str], name: str, said: str
) -> None:
    answer = post(place, api, {**ONE, **TWO_HOSTS, **change})

    assert answer.status_code == 422
    page = text(answer)
    assert said in page
    assert f'id="f-uri_settings.0.{name}_error"' in page
    assert 'value="one:8080"' in page
    assert api.upstreams.get().settings == {}


def test_what_no_choice_shows_is_left_out(place: Place, api: ApiInstance) -> None:
    """A path typed before the check was chosen away is not what was meant."""
    hidden = {"uri_settings.0.healthCheck.kind": "tcp"}

    assert post(place, api, {**ONE, **TWO_HOSTS, **hidden}).status_code == 302
    assert api.upstreams.get().told.health_check.path == "/"


def test_the_wizard_takes_them_too(place: Place) -> None:
    fill(place, upto="upstream")

    answer: Any = send(place, "upstream", mode="simple", uri="http://backend:8080", **TWO_HOSTS)

    assert answer.status_code == 302, text(answer)
    send(place, "review", deploy="0")
    assert len(ApiInstance.objects.get().upstreams.get().told.hosts) == 2


def told(api: ApiInstance, replica: Replica, *states: str) -> None:
    (upstream,) = api.upstreams.all()
    hosts = [
        {"address": f"10.0.0.{at}:8080", "name": f"host-{at}", "state": state, "backup": at == 2}
        for at, state in enumerate(states)
    ]
    bad = [one["address"] for one in hosts if one["state"] in ("unhealthy", "ejected")]
    said = {"healthy": states.count("healthy"), "total": len(hosts), "unhealthy": bad, "hosts": hosts}
    service = f"{api.environment_id}/apii-{api.pk}-{upstream.pk.hex[:8]}"
    replica.envoy = {"upstreams": {service: said | {"unknown": states.count("unknown")}}}
    replica.save()


@pytest.mark.parametrize("page", ["", "/routes"])
def test_hosts_are_shown_as_each_replica_told(place: Place, api: ApiInstance, page: str) -> None:
    post(place, api, {**ONE, **TWO_HOSTS})
    told(api, place.gateway.replicas.get(), "healthy", "ejected", "unknown")
    told(api, make_replica(place.gateway, name="other"), "healthy", "healthy", "unknown")

    shown = text(place.client.get(f"/apis/{api.pk}{page}"))

    assert ">1 of 3 healthy<" in shown
    assert ">Ejected on 1 of 2<" in shown
    assert "10.0.0.1:8080" in shown
    assert ">Not asked yet<" in shown
    assert ">No replica has it<" in shown


def test_hosts_of_nonsense_are_not_shown(place: Place, api: ApiInstance) -> None:
    post(place, api, {**ONE, **TWO_HOSTS})
    told(api, place.gateway.replicas.get(), "healthy", "of its own")

    shown = text(place.client.get(f"/apis/{api.pk}"))

    assert "Health not known" in shown
    assert "10.0.0.1" not in shown


def test_who_may_not_edit_sees_what_is_set(place: Place, api: ApiInstance) -> None:
    post(place, api, {**ONE, **TWO_HOSTS})
    viewer = make_place(Role.Name.VIEWER, place.environment)

    page = text(viewer.client.get(f"/apis/{api.pk}/routes"))

    assert "<dt>Health check, path</dt>" in page
    assert "two:8080" in page
    assert "uri_settings" not in page
