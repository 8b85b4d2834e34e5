"""A push makes the resources of changed APIs anew, whatever it was that changed them."""

from typing import Any

import pytest
from django.db import models

from apis.assets.models import Asset
from apis.changes import instances, policies
from apis.deployment import snapshot
from apis.deployment.snapshot_cache import Memory, digests
from apis.desired import RouteDraft, UpstreamDraft
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from tests.apis.deployment.snapshots import resources_of
from tests.apis.deployment.test_push import deployed
from tests.factories import make_gateway, make_user

pytestmark = pytest.mark.django_db


def an_api() -> ApiInstance:
    actor, gateway = make_user(), make_gateway()
    upstreams = [UpstreamDraft("http://one:1", weight=60), UpstreamDraft("http://two:2", weight=40)]
    api = deployed(gateway, actor, routes=[RouteDraft(upstreams=upstreams)])
    policies.apply_policy(actor, api, "http-basic-authentication", {"username": "ann", "password": "before"})
    return api


@pytest.mark.parametrize(
    ("model", "values", "told"),
    [
        (ApiInstance, {"base_path": "/elsewhere"}, "/elsewhere"),
        (Asset, {"asset_id": "renamed"}, "renamed"),
        (Upstream, {"uri": "http://three:3"}, "http://three:3"),
        (Route, {"methods": "PATCH"}, "PATCH"),
        (RouteUpstream, {"weight": 33}, '"weight":33'),
        (PolicyBinding, {"config": {"username": "bob"}}, '"bob"'),
        (PolicyBinding, {"secrets": {"password": "after"}}, '"after"'),
    ],
)
def test_change_of_any_row_is_seen(model: type[models.Model], values: dict[str, Any], told: str) -> None:
    api = an_api()
    assert told.encode() not in snapshot.build(api.gateway).body

    model._default_manager.update(**values)

    assert told.encode() in snapshot.build(api.gateway).body


def test_row_that_is_gone_is_seen() -> None:
    api = an_api()
    before = resources_of(api.gateway)

    PolicyBinding.objects.all().delete()

    assert len(resources_of(api.gateway)) == len(before) - 1


def test_what_is_known_needs_no_rows(django_assert_num_queries: Any) -> None:
    api = an_api()
    snapshot.build(api.gateway)

    with django_assert_num_queries(5):  # savepoint, the gateway's row, the digests, TLS contexts, savepoint
        snapshot.build(api.gateway)


def test_memory_is_bounded() -> None:
    memory = Memory(most=2)
    for pk in (1, 2, 3):
        memory.keep({pk: b"digest"}, {pk: (b"text",)})

    assert memory.recall(dict.fromkeys((1, 2, 3), b"digest")) == {2: (b"text",), 3: (b"text",)}
    assert memory.recall({3: b"another"}) == {}


def test_digests_are_of_what_is_deployed_there() -> None:
    api = an_api()
    other = an_api()

    assert digests(api.gateway).keys() == {api.pk}
    assert digests(other.gateway).keys() == {other.pk}

    instances.undeploy_api(make_user(), api)
    assert digests(api.gateway) == {}
