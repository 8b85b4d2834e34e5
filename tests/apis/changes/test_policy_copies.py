"""Policies copied to another API: what becomes of each and of its secrets; an API gets all or none."""

import pytest
from django.core.exceptions import ValidationError

from apis.changes.policies import apply_policy
from apis.changes.policy_copies import copy, plan
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, PolicyBinding
from console.models import AuditEntry
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_environment

pytestmark = pytest.mark.django_db

LOGIN = {"username": "ann", "password": "correct-horse"}


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place, "Orders")


@pytest.fixture
def target(place: Place) -> ApiInstance:
    return make_saved_api(place, "Stock", deploy=True, port=8082)


def all_of(api: ApiInstance) -> list[PolicyBinding]:
    return list(api.policies.select_related("api__environment"))


def test_all_of_a_policy_comes_along_in_order_and_is_a_deployment(
    place: Place, api: ApiInstance, target: ApiInstance
) -> None:
    given = {"conditions": [{"methodRegex": "GET"}], "label": "inner", "mode": "observe"}
    apply_policy(place.user, api, "ip-allowlist", {"ips": ["10.0.0.1"]}, **given)
    apply_policy(place.user, api, "http-basic-authentication", LOGIN, is_disabled=True)
    place.gateway.refresh_from_db()
    before = place.gateway.generation

    steps = copy(place.user, all_of(api), target)

    assert [step.what for step in steps] == ["add", "add"]
    found = {one.policy: one for one in target.policies.all()}
    allow, login = found["ip-allowlist"], found["http-basic-authentication"]
    assert (allow.conditions, allow.label, allow.mode) == ([{"methodRegex": "GET"}], "inner", "observe")
    assert login.is_disabled
    assert login.secrets == {"password": "correct-horse"}
    place.gateway.refresh_from_db()
    assert place.gateway.generation > before
    assert AuditEntry.objects.filter(object_type="policybinding", of_id=str(target.pk)).count() == 2
    assert [step.what for step in plan(all_of(api), target)] == ["same", "same"]


def test_what_is_there_is_left_replaced_or_doubled(
    place: Place, api: ApiInstance, target: ApiInstance
) -> None:
    apply_policy(place.user, api, "ip-allowlist", {"ips": ["10.0.0.1"]}, mode="observe")
    there = apply_policy(place.user, target, "ip-allowlist", {"ips": ["10.2.2.2"]})

    (step,) = copy(place.user, all_of(api), target)
    assert step.what == "skip"
    told = " ".join(f"{line.label} {line.before} {line.after}" for line in step.lines)
    assert "10.2.2.2" in told and "10.0.0.1" in told and "observe" in told

    copy(place.user, all_of(api), target, existing="replace")
    there.refresh_from_db()
    assert (there.config["ips"], there.mode) == (["10.0.0.1"], "observe")
    apply_policy(place.user, api, "ip-blocklist", {"ips": ["10.3.3.3"]})
    there.config = {"ips": ["10.2.2.2"]}
    there.save()
    copy(place.user, all_of(api), target, existing="add")
    assert sorted(target.policies.values_list("policy", flat=True)) == [
        "ip-allowlist",
        "ip-allowlist",
        "ip-blocklist",
    ]
    (step, _) = plan(all_of(api), target, existing="replace")
    assert step.what == "cannot" and "2 times" in step.why


def test_another_environment_is_given_its_own_secrets(place: Place, api: ApiInstance) -> None:
    binding = apply_policy(place.user, api, "http-basic-authentication", LOGIN)
    other = make_place(environment=make_environment(place.environment.organization))
    target = make_saved_api(other, "Orders2")

    (step,) = plan(all_of(api), target)
    assert (step.what, "Password" in step.why) == ("cannot", True)
    with pytest.raises(ValidationError, match="what is secret"):
        copy(place.user, all_of(api), target)
    assert not target.policies.exists()

    copy(place.user, all_of(api), target, secrets={binding.pk: {"password": "battery-staple"}})
    assert target.policies.get().secrets == {"password": "battery-staple"}


def test_an_api_gets_all_or_nothing(place: Place, api: ApiInstance, target: ApiInstance) -> None:
    apply_policy(place.user, api, "ip-allowlist", {"ips": ["10.0.0.1"]})
    apply_policy(place.user, api, "retry", {"maximumRetries": 2})
    apply_policy(place.user, target, "retry", {"maximumRetries": 3})

    with pytest.raises(ValidationError, match="once"):
        copy(place.user, all_of(api), target, existing="add")

    assert [one.policy for one in target.policies.all()] == ["retry"]


def test_an_outbound_policy_finds_the_upstream_that_is_alike(place: Place) -> None:
    two = [
        DesiredRoute(
            upstreams=[DesiredUpstream("http://a/", weight=50), DesiredUpstream("http://b/", weight=50)]
        )
    ]
    api, alike = make_saved_api(place, "One", routes=two), make_saved_api(place, "Two", routes=two, port=8082)
    only = make_saved_api(place, "Three", port=8083)
    strange = [
        DesiredRoute(
            upstreams=[DesiredUpstream("http://c/", weight=50), DesiredUpstream("http://d/", weight=50)]
        )
    ]
    none = make_saved_api(place, "Four", routes=strange, port=8084)
    b = api.upstreams.get(uri="http://b/")
    apply_policy(place.user, api, "idle-timeout", {"timeout": 5}, upstreams=[b.pk])

    for target, uri in ((alike, "http://b/"), (only, "http://backend:8080/")):
        copy(place.user, all_of(api), target)
        assert target.policies.get().upstreams == [target.upstreams.get(uri=uri).pk]
    (step,) = plan(all_of(api), none)
    assert step.what == "cannot" and "has no upstream http://b/" in step.why
