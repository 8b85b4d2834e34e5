"""The page of an API's deployments: what each brought, two compared, and the way back in one click."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from apis.changes import instances, policies
from apis.models import ApiInstance, PolicyBinding
from apis.revision import Revision
from console.models import AuditEntry, Role
from gateways.models import Ack, Deployment, Gateway, Replica
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.apis.views.test_detail import answer
from tests.factories import make_gateway, make_replica

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place, deploy=True)


def carried(gateway: Gateway, *answers: tuple[Replica, dict[str, str]]) -> Deployment:
    """What was saved so far went to the gateway; each replica applied it but for what it says it refused."""
    gateway.refresh_from_db()
    found = Deployment.objects.create(
        gateway=gateway, generation=gateway.generation, digest="d", resources_count=1
    )
    for replica, refused in answers:
        Ack.objects.create(deployment=found, replica=replica, applied=True, refused=refused, duration_ms=7)
    return found


def page_of(place: Place, api: ApiInstance, more: str = "") -> str:
    answer = place.client.get(f"/apis/{api.pk}/deployments{more}")
    assert answer.status_code == 200
    return text(answer)


def now(api: ApiInstance) -> Revision:
    found = ApiInstance.objects.get(pk=api.pk).revision
    assert found is not None
    return found


class TestList:
    def test_it_tells_who_what_and_what_came_of_it_on_each_replica(
        self, place: Place, api: ApiInstance
    ) -> None:
        first, second = place.gateway.replicas.get(), make_replica(place.gateway, name="other")
        carried(place.gateway, (first, {}), (second, {}))
        allow(place, api)
        carried(place.gateway, (first, {}), (second, {api.resource_name: "port 8081 is taken"}))
        instances.set_deprecated(place.user, api, True)
        answer(api, first)
        answer(api, second, "refused", "port 8081 is taken")

        page = page_of(place, api)

        newest, oldest = re.findall(r"<tr>(.*?)</tr>", page[page.index('id="deployments"') :], re.S)[1:]
        assert "Refused by 1 of 2" in newest and "port 8081 is taken" in newest
        assert place.user.username in newest and "IP Allowlist" in newest
        assert "current" in newest and "Roll back to this" not in newest
        assert "Applied on 2" in oldest and "took 7 ms" in oldest
        assert "Roll back to this" in oldest

    def test_an_older_one_keeps_what_a_replica_refused_it_for(self, place: Place, api: ApiInstance) -> None:
        replica = place.gateway.replicas.get()
        carried(place.gateway, (replica, {api.resource_name: "no such certificate"}))
        allow(place, api)
        carried(place.gateway, (replica, {}))
        answer(api, replica)

        page = page_of(place, api)

        assert "no such certificate" in page
        assert "Applied on 1" in page and "Refused by 1 of 1" in page

    def test_what_no_worker_sent_yet_is_told(self, place: Place, api: ApiInstance) -> None:
        carried(place.gateway)
        allow(place, api)

        page = page_of(place, api)

        assert "Not sent yet" in page and "IP Allowlist" in page

    def test_those_on_a_gateway_that_it_left_stay(self, place: Place, api: ApiInstance) -> None:
        old, place_of_old = now(api), carried(place.gateway)
        other = make_gateway(place.environment, name="newer")
        instances.deploy_api(place.user, api, other)
        carried(place.gateway)
        carried(other)

        page = page_of(place, api)

        assert f"of {place_of_old.gateway}" in page
        assert "Taken off" in page
        assert old.short_id in page

    def test_a_viewer_has_nothing_to_roll_back_with(self, place: Place, api: ApiInstance) -> None:
        carried(place.gateway)
        allow(place, api)
        carried(place.gateway)
        viewer = make_place(Role.Name.VIEWER, place.environment)

        assert "Roll back" not in page_of(viewer, api)


class TestCompare:
    def test_any_two_are_compared_in_words_and_as_yaml(self, place: Place, api: ApiInstance) -> None:
        before = now(api)
        binding = allow(place, api, "10.0.0.1")
        after = now(api)

        answer = place.client.get(
            f"/apis/{api.pk}/deployments/compare", {"r": [after.short_id, before.short_id]}, follow=True
        )

        assert answer.redirect_chain[-1][0].endswith(f"from={before.short_id}&to={after.short_id}")
        page = text(answer)
        assert "Policy IP Allowlist" in page
        assert "<ins>+kind: PolicyBinding</ins>" in page
        assert isinstance(binding, PolicyBinding)

    def test_a_single_one_is_compared_with_what_runs(self, place: Place, api: ApiInstance) -> None:
        before = now(api)
        allow(place, api)

        answer = place.client.get(f"/apis/{api.pk}/deployments/compare", {"r": before.short_id})

        assert answer["Location"].endswith(f"from={before.short_id}&to=running")

    def test_more_than_two_are_not_compared(self, place: Place, api: ApiInstance) -> None:
        answer = place.client.get(f"/apis/{api.pk}/deployments/compare", {"r": ["a", "b", "c"]}, follow=True)

        assert "Choose two deployments" in text(answer)

    @pytest.mark.parametrize("name", ["ffffffffffff", "", "'; DROP", "%", "0" * 500])
    def test_what_is_not_kept_is_said(self, place: Place, api: ApiInstance, name: str) -> None:
        answer = place.client.get(f"/apis/{api.pk}/deployments/compare", {"from": name or "x", "to": "saved"})

        assert answer.status_code == 200
        assert "nothing is kept of it" in text(answer)

    def test_a_secret_that_changed_is_said_and_not_shown(self, place: Place, api: ApiInstance) -> None:
        login = {"username": "ann", "password": "before-before"}
        binding = policies.apply_policy(place.user, api, "http-basic-authentication", login)
        before = now(api)
        policies.edit_policy(place.user, binding, login | {"password": "after-after"})

        page = text(place.client.get(f"/apis/{api.pk}/deployments/compare?from={before.short_id}&to=running"))

        assert "changed" in page
        assert "before-before" not in page and "after-after" not in page

    def test_another_apis_revision_is_not_there(self, place: Place, api: ApiInstance) -> None:
        other = make_saved_api(place, "Other", deploy=True)

        page = text(
            place.client.get(f"/apis/{api.pk}/deployments/compare?from={now(other).short_id}&to=saved")
        )

        assert "nothing is kept of it" in page


class TestRollBack:
    def test_it_shows_what_it_would_change_and_does_it(self, place: Place, api: ApiInstance) -> None:
        good = now(api)
        allow(place, api)
        path = f"/apis/{api.pk}/revisions/{good.short_id}/rollback"

        asked = text(place.client.get(path))
        dialog = text(place.client.get(path, headers={"HX-Request": "true"}))
        done = place.client.post(path, follow=True)

        for question in (asked, dialog):
            assert "Policy IP Allowlist" in question and "removed" in question
            assert "Discard what is saved, too" in question
        assert "<dialog" in dialog and "<html" not in dialog
        assert f"Rolled back to {good}" in text(done)
        assert now(api) == good
        assert AuditEntry.objects.first().diff["revision"][1] == good.short_id  # type: ignore[union-attr]

    def test_what_is_saved_stays_pending_or_is_discarded_with_it(
        self, place: Place, api: ApiInstance
    ) -> None:
        good, path = now(api), f"/apis/{api.pk}/revisions/{now(api).short_id}/rollback"
        allow(place, api)

        place.client.post(path, {"comment": "Too strict."})
        api.refresh_from_db()
        assert (api.pending_since is not None, api.policies.count()) == (True, 1)
        place.client.post(f"/apis/{api.pk}/pending/deploy", {"seen": ""})
        page = text(place.client.post(path, {"discard": "on"}, follow=True))

        api.refresh_from_db()
        assert (api.revision, api.pending_since, api.policies.count()) == (good, None, 0)
        assert "Discarded what was pending." in page, "it can be had back"

    def test_why_is_told_with_the_deployment(self, place: Place, api: ApiInstance) -> None:
        good = now(api)
        allow(place, api)
        path = f"/apis/{api.pk}/revisions/{good.short_id}/rollback"

        place.client.post(path, {"comment": "Too <b>strict</b>."})
        carried(place.gateway)

        assert "Too &lt;b&gt;strict&lt;/b&gt;." in page_of(place, api)
        long = place.client.post(path, {"comment": "x" * 1001})
        assert long.status_code == 409 and "longer than 1000" in text(long)

    def test_what_stands_in_its_way_is_said_before(self, place: Place, api: ApiInstance) -> None:
        good = now(api)
        instances.edit_api(place.user, api, lambda one: replace(one, base_path="/elsewhere"))
        make_saved_api(place, "Taker", base_path="/orders")
        path = f"/apis/{api.pk}/revisions/{good.short_id}/rollback"

        asked, refused = place.client.get(path), place.client.post(path)

        assert "overlaps" in text(asked) and "disabled" in text(asked)
        assert refused.status_code == 409 and "overlaps" in text(refused)
        assert now(api) != good

    def test_a_revision_of_another_api_is_not_found(self, place: Place, api: ApiInstance) -> None:
        other = make_saved_api(place, "Other", deploy=True)

        answer = place.client.post(f"/apis/{api.pk}/revisions/{now(other).short_id}/rollback")

        assert answer.status_code == 404


class TestBadDays:
    """What the page says where a change has not arrived, or was refused."""

    def away(self, place: Place) -> None:
        place.gateway.replicas.update(last_heartbeat_at=timezone.now() - timedelta(hours=1))

    def test_a_change_that_a_gateway_has_not_heard_of_can_be_taken_back(
        self, place: Place, api: ApiInstance
    ) -> None:
        good, replica = now(api), place.gateway.replicas.get()
        carried(place.gateway, (replica, {}))
        answer(api, replica)
        self.away(place)
        allow(place, api)
        carried(place.gateway)
        path = f"/apis/{api.pk}/revisions/{good.short_id}/rollback"

        for tab in ("", "/deployments", "/status"):
            page = text(place.client.get(f"/apis/{api.pk}{tab}"))
            assert "is applied when it is back" in page
            assert "Take it back" in page and path in page
        done = place.client.post(path, follow=True)

        assert now(api) == good
        assert "takes it into force, when it is connected again" in text(done)
        assert "Take it back" not in text(place.client.get(f"/apis/{api.pk}"))

    def test_a_gateway_that_went_away_with_all_in_force_is_no_trouble(
        self, place: Place, api: ApiInstance
    ) -> None:
        replica = place.gateway.replicas.get()
        carried(place.gateway, (replica, {}))
        answer(api, replica)
        self.away(place)

        assert "is applied when it is back" not in text(place.client.get(f"/apis/{api.pk}"))

    def test_a_first_deployment_has_no_way_back(self, place: Place, api: ApiInstance) -> None:
        self.away(place)

        page = text(place.client.get(f"/apis/{api.pk}"))

        assert "is applied when it is back" in page and "Take it back" not in page

    def test_what_some_replicas_refuse_is_told_with_the_last_that_all_ran(
        self, place: Place, api: ApiInstance
    ) -> None:
        good, first = now(api), place.gateway.replicas.get()
        second = make_replica(place.gateway, name="second")
        carried(place.gateway, (first, {}), (second, {}))
        allow(place, api)
        carried(place.gateway, (first, {api.resource_name: "no room"}), (second, {}))
        allow(place, api)
        carried(place.gateway, (first, {api.resource_name: "no room"}), (second, {}))
        answer(api, first, "refused", "no room")
        answer(api, second)

        page = text(place.client.get(f"/apis/{api.pk}"))

        assert "1 of 2 replicas refuses what was deployed" in page
        assert "The others run it" in page
        assert f"/apis/{api.pk}/revisions/{good.short_id}/rollback" in page
        assert "Go back to the last revision that all ran" in page

    def test_a_later_answer_counts_for_a_revision_that_was_refused_with_the_first_snapshot(
        self, place: Place, api: ApiInstance
    ) -> None:
        """As when the first was refused as a whole, for the sake of another API."""
        good, replica = now(api), place.gateway.replicas.get()
        whole = carried(place.gateway)
        Ack.objects.create(deployment=whole, replica=replica, applied=False, reason="too large")
        make_saved_api(place, "Other", deploy=True)
        carried(place.gateway, (replica, {}))
        allow(place, api)
        carried(place.gateway, (replica, {api.resource_name: "no room"}))
        answer(api, replica, "refused", "no room")

        assert good.short_id in text(place.client.get(f"/apis/{api.pk}"))

    def test_a_viewer_is_told_and_offered_nothing(self, place: Place, api: ApiInstance) -> None:
        replica = place.gateway.replicas.get()
        carried(place.gateway, (replica, {}))
        allow(place, api)
        answer(api, replica, "refused", "no room")
        viewer = make_place(Role.Name.VIEWER, place.environment)

        page = text(viewer.client.get(f"/apis/{api.pk}"))

        assert "no room" in page and "Go back" not in page
