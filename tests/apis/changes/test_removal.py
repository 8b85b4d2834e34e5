"""What was removed can be had back as it was, under the ids that it had, for some time."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from apis.changes import instances, policies, removal, tls_contexts
from apis.deployment import snapshot
from apis.deployment.rollback import rollback
from apis.deployment.shown_entries import as_shown
from apis.desired import DesiredRoute, DesiredUpstream
from apis.lists.models import Pinned
from apis.models import ApiInstance, PolicyBinding, RouteUpstream, Upstream
from apis.removed import Removed
from apis.revision import Brought, Revision
from apis.revisions import collect, export
from console import granting
from console.models import AuditEntry, Role
from console.roles.models import CustomRole
from console.teams.models import Team
from gateways import change
from gateways.models import Book
from tests.apis.deployment.snapshots import resources_of
from tests.apis.deployment.test_push import LIMITS, deployed
from tests.factories import (
    make_actor,
    make_api,
    make_contract,
    make_gateway,
    make_tier,
    make_tls_context,
    make_user,
)

pytestmark = pytest.mark.django_db
LOGIN = {"username": "ann", "password": "before-before"}


def rich(**fields: Any) -> ApiInstance:
    """With all that an API can have."""
    actor, gateway = make_actor(), make_gateway()
    trust = make_tls_context(gateway.environment, skips_validation=True)
    serving = make_tls_context(gateway.environment)
    canary = DesiredUpstream("https://one:1", "canary", 60, tls_context=trust)
    first = [canary, DesiredUpstream("http://two:2", weight=40)]
    others = [DesiredUpstream("http://two:2"), DesiredUpstream("http://three:3", weight=0)]
    routes = [
        DesiredRoute("first", "GET", "/x", headers={"a": "b"}, upstreams=first),
        DesiredRoute(upstreams=others),
    ]
    given = {"description": "Of shops", "tags": ["a", "b"], "label": "mine", "response_timeout_ms": 1500}
    secure = {"protocol": "https", "port": 8443, "tls_context": serving}
    api = deployed(gateway, actor, **{"routes": routes} | given | secure | fields)
    Upstream.objects.create(api=api, uri="http://unrouted:1")
    conditions = [{"methodRegex": "GET", "uriTemplateRegex": "/x.*"}]
    policies.apply_policy(actor, api, "http-basic-authentication", LOGIN, label="gate", mode="observe")
    policies.apply_policy(actor, api, "rate-limiting", LIMITS, conditions=conditions)
    policies.apply_policy(actor, api, "cors", {"publicResource": True}, is_disabled=True)
    instances.set_deprecated(actor, api, True)
    return api


def rows(api: ApiInstance) -> dict[str, list[dict[str, Any]]]:
    """Everything of it, but when and with which generation it was deployed."""
    late = {"revision_id", "changed_generation", "changed_at", "revision_generation", "deployed_at"}
    found = {"apiinstance": [ApiInstance.objects.filter(pk=api.pk).values().get()]}
    for part in removal.PARTS:
        whose = {"route__api": api} if part is RouteUpstream else {"api": api}
        found[part._meta.model_name or ""] = list(
            part._default_manager.filter(**whose).order_by("pk").values()
        )
    return {
        kind: [{key: value for key, value in row.items() if key not in late} for row in whole]
        for kind, whole in found.items()
    }


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.get(pk=api.pk)


class TestApi:
    def test_it_comes_back_as_it_was_and_runs(self) -> None:
        api, actor = rich(), make_actor()
        key, before, ran = api.pk, rows(api), snapshot.build(api.gateway)
        revision = fresh(api).revision

        removed = instances.delete_api(actor, api)
        assert not ApiInstance.objects.exists() and not PolicyBinding.objects.exists()
        assert resources_of(removed.environment.gateways.get()) == ()
        back = removal.restore_api(actor, removed)

        assert back.pk == key
        assert rows(back) == before
        assert back.revision == revision
        assert snapshot.build(back.gateway).digest == ran.digest
        assert not Removed.objects.filter(kind=Removed.Kind.API).exists()
        [one] = as_shown([AuditEntry.objects.latest("pk")])
        assert one.sentence == "restored it"

    def test_it_has_its_past_again(self) -> None:
        api, actor = rich(), make_actor()
        older = api.revision
        policies.remove_policy(actor, api.policies.get(policy="rate-limiting"))

        back = removal.restore_api(actor, instances.delete_api(actor, fresh(api)))
        rollback(actor, back, older)

        assert fresh(back).revision == older
        assert Brought.objects.filter(api=back).count() > 5

    def test_a_revision_of_what_is_deleted_can_be_exported(self) -> None:
        api = rich()
        instances.delete_api(make_actor(), api)

        text = export.yaml_of(Revision.objects.first())

        assert "rate-limiting" in text and "before-before" not in text

    def test_one_that_was_not_deployed_comes_back_so(self) -> None:
        api, actor = make_api(is_deployed=False, extra={"a": [1, None]}), make_actor()
        before = rows(api)

        back = removal.restore_api(actor, instances.delete_api(actor, api))

        # Who restored it is no second person for what it says now.
        assert back.pending_by == [actor.pk]
        ApiInstance.objects.update(pending_by=[])
        assert rows(back) == before
        assert not back.is_deployed

    def test_it_is_restored_once(self) -> None:
        api, actor = rich(), make_actor()
        removed = instances.delete_api(actor, api)
        again = Removed.objects.get(pk=removed.pk)
        removal.restore_api(actor, removed)

        with pytest.raises(ValidationError, match="no longer kept"):
            removal.restore_api(actor, again)

    def test_a_base_path_that_was_taken_meanwhile_is_refused(self) -> None:
        api, actor = rich(), make_actor()
        other = {"protocol": "https", "port": 8443, "tls_context": api.tls_context}
        removed = instances.delete_api(actor, api)
        deployed(removed.environment.gateways.get(), actor, "Others", base_path="/orders", **other)

        with pytest.raises(ValidationError, match="overlaps"):
            removal.restore_api(actor, removed)

        assert not ApiInstance.objects.filter(pk=removed.api_id).exists()
        assert Removed.objects.filter(pk=removed.pk).exists()

    def test_without_its_tls_context_it_is_refused(self) -> None:
        api, actor = rich(), make_actor()
        context = api.tls_context
        removed = instances.delete_api(actor, api)
        tls_contexts.delete_tls_context(actor, context)

        with pytest.raises(ValidationError, match="TLS context that it needs was deleted"):
            removal.restore_api(actor, removed)

    @pytest.mark.parametrize("goes", [change.delete, change.revoke])
    def test_without_its_gateway_it_is_saved_and_not_deployed(self, goes: Any) -> None:
        api, actor = rich(), make_actor()
        gateway = api.gateway
        removed = instances.delete_api(actor, api)
        goes(actor, gateway)

        back = removal.restore_api(actor, removed)

        assert (back.gateway, back.is_deployed) == (None, False)
        assert back.policies.count() == 3

    def test_who_made_it_may_be_gone(self) -> None:
        api, actor = rich(), make_actor()
        removed = instances.delete_api(actor, api)
        api.created_by.delete()

        assert removal.restore_api(actor, removed).created_by is None

    def test_the_next_api_gets_another_id(self) -> None:
        api, actor = rich(), make_actor()
        back = removal.restore_api(actor, instances.delete_api(actor, api))

        assert make_api().pk > back.pk

    def test_no_secret_lies_open(self) -> None:
        instances.delete_api(make_actor(), rich())

        with connection.cursor() as cursor:
            cursor.execute("SELECT saved FROM apis_removed WHERE kind = 'api'")
            [(saved,)] = cursor.fetchall()
        assert "before-before" not in saved and "PRIVATE KEY" not in saved


class TestPolicy:
    def test_it_comes_back_in_its_place_under_its_id(self) -> None:
        api, actor = rich(), make_actor()
        binding = api.policies.get(policy="http-basic-authentication")
        before, ran = rows(api), snapshot.build(api.gateway)

        removed = policies.remove_policy(actor, binding)
        back = policies.restore_policy(actor, fresh(api), removed)

        untimed = [{**row, "created_at": 0, "updated_at": 0} for row in before["policybinding"]]
        after = [{**row, "created_at": 0, "updated_at": 0} for row in rows(api)["policybinding"]]
        assert after == untimed
        assert back.secrets == {"password": "before-before"}
        assert snapshot.build(api.gateway).digest == ran.digest

    def test_one_of_another_api_is_refused(self) -> None:
        api, other, actor = rich(), rich(), make_actor()
        removed = policies.remove_policy(actor, api.policies.first())

        with pytest.raises(ValidationError, match="was not removed from"):
            policies.restore_policy(actor, other, removed)

    def test_it_comes_back_to_an_api_that_did(self) -> None:
        api, actor = rich(), make_actor()
        removed = policies.remove_policy(actor, api.policies.first())
        back = removal.restore_api(actor, instances.delete_api(actor, fresh(api)))

        assert policies.restore_policy(actor, back, removed).order == 1


class TestForgetting:
    def test_what_is_old_goes_with_its_past_and_its_secrets(self) -> None:
        kept, gone, lives, actor = rich(), rich(), rich(), make_actor()
        instances.delete_api(actor, kept)
        removed = instances.delete_api(actor, gone)
        old = timezone.now() - timedelta(days=31)
        Removed.objects.filter(pk=removed.pk).update(at=old)

        assert collect.forget_removed() == 1

        assert not Revision.objects.filter(api_id=removed.api_id).exists()
        assert not Brought.objects.filter(api_id=removed.api_id).exists()
        others = set(Revision.objects.values_list("api_id", flat=True))
        assert len(others) == 2 and lives.pk in others
        assert collect.forget_removed() == 0

    def test_within_its_days_it_stays(self) -> None:
        removed = instances.delete_api(make_actor(), rich())
        Removed.objects.update(at=timezone.now() - timedelta(days=29))

        collect.tend()

        assert removal.restore_api(make_actor(), removed).policies.count() == 3

    def test_days_are_set_by_whoever_runs_it(self, settings: Any) -> None:
        instances.delete_api(make_actor(), rich())
        Removed.objects.update(at=timezone.now() - timedelta(days=2))
        settings.REMOVED_KEEP_DAYS = 1

        assert collect.forget_removed() == 1

    def test_there_is_a_most(self) -> None:
        api, actor = rich(), make_actor()
        for _ in range(4):
            policies.restore_policy(
                actor, fresh(api), policies.remove_policy(actor, fresh(api).policies.first())
            )
        for binding in fresh(api).policies.all():
            policies.remove_policy(actor, binding)
        newest = Removed.objects.first()

        assert collect.forget_removed(most=1) == 2

        assert list(Removed.objects.all()) == [newest]

    def test_what_an_environment_had_goes_with_it(self) -> None:
        api = rich()
        removed = instances.delete_api(make_actor(), api)
        removed.environment.delete()

        collect.forget_removed()

        assert not Revision.objects.exists() and not Brought.objects.exists()


def test_a_restored_api_has_its_tiers_and_contracts_of_applications_that_are_there() -> None:
    actor, api = make_actor(), make_api()
    tier = make_tier(api)
    kept = make_contract(api, tier=tier, requested_by=actor)
    lost = make_contract(api)
    key, mark = kept.pk, kept.mark
    removed = removal.keep_api(actor, api)
    api.delete()
    lost.application.delete()

    restored = removal.restore_api(actor, removed)

    [contract] = restored.contracts.all()
    assert (contract.pk, contract.tier, contract.status) == (key, tier, "APPROVED")
    assert contract.mark != mark and restored.tiers.get() == tier
    assert Book.objects.get(gateway=restored.gateway).generation == 1


def test_a_restored_api_has_its_roles_and_pins_for_who_and_what_is_there() -> None:
    actor, api = make_actor(), make_api()
    place = api.environment.organization
    ann, bob = make_user("ann"), make_user("bob")
    team, lost = (Team.objects.create(organization=place, name=name) for name in ("Shop", "Lost"))
    known, gone = (
        CustomRole.objects.create(organization=place, name=name, permissions=["view:apis"])
        for name in ("Readers", "Gone")
    )
    of = {"organization": place, "environment": api.environment, "api": api}
    kept = [
        Role.objects.create(user=ann, name="api-viewer", **of),
        Role.objects.create(team=team, name=Role.CUSTOM, custom=known, **of),
    ]
    for holder in (
        {"user": ann, "custom": gone},
        {"team": lost, "custom": known},
        {"user": bob, "custom": known},
    ):
        Role.objects.create(name=Role.CUSTOM, **holder, **of)
    Pinned.objects.create(user=ann, api=api)
    Pinned.objects.create(user=bob, api=api)

    removed = instances.delete_api(actor, api)
    ended = AuditEntry.objects.filter(object_type="role", action=AuditEntry.Action.DELETE).count()
    for row in (bob, lost, gone):
        row.delete()
    back = removal.restore_api(actor, removed)

    assert list(back.roles.order_by("pk")) == kept
    assert [one.user for one in Pinned.objects.filter(api=back)] == [ann]
    told = AuditEntry.objects.filter(object_type="role", action=AuditEntry.Action.CREATE)
    assert ended == 5 and told.count() == 2
    assert told.latest("pk").diff["where"][1].endswith(str(back))


def test_a_role_does_not_come_back_to_whom_one_was_taken_from_since() -> None:
    actor, api, other = make_actor(), make_api(), make_api()
    place = api.environment.organization
    ann, bob = make_user("ann"), make_user("bob")
    of = {"organization": place, "environment": api.environment, "name": "api-viewer"}
    for user in (ann, bob):
        Role.objects.create(user=user, api=api, **of)
        Role.objects.create(user=user, api=other, **of)
    elsewhere = Role.objects.create(user=bob, organization=place, name=Role.Name.VIEWER)

    removed = instances.delete_api(actor, api)
    instances.delete_api(actor, other)
    granting.revoke_role(actor, elsewhere)
    back = removal.restore_api(actor, removed)

    assert [role.user for role in back.roles.all()] == [ann]
