"""The pages of one API, and what can be done to it as a whole."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apis.changes.policies import apply_policy
from apis.models import ApiInstance
from console.models import Role
from gateways.models import Ack, Deployment, Replica, ResourceStatus
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.factories import make_gateway, make_replica

pytestmark = pytest.mark.django_db

DOWNSTREAM = {
    "protocol": "http",
    "port": "8081",
    "base_path": "/orders",
    "label": "",
    "consumer_endpoint": "",
}


def answer(api: ApiInstance, replica: Replica, state: str = "applied", reason: str = "") -> None:
    """What the replica says of the API's newest version."""
    api.refresh_from_db()
    ResourceStatus.objects.create(
        replica=replica,
        namespace=str(api.environment_id),
        name=api.resource_name,
        state=state,
        reason=reason,
        generation=api.changed_generation,
        running_generation=api.changed_generation if state == "applied" else None,
        since=timezone.now(),
    )


@pytest.mark.parametrize("tab", ["/gateway", "/delete"])
def test_what_is_asked_first_has_a_page(place: Place, tab: str) -> None:
    api = make_saved_api(place, deploy=True)

    assert place.client.get(f"/apis/{api.pk}{tab}").status_code == 200


def test_overview_says_where_it_listens_and_how_to_try_it(place: Place) -> None:
    api = make_saved_api(place)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert "curl -i http://GATEWAY-HOST:8081/orders" in page
    assert "http://backend:8080/" in page


def test_it_is_said_that_a_request_to_try_needs_credentials(place: Place) -> None:
    api, words = make_saved_api(place), "asks who calls: add the credentials that it wants"
    before = text(place.client.get(f"/apis/{api.pk}"))
    login = {"username": "ann", "password": "correct-horse"}
    binding = apply_policy(place.user, api, "http-basic-authentication", login)

    asks = text(place.client.get(f"/apis/{api.pk}"))
    binding.mode = "observe"
    binding.save()
    observes = text(place.client.get(f"/apis/{api.pk}"))

    assert words not in before
    assert f"Basic Authentication: Simple {words}" in asks
    assert words not in observes


def test_no_host_is_invented(place: Place) -> None:
    api = make_saved_api(place, deploy=True)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert ":8081/orders → http://backend:8080/" in page
    assert "http://GATEWAY-HOST:8081/orders →" not in page


def test_of_a_gateway_that_is_down_the_last_host_is_shown_and_that_it_is_down(place: Place) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    place.gateway.replicas.update(control_url="http://10.1.2.3:9443", last_heartbeat_at=long_ago)
    api = make_saved_api(place, deploy=True)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert "curl -i http://10.1.2.3:8081/orders" in page
    assert f"Gateway {place.gateway} is Disconnected" in page


def test_address_names_the_host_that_replicas_report(place: Place) -> None:
    place.gateway.replicas.update(control_url="http://127.0.0.1:9443")
    api = make_saved_api(place)

    assert "curl -i http://localhost:8081/orders" in text(place.client.get(f"/apis/{api.pk}"))


def test_page_asks_often_until_every_replica_has_answered(place: Place) -> None:
    api = make_saved_api(place)

    saved = text(place.client.get(f"/apis/{api.pk}/status"))
    place.client.post(f"/apis/{api.pk}/deploy")
    api.refresh_from_db()
    waiting = text(place.client.get(f"/apis/{api.pk}/status"))
    answer(api, place.gateway.replicas.get())
    settled = text(place.client.get(f"/apis/{api.pk}/status"))

    assert "Applying" in waiting
    assert "hx-trigger" not in saved
    assert "every 1s" in waiting
    assert "in force on 1 of 1 replica" in settled
    assert "every 15s" in settled


def test_heading_and_table_of_replicas_are_refreshed_by_one_request(place: Place) -> None:
    api = make_saved_api(place, deploy=True)

    overview = text(place.client.get(f"/apis/{api.pk}"))
    settings = text(place.client.get(f"/apis/{api.pk}/settings"))
    (asked,) = re.findall(r'id="api-status"[^>]* hx-get="([^"]+)"', overview)
    answer(api, place.gateway.replicas.get())
    fresh = text(place.client.get(asked))

    assert overview.count("every 1s") == 1
    assert 'hx-select-oob="#trouble,#where"' in overview
    assert "in force on 1 of 1 replica" in fresh
    assert 'id="where"' in fresh
    assert "Applied" in fresh
    assert 'hx-select-oob="#trouble"' in settings


