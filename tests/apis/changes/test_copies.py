"""An API once more, here and in another environment."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apis.changes import owners, tests, upstreams
from apis.changes.copies import CopiesRefused, copy_all, copy_api
from apis.changes.policies import apply_policy
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.documents.specification import Specification
from apis.models import ApiInstance, PolicyBinding
from apis.rules.copies import Copy, as_it_is, desired
from console.models import AuditEntry, Environment, Role
from gateways.models import Gateway
from gateways.protocol.cases import Case
from gateways.protocol.upstream_settings import UpstreamSettings
from tests.apis.views.documents import api_with_document
from tests.apis.views.pages import Place, allow, make_place, make_saved_api
from tests.factories import (
    make_actor,
    make_contract,
    make_environment,
    make_gateway,
    make_organization,
    make_role,
    make_tier,
    make_tls_context,
)

pytestmark = pytest.mark.django_db

BREAKER = {"thresholds": {"maxRequests": 5}}
USER = {"username": "ann", "password": "s3cret"}


def make_whole(place: Place, **fields: object) -> ApiInstance:
    """Two routes, three upstreams (one that no route leads to), policies on both sides, a test."""
    first = DesiredUpstream("http://one:8080/", "one", 60)
    second = DesiredUpstream("http://two:8080/", "two", 40)
    routes = [DesiredRoute(methods="GET", path="/a.*", upstreams=[first, second])]
    routes.append(DesiredRoute(label="rest", headers={"x-a": "b"}, upstreams=[replace(second, weight=100)]))
    api = make_saved_api(place, routes=routes, tags=("a", "b"), response_timeout_ms=900, **fields)
    upstreams.add(place.user, api, DesiredUpstream("http://spare:8080/", "spare"))
    allow(place, api, conditions=[{"methodRegex": "GET", "uriTemplateRegex": "/a"}], label="who")
    apply_policy(place.user, api, "http-basic-authentication", USER, is_disabled=True)
    two = api.upstreams.get(label="two")
    apply_policy(place.user, api, "circuit-breaker", BREAKER, upstreams=[two.pk])
    tests.add_test(place.user, api, Case.model_validate({"name": "t", "expect": {"status": 200}}))
    return api


def beside(place: Place, **fields: object) -> Gateway:
    """A gateway of another environment of the organization, where the user may edit too."""
    return make_gateway(make_environment(place.environment.organization, **fields))


def test_a_copy_has_all_that_its_origin_has() -> None:
    place = make_place()
    api = make_whole(place)

    made = copy_api(place.user, api, replace(as_it_is(api, place.environment), label="eu", base_path="/eu/"))

    assert (made.asset, made.label, made.base_path, made.port) == (api.asset, "eu", "/eu", api.port)
    assert (made.tags, made.response_timeout_ms, made.is_deployed) == (["a", "b"], 900, False)
    assert [(one.uri, one.label) for one in made.upstreams.all()] == [
        (one.uri, one.label) for one in api.upstreams.all()
    ]
    assert shape(made) == shape(api)
    assert set(made.upstreams.values_list("pk")).isdisjoint(api.upstreams.values_list("pk"))
    who, basic, breaker = made.policies.order_by("pk")
    assert (who.label, who.conditions, who.config) == (
        "who",
        [{"methodRegex": "GET", "uriTemplateRegex": "/a"}],
        {"ips": ["10.0.0.1"]},
    )
    assert basic.is_disabled and basic.secrets == {"password": "s3cret"}
    assert breaker.upstreams == [made.upstreams.get(label="two").pk]
    assert [one.case for one in made.tests.all()] == [one.case for one in api.tests.all()]


def shape(api: ApiInstance) -> list[object]:
    return [
        (
            *(route.position, route.label, route.methods, route.path, route.headers),
            [(one.upstream.label, one.weight) for one in route.targets.all()],
        )
        for route in api.routes.all()
    ]


def test_a_copy_is_deployed_when_asked_in_one_generation_and_audited_without_secrets() -> None:
    place = make_place()
    api = make_whole(place)
    Gateway.objects.update(generation=7)
    wanted = replace(as_it_is(api, place.environment), label="eu", base_path="/eu")

    made = copy_api(place.user, api, wanted, deploy=True)

    made.refresh_from_db()
    assert made.is_deployed and made.revision is not None
    assert Gateway.objects.get(pk=place.gateway.pk).generation == made.changed_generation == 8
    entry = AuditEntry.objects.get(object_type="apiinstance", object_id=str(made.pk))
    assert entry.diff["copied_from"][1] == f"{api}, {place.environment}"
    assert [one["policy"] for one in entry.diff["policies"][1]][:2] == [
        "ip-allowlist",
        "http-basic-authentication",
    ]
    assert "s3cret" not in json.dumps(entry.diff)


@pytest.mark.parametrize(("uri", "hosts"), [("http://one:8080/v2", 1), ("http://other:8080/", 0)])
def test_hosts_of_an_upstream_come_along_to_its_own_address_alone(uri: str, hosts: int) -> None:
    place = make_place()
    told = UpstreamSettings.model_validate({"hosts": [{"address": "a"}], "retries": {"most": 1}})
    one = DesiredUpstream("http://one:8080/", settings=told)
    api = make_saved_api(place, routes=[DesiredRoute(upstreams=[one])])
    wanted = replace(as_it_is(api, place.environment), label="eu", base_path="/eu")
    (key,) = wanted.upstreams

    made = copy_api(place.user, api, replace(wanted, upstreams={key: DesiredUpstream(uri)}))

    copied = made.upstreams.get().told
    assert len(copied.hosts) == hosts
    assert copied.retries == told.retries


def test_what_needs_several_hosts_stays_behind_with_them() -> None:
    place = make_place()
    told = {"hosts": [{"address": "a"}, {"address": "b"}], "loadBalancing": {"algorithm": "sticky"}}
    settings = UpstreamSettings.model_validate(told | {"retries": {"most": 1}})
    routes = [DesiredRoute(upstreams=[DesiredUpstream("http://one:8080/", settings=settings)])]
    api = make_saved_api(place, routes=routes)
    wanted = replace(as_it_is(api, place.environment), label="eu", base_path="/eu")
    elsewhere = dict.fromkeys(wanted.upstreams, DesiredUpstream("http://10.0.0.1:8080/"))

    made = copy_api(place.user, api, replace(wanted, upstreams=elsewhere))

    assert made.upstreams.get().told == UpstreamSettings.model_validate({"retries": {"most": 1}})


@pytest.mark.parametrize(
    "rule", [{"deploys": Environment.Deploys.SECOND_PERSON}, {"failing_tests_stop": True}]
)
def test_a_copy_waits_where_its_environment_asks_for_more_than_one_press(rule: dict[str, Any]) -> None:
    place = make_place()
    api = make_whole(place)
    Environment.objects.filter(pk=place.environment.pk).update(**rule)
    place.environment.refresh_from_db()
    wanted = replace(as_it_is(api, place.environment), label="eu", base_path="/eu")

    made = copy_api(place.user, api, wanted, deploy=True)

    assert (made.is_deployed, made.gateway, made.pending_by) == (False, place.gateway, [place.user.pk])


def test_a_copy_is_checked_as_a_new_api_is() -> None:
    place = make_place()
    api = make_whole(place)
    one = api.upstreams.get(label="one")
    wanted = as_it_is(api, place.environment)
    wrong = replace(wanted, upstreams={**wanted.upstreams, one.pk: DesiredUpstream("ftp://x")})

    with pytest.raises(ValidationError) as refused:
        copy_api(place.user, api, wrong)

    assert set(refused.value.message_dict) == {"base_path", "label", f"upstreams.{one.pk}.uri"}
    assert ApiInstance.objects.count() == 1


def test_secrets_of_another_environment_are_asked_for() -> None:
    place = make_place()
    api = make_whole(place)
    gateway = beside(place)
    wanted = replace(as_it_is(api, gateway.environment), gateway=gateway)
    basic = api.policies.get(policy="http-basic-authentication")

    with pytest.raises(ValidationError) as refused:
        copy_api(place.user, api, wanted)
    made = copy_api(place.user, api, replace(wanted, secrets={basic.pk: {"password": "other"}}), deploy=True)

    assert set(refused.value.message_dict) == {f"secrets.{basic.pk}.password"}
    assert (made.environment, made.asset, made.label) == (gateway.environment, api.asset, "")
    own = PolicyBinding.objects.get(api=made, policy="http-basic-authentication")
    assert own.secrets == {"password": "other"}
    assert "password" not in json.dumps(own.config)


def test_secrets_are_kept_only_by_who_may_edit_both_environments() -> None:
    place = make_place()
    api = make_whole(place)
    gateway = beside(place)
    wanted = replace(as_it_is(api, gateway.environment), gateway=gateway, keeps_secrets=True)
    other = make_place(Role.Name.VIEWER, place.environment)
    make_role(
        other.user, gateway.environment.organization, Role.Name.MANAGER, environment=gateway.environment
    )

    with pytest.raises(ValidationError, match="may not edit"):
        copy_api(other.user, api, wanted)
    made = copy_api(place.user, api, wanted)

    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "s3cret"}


def test_tests_stay_where_the_user_may_not_read_them() -> None:
    place = make_place()
    api = make_whole(place)
    api.policies.filter(policy="http-basic-authentication").delete()
    gateway = beside(place)
    other = make_place(Role.Name.VIEWER, place.environment)
    make_role(
        other.user, gateway.environment.organization, Role.Name.MANAGER, environment=gateway.environment
    )

    made = copy_api(other.user, api, as_it_is(api, gateway.environment))

    assert made.tests.count() == 0


def test_owners_come_along_where_they_have_something_to_do() -> None:
    place = make_place()
    api = make_saved_api(place)
    owners.set_owners(place.user, api, [place.user.username, "team@example.com"])
    foreign = make_environment(make_organization())
    beside_it = make_environment(place.environment.organization)

    near = copy_api(place.user, api, as_it_is(api, beside_it))
    far = copy_api(make_actor(), api, as_it_is(api, foreign))

    assert [str(one) for one in near.owners.all()] == [place.user.username, "team@example.com"]
    assert [str(one) for one in far.owners.all()] == ["team@example.com"]


def test_a_tls_context_of_another_environment_is_found_by_its_name_or_asked_for() -> None:
    place = make_place()
    here = make_tls_context(place.environment, name="edge")
    api = make_saved_api(place, protocol="https", tls_context=here)
    named, bare = beside(place), beside(place)
    there = make_tls_context(named.environment, name="edge")

    with pytest.raises(ValidationError) as refused:
        copy_api(place.user, api, replace(as_it_is(api, bare.environment), tls_context=here))

    assert as_it_is(api, named.environment).tls_context == there
    assert as_it_is(api, bare.environment).tls_context is None
    assert "tls_context" in refused.value.message_dict


def test_an_organization_that_may_not_use_the_asset_gets_one_like_it_with_its_document() -> None:
    place = make_place()
    api = api_with_document(place)
    foreign = make_environment(make_organization())
    make_role(place.user, foreign.organization, Role.Name.MANAGER)

    made = copy_api(place.user, api, as_it_is(api, foreign))
    again = as_it_is(api, foreign).asset

    assert (made.asset.name, made.asset.asset_id) == (api.asset.name, api.asset.asset_id)
    assert made.asset.organization == foreign.organization and again == made.asset
    document = Specification.objects.get(pk=made.asset.specification_id)
    assert document.organization == foreign.organization
    assert [str(one) for one in document.operations.all()] == ["GET /pets", "POST /pets"]


def test_several_copies_are_made_together_or_not_at_all() -> None:
    place = make_place()
    api = make_whole(place)
    told: list[int] = []

    def named(name: str, path: str) -> Copy:
        return replace(as_it_is(api, place.environment), asset=NewAsset(name), base_path=path)

    good = [named("A", "/a"), named("B", "/b")]
    with pytest.raises(CopiesRefused) as refused:
        copy_all(place.user, api, [*good, named("B", "/c"), named("D", "/a/d")])
    count = ApiInstance.objects.count()
    made = copy_all(place.user, api, good, deploy=True, told=told.append)

    assert count == 1
    assert {place: set(error.message_dict) for place, error in refused.value.faults.items()} == {
        2: {"asset.name"},
        3: {"base_path"},
    }
    assert [one.asset.name for one in made] == ["A", "B"] and told == [1, 2]
    assert all(one.policies.count() == 3 for one in made)


def test_a_policy_that_cannot_be_applied_any_more_is_named() -> None:
    place = make_place()
    api = make_whole(place)
    PolicyBinding.objects.filter(policy="ip-allowlist").update(config={"ips": ["nowhere"]})
    wanted = replace(as_it_is(api, place.environment), asset=NewAsset("Copy"), base_path="/copy")

    with pytest.raises(ValidationError, match="IP Allowlist cannot be applied"):
        copy_api(place.user, api, wanted)

    made = copy_api(place.user, api, replace(wanted, with_policies=False, with_tests=False))
    assert (made.policies.count(), made.tests.count()) == (0, 0)


def test_desired_of_a_copy_names_no_id_of_the_origin() -> None:
    place = make_place()
    api = make_whole(place)

    found: DesiredApi = desired(api, as_it_is(api, place.environment))

    assert [one.id for route in found.routes for one in route.upstreams] == [None, None, None]


def test_sla_tiers_come_along_and_contracts_stay() -> None:
    place = make_place()
    api = make_saved_api(place)
    tier = make_tier(api, name="Gold")
    make_contract(api, tier=tier)

    made = copy_api(
        place.user, api, replace(as_it_is(api, place.environment), label="eu", base_path="/again")
    )

    [own] = made.tiers.all()
    assert own != tier and (own.name, own.limits) == ("Gold", tier.limits)
    assert not made.contracts.exists()
