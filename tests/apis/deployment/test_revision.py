"""Each save that is deployed makes a revision; what gateways run is put together from these alone."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from apis.assets.models import Asset
from apis.changes import ingress, instances, policies, tls_contexts
from apis.deployment import snapshot
from apis.deployment.snapshot_cache import SnapshotCache
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.revision import Brought, Revision
from apis.revisions import collect, rows, store
from console.keys import Keys
from gateways.models import Gateway
from tests.apis.deployment.snapshots import resources_of
from tests.apis.deployment.test_push import LIMITS, deployed
from tests.factories import make_actor, make_api, make_gateway, make_role, make_tls_context, make_user

pytestmark = pytest.mark.django_db
TRUSTED = {"networks": ["10.0.0.0/8"], "hops": 0, "usesProxyProtocol": False}
LOGIN = {"username": "ann", "password": "before-before"}


def an_api(**fields: Any) -> ApiInstance:
    actor, gateway = make_actor(), make_gateway()
    upstreams = [DesiredUpstream("http://one:1", weight=60), DesiredUpstream("http://two:2", weight=40)]
    api = deployed(gateway, actor, **{"routes": [DesiredRoute(upstreams=upstreams)]} | fields)
    policies.apply_policy(actor, api, "http-basic-authentication", LOGIN)
    return api


def body(api: ApiInstance) -> bytes:
    assert api.gateway
    return snapshot.build(api.gateway).body


class TestSave:
    def test_a_deployed_save_is_a_revision_and_its_deployment_names_it(self) -> None:
        api = an_api()

        second, first = Brought.objects.filter(api=api)
        assert second.revision and first.revision
        assert (first.replaced, second.replaced) == (None, first.revision)
        assert api.revision == second.revision
        assert second.revision.content == rows.content_of(api)
        assert len(second.revision.content.documents) == len(first.revision.content.documents) + 1

    def test_one_api_is_read_as_it_is_among_others(self) -> None:
        routes = [
            DesiredRoute(path="/a", upstreams=[DesiredUpstream("http://one:1")]),
            DesiredRoute(
                upstreams=[
                    DesiredUpstream("http://two:2", weight=30),
                    DesiredUpstream("http://three:3", weight=70),
                ]
            ),
        ]
        api, other = an_api(routes=routes, base_path="/one"), an_api(base_path="/two")

        alone = rows.contents([api.pk])[api.pk]
        among = rows.contents([api.pk, other.pk])[api.pk]

        assert alone == among
        assert alone.saved() == among.saved()
        assert alone != rows.content_of(other)

    def test_what_is_not_deployed_has_none(self) -> None:
        api = make_api(is_deployed=False)

        policies.apply_policy(make_actor(), api, "rate-limiting", LIMITS)

        assert not Revision.objects.exists()

    def test_the_same_again_is_the_same_revision(self) -> None:
        api, actor = an_api(), make_actor()
        before = api.revision

        instances.deploy_api(actor, api)
        assert api.revision == before

        limit = policies.apply_policy(actor, api, "rate-limiting", LIMITS)
        assert api.revision != before
        policies.set_policy_disabled(actor, limit, True)
        assert limit.api.revision == before

    def test_a_removed_policy_is_gone_from_the_revision(self) -> None:
        api = an_api()
        binding = api.policies.get()
        name = binding.resource_name
        assert name in api.revision.documents

        policies.remove_policy(make_actor(), binding)

        assert name not in binding.api.revision.documents
        assert b"http-basic" not in body(api)

    def test_an_undeployed_api_leaves_and_comes_back_as_it_was(self) -> None:
        api, actor = an_api(), make_actor()
        before = api.revision

        instances.undeploy_api(actor, api)

        assert api.revision is None
        newest = Brought.objects.filter(api=api)[0]
        assert (newest.revision, newest.replaced) == (None, before)
        assert resources_of(api.gateway) == ()

        instances.deploy_api(actor, api)
        assert api.revision == before

    def test_a_move_takes_it_off_one_gateway_and_brings_it_to_another(self) -> None:
        api = an_api()
        other = make_gateway(api.environment)
        old = api.gateway

        instances.deploy_api(make_actor(), api, other)

        assert resources_of(old) == ()
        assert resources_of(other)[0].metadata.name == api.resource_name
        assert Brought.objects.filter(api=api, gateway=old)[0].revision is None
        assert Brought.objects.get(api=api, gateway=other).revision == api.revision

    def test_a_deleted_api_leaves_its_gateway_and_its_revisions_stay(self) -> None:
        api = an_api()
        revisions = Revision.objects.count()

        instances.delete_api(make_actor(), api)

        assert Revision.objects.count() == revisions
        assert resources_of(api.gateway) == ()

    def test_a_revision_is_not_written_twice(self) -> None:
        revision = an_api().revision

        with pytest.raises(TypeError):
            revision.save()

    def test_each_sees_those_of_their_organizations(self) -> None:
        api, stranger, ours = an_api(), make_user(), make_user()
        make_role(ours, api.environment.organization)

        assert Revision.objects.visible_to(ours).filter(pk=api.revision_id).exists()
        assert not Revision.objects.visible_to(stranger).exists()


class TestSnapshot:
    @pytest.mark.parametrize(
        ("model", "values", "told"),
        [
            (ApiInstance, {"base_path": "/elsewhere"}, "/elsewhere"),
            (Asset, {"asset_id": "renamed"}, "renamed"),
            (Upstream, {"uri": "http://three:3"}, "http://three:3"),
            (Route, {"methods": "PATCH"}, "PATCH"),
            (RouteUpstream, {"weight": 50}, '"weight":50'),
            (PolicyBinding, {"config": {"username": "bob"}}, '"bob"'),
            (PolicyBinding, {"secrets": {"password": "after"}}, '"after"'),
        ],
    )
    def test_rows_reach_no_gateway_until_they_are_deployed(
        self, model: type[models.Model], values: dict[str, Any], told: str
    ) -> None:
        api = an_api()
        before = body(api)

        model._default_manager.update(**values)
        assert body(api) == before

        instances.deploy_api(make_actor(), ApiInstance.objects.get(pk=api.pk))
        assert told.encode() in body(api)

    def test_what_is_known_needs_no_revision(self, django_assert_num_queries: Any) -> None:
        api = an_api()
        body(api)

        # Gateway, what is deployed, what is automated, challenges of ACME.
        with django_assert_num_queries(4):
            body(api)

    def test_the_number_of_queries_does_not_grow(self) -> None:
        api, actor = an_api(), make_actor()
        with CaptureQueriesContext(connection) as one:
            body(api)
        for number in range(9):
            deployed(api.gateway, actor, f"Api{number}")

        with CaptureQueriesContext(connection) as ten:
            body(api)

        assert len(ten) == len(one)

    def test_a_tls_context_is_what_it_is_now_and_in_no_revision(self) -> None:
        gateway, actor = make_gateway(), make_actor()
        context = make_tls_context(gateway.environment)
        context.trusted_ca = context.certificate
        context.save()
        upstreams = [DesiredUpstream("https://one:1", tls_context=context)]
        fields = {"protocol": "https", "port": 8443, "tls_context": context}
        api = deployed(gateway, actor, routes=[DesiredRoute(upstreams=upstreams)], **fields)
        before = api.revision
        configs = [one.spec.config for one in resources_of(gateway) if "tls" in one.metadata.name]
        assert configs == [context.outbound_config, context.inbound_config]

        desired = tls_contexts.desired_of(context)
        tls_contexts.edit_tls_context(actor, context, desired.__class__(**vars(desired) | {"alpn": ("h2",)}))

        api.refresh_from_db()
        assert api.revision == before
        assert "PRIVATE KEY" not in before.documents and "CERTIFICATE" not in before.documents
        assert not before.secrets
        newest = Brought.objects.filter(api=api)[0]
        assert (newest.revision, newest.replaced) == (before, before)
        configs = [one.spec.config for one in resources_of(gateway) if "tls" in one.metadata.name]
        assert [config["alpn"] for config in configs] == [["h2"], ["h2"]]

    def test_the_gateways_own_settings_make_no_revision(self) -> None:
        api, actor = an_api(), make_actor()

        ingress.change(
            actor, api.gateway, {"networks": ["10.0.0.0/8"], "hops": 0, "usesProxyProtocol": False}
        )

        api.refresh_from_db()
        assert b"trusted-proxies" in body(api)
        assert api.revision_generation == api.changed_generation == Gateway.objects.get().generation
        assert Revision.objects.count() == 2


class TestSecrets:
    def test_none_is_readable_in_the_database(self) -> None:
        api = an_api()

        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(one)::text FROM apis_revision AS one")
            stored = "".join(text for (text,) in cursor.fetchall())

        assert "before-before" not in stored
        assert b"before-before" in body(api)
        assert "before-before" not in repr(api.revision) + str(api.revision)

    def test_the_digest_says_nothing_to_who_lacks_the_key(self, settings: Any) -> None:
        """The same content has another digest by another key."""
        api = an_api()
        before = api.revision.digest

        settings.KEYS = Keys(settings.KEYS.secret_key, (Fernet.generate_key().decode(),))

        assert before not in api.revision.content.digests

    def test_a_key_that_is_rotated_makes_no_other_revision(self, settings: Any) -> None:
        api = an_api()
        before = api.revision
        newer = Fernet.generate_key().decode()

        settings.KEYS = Keys(settings.KEYS.secret_key, (newer, *settings.KEYS.encryption))
        instances.deploy_api(make_actor(), api)

        assert api.revision == before

    def test_another_secret_is_another_revision(self) -> None:
        api = an_api()
        before = api.revision

        policies.edit_policy(make_actor(), api.policies.get(), {"username": "ann", "password": "after-after"})

        api.refresh_from_db()
        assert api.revision != before
        assert api.revision.documents == before.documents


class TestUpgrade:
    """What a process of the release before leaves: APIs that are deployed or changed without a revision."""

    def test_the_first_build_makes_the_revisions(self) -> None:
        api = an_api()
        before, content = body(api), api.revision.content
        ApiInstance.objects.update(revision=None, revision_generation=None)
        Brought.objects.update(revision=None, replaced=None)
        Revision.objects.all().delete()

        assert body(api) == before

        api.refresh_from_db()
        assert api.revision.content == content
        newest, older = Brought.objects.filter(api=api)
        assert (newest.revision, older.revision) == (api.revision, None)

    def test_a_change_by_an_older_process_is_brought(self) -> None:
        api = an_api()
        body(api)
        before = api.revision
        Gateway.objects.update(generation=api.changed_generation + 1)
        Brought.objects.create(api=api, gateway=api.gateway, generation=api.changed_generation + 1)
        ApiInstance.objects.update(base_path="/moved", changed_generation=api.changed_generation + 1)

        assert b"/moved" in body(api)

        newest = Brought.objects.filter(api=api)[0]
        api.refresh_from_db()
        assert newest.revision == api.revision != before
        assert newest.replaced == before
        assert api.revision_generation == api.changed_generation

    def test_a_change_of_the_gateway_hides_no_change_by_an_older_process(self) -> None:
        api = an_api()
        ApiInstance.objects.update(base_path="/moved", changed_generation=api.changed_generation + 1)

        ingress.change(make_actor(), Gateway.objects.get(), TRUSTED)

        assert b"/moved" in body(api)

    def test_an_older_process_can_delete_an_api(self) -> None:
        api = an_api()
        with connection.cursor() as cursor:
            for table in ("apis_brought", "apis_policybinding", "apis_routeupstream", "apis_route"):
                column = "route_id" if table == "apis_routeupstream" else "api_id"
                of = "(SELECT id FROM apis_route WHERE api_id = %s)" if column == "route_id" else "(%s)"
                cursor.execute(f"DELETE FROM {table} WHERE {column} IN {of}", [api.pk])
            cursor.execute("DELETE FROM apis_upstream WHERE api_id = %s", [api.pk])
            cursor.execute("DELETE FROM apis_apiinstance WHERE id = %s", [api.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

        collect.forget_removed()
        assert not Revision.objects.exists()

    def test_one_is_made_before_its_rows_change(self) -> None:
        api = an_api()
        before = body(api)
        ApiInstance.objects.update(revision=None, revision_generation=None)
        api.refresh_from_db()

        store.adopt(api)
        ApiInstance.objects.update(base_path="/not-deployed")

        assert body(api) == before
        assert api.revision is not None

    def test_some_are_made_ahead(self) -> None:
        api, actor = an_api(), make_actor()
        for number in range(3):
            deployed(api.gateway, actor, f"Api{number}")
        ApiInstance.objects.update(revision=None)

        assert [store.adopt_some(api.gateway, 3), store.adopt_some(api.gateway, 3)] == [3, 1]
        assert store.adopt_some(api.gateway, 3) == 0
        assert not store.stale(ApiInstance.objects.all()).exists()


def test_memory_is_bounded() -> None:
    cache = SnapshotCache(most=2)
    for key in ("one", "two", "three"):
        cache.keep({(key,): b"text"})

    assert cache.recall([("one",), ("two",), ("three",)]) == {("two",): b"text", ("three",): b"text"}


def test_documents_are_what_a_snapshot_has() -> None:
    api = an_api()

    found = json.loads(body(api))["resources"]

    assert [one["metadata"]["name"] for one in found] == [
        one["metadata"]["name"] for one in api.revision.content.documents
    ]
