"""History and deployments are told by what differs between revisions, whoever changed it."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.changes import instances, policies
from apis.deployment import brought
from apis.deployment.rollback import rollback
from apis.deployment.shown_entries import as_shown
from apis.desired import DesiredRoute, DesiredUpstream
from apis.history import FieldChange
from apis.models import ApiInstance
from apis.revision import Brought, Revision
from console.models import AuditEntry
from gateways.models import Deployment
from tests.apis.deployment.test_pending import FASTER
from tests.apis.deployment.test_push import LIMITS
from tests.apis.views.pages import Place, make_place, make_saved_api, text

pytestmark = pytest.mark.django_db
LOGIN = {"username": "ann", "password": "before-before"}


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    """Deployed, with a policy that has a secret."""
    api = make_saved_api(place, "Orders", deploy=True)
    policies.apply_policy(place.user, api, "http-basic-authentication", LOGIN)
    return api


def last() -> list[FieldChange]:
    [one] = as_shown([AuditEntry.objects.latest("pk")])
    return one.lines


def pushed(place: Place) -> Deployment:
    """What a worker does after a change."""
    place.gateway.refresh_from_db()
    return Deployment.objects.create(
        gateway=place.gateway, generation=place.gateway.generation, digest="d", resources_count=1
    )


def newest(api: ApiInstance) -> brought.Why:
    return brought.why(api, brought.deployments(api)[:1])[0]


class TestEntry:
    def test_a_secret_is_named_and_not_shown(self, place: Place, api: ApiInstance) -> None:
        binding = api.policies.get()

        policies.edit_policy(place.user, binding, {"username": "bob", "password": "after-after"})

        assert last() == [
            FieldChange("Basic Authentication: Simple, username", "ann", "bob"),
            FieldChange("Basic Authentication: Simple, password", after="changed", kind="is"),
        ]
        for page in ("history", "deployments"):
            shown = text(place.client.get(f"/apis/{api.pk}/{page}"))
            assert "after-after" not in shown and "before-before" not in shown

    def test_what_no_revision_holds_is_told_too(self, place: Place, api: ApiInstance) -> None:
        upstream = DesiredUpstream("http://backend:9090/", label="new")

        instances.edit_api(
            place.user,
            api,
            lambda draft: replace(
                draft, description="Of shops", routes=[DesiredRoute(upstreams=[upstream])], tags=["a"]
            ),
        )

        assert last() == [
            FieldChange("Tag", after="a", kind="added"),
            FieldChange("Description", "none", "Of shops"),
            FieldChange("Route 1, upstream 1, address", "http://backend:8080", "http://backend:9090"),
            FieldChange("Route 1, upstream 1, label", "none", "new"),
        ]

    def test_what_came_along_is_told_where_it_was_deployed(self, place: Place, api: ApiInstance) -> None:
        older = api.revision
        policies.apply_policy(place.user, api, "rate-limiting", LIMITS)
        rollback(place.user, api, older)

        instances.edit_api(place.user, api, lambda draft: replace(draft, base_path="/v2"), deploy=True)

        [entry] = as_shown([AuditEntry.objects.latest("pk")])
        assert entry.sentence == "changed its address"
        labels = {one.label: one.kind for one in last()}
        assert labels == {"Listens on": "changed", "Policy Rate Limiting": "added"}

    def test_a_rollback_tells_what_it_took_back(self, place: Place, api: ApiInstance) -> None:
        older = api.revision
        policies.apply_policy(place.user, api, "rate-limiting", LIMITS)

        rollback(place.user, api, older)

        assert [(one.label, one.kind) for one in last()] == [
            ("Revision", "changed"),
            ("Policy Rate Limiting", "removed"),
        ]

    def test_a_switch_is_told_as_one(self, place: Place, api: ApiInstance) -> None:
        policies.set_policy_disabled(place.user, api.policies.get(), True)

        assert last() == [FieldChange("Disabled", "no", "yes")]

    def test_a_mode_is_told(self, place: Place, api: ApiInstance) -> None:
        policies.set_policy_mode(place.user, api.policies.get(), "observe")

        assert last() == [FieldChange("Basic Authentication: Simple, mode", "enforce", "observe")]

    def test_a_move_tells_what_changed_on_the_way(self, place: Place, api: ApiInstance) -> None:
        other = make_place(environment=place.environment).gateway

        instances.edit_api(
            place.user, api, replace(instances.desired_of(api), gateway=other, base_path="/v2")
        )

        assert [one.label for one in last()] == ["Gateway", "Listens on"]

    @pytest.mark.parametrize("is_kept", [True, False])
    def test_without_revisions_it_tells_what_it_holds(
        self, place: Place, api: ApiInstance, is_kept: bool
    ) -> None:
        if is_kept:
            instances.undeploy_api(place.user, api)
        instances.edit_api(place.user, api, lambda draft: replace(draft, base_path="/v2"))
        if not is_kept:
            ApiInstance.objects.update(revision=None)
            Revision.objects.all().delete()

        assert last() == [FieldChange("Listens on", "http://0.0.0.0:8081/orders", "http://0.0.0.0:8081/v2")]


class TestDeployment:
    def test_it_tells_the_sum_of_its_changes(self, place: Place, api: ApiInstance) -> None:
        limit = policies.apply_policy(place.user, api, "rate-limiting", LIMITS)
        pushed(place)
        policies.edit_policy(place.user, limit, FASTER)
        binding = api.policies.get(policy="http-basic-authentication")
        policies.set_policy_disabled(place.user, binding, True)
        policies.set_policy_disabled(place.user, binding, False)
        pushed(place)

        assert [(one.before, one.after) for one in newest(api).lines] == [("3", "9")]
        assert len(newest(api).changes) == 3
        shown = text(place.client.get(f"/apis/{api.pk}/deployments"))
        assert "1 difference<" in shown
        assert f'<a class="link" href="/apis/{api.pk}/policies">Rate Limiting</a>' in shown

    def test_an_api_that_comes_back_is_compared_with_what_it_was(
        self, place: Place, api: ApiInstance
    ) -> None:
        instances.undeploy_api(place.user, api)
        pushed(place)
        assert newest(api).lines == [FieldChange("Deployed", "yes", "no")]
        instances.edit_api(place.user, api, lambda draft: replace(draft, base_path="/v2"))

        instances.deploy_api(place.user, api)
        pushed(place)

        assert [one.label for one in newest(api).lines] == ["Listens on"]

    def test_the_same_again_differs_in_nothing(self, place: Place, api: ApiInstance) -> None:
        pushed(place)
        instances.deploy_api(place.user, api)
        pushed(place)

        assert newest(api).lines == []
        assert "Deployed again, unchanged" in text(place.client.get(f"/apis/{api.pk}/deployments"))

    def test_what_is_no_longer_kept_is_told_by_its_changes(self, place: Place, api: ApiInstance) -> None:
        pushed(place)
        policies.edit_policy(place.user, api.policies.get(), {"username": "bob"})
        pushed(place)
        ApiInstance.objects.update(revision=None)
        Revision.objects.all().delete()

        assert newest(api).lines == [FieldChange("Username", "ann", "bob")]


@pytest.mark.parametrize("page", ["/apis/{api}/history", "/apis/{api}/deployments", "/administration/audit"])
def test_pages_ask_as_often_however_much_they_tell(place: Place, api: ApiInstance, page: str) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert place.client.get(page.format(api=api.pk)).status_code == 200
        return len(seen)

    def change(number: int) -> None:
        policies.edit_policy(place.user, api.policies.get(), {"username": f"user-{number}"})
        pushed(place)

    change(0), change(1)
    asked()
    few = asked()
    for number in range(2, 9):
        change(number)

    assert asked() == few
    assert Brought.objects.count() == 11


def test_charts_read_no_revision(place: Place, api: ApiInstance) -> None:
    """They say who and what, which takes none."""
    policies.edit_policy(place.user, api.policies.get(), {"username": "bob"})
    pushed(place)

    with CaptureQueriesContext(connection) as seen:
        [one] = brought.why(api, brought.deployments(api))
        said: Any = one.words

    assert said.endswith("created the API and 2 more changes")
    assert not any('"apis_revision"."documents"' in query["sql"] for query in seen)
