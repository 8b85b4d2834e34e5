"""What is saved and not deployed, what differs between two revisions, and the way back to an older one."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apis.assets.models import Asset
from apis.changes import deploying, instances, policies, review, tls_contexts
from apis.deployment import snapshot
from apis.deployment.diff import NOTHING, between
from apis.deployment.pending import pending, pending_of
from apis.deployment.rollback import rollback
from apis.deployment.shown_entries import as_shown
from apis.desired import DesiredRoute, DesiredUpstream
from apis.history import FieldChange
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.revision import Brought
from apis.revisions import export, rows
from console.models import AuditEntry
from gateways.agent.sources import files
from gateways.models import Gateway
from gateways.protocol.resources import API_VERSION
from tests.apis.deployment.snapshots import resources_of
from tests.apis.deployment.test_push import LIMITS, deployed
from tests.apis.deployment.test_revision import an_api, body
from tests.factories import make_actor, make_gateway, make_tls_context

pytestmark = pytest.mark.django_db
FASTER = {"rateLimits": [{"maximumRequests": 9, "timePeriodInMilliseconds": 60000}]}


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.get(pk=api.pk)


class TestPending:
    def test_nothing_waits_after_a_save_that_was_deployed(self) -> None:
        api = an_api()

        assert not pending(api)
        assert pending(api).lines == pending(api).yaml == []
        assert pending_of([api]) == set()

    @pytest.mark.parametrize(
        ("model", "values", "line"),
        [
            (
                ApiInstance,
                {"base_path": "/elsewhere"},
                FieldChange("Listens on", "http://0.0.0.0:8081/orders", "http://0.0.0.0:8081/elsewhere"),
            ),
            (Asset, {"asset_id": "renamed"}, FieldChange("Label", "orders", "renamed")),
            (Route, {"methods": "PATCH"}, FieldChange("Route 1, methods", "none", "PATCH")),
            (
                ApiInstance,
                {"response_timeout_ms": 1500},
                FieldChange("Response timeout (ms)", "none", "1500"),
            ),
            (
                PolicyBinding,
                {"config": {"username": "bob"}},
                FieldChange("Basic Authentication: Simple, username", "ann", "bob"),
            ),
            (
                PolicyBinding,
                {"secrets": {"password": "after"}},
                FieldChange("Basic Authentication: Simple, password", after="changed", kind="is"),
            ),
        ],
    )
    def test_what_waits_is_told_in_words(self, model: Any, values: dict[str, Any], line: FieldChange) -> None:
        api = an_api()

        model._default_manager.update(**values)

        assert [(one.before, one.after, one.kind) for one in pending(fresh(api)).lines] == [
            (line.before, line.after, line.kind)
        ]
        assert pending(fresh(api)).lines[0].label.lower() == line.label.lower()
        deploying.wait(make_actor(), fresh(api))
        assert pending_of([fresh(api)]) == {api.pk}

    @pytest.mark.parametrize(
        ("model", "values"), [(Upstream, {"uri": "http://three:3"}), (RouteUpstream, {"weight": 50})]
    )
    def test_an_upstream_that_waits_is_told_as_its_route(self, model: Any, values: dict[str, Any]) -> None:
        api = an_api()

        model._default_manager.update(**values)

        assert all(line.label.startswith("Route 1, upstream") for line in pending(fresh(api)).lines)
        assert pending(fresh(api)).lines

    def test_nothing_waits_of_what_is_not_deployed(self) -> None:
        api = an_api()
        instances.undeploy_api(make_actor(), api)
        ApiInstance.objects.update(base_path="/elsewhere")

        assert not pending(fresh(api))

    def test_whose_changes_wait_is_known_without_a_query(self, django_assert_num_queries: Any) -> None:
        api, other = an_api(), deployed(make_gateway(), make_actor(), "Other")
        policies.apply_policy(make_actor(), api, "rate-limiting", LIMITS, deploy=False)

        with django_assert_num_queries(0):
            assert pending_of([api, other]) == {api.pk}


class TestDifference:
    def test_policies_come_go_and_change_places(self) -> None:
        api, actor = an_api(), make_actor()
        limit = policies.apply_policy(actor, api, "rate-limiting", LIMITS)
        before = rows.content_of(api)
        policies.apply_policy(actor, api, "cors", {"publicResource": True})
        policies.edit_policy(actor, limit, FASTER, conditions=[{"methodRegex": "GET"}])
        policies.remove_policy(actor, api.policies.get(policy="http-basic-authentication"))

        found = {one.label: one for one in between(before, rows.content_of(api)).lines}

        assert found["Policy Basic Authentication: Simple"].kind == "removed"
        assert found["Policy CORS"].kind == "added"
        assert any(label.startswith("Rate Limiting") and one.after == "9" for label, one in found.items())
        assert any(label.startswith("Rate Limiting, condition") for label in found)

    def test_another_order_is_told_once(self) -> None:
        api, actor = an_api(), make_actor()
        policies.apply_policy(actor, api, "rate-limiting", LIMITS)
        before = rows.content_of(api)
        ids = [one.pk for one in api.policies.all()]
        policies.reorder_policies(actor, api, ids[::-1])

        [line] = between(before, rows.content_of(api)).lines

        assert line.label == "Policies, in order"
        assert line.after.startswith("Rate Limiting")

    def test_the_whole_of_an_api_is_added(self) -> None:
        content = rows.content_of(an_api())

        found = between(None, content)

        assert {one.label for one in found.lines} >= {"Listens on", "Policy Basic Authentication: Simple"}
        assert all(line.startswith(("+", "@@")) for line in found.yaml)
        assert between(content, None).before == content
        assert not between(NOTHING, None)

    def test_as_yaml_it_is_the_lines_that_differ_around_what_they_are_part_of(self) -> None:
        api = an_api()
        before = rows.content_of(api)
        policies.edit_policy(
            make_actor(), api.policies.get(), {"username": "bob", "password": "another-one"}, label="x"
        )

        found = between(before, rows.content_of(api)).yaml

        name = api.policies.get().resource_name
        assert found[0] == f"@@ PolicyBinding {name} @@"
        assert "-    username: ann" in found and "+    username: bob" in found
        assert [line for line in found if "(changed)" in line]
        assert "another-one" not in "".join(found) and "before-before" not in "".join(found)


class TestExport:
    def test_local_mode_reads_what_the_gateway_runs(self) -> None:
        """Its own reader makes the very resources of it, given the secrets as variables."""
        gateway, actor = make_gateway(), make_actor()
        context = make_tls_context(gateway.environment, name="the shop's")
        context.trusted_ca = context.certificate
        context.save()
        upstreams = [DesiredUpstream("https://one:1/v1", tls_context=context)]
        api = deployed(
            gateway,
            actor,
            routes=[DesiredRoute("canary", "GET", "/x(/.*)", headers={"a": "b"}, upstreams=upstreams)],
            protocol="https",
            port=8443,
            tls_context=context,
            response_timeout_ms=1500,
        )
        policies.apply_policy(
            actor, api, "http-basic-authentication", {"username": "$HOME", "password": "pass-1"}
        )
        policies.apply_policy(actor, api, "rate-limiting", LIMITS, conditions=[{"methodRegex": "GET"}])

        text = export.yaml_of(fresh(api).revision)

        binding = api.policies.get(policy="http-basic-authentication")
        names = {
            f"HTTP_BASIC_AUTHENTICATION_{binding.pk}_PASSWORD": "pass-1",
            "TLS_THE_SHOP_S_KEY": context.key,
        }
        loaded = files.load_text(text, names)
        assert loaded.diagnostics == ()
        ours = {"api_version": API_VERSION}
        plain = {(one.kind, one.key): one.model_copy(update=ours) for one in resources_of(gateway)}
        read = {(one.kind, one.key): one for one in loaded.resources}
        trust = next(key for key in plain if key[1][1].endswith("-tls"))
        assert read.pop(trust).spec == plain.pop(trust).spec
        assert read == plain

    def test_it_tells_no_secret(self) -> None:
        api = an_api()

        text = export.yaml_of(api.revision)

        assert "before-before" not in text
        assert f"$HTTP_BASIC_AUTHENTICATION_{api.policies.get().pk}_PASSWORD" in text


class TestRollback:
    def test_the_older_one_runs_and_what_is_saved_waits(self) -> None:
        api, actor = an_api(), make_actor()
        older = api.revision
        before = body(api)
        policies.apply_policy(actor, api, "rate-limiting", LIMITS)
        newer = api.revision

        rollback(actor, api, older)

        assert snapshot.build(api.gateway).digest == _digest(before)
        assert api.policies.count() == 2
        newest = Brought.objects.filter(api=api)[0]
        assert (newest.revision, newest.replaced) == (older, newer)
        assert Gateway.objects.get().generation == newest.generation == fresh(api).changed_generation
        assert [line.label for line in pending(fresh(api)).lines] == ["Policy Rate Limiting"]
        [entry] = as_shown([AuditEntry.objects.latest("pk")])
        assert entry.sentence == f"rolled back to revision {older}"

        instances.deploy_api(actor, api)
        assert fresh(api).revision == older
        review.deploy_pending(actor, api)
        assert fresh(api).revision == newer
        assert not pending(fresh(api))

    def test_an_api_that_was_taken_off_comes_back_as_it_was(self) -> None:
        api, actor = an_api(), make_actor()
        older, before = api.revision, body(api)
        instances.undeploy_api(actor, api)

        rollback(actor, api, older)

        assert snapshot.build(api.gateway).digest == _digest(before)

    def test_one_of_another_api_is_refused(self) -> None:
        api, other = an_api(), an_api()

        with pytest.raises(ValidationError, match="no longer kept"):
            rollback(make_actor(), api, other.revision)

    def test_a_base_path_that_was_taken_meanwhile_is_refused(self) -> None:
        api, actor = an_api(), make_actor()
        older = api.revision
        instances.edit_api(actor, api, _at("/moved"))
        deployed(api.gateway, actor, "Others", base_path="/orders")

        with pytest.raises(ValidationError, match=r'"/orders" overlaps "/orders"'):
            rollback(actor, api, older)

    def test_nobody_takes_the_base_path_that_an_older_one_runs_at(self) -> None:
        api, actor = an_api(), make_actor()
        older = api.revision
        instances.edit_api(actor, api, _at("/moved"))
        rollback(actor, api, older)

        with pytest.raises(ValidationError, match=r'"/orders/x" overlaps "/orders"'):
            deployed(api.gateway, actor, "Others", base_path="/orders/x")
        with pytest.raises(ValidationError, match=r'"/moved" overlaps "/moved"'):
            deployed(api.gateway, actor, "Others", base_path="/moved")

    def test_nobody_speaks_otherwise_at_a_port_that_an_older_one_runs_at(self) -> None:
        api, actor = an_api(), make_actor()
        older = api.revision
        instances.edit_api(actor, api, lambda desired: desired.__class__(**vars(desired) | {"port": 9000}))
        rollback(actor, api, older)
        context = make_tls_context(api.environment)

        with pytest.raises(ValidationError, match=r"Port 8081 .* still serves"):
            deployed(api.gateway, actor, "Others", protocol="https", tls_context=context, port=8081)

    def test_a_tls_context_that_runs_is_not_deleted(self) -> None:
        gateway, actor = make_gateway(), make_actor()
        context = make_tls_context(gateway.environment)
        api = deployed(gateway, actor, protocol="https", port=8443, tls_context=context)
        older = api.revision
        instances.edit_api(
            actor,
            api,
            lambda desired: desired.__class__(**vars(desired) | {"protocol": "http", "tls_context": None}),
        )
        rollback(actor, api, older)

        with pytest.raises(ValidationError, match="is used by"):
            tls_contexts.delete_tls_context(actor, context)
        review.deploy_pending(actor, api)
        tls_contexts.delete_tls_context(actor, context)
        with pytest.raises(ValidationError, match="needs was deleted"):
            rollback(actor, fresh(api), older)


def _digest(snapshot_body: bytes) -> str:
    return snapshot_body.split(b'"digest":"')[1][:64].decode()


def _at(base_path: str) -> Any:
    return lambda desired: desired.__class__(**vars(desired) | {"base_path": base_path})
