"""Ways round the review that were open once: by a document, a restore, a name that two things share."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apis.assets.models import Asset
from apis.changes import instances, policies, removal, review, tls_contexts
from apis.deployment.pending import pending, waiting
from apis.deployment.rollback import rollback
from apis.desired import DesiredRoute, DesiredUpstream
from apis.documents.specification import Specification
from apis.models import ApiInstance
from tests.apis.changes.test_own_document import CONTEXT, GOOD
from tests.apis.changes.test_pending import Deploys, api_where, fresh, limit, route
from tests.factories import make_actor, make_tls_context

pytestmark = pytest.mark.django_db
OTHER = GOOD.replace("/pets", "/cats")


def document(api: ApiInstance, text: str) -> Specification:
    return Specification.objects.create(
        organization=api.environment.organization, name="a.json", text=text, size=len(text), state="accepted"
    )


def api_with_document(deploys: str) -> ApiInstance:
    """Deployed, with a policy that takes the asset's document."""
    api = api_where()
    instances.set_specification(make_actor(), api, document(api, GOOD))
    policies.apply_policy(make_actor(), fresh(api), "spec-validation", CONTEXT)
    api.environment.deploys = deploys
    api.environment.save()
    return fresh(api)


def count_of_waiting(api: ApiInstance) -> int:
    told = waiting(fresh(api))
    assert told
    return told.count


class TestDocument:
    def test_who_replaces_that_of_an_undeployed_api_has_a_part_in_it(self) -> None:
        api, author = api_with_document(Deploys.SECOND_PERSON), make_actor()
        instances.undeploy_api(author, api)

        instances.set_specification(author, fresh(api), document(api, OTHER))

        with pytest.raises(ValidationError, match="a second person"):
            instances.deploy_api(author, fresh(api))
        assert instances.deploy_api(make_actor(), fresh(api)).is_deployed

    def test_one_that_no_policy_takes_is_no_change_that_waits(self) -> None:
        api, actor = api_where(Deploys.REVIEW), make_actor()
        policies.apply_policy(actor, api, "ip-blocklist", {"ips": ["10.0.0.1"]})

        instances.set_specification(actor, fresh(api), document(api, GOOD))

        assert count_of_waiting(api) == 1
        policies.apply_policy(actor, fresh(api), "spec-validation", CONTEXT)
        assert count_of_waiting(api) == 3

    def test_one_that_was_replaced_while_the_api_was_deleted_waits(self) -> None:
        api, author = api_with_document(Deploys.SECOND_PERSON), make_actor()
        ran, beside = api.revision, replace(instances.desired_of(api), label="beside", base_path="/beside")
        beside = replace(beside, routes=[route("http://x:1/")])
        same = instances.create_api(author, api.environment, beside)
        removed = instances.delete_api(author, api)
        instances.set_specification(author, same, document(same, OTHER))

        back = fresh(removal.restore_api(author, removed))

        assert back.revision == ran
        assert pending(back) and back.pending_since
        assert back.pending_by == [author.pk]

    def test_that_of_another_asset_of_the_same_name_waits(self) -> None:
        api = api_with_document(Deploys.REVIEW)
        other = Asset.objects.create(
            organization=api.environment.organization,
            asset_id="other",
            name=api.asset.name,
            version=api.asset.version,
            specification=document(api, OTHER),
        )

        instances.edit_api(make_actor(), api, lambda it: replace(it, asset=other))

        assert pending(fresh(api)) and fresh(api).pending_since


class TestRestored:
    @pytest.mark.parametrize(
        "rule",
        [{"deploys": Deploys.REVIEW}, {"deploys": Deploys.SECOND_PERSON}, {"failing_tests_stop": True}],
    )
    def test_elsewhere_it_is_not_deployed_where_that_is_reviewed(self, rule: dict[str, Any]) -> None:
        api, author = api_where(**rule), make_actor()

        back = removal.restore_api(author, instances.delete_api(author, api), base_path="/elsewhere")

        assert not back.is_deployed
        assert back.pending_by == [author.pk]

    def test_who_said_where_is_not_the_second_person(self) -> None:
        api, author = api_where(Deploys.SECOND_PERSON), make_actor()
        back = removal.restore_api(author, instances.delete_api(author, api), base_path="/elsewhere")

        with pytest.raises(ValidationError, match="a second person"):
            instances.deploy_api(author, fresh(back))

    def test_without_a_context_that_what_ran_needs_it_is_refused(self) -> None:
        api, actor = api_where(), make_actor()
        context = make_tls_context(api.environment)
        context.trusted_ca = context.certificate
        context.save()
        trusting = [DesiredRoute(upstreams=[DesiredUpstream("https://one:1/", tls_context=context)])]
        instances.edit_api(actor, api, lambda it: replace(it, routes=trusting))
        plain = [DesiredRoute(upstreams=[DesiredUpstream("http://one:1/")])]
        instances.edit_api(actor, fresh(api), lambda it: replace(it, routes=plain), deploy=False)
        removed = instances.delete_api(actor, fresh(api))
        tls_contexts.delete_tls_context(actor, context)

        with pytest.raises(ValidationError, match=r"TLS context that revision .* needs was deleted"):
            removal.restore_api(actor, removed)


def test_an_outbound_policy_that_goes_to_an_upstream_of_the_same_name_waits() -> None:
    api, actor = api_where(), make_actor()
    first, second = (one.pk for one in api.upstreams.all())
    named = [
        DesiredUpstream("http://one:1", label="same", weight=60, id=first),
        DesiredUpstream("http://two:2", label="same", weight=40, id=second),
    ]
    instances.edit_api(actor, api, lambda it: replace(it, routes=[DesiredRoute(upstreams=named)]))
    binding = policies.apply_policy(actor, fresh(api), "idle-timeout", {"timeout": 9}, upstreams=[first])

    policies.edit_policy(actor, binding, None, upstreams=[second], deploy=False)

    assert pending(fresh(api)) and fresh(api).pending_since


def test_who_rolls_back_beside_what_waits_has_a_part_in_it() -> None:
    api, author, other = api_where(Deploys.REVIEW), make_actor(), make_actor()
    first = api.revision
    limit(author, api)
    review.deploy_pending(other, fresh(api))
    policies.set_policy_disabled(author, fresh(api).policies.inbound()[0], True)

    assert first
    rollback(other, fresh(api), first)

    assert fresh(api).pending_by == [author.pk, other.pk]
