"""The page Review, the bar that leads there, and the buttons that save with and without deploying."""

import re
from dataclasses import replace
from typing import Any

import pytest

from apis.api_test import ApiTest, ApiTestRun
from apis.changes import instances, policies
from apis.deployment.pending import pending
from apis.models import ApiInstance
from apis.revisions import rows
from console.models import AuditEntry, Environment, Role
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.apis.views.test_deployments import carried

pytestmark = pytest.mark.django_db
Deploys = Environment.Deploys


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    """Deployed, in an environment where changes are deployed after a review."""
    made = make_saved_api(place, deploy=True)
    where(made, Deploys.REVIEW)
    return made


def where(api: ApiInstance, deploys: str, **fields: Any) -> None:
    Environment.objects.filter(pk=api.environment_id).update(deploys=deploys, **fields)
    api.environment.refresh_from_db()


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.get(pk=api.pk)


def look(place: Place, api: ApiInstance, tab: str = "/review") -> str:
    return text(place.client.get(f"/apis/{api.pk}{tab}"))


def seen(page: str) -> str:
    """What the form on the page says that was seen."""
    found = re.search(r'pending/deploy".*?name="seen" value="([^"]+)"', page, re.S)
    assert found, "the page offers no deployment"
    return found[1]


def post(place: Place, api: ApiInstance, what: str, **sent: str) -> Any:
    return place.client.post(f"/apis/{api.pk}/pending/{what}", sent)


class TestBar:
    @pytest.mark.parametrize(
        "tab", ["", "/policies", "/routes", "/tests", "/settings", "/history", "/deployments"]
    )
    def test_every_page_of_the_api_says_that_something_is_pending(
        self, place: Place, api: ApiInstance, tab: str
    ) -> None:
        assert "pending" not in look(place, api, tab).partition("<main")[2]

        allow(place, api)
        instances.edit_api(place.user, api, lambda it: replace(it, base_path="/new", description="Words"))

        page = look(place, api, tab)
        assert "2 changes are pending" in page
        assert f"/apis/{api.pk}/review" in page
        assert "/pending/discard" in page

    def test_a_viewer_may_look_and_not_touch(self, place: Place, api: ApiInstance) -> None:
        allow(place, api)
        viewer = make_place(Role.Name.VIEWER, place.environment)

        page = look(viewer, api)

        assert "1 change is pending" in page
        assert "IP Allowlist" in page
        assert "/pending/" not in page
        for what in ("deploy", "discard", "restore"):
            assert post(viewer, api, what).status_code == 403
        assert pending(fresh(api))


class TestForms:
    @pytest.mark.parametrize(("go", "is_live"), [("save", False), ("deploy", True), ("", True)])
    def test_where_changes_go_at_once_a_form_saves_alone_too(
        self, place: Place, api: ApiInstance, go: str, is_live: bool
    ) -> None:
        where(api, Deploys.ON_SAVE)
        page = look(place, api, "/policies/add/ip-allowlist")
        assert re.search(r'name="go" value="save">\s*Save<', page)

        place.client.post(
            f"/apis/{api.pk}/policies/add/ip-allowlist",
            {"config.ips": "10.0.0.1", "applies": "all", "go": go},
        )

        assert api.policies.count() == 1
        assert bool(pending(fresh(api))) is not is_live

    def test_after_a_review_no_form_and_no_button_deploys(self, place: Place, api: ApiInstance) -> None:
        page = look(place, api, "/policies/add/ip-allowlist")
        assert 'name="go"' not in page
        assert "waits for a review" in page

        sent = {"config.ips": "10.0.0.1", "applies": "all", "go": "deploy"}
        answer = place.client.post(f"/apis/{api.pk}/policies/add/ip-allowlist", sent)
        row = api.policies.get()
        told = text(place.client.get(answer["Location"]))
        place.client.post(f"/apis/{api.pk}/policies/{row.pk}/disable")
        place.client.post(f"/apis/{api.pk}/policies/{row.pk}/enable")

        assert "It waits to be deployed" in told
        assert [one.label for one in pending(fresh(api)).lines] == ["Policy IP Allowlist"]

    def test_what_is_not_deployed_is_deployed_by_its_review(self, place: Place, api: ApiInstance) -> None:
        made = make_saved_api(place, "Stock")

        assert f'href="/apis/{made.pk}/review"' in look(place, made, "")
        assert place.client.post(f"/apis/{made.pk}/deploy")["Location"] == f"/apis/{made.pk}/review"
        assert not fresh(made).is_deployed

        post(place, made, "deploy", seen=seen(look(place, made)))
        assert fresh(made).is_deployed


