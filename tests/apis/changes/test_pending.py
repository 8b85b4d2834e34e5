"""Saved and not deployed: who decides, what waits, how it is deployed and how it is taken back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apis.api_test import ApiTest, ApiTestRun
from apis.changes import discarding, instances, policies, removal, review, upstreams
from apis.changes.policies import apply_policy
from apis.deployment.pending import pending
from apis.deployment.rollback import rollback
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, Upstream
from apis.revision import Brought
from apis.revisions import plain, rows
from console.models import AuditEntry, Environment, Role
from console.versions import Changed
from gateways.models import Gateway
from tests.apis.deployment.test_push import LIMITS
from tests.apis.deployment.test_revision import an_api
from tests.factories import make_actor, make_gateway, make_role, make_user

pytestmark = pytest.mark.django_db
Deploys = Environment.Deploys


def api_where(deploys: str = Deploys.ON_SAVE, **fields: Any) -> ApiInstance:
    """Deployed, in an environment where saved changes are deployed so."""
    api = an_api()
    Environment.objects.filter(pk=api.environment_id).update(deploys=deploys, **fields)
    return fresh(api)


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.select_related("environment__organization", "gateway", "asset").get(pk=api.pk)


def generation() -> int:
    return Gateway.objects.get().generation


def limit(actor: Any, api: ApiInstance, **more: Any) -> Any:
    return apply_policy(actor, api, "rate-limiting", LIMITS, **more)


class TestSaved:
    @pytest.mark.parametrize(
        ("deploys", "asked", "is_live"),
        [
            (Deploys.ON_SAVE, None, True),
            (Deploys.ON_SAVE, True, True),
            (Deploys.ON_SAVE, False, False),
            (Deploys.REVIEW, None, False),
            (Deploys.REVIEW, True, True),
            (Deploys.SECOND_PERSON, None, False),
            (Deploys.SECOND_PERSON, True, False),
        ],
    )
    def test_the_environment_says_whether_a_saved_change_is_deployed(
        self, deploys: str, asked: bool | None, is_live: bool
    ) -> None:
        api, before = api_where(deploys), generation()

        limit(make_actor(), api, deploy=asked)

        assert bool(fresh(api).pending_since) is not is_live
        assert bool(pending(fresh(api))) is not is_live
        assert (generation() > before) is is_live

    @pytest.mark.parametrize(
        "change",
        [
            lambda actor, api, row: policies.set_policy_disabled(actor, row, True),
            lambda actor, api, row: policies.edit_policy(actor, row, {"username": "eve"}),
            lambda actor, api, row: policies.remove_policy(actor, row),
            lambda actor, api, row: instances.edit_api(actor, api, lambda it: replace(it, base_path="/new")),
            lambda actor, api, row: upstreams.edit(
                actor, api, {one.pk: DesiredUpstream("http://new:1/") for one in api.upstreams.all()}
            ),
        ],
    )
    def test_each_kind_of_change_waits_and_can_be_taken_back(
        self, change: Callable[[Any, ApiInstance, Any], object]
    ) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        before = kept(api)

        change(actor, api, api.policies.get())

        assert fresh(api).pending_by == [actor.pk]
        assert AuditEntry.objects.about("apiinstance", [api.pk]).latest("pk").actor == actor
        discarding.discard(make_actor(), fresh(api))
        assert kept(api) == before
        assert (fresh(api).pending_since, fresh(api).pending_by, fresh(api).pending_digest) == (None, [], "")

    def test_what_is_put_back_by_hand_waits_no_longer(self) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        row = api.policies.get()

        policies.set_policy_disabled(actor, row, True)
        policies.set_policy_disabled(actor, row, False)

        assert fresh(api).pending_since is None

    def test_what_no_gateway_runs_never_waits_and_makes_nobody_an_author(self) -> None:
        api, author, other = api_where(Deploys.REVIEW), make_actor(), make_actor()
        instances.edit_api(other, api, lambda it: replace(it, description="New words", tags=("a",)))
        assert fresh(api).pending_since is None

        limit(author, api)
        instances.edit_api(other, api, lambda it: replace(it, description="Newer words"))

        assert fresh(api).pending_by == [author.pk]

    def test_what_waits_goes_along_only_when_it_is_asked_for(self) -> None:
        api, actor = api_where(), make_actor()
        limit(actor, api, deploy=False)
        before = generation()

        policies.set_policy_disabled(actor, api.policies.get(policy="http-basic-authentication"), True)
        assert generation() == before

        instances.edit_api(actor, api, lambda it: replace(it, base_path="/new"), deploy=True)
        assert generation() == before + 1
        assert not pending(fresh(api))
        assert fresh(api).pending_since is None

    def test_nobody_else_takes_an_address_that_runs_or_will_run(self) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        was = api.base_path
        instances.edit_api(actor, api, lambda it: replace(it, base_path="/new"))
        other = instances.desired_of(fresh(api))

        for path in (was, "/new"):
            wanted = replace(other, label="other", base_path=path, routes=[route("http://x:1/")])
            with pytest.raises(ValidationError, match="overlaps"):
                instances.create_api(actor, api.environment, wanted)


class TestDeploy:
    def test_a_comment_and_who_changed_it_are_kept(self) -> None:
        api, author, actor = api_where(Deploys.SECOND_PERSON), make_actor("ann"), make_actor("bob")
        limit(author, api)
        was = api.revision

        review.deploy_pending(actor, api, comment="Asked for in 4711")

        entry = AuditEntry.objects.latest("pk")
        assert entry.actor == actor
        assert entry.diff["comment"] == [None, "Asked for in 4711"]
        assert entry.diff["changed_by"] == [None, ["ann"]]
        assert Brought.objects.filter(api=api).first().entry == entry
        assert fresh(api).revision != was
        assert not pending(fresh(api))

    def test_who_made_one_of_the_changes_does_not_deploy_them(self) -> None:
        api, first, second = api_where(Deploys.SECOND_PERSON), make_actor(), make_actor()
        limit(first, api)
        instances.edit_api(second, api, lambda it: replace(it, base_path="/new"))

        for author in (first, second):
            with pytest.raises(ValidationError, match="second person"):
                review.deploy_pending(author, api)

        review.deploy_pending(make_actor(), api)

    @pytest.mark.parametrize("is_new", [True, False])
    def test_nobody_gets_round_the_second_person_by_another_way(self, is_new: bool) -> None:
        api, author = api_where(Deploys.SECOND_PERSON), make_actor()
        if is_new:
            wanted = replace(
                instances.desired_of(api), label="new", base_path="/new", routes=[route("http://x:1/")]
            )
            api = instances.create_api(author, api.environment, wanted, deploy=True)
            assert not api.is_deployed
        else:
            limit(author, api)
            instances.undeploy_api(author, api)

        with pytest.raises(ValidationError, match="second person"):
            instances.deploy_api(author, api)
        removed = instances.delete_api(author, api)
        api = fresh(removal.restore_api(author, removed))
        with pytest.raises(ValidationError, match="second person"):
            instances.deploy_api(author, api)

        instances.deploy_api(make_actor(), api)
        assert fresh(api).pending_by == []

    def test_what_changed_since_it_was_seen_is_looked_at_again(self) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        limit(actor, api)
        seen = review.token(api)
        instances.edit_api(actor, api, lambda it: replace(it, base_path="/new"))

        with pytest.raises(Changed):
            review.deploy_pending(actor, api, seen=seen)

        seen = review.token(fresh(api))
        rollback(actor, api, api.revision)
        assert review.token(fresh(api)) == seen
        review.deploy_pending(actor, api, seen=seen)
        with pytest.raises(Changed):
            review.deploy_pending(actor, api, seen=seen)
        with pytest.raises(ValidationError, match="Nothing is pending"):
            review.deploy_pending(actor, api)

    def test_failing_tests_stop_it_until_an_administrator_says_otherwise(self) -> None:
        api, actor = api_where(Deploys.REVIEW, failing_tests_stop=True), make_user()
        make_role(actor, api.environment.organization, Role.Name.MANAGER)
        test = ApiTest.objects.create(api=api, name="one", position=0, case={"name": "one"})
        limit(actor, api, deploy=True)

        with pytest.raises(ValidationError, match="not run on what is saved now"):
            review.deploy_pending(actor, api)
        content = rows.content_of(api)
        run = ApiTestRun.objects.create(api=api, state="done", total=1, digest=content.digests[0])
        ApiTest.objects.update(state=ApiTest.State.FAILED)
        with pytest.raises(ValidationError, match="1 of its 1 tests did not pass"):
            review.deploy_pending(actor, api)
        with pytest.raises(ValidationError, match="Only an administrator"):
            review.deploy_pending(actor, api, despite_tests=True)

        admin = make_user()
        make_role(admin, api.environment.organization, Role.Name.ADMINISTRATOR)
        review.deploy_pending(admin, api, despite_tests=True)
        assert AuditEntry.objects.latest("pk").diff["despite_tests"] == [None, True]

        instances.edit_api(actor, api, lambda it: replace(it, base_path="/new"))
        ApiTest.objects.filter(pk=test.pk).update(state=ApiTest.State.PASSED)
        ApiTestRun.objects.filter(pk=run.pk).update(digest=rows.content_of(api).digests[0])
        review.deploy_pending(actor, api)

    def test_deployed_again_or_moved_it_goes_on_with_what_runs(self) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        limit(actor, api)
        runs, elsewhere = api.revision, make_gateway(api.environment)

        instances.deploy_api(actor, api)
        instances.deploy_api(actor, api, elsewhere)

        assert (fresh(api).revision, fresh(api).gateway) == (runs, elsewhere)
        assert fresh(api).pending_since
        review.deploy_pending(actor, api)
        assert Brought.objects.filter(api=api).latest("pk").gateway == elsewhere


class TestDiscard:
    def test_what_no_gateway_runs_stays_as_it_is_now(self) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        spare = upstreams.add(actor, api, DesiredUpstream("http://spare:1/"))
        row = api.policies.get()
        policies.edit_policy(actor, row, {"username": "eve"}, label="Named")
        off = limit(actor, api, is_disabled=True)
        on = limit(actor, api, label="gone")
        instances.edit_api(
            actor,
            api,
            lambda it: replace(
                it, description="New", tags=("a",), base_path="/new", routes=[route("http://n:1/")]
            ),
        )

        discarding.discard(actor, fresh(api))

        now = fresh(api)
        assert (now.description, now.tags, now.base_path) == ("New", ["a"], "/orders")
        assert [(one.pk, one.label) for one in now.policies.all()] == [(row.pk, "Named"), (off.pk, "")]
        assert not now.policies.filter(pk=on.pk).exists()
        assert Upstream.objects.filter(pk=spare.pk).exists()
        assert not now.upstreams.filter(uri="http://n:1/").exists()
        assert not pending(now)

    def test_it_can_be_had_back_until_something_else_is_saved(self) -> None:
        api, author, actor = api_where(Deploys.SECOND_PERSON), make_actor(), make_actor()
        limit(author, api)
        before, lines = kept(api), pending(fresh(api)).lines
        removed = discarding.discard(actor, fresh(api))

        discarding.restore(actor, api, removed)

        assert kept(api) == before
        assert pending(fresh(api)).lines == lines
        assert set(fresh(api).pending_by) == {author.pk, actor.pk}
        removed = discarding.discard(actor, fresh(api))
        instances.edit_api(actor, api, lambda it: replace(it, base_path="/new"))
        with pytest.raises(ValidationError, match="saved or deployed since"):
            discarding.restore(actor, api, removed)

    def test_a_removed_policy_is_back_under_its_id_once(self) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        row = api.policies.get()
        pk, removed = row.pk, policies.remove_policy(actor, row)

        discarding.discard(actor, fresh(api))

        assert api.policies.get().pk == pk
        with pytest.raises(ValidationError, match="back already"):
            policies.restore_policy(actor, api, removed)

    def test_after_a_rollback_the_older_rows_come_back(self) -> None:
        api, actor = api_where(), make_actor()
        before = kept(api)
        older = api.revision
        limit(actor, api)
        instances.edit_api(
            actor, api, lambda it: replace(it, base_path="/new", routes=[route("http://n:1/")])
        )
        rollback(actor, api, older)
        assert fresh(api).pending_since

        discarding.discard(actor, fresh(api))

        assert kept(api) == before
        assert fresh(api).revision == older

    def test_nothing_pending_is_nothing_to_discard(self) -> None:
        with pytest.raises(ValidationError, match="Nothing is pending"):
            discarding.discard(make_actor(), api_where())

    def test_every_column_of_an_api_is_run_or_left_alone(self) -> None:
        """A new one is entered here, and in `RUN` where gateways run it."""
        left = (
            "id asset_id environment_id gateway_id description consumer_endpoint tags is_deployed deployed_at"
            " changed_generation changed_at revision_id revision_generation pending_since pending_by"
            " pending_digest change_set_id is_deprecated extra created_by_id created_at updated_at"
        )
        known = {field.attname for field in ApiInstance._meta.concrete_fields}

        assert known == {*left.split(), *discarding.RUN}


def route(uri: str) -> DesiredRoute:
    return DesiredRoute(upstreams=[DesiredUpstream(uri)])


def kept(api: ApiInstance) -> Any:
    """Its rows, but for when they were saved and what is noted of deployments."""
    noted = ("pending", "revision", "changed", "updated", "deployed_at", "is_deployed", "created_at")
    return {
        kind: [{name: one for name, one in row.items() if not name.startswith(noted)} for row in found]
        for kind, found in plain.of_api(fresh(api)).items()
    }


def test_deploying_on_save_asks_the_database_no_more_often_than_without_reviews(
    django_assert_max_num_queries: Any,
) -> None:
    api, actor = api_where(), make_actor()
    row = api.policies.get()

    with django_assert_max_num_queries(16):
        policies.set_policy_disabled(actor, row, True)