def test_refusal_shows_the_gateways_own_reason(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    answer(api, place.gateway.replicas.get(), "refused", "port 8081 is taken by another process")

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert "Failed" in page
    assert "port 8081 is taken by another process" in page
    assert "every 5s" in page, "the port may become free"


def test_deploy_undeploy_and_back(place: Place) -> None:
    api = make_saved_api(place)

    place.client.post(f"/apis/{api.pk}/deploy")
    api.refresh_from_db()
    assert api.is_deployed
    place.client.post(f"/apis/{api.pk}/undeploy")

    api.refresh_from_db()
    assert not api.is_deployed


def test_undeploying_is_asked_about_first_with_what_callers_will_get(place: Place) -> None:
    api = make_saved_api(place, deploy=True)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert f'data-confirm="Undeploy {api}? Requests to ' in page
    assert "get 404 at once." in page


def test_api_without_a_gateway_is_asked_for_one(place: Place) -> None:
    api = make_saved_api(place, gateway=None)

    asked = place.client.post(f"/apis/{api.pk}/deploy")
    place.client.post(f"/apis/{api.pk}/deploy", {"gateway": str(place.gateway.pk)})

    api.refresh_from_db()
    assert asked.url == f"/apis/{api.pk}/gateway"  # type: ignore[attr-defined]
    assert (api.gateway, api.is_deployed) == (place.gateway, True)


def test_gateway_of_another_environment_is_refused(place: Place) -> None:
    api = make_saved_api(place)
    foreign = make_gateway()

    place.client.post(f"/apis/{api.pk}/deploy", {"gateway": str(foreign.pk)})

    api.refresh_from_db()
    assert not api.is_deployed


def test_deprecate_and_take_it_back(place: Place) -> None:
    api = make_saved_api(place)

    place.client.post(f"/apis/{api.pk}/deprecate", {"deprecated": "true"})
    assert "Deprecated" in text(place.client.get("/apis"))
    place.client.post(f"/apis/{api.pk}/deprecate", {"deprecated": "false"})

    api.refresh_from_db()
    assert not api.is_deprecated


def test_deployed_api_is_deleted_only_with_its_name(place: Place) -> None:
    api = make_saved_api(place, deploy=True)

    refused = place.client.post(f"/apis/{api.pk}/delete")
    assert refused.status_code == 422
    place.client.post(f"/apis/{api.pk}/delete", {"name": "Orders"})

    assert not ApiInstance.objects.exists()


def test_the_question_before_a_delete_says_what_goes_with_it(place: Place) -> None:
    api = make_saved_api(place)

    assert "Its routes and upstreams go with it." in text(place.client.get(f"/apis/{api.pk}/delete"))
    allow(place, api)
    told = text(place.client.get(f"/apis/{api.pk}/delete"))
    assert "Its routes, upstreams and 1 policy go with it." in told


def test_settings_are_saved(place: Place) -> None:
    api = make_saved_api(place)

    place.client.post(
        f"/apis/{api.pk}/settings",
        {"label": "eu", "consumer_endpoint": "https://x.example.com", "tags": "a\nb", "description": "Ours"},
    )

    api.refresh_from_db()
    assert (api.label, api.consumer_endpoint, api.tags, api.description) == (
        "eu",
        "https://x.example.com",
        ["a", "b"],
        "Ours",
    )


def test_routes_are_edited_and_upstreams_keep_their_ids(place: Place) -> None:
    api = make_saved_api(place)
    upstream = api.upstreams.get()

    place.client.post(
        f"/apis/{api.pk}/routes",
        {**DOWNSTREAM, "port": "8082", "mode": "simple", "uri": "http://other/", "uri_id": str(upstream.pk)},
    )

    api.refresh_from_db()
    upstream.refresh_from_db()
    assert (api.port, upstream.uri) == (8082, "http://other/")


def test_route_faults_stand_at_their_fields(place: Place) -> None:
    api = make_saved_api(place)

    page = place.client.post(
        f"/apis/{api.pk}/routes", {**DOWNSTREAM, "base_path": "x y", "mode": "simple", "uri": "y"}
    )

    assert page.status_code == 422
    assert 'id="f-base_path_error"' in text(page)
    assert 'id="f-uri_error"' in text(page)
    assert api.upstreams.get().uri == "http://backend:8080/"


def test_route_rows_are_added_without_saving(place: Place) -> None:
    api = make_saved_api(place)
    sent = {**DOWNSTREAM, "mode": "routes", "routes": ["0"], "routes.0.label": "kept", "rows": "add:routes"}

    page = text(place.client.post(f"/apis/{api.pk}/routes", sent))

    assert 'value="kept"' in page
    assert 'name="routes.1.label"' in page
    assert api.routes.get().label == ""


@pytest.mark.parametrize("field", ["routes.0.label", "routes.0.upstreams.0.label"])
@pytest.mark.parametrize("label", ["a\x01b", "a\nb"])
def test_labels_of_routes_are_of_one_line(place: Place, field: str, label: str) -> None:
    api = make_saved_api(place)
    sent = {**DOWNSTREAM, "mode": "routes", "routes": ["0"], "routes.0.upstreams": ["0"]}
    sent |= {"routes.0.upstreams.0.uri": "http://b/", "routes.0.upstreams.0.weight": "100", field: label}

    answer = place.client.post(f"/apis/{api.pk}/routes", sent)

    assert answer.status_code == 422
    assert f'id="f-{field}_error"' in text(answer)
    assert "The label holds a line break or a control character" in text(answer)
    assert api.upstreams.get().uri == "http://backend:8080/"


def test_history_holds_the_api_and_its_policies_even_removed_ones(place: Place) -> None:
    api, other = make_saved_api(place, "Orders"), make_saved_api(place, "Payments")
    binding = allow(place, api)
    allow(place, other)
    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/remove")

    page = text(place.client.get(f"/apis/{api.pk}/history"))

    assert page.count("IP Allowlist") == 2
    assert "Payments" not in page


def brought_by(place: Place, generation: int = 0) -> Deployment:
    """The deployment of the gateway's newest generation, or of that one."""
    place.gateway.refresh_from_db()
    wanted = {"gateway": place.gateway, "generation": generation or place.gateway.generation}
    return Deployment.objects.get_or_create(**wanted, defaults={"digest": "d", "resources_count": 1})[0]


def test_deployments_list_each_replicas_answer(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    deployment = brought_by(place, generation=7)
    Ack.objects.create(
        deployment=deployment,
        replica=place.gateway.replicas.get(),
        applied=False,
        reason="no room",
        duration_ms=12,
    )

    page = text(place.client.get(f"/apis/{api.pk}/deployments"))

    assert "no room" in page
    assert "12 ms" in page
    api.refresh_from_db()
    assert api.revision and api.revision.short_id in page


def test_deployments_need_no_query_for_each(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    replicas = [place.gateway.replicas.get(), make_replica(place.gateway)]

    def deploy() -> None:
        allow(place, api)
        for replica in replicas:
            Ack.objects.create(deployment=brought_by(place), replica=replica, applied=True)

    deploy()
    deploy()
    place.client.get(f"/apis/{api.pk}/deployments")
    with CaptureQueriesContext(connection) as two:
        place.client.get(f"/apis/{api.pk}/deployments")
    for _ in range(8):
        deploy()
    with CaptureQueriesContext(connection) as ten:
        place.client.get(f"/apis/{api.pk}/deployments")

    assert len(ten) == len(two)


def test_viewer_sees_no_way_to_write_and_is_refused() -> None:
    manager = make_place()
    api = make_saved_api(manager, deploy=True)
    viewer = make_place(Role.Name.VIEWER, manager.environment).client

    page = text(viewer.get(f"/apis/{api.pk}"))

    for word in ("/undeploy", "/delete", "Add policy", "/deploy"):
        assert f'{word}"' not in page
    for path in ("deploy", "undeploy", "deprecate", "delete", "routes", "settings"):
        assert viewer.post(f"/apis/{api.pk}/{path}").status_code == 403
    assert viewer.get(f"/apis/{api.pk}/routes").status_code == 200
    assert viewer.get(f"/apis/{api.pk}/settings").status_code == 200


def test_writes_need_the_csrf_token(place: Place) -> None:
    api = make_saved_api(place)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(place.user)

    assert strict.post(f"/apis/{api.pk}/deploy").status_code == 403


def test_a_read_never_writes(place: Place) -> None:
    api = make_saved_api(place)

    for path in ("deploy", "undeploy", "deprecate"):
        assert place.client.get(f"/apis/{api.pk}/{path}").status_code == 405


def test_of_an_api_that_was_never_deployed_nothing_is_said_to_serve(place: Place) -> None:
    api = make_saved_api(place)

    assert "goes on serving" not in text(place.client.get(f"/apis/{api.pk}"))
