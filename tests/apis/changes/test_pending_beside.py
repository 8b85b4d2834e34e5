"""What is pending of one API, and what others may do meanwhile: gateways, contexts, older releases."""

from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apis.addresses import consumer_address
from apis.changes import instances, removal, review, tls_contexts
from apis.deployment.pending import pending
from apis.models import ApiInstance, TlsContext
from apis.revisions import rows
from tests.apis.changes.test_pending import Deploys, api_where, fresh, limit, route
from tests.factories import make_actor, make_gateway, make_tls_context

pytestmark = pytest.mark.django_db


def test_what_a_release_without_revisions_deployed_is_kept_before_rows_say_otherwise() -> None:
    api, actor = api_where(Deploys.REVIEW), make_actor()
    ApiInstance.objects.update(revision=None, revision_generation=None)
    ran = rows.content_of(api)

    limit(actor, fresh(api))

    assert fresh(api).revision.content == ran
    assert [one.label for one in pending(fresh(api)).lines] == ["Policy Rate Limiting"]


def test_a_context_keeps_what_the_deployed_revision_needs() -> None:
    api, actor = api_where(), make_actor()
    context, other = make_tls_context(api.environment), make_tls_context(api.environment)
    https = {"protocol": "https", "port": 8443}
    instances.edit_api(actor, api, lambda it: replace(it, tls_context=context, **https), deploy=True)
    instances.edit_api(actor, fresh(api), lambda it: replace(it, tls_context=other), deploy=False)

    assert {context, other} == set(TlsContext.objects.in_use())
    bare = replace(tls_contexts.desired_of(context), certificate="", trusted_ca=context.certificate, key="")
    with pytest.raises(ValidationError, match="serves with it"):
        tls_contexts.edit_tls_context(actor, context, bare)
    with pytest.raises(ValidationError, match="is used by"):
        tls_contexts.delete_tls_context(actor, context)
    third = replace(
        instances.desired_of(fresh(api)),
        label="third",
        base_path="/third",
        routes=[route("http://x:1/")],
    )
    with pytest.raises(ValidationError, match=r"still serves .* another way"):
        instances.create_api(actor, api.environment, third)


def test_moving_is_refused_where_another_has_what_runs() -> None:
    api, actor = api_where(Deploys.REVIEW), make_actor()
    elsewhere = make_gateway(api.environment)
    taken = replace(
        instances.desired_of(api), gateway=elsewhere, label="other", routes=[route("http://x:1/")]
    )
    instances.create_api(actor, api.environment, taken)
    instances.edit_api(actor, api, lambda it: replace(it, base_path="/new"))

    with pytest.raises(ValidationError, match="overlaps"):
        instances.deploy_api(actor, api, elsewhere)


def test_the_address_that_callers_are_told_is_the_one_that_serves() -> None:
    api, actor = api_where(Deploys.REVIEW), make_actor()

    instances.edit_api(actor, api, lambda it: replace(it, base_path="/new"))
    assert consumer_address(fresh(api)).endswith("/orders")

    review.deploy_pending(actor, api)
    assert consumer_address(fresh(api)).endswith("/new")


def test_a_note_that_a_release_before_left_is_taken_away() -> None:
    api, actor = api_where(Deploys.REVIEW), make_actor()
    limit(actor, api)
    review.deploy_pending(actor, api)
    ApiInstance.objects.update(pending_since=timezone.now(), pending_digest="x")

    review.deploy_pending(actor, fresh(api))

    assert fresh(api).pending_since is None


@pytest.mark.parametrize("deploys", [Deploys.REVIEW, Deploys.SECOND_PERSON])
def test_an_api_that_is_restored_elsewhere_waits_for_its_review(deploys: str) -> None:
    api, actor = api_where(deploys), make_actor()
    limit(actor, api)
    removed = instances.delete_api(actor, api)

    back = removal.restore_api(actor, removed, base_path="/elsewhere")

    assert not back.is_deployed
    assert back.base_path == "/elsewhere"


def test_an_api_that_is_restored_runs_what_ran_and_waits_as_it_did() -> None:
    api, actor = api_where(Deploys.SECOND_PERSON), make_actor()
    limit(actor, api)
    ran = api.revision
    removed = instances.delete_api(actor, api)

    back = fresh(removal.restore_api(make_actor(), removed))

    assert (back.is_deployed, back.revision, back.pending_by) == (True, ran, [actor.pk])
    assert [one.label for one in pending(back).lines] == ["Policy Rate Limiting"]


def test_an_edit_that_moves_it_takes_along_what_runs_where_that_is_free() -> None:
    api, actor = api_where(Deploys.SECOND_PERSON), make_actor()
    free, full = make_gateway(api.environment), make_gateway(api.environment)
    taken = replace(instances.desired_of(api), gateway=full, label="other", routes=[route("http://x:1/")])
    instances.deploy_api(make_actor(), instances.create_api(actor, api.environment, taken))
    ran = api.revision

    with pytest.raises(ValidationError, match="overlaps"):
        wanted = replace(instances.desired_of(api), gateway=full, base_path="/new")
        instances.edit_api(actor, api, wanted)
    wanted = replace(instances.desired_of(fresh(api)), gateway=free, base_path="/new")
    api = fresh(instances.edit_api(actor, fresh(api), wanted))

    assert (api.gateway, api.revision, api.pending_by) == (free, ran, [actor.pk])
    assert [one.label for one in pending(api).lines] == ["Listens on"]
