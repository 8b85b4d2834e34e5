"""Outbound policies: on some of an API's upstreams, in revisions and snapshots, and gone with them never."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from apis.changes import instances, policies, removal, upstreams
from apis.deployment.diff import between
from apis.desired import DesiredRoute, DesiredUpstream, desired_of
from apis.models import ApiInstance, PolicyBinding
from apis.revisions.rows import content_of
from console.models import User
from gateways.agent.translate.apis import translate
from gateways.models import Gateway
from gateways.protocol.resources import PolicyBinding as Bound
from tests.apis.deployment.snapshots import resources_of
from tests.apis.views.pages import Place, allow, make_place, make_saved_api

pytestmark = pytest.mark.django_db

BREAKER = {"thresholds": {"maxRequests": 5}}


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    """Its two upstreams share one route; a third has none."""
    two = [DesiredUpstream("http://one:8080/", "one", 50), DesiredUpstream("http://two:8080/", "two", 50)]
    made = make_saved_api(place, routes=[DesiredRoute(upstreams=two)], deploy=True)
    upstreams.add(place.user, made, DesiredUpstream("http://three:8080/", "three"))
    return made


@pytest.fixture
def actor(place: Place) -> User:
    return place.user


def of(api: ApiInstance, *labels: str) -> list[Any]:
    return [api.upstreams.get(label=label).pk for label in labels]


def broken(actor: User, api: ApiInstance, *labels: str, **fields: Any) -> PolicyBinding:
    return policies.apply_policy(actor, api, "circuit-breaker", BREAKER, upstreams=of(api, *labels), **fields)


def told(gateway: Gateway) -> list[tuple[str, str]]:
    """(policy, the host of the upstream that it acts on) in what the gateway runs."""
    resources = resources_of(gateway)
    translated = translate(resources)
    assert not translated.refused
    hosts = {
        use.binding: one.host
        for it in translated.gateway.apis
        for one in it.upstreams
        for use in one.policies
    }
    named = {"/".join(one.key): one for one in resources if isinstance(one, Bound)}
    return sorted((named[binding].spec.policy_ref.name, host) for binding, host in hosts.items())


def test_the_gateway_is_told_for_each_upstream(actor: User, api: ApiInstance) -> None:
    binding = broken(actor, api, "one", "two")

    assert told(api.gateway) == [("circuit-breaker", "one"), ("circuit-breaker", "two")]
    assert (binding.order, binding.is_outbound) == (1, True)


def test_an_upstream_without_a_route_is_not_told_of(actor: User, api: ApiInstance) -> None:
    broken(actor, api, "two", "three")

    assert told(api.gateway) == [("circuit-breaker", "two")]


def test_disabled_it_is_not_told_of(actor: User, api: ApiInstance) -> None:
    binding = broken(actor, api, "one")

    policies.set_policy_disabled(actor, binding, True)

    assert told(api.gateway) == []


@pytest.mark.parametrize(
    ("policy", "config", "named", "words"),
    [
        ("circuit-breaker", BREAKER, (), "name at least one"),
        ("ip-allowlist", {"ips": ["10.0.0.1"]}, ("one",), "leave the upstreams out"),
    ],
)
def test_a_policy_is_refused_on_the_other_side(
    actor: User, api: ApiInstance, policy: str, config: dict[str, Any], named: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, policy, config, upstreams=of(api, *named))

    assert words in refused.value.message_dict["upstreams"][0]


def test_upstreams_of_others_are_refused(actor: User, api: ApiInstance) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "circuit-breaker", BREAKER, upstreams=[uuid4()])

    assert "not found" in refused.value.message_dict["upstreams"][0]


def test_it_has_no_conditions_no_mode_and_no_order(actor: User, api: ApiInstance) -> None:
    binding = broken(actor, api, "one")

    with pytest.raises(ValidationError, match="holds for the whole upstream"):
        policies.edit_policy(actor, binding, BREAKER, conditions=[{"methodRegex": "GET"}])
    with pytest.raises(ValidationError, match="cannot observe"):
        policies.set_policy_mode(actor, binding, "observe")
    with pytest.raises(ValidationError, match="there is no order"):
        policies.move_policy(actor, binding, 1)


def test_an_upstream_has_it_once(actor: User, api: ApiInstance) -> None:
    broken(actor, api, "one")
    other = broken(actor, api, "two")

    with pytest.raises(ValidationError, match="can be there once"):
        broken(actor, api, "one", "three")
    with pytest.raises(ValidationError, match="can be there once"):
        policies.edit_policy(actor, other, BREAKER, upstreams=of(api, "one", "two"))


def test_inbound_policies_keep_an_order_of_their_own(place: Place, api: ApiInstance) -> None:
    first, second = allow(place, api), allow(place, api)
    breaker = broken(place.user, api, "one")

    policies.reorder_policies(place.user, api, [second.pk, first.pk])  # type: ignore[attr-defined]

    assert list(api.policies.inbound()) == [second, first]
    assert list(api.policies.outbound()) == [breaker]
    with pytest.raises(ValidationError, match="each policy on requests to the API"):
        policies.reorder_policies(place.user, api, [second.pk, first.pk, breaker.pk])  # type: ignore[attr-defined]


def test_an_upstream_that_it_alone_acts_on_stays(actor: User, api: ApiInstance) -> None:
    broken(actor, api, "two")
    desired = desired_of(api)
    (route,) = desired.routes
    kept = DesiredRoute(upstreams=[DesiredUpstream("http://one:8080/", "one", 100, route.upstreams[0].id)])

    with pytest.raises(ValidationError, match="Circuit Breaker acts on two; remove the policy first"):
        instances.edit_api(actor, api, lambda one: replace(one, routes=[kept]))
    broken(actor, api, "three")
    with pytest.raises(ValidationError, match="acts on three"):
        upstreams.remove(actor, api, api.upstreams.get(label="three"))


def test_of_several_upstreams_one_may_go(actor: User, api: ApiInstance) -> None:
    binding = broken(actor, api, "two", "three")

    upstreams.remove(actor, api, api.upstreams.get(label="three"))

    binding.refresh_from_db()
    assert binding.upstreams == of(api, "two")


def test_it_comes_back_where_it_was(actor: User, api: ApiInstance) -> None:
    binding = broken(actor, api, "one", "two", label="both")
    pk = binding.pk
    removed = policies.remove_policy(actor, binding)

    back = policies.restore_policy(actor, api, removed)

    assert (back.pk, back.label, back.upstreams) == (pk, "both", of(api, "one", "two"))
    assert told(api.gateway) == [("circuit-breaker", "one"), ("circuit-breaker", "two")]


def test_it_comes_back_with_its_api(actor: User, api: ApiInstance) -> None:
    wanted = broken(actor, api, "one").upstreams
    removed = instances.delete_api(actor, api)

    back = removal.restore_api(actor, removed)

    assert back.policies.get().upstreams == wanted


def test_it_is_kept_where_its_upstream_is_gone(actor: User, api: ApiInstance) -> None:
    removed = policies.remove_policy(actor, broken(actor, api, "three"))
    upstreams.remove(actor, api, api.upstreams.get(label="three"))

    with pytest.raises(ValidationError, match="not found"):
        policies.restore_policy(actor, api, removed)


def test_differences_tell_of_it(actor: User, api: ApiInstance) -> None:
    before = content_of(api)
    binding = broken(actor, api, "one")
    applied = content_of(api)
    policies.edit_policy(actor, binding, {"thresholds": {"maxRequests": 9}})
    edited = content_of(api)

    added, changed = between(before, applied).lines, between(applied, edited).lines

    assert [(one.label, one.kind) for one in added] == [("Policy Circuit Breaker", "added")]
    assert "http://one:8080" in added[0].after
    assert [(one.before, one.after) for one in changed] == [("5", "9")]