class TestReview:
    def test_it_tells_what_differs_who_did_it_and_what_is_worth_a_look(
        self, place: Place, api: ApiInstance
    ) -> None:
        allow(place, api, conditions=[{"uriTemplateRegex": "orders"}])
        instances.edit_api(place.user, api, lambda it: replace(it, base_path="/new"))

        page = look(place, api)

        assert "http://0.0.0.0:8081/orders" in page and "http://0.0.0.0:8081/new" in page
        assert "+  address: http://0.0.0.0:8081/new" in page
        assert f"<b>{place.user}</b>" in page
        assert "condition on the path" in page

    def test_deployed_with_a_comment_it_is_told_in_history_and_deployments(
        self, place: Place, api: ApiInstance
    ) -> None:
        allow(place, api)

        answer = post(place, api, "deploy", seen=seen(look(place, api)), comment="Ticket 4711")

        assert answer["Location"] == f"/apis/{api.pk}"
        assert not pending(fresh(api))
        assert "Ticket 4711" in look(place, api, "/history")
        carried(place.gateway)
        assert "Ticket 4711" in look(place, api, "/deployments")
        assert "pending" not in look(place, api, "").partition("<main")[2].partition("toast")[0]

    def test_what_changed_in_another_tab_is_shown_before_it_is_deployed(
        self, place: Place, api: ApiInstance
    ) -> None:
        allow(place, api)
        first = seen(look(place, api))
        instances.edit_api(place.user, api, lambda it: replace(it, base_path="/new"))

        late = post(place, api, "deploy", seen=first, comment="Mine")
        none = post(place, api, "deploy", seen="")

        for answer in (late, none):
            assert answer.status_code == 409
            assert "look at it again" in text(answer)
            assert "/new" in text(answer)
        assert ">Mine</textarea>" in text(late)
        assert pending(fresh(api))
        post(place, api, "deploy", seen=seen(text(late)))
        assert not pending(fresh(api))

    def test_the_second_person_is_asked_for(self, place: Place, api: ApiInstance) -> None:
        where(api, Deploys.SECOND_PERSON)
        allow(place, api)
        other = make_place(environment=place.environment)

        page = look(place, api)
        assert "a second person deploys them" in page
        assert "/pending/deploy" not in page
        token = seen(look(other, api))
        assert post(place, api, "deploy", seen=token).status_code == 422
        assert pending(fresh(api))

        post(other, api, "deploy", seen=token)
        assert not pending(fresh(api))
        assert AuditEntry.objects.latest("pk").diff["changed_by"] == [None, [place.user.username]]

    def test_tests_that_fail_stop_it_and_an_administrator_may_deploy_all_the_same(
        self, place: Place, api: ApiInstance
    ) -> None:
        where(api, Deploys.REVIEW, failing_tests_stop=True)
        ApiTest.objects.create(api=api, name="No credentials", position=0, case={"name": "No credentials"})
        allow(place, api)
        page = look(place, api)
        assert "Not run on what is saved now" in page
        assert "despite_tests" not in page
        assert post(place, api, "deploy", seen=seen(page), despite_tests="on").status_code == 422

        ApiTest.objects.update(state="failed")
        ApiTestRun.objects.create(
            api=api, state="done", total=1, done=1, digest=rows.content_of(api).digests[0]
        )
        admin = make_place(Role.Name.ADMINISTRATOR, place.environment)
        page = look(admin, api)
        assert "1 did not pass" in page and "<b>No credentials</b>" in page
        refused = post(admin, api, "deploy", seen=seen(page))
        assert refused.status_code == 422
        assert "did not pass. Failing tests stop" in text(refused)
        assert 'name="despite_tests"' in text(refused)
        assert '/review">Review</a>' not in text(refused), "the bar leads to where one is"
        post(admin, api, "deploy", seen=seen(text(refused)), despite_tests="on")
        assert not pending(fresh(api))

    def test_once_the_tests_have_run_the_form_knows_without_a_look_at_the_whole_page(
        self, place: Place, api: ApiInstance
    ) -> None:
        where(api, Deploys.REVIEW, failing_tests_stop=True)
        ApiTest.objects.create(api=api, name="a", position=0, case={"name": "a"}, state="passed")
        allow(place, api)
        run = ApiTestRun.objects.create(api=api, state="running", total=1)
        assert 'id="review-gate"' in look(place, api)
        assert "needs all tests" in look(place, api)
        assert "review-gate" not in look(place, api, "/review/tests")

        run.state, run.digest = "done", rows.content_of(api).digests[0]
        run.save()

        told = look(place, api, "/review/tests")
        assert 'id="review-gate" hx-swap-oob="true"' in told
        assert "needs all tests" not in told

    def test_nothing_pending_is_said(self, place: Place, api: ApiInstance) -> None:
        assert "Nothing is pending" in look(place, api)
        assert post(place, api, "deploy", seen="x").status_code == 409

    def test_a_comment_has_an_end(self, place: Place, api: ApiInstance) -> None:
        allow(place, api)

        answer = post(place, api, "deploy", seen=seen(look(place, api)), comment="x" * 1001)

        assert answer.status_code == 422
        assert "longer than 1000" in text(answer)

    def test_secrets_are_told_nowhere(self, place: Place, api: ApiInstance) -> None:
        policies.apply_policy(
            place.user, api, "http-basic-authentication", {"username": "ann", "password": "hunter2-very"}
        )

        page = look(place, api)

        assert "Basic Authentication" in page
        assert "hunter2" not in page

    @pytest.mark.parametrize("count", [1, 10])
    def test_many_policies_take_as_many_queries_as_one(
        self, place: Place, api: ApiInstance, count: int, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(count):
            allow(place, api, f"10.0.0.{number}")
        look(place, api)

        with django_assert_max_num_queries(QUERIES):
            look(place, api)


QUERIES = 60


class TestDiscard:
    def test_it_can_be_undone(self, place: Place, api: ApiInstance) -> None:
        allow(place, api)

        answer = post(place, api, "discard", seen=seen(look(place, api)))
        page = text(place.client.get(answer["Location"]))

        assert api.policies.count() == 0
        assert "Discarded what was pending." in page and "/pending/restore" in page
        post(place, api, "restore")
        assert [one.label for one in pending(fresh(api)).lines] == ["Policy IP Allowlist"]
        assert "/pending/restore" not in look(place, api)
        assert "nothing to undo" in text(place.client.post(f"/apis/{api.pk}/pending/restore", follow=True))

    def test_what_was_saved_since_ends_the_offer(self, place: Place, api: ApiInstance) -> None:
        allow(place, api)
        post(place, api, "discard", seen=seen(look(place, api)))
        offered = look(place, api)

        instances.deploy_api(place.user, api)
        redeployed = look(place, api)
        instances.edit_api(place.user, fresh(api), lambda it: replace(it, base_path="/new"), deploy=True)

        assert "/pending/restore" in offered and "/pending/restore" in redeployed
        assert "/pending/restore" not in look(place, api)

    def test_the_bar_discards_what_it_was_about_and_no_more(self, place: Place, api: ApiInstance) -> None:
        allow(place, api)
        found = re.search(r'pending/discard".*?name="seen" value="([^"]+)"', look(place, api, ""), re.S)
        assert found
        instances.edit_api(place.user, api, lambda it: replace(it, base_path="/new"))

        late = post(place, api, "discard", seen=found[1])

        assert late.status_code == 409
        assert api.policies.count() == 1
