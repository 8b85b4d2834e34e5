"""Automated policies: what their rules cover, what rests for them, what their changes bring to gateways."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import Http404

from apis.automated.coverage import coverage
from apis.automated.models import AutomatedPolicy
from apis.changes import automated, policies, policy_sets
from apis.changes.automated_check import Applies
from apis.changes.instances import edit_api
from apis.desired import desired_of
from apis.models import ApiInstance, Route, RouteUpstream, Upstream
from apis.revision import Brought, Revision
from apis.revisions import export, store
from console.models import AuditEntry, Environment, Role, User
from console.versions import Changed
from gateways.agent.sources import files
from gateways.agent.translate import ir
from gateways.agent.translate.apis import translate
from gateways.models import Gateway
from tests.apis.deployment.snapshots import resources_of
from tests.factories import make_actor, make_api, make_environment, make_gateway, make_role, make_user

pytestmark = pytest.mark.django_db

BLOCK: dict[str, Any] = {"ips": ["10.9.9.9"]}
ALLOW: dict[str, Any] = {"ips": ["10.0.0.1"]}


@pytest.fixture
def gateway() -> Gateway:
    return make_gateway(name="eu-1")


@pytest.fixture
def environment(gateway: Gateway) -> Environment:
    return gateway.environment


@pytest.fixture
def user() -> User:
    return make_actor()


def add(environment: Environment, policy: str = "ip-blocklist", **fields: Any) -> AutomatedPolicy:
    config = fields.pop("config", BLOCK if policy == "ip-blocklist" else ALLOW)
    applies = Applies(**{name: fields.pop(name) for name in Applies.__dataclass_fields__ if name in fields})
    return automated.add(make_actor(), environment, policy, config, applies, **fields)


def run_on(gateway: Gateway) -> dict[int, list[str]]:
    """By API, the policies that the gateway runs on it, in order, as its own translation has them."""
    found = translate(resources_of(gateway))
    assert not found.refused
    assert not [one for one in found.faults if not one.is_warning]
    return {_pk(api): [use.policy for use in api.policies] for api in found.gateway.apis}


def _pk(api: ir.Api) -> int:
    return int(api.name.removeprefix("apii-"))


def test_a_rule_covers_by_tag_by_gateway_and_by_name(gateway: Gateway, environment: Environment) -> None:
    other = make_gateway(environment)
    public = make_api(gateway, name="Orders", tags=["Public", "eu"])
    labelled = make_api(gateway, name="stock", label="orders-next")
    far = make_api(other, name="far", tags=["public"])

    def covered(**rule: Any) -> set[int]:
        policy = add(environment, **rule)
        found = {one.api.pk for one in coverage(policy) if one.is_covered}
        assert found == {pk for where in (gateway, other) for pk, runs in run_on(where).items() if runs}
        automated.delete(make_actor(), policy)
        return found

    assert covered() == {public.pk, labelled.pk, far.pk}
    assert covered(tags=("PUBLIC", "partner")) == {public.pk, far.pk}
    assert covered(tags=("public",), gateways=(gateway.pk,)) == {public.pk}
    assert covered(names="order*") == {public.pk, labelled.pk}
    assert covered(names="order?") == {public.pk}
    assert covered(names="o.ders|far", names_are="regex") == {far.pk}
    assert covered(names="[fx]ar", names_are="wildcard") == set()


def test_automated_policies_run_before_an_apis_own_and_cors_before_all(
    gateway: Gateway, environment: Environment, user: User
) -> None:
    api = make_api(gateway)
    policies.apply_policy(user, api, "header-removal", {"outboundHeaders": ["x-a"], "inboundHeaders": []})
    policies.apply_policy(user, api, "cors", {"publicResource": True, "supportCredentials": False})
    late = add(environment, "ip-blocklist")
    first = add(environment, "ip-allowlist", order=1)

    assert run_on(gateway)[api.pk] == ["cors", "ip-allowlist", "ip-blocklist", "header-removal"]

    automated.reorder(user, environment, [late.pk, first.pk])
    assert run_on(gateway)[api.pk] == ["cors", "ip-blocklist", "ip-allowlist", "header-removal"]


@pytest.mark.parametrize(
    ("conflicts", "expected"),
    [("wins", [BLOCK]), ("yields", [{"ips": ["10.1.1.1"]}]), ("both", [BLOCK, {"ips": ["10.1.1.1"]}])],
)
def test_of_the_same_policy_on_an_api_that_one_runs_which_the_choice_says(
    gateway: Gateway, environment: Environment, user: User, conflicts: str, expected: list[Any]
) -> None:
    api = make_api(gateway)
    policies.apply_policy(user, api, "ip-blocklist", {"ips": ["10.1.1.1"]})
    before = resources_of(gateway)

    policy = add(environment, conflicts=conflicts)

    (found,) = translate(resources_of(gateway)).gateway.apis
    run = [use.config.model_dump(mode="json", by_alias=True)["ips"] for use in found.policies]
    assert run == [one["ips"] for one in expected]
    automated.delete(user, policy)
    assert resources_of(gateway) == before, "its own is back, as it was"


def test_an_apis_own_that_is_disabled_is_no_conflict(
    gateway: Gateway, environment: Environment, user: User
) -> None:
    api = make_api(gateway)
    own = policies.apply_policy(user, api, "ip-blocklist", {"ips": ["10.1.1.1"]})
    policy = add(environment, conflicts="yields")
    (found,) = coverage(policy)
    assert (found.is_covered, found.has_own) == (False, True)
    assert "of its own" in found.miss

    policies.set_policy_disabled(user, own, True)

    (found,) = coverage(policy)
    assert (found.is_covered, found.has_own) == (True, False)
    assert run_on(gateway)[api.pk] == ["ip-blocklist"]


def test_what_an_api_can_have_once_runs_once(gateway: Gateway, environment: Environment) -> None:
    api = make_api(gateway, tags=["a"])
    config = {"maximumRetries": 2}
    first = add(environment, "retry", config=config, tags=("a",))
    second = add(environment, "retry", config={"maximumRetries": 3})

    assert run_on(gateway)[api.pk] == ["retry"]
    (found,) = coverage(second)
    assert "holds for it already" in found.miss
    assert coverage(first)[0].is_covered
    with pytest.raises(ValidationError, match="once"):
        add(environment, "retry", config=config, conflicts="both")


def test_a_change_is_a_deployment_to_the_gateways_concerned_and_no_revision(
    gateway: Gateway, environment: Environment, user: User
) -> None:
    api, spared = make_api(gateway, tags=["a"]), make_api(make_gateway(environment))
    for where in environment.gateways.all():
        store.deployed(where)
    revisions = Revision.objects.count()

    policy = add(environment, tags=("a",))

    gateway.refresh_from_db()
    spared.gateway.refresh_from_db()
    assert (gateway.generation, spared.gateway.generation) == (1, 0)
    assert Revision.objects.count() == revisions
    (brought,) = Brought.objects.all()
    assert (brought.api_id, brought.entry.object_type) == (api.pk, "automatedpolicy")
    assert brought.revision_id == brought.replaced_id

    automated.edit(user, policy, applies=Applies(gateways=(spared.gateway.pk,)))
    assert set(Brought.objects.values_list("api", flat=True)) == {api.pk, spared.pk}
    automated.edit(user, policy, label="same requests")
    automated.edit(user, policy)
    assert AuditEntry.objects.filter(object_type="automatedpolicy", action="update").count() == 2


def test_an_apis_export_is_what_runs_and_lies_beside_others(
    gateway: Gateway, environment: Environment, user: User, tmp_path: Path
) -> None:
    apis = [make_api(gateway, name=name, port=8081) for name in ("orders", "stock")]
    policies.apply_policy(user, apis[0], "ip-blocklist", {"ips": ["10.1.1.1"]})
    login = {"username": "ann", "password": "correct-horse"}
    secret = add(environment, "http-basic-authentication", config=login)
    add(environment)
    store.deployed(gateway)
    for api in ApiInstance.objects.select_related("revision"):
        (tmp_path / f"{api.pk}.yaml").write_text(export.yaml_of(api.revision))

    given = {export.variable(secret.resource_name, "password")[1:]: "correct-horse"}
    loaded = files.load(tmp_path, given)

    assert loaded.diagnostics == ()
    found = translate(loaded.resources)
    assert not [one for one in found.faults if not one.is_warning]
    there = {_pk(api): [use.config for use in api.policies] for api in found.gateway.apis}
    sent = {
        _pk(api): [use.config for use in api.policies]
        for api in translate(resources_of(gateway)).gateway.apis
    }
    assert there == sent
    assert [len(there[api.pk]) for api in apis] == [2, 2]


def test_a_disabled_one_holds_for_nothing(gateway: Gateway, environment: Environment, user: User) -> None:
    api = make_api(gateway)
    policy = add(environment)
    automated.set_disabled(user, policy, True)
    assert run_on(gateway)[api.pk] == []
    assert coverage(policy)[0].miss == "The policy is disabled."
    automated.set_disabled(user, policy, False)
    assert run_on(gateway)[api.pk] == ["ip-blocklist"]


def test_a_secret_is_stored_encrypted_kept_by_an_edit_and_sent(
    gateway: Gateway, environment: Environment, user: User
) -> None:
    make_api(gateway)
    config = {"username": "ann", "password": "correct-horse"}
    policy = add(environment, "http-basic-authentication", config=config)

    assert "correct-horse" not in str(policy.config)
    with connection.cursor() as cursor:
        cursor.execute("SELECT config::text, secrets FROM automated_automatedpolicy")
        assert "correct-horse" not in str(cursor.fetchone())
    assert "correct-horse" not in str(list(AuditEntry.objects.values("diff")))
    automated.edit(user, policy, {"username": "ann"}, label="staff")
    assert "correct-horse" in str(
        [one.spec.config for one in resources_of(gateway) if one.kind == "PolicyBinding"]
    )


@pytest.mark.parametrize(
    ("policy", "fields", "at"),
    [
        ("idle-timeout", {"config": {}}, "policy"),
        ("ip-blocklist", {"config": {"ips": ["x"]}}, "config.ips.0"),
        ("ip-blocklist", {"names": "(", "names_are": "regex"}, "names"),
        ("ip-blocklist", {"names": "a", "names_are": "glob"}, "names_are"),
        ("ip-blocklist", {"names": "a" * 501}, "names"),
        ("ip-blocklist", {"tags": ("a" * 61,)}, "tags"),
        ("ip-blocklist", {"tags": tuple(map(str, range(51)))}, "tags"),
        ("ip-blocklist", {"conflicts": "loses"}, "conflicts"),
        ("ip-blocklist", {"mode": "watch"}, "mode"),
        (
            "cors",
            {"config": {"publicResource": True, "supportCredentials": False}, "mode": "observe"},
            "mode",
        ),
        ("ip-blocklist", {"conditions": [{"methodRegex": "("}]}, "conditions.0.methodRegex"),
        ("ip-blocklist", {"version": "9.0.0"}, "policy_version"),
        ("spec-validation", {"config": {"source": "context"}}, "config.source"),
    ],
)
def test_what_cannot_act_is_refused_where_it_is_entered(
    environment: Environment, policy: str, fields: dict[str, Any], at: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        add(environment, policy, **fields)
    assert at in refused.value.message_dict
    assert not AutomatedPolicy.objects.exists()


def test_a_gateway_of_another_environment_is_not_named(environment: Environment) -> None:
    with pytest.raises(ValidationError) as refused:
        add(environment, gateways=(make_gateway(make_environment()).pk,))
    assert "gateways" in refused.value.message_dict


def test_a_gateway_that_was_deleted_does_not_widen_the_rule(environment: Environment, user: User) -> None:
    gone = make_gateway(environment)
    api = make_api(make_gateway(environment))
    policy = add(environment, gateways=(gone.pk,))
    gone.delete()

    automated.edit(user, policy, label="kept")

    assert coverage(policy)[0].miss == "It is not on gateway one that was deleted."
    assert run_on(api.gateway)[api.pk] == []


def test_who_comes_second_overwrites_nothing(environment: Environment, user: User) -> None:
    policy = add(environment)
    seen, order = automated.seen_version(policy), automated.order_version(environment)
    automated.edit(user, AutomatedPolicy.objects.get(), label="theirs")
    with pytest.raises(Changed):
        automated.edit(user, policy, label="mine", seen=seen)
    add(environment, "ip-allowlist")
    with pytest.raises(Changed):
        automated.reorder(user, environment, [policy.pk], seen=order)
    with pytest.raises(ValidationError):
        automated.reorder(user, environment, [policy.pk])
    stale = AutomatedPolicy.objects.get(pk=policy.pk)
    automated.delete(user, policy)
    with pytest.raises(Http404):
        automated.edit(user, stale, label="back")


def test_where_a_second_person_deploys_administrators_change_it(environment: Environment) -> None:
    Environment.objects.filter(pk=environment.pk).update(deploys="second-person")
    environment.refresh_from_db()
    manager, administrator = make_user(), make_user()
    make_role(manager, environment.organization, Role.Name.MANAGER)
    make_role(administrator, environment.organization, Role.Name.ADMINISTRATOR)

    with pytest.raises(ValidationError, match="an administrator changes it"):
        automated.add(manager, environment, "ip-blocklist", BLOCK, Applies())
    policy = automated.add(administrator, environment, "ip-blocklist", BLOCK, Applies())
    for change in (
        lambda: automated.delete(manager, policy),
        lambda: automated.edit(manager, policy, label="x"),
        lambda: automated.set_disabled(manager, policy, True),
        lambda: automated.reorder(manager, environment, [policy.pk]),
        lambda: policy_sets.add(manager, environment, "Public"),
    ):
        with pytest.raises(ValidationError, match="an administrator changes it"):
            change()


def test_a_tag_counts_at_once_where_changes_wait(
    gateway: Gateway, environment: Environment, user: User
) -> None:
    api = make_api(gateway)
    upstream = Upstream.objects.create(api=api, uri="http://backend:8080/")
    RouteUpstream.objects.create(route=Route.objects.create(api=api, position=0), upstream=upstream)
    add(environment, tags=("public",))
    assert run_on(gateway)[api.pk] == []
    tagged = replace(desired_of(api), tags=["public"])

    edit_api(user, api, tagged, deploy=False)

    gateway.refresh_from_db()
    assert Brought.objects.filter(api=api, generation=gateway.generation).exists()
    assert run_on(gateway)[api.pk] == ["ip-blocklist"]


def test_a_form_sent_twice_adds_one(environment: Environment) -> None:
    newest = int(automated.newest(environment))
    assert add(environment, newest_seen=newest).pk == add(environment, newest_seen=newest).pk


def test_an_environment_has_a_hundred_at_most(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    AutomatedPolicy.objects.bulk_create(
        AutomatedPolicy(environment=environment, policy="ip-blocklist", config=BLOCK, order=number)
        for number in range(1, automated.MOST + 1)
    )
    with pytest.raises(ValidationError, match="room for no more"):
        add(environment)


def test_another_environment_is_not_covered(environment: Environment) -> None:
    theirs = make_api()
    add(environment)
    assert run_on(theirs.gateway)[theirs.pk] == []
    assert ApiInstance.objects.get(pk=theirs.pk).gateway.generation == 0


def test_a_snapshot_is_built_with_as_many_queries_for_many_apis(
    gateway: Gateway, environment: Environment, django_assert_num_queries: Any
) -> None:
    add(environment)
    for _ in range(3):
        make_api(gateway)
    store.deployed(gateway)
    with django_assert_num_queries(7):
        resources_of(gateway)
    for _ in range(10):
        make_api(gateway)
    store.deployed(gateway)
    with django_assert_num_queries(7):
        resources_of(gateway)
