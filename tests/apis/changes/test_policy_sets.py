"""Policy sets: given to APIs, changed in one place, taken from one with or without what they hold."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.automated.models import AutomatedPolicy, PolicySet
from apis.changes import automated, policies, policy_sets, removal
from apis.changes.automated_check import Applies
from apis.changes.instances import delete_api
from apis.models import ApiInstance
from apis.revision import Brought
from apis.revisions import store
from console.models import AuditEntry, Environment, User
from console.versions import Changed
from gateways.models import Gateway
from tests.apis.changes.test_automated import BLOCK, run_on
from tests.factories import make_actor, make_api, make_environment, make_gateway, make_role, make_user

pytestmark = pytest.mark.django_db

LOCKED = ("gateways_gateway", "apis_apiinstance", "console_environment")
LOGIN: dict[str, Any] = {"username": "ann", "password": "correct-horse"}


@pytest.fixture
def gateway() -> Gateway:
    return make_gateway(name="eu-1")


@pytest.fixture
def environment(gateway: Gateway) -> Environment:
    return gateway.environment


@pytest.fixture
def user() -> User:
    return make_actor()


@pytest.fixture
def given(environment: Environment, user: User) -> PolicySet:
    """A set with a blocklist and a login."""
    made = policy_sets.add(user, environment, "Public")
    automated.add(user, environment, "ip-blocklist", BLOCK, Applies(), policy_set=made)
    automated.add(user, environment, "http-basic-authentication", LOGIN, Applies(), policy_set=made)
    return made


def test_it_runs_on_the_apis_that_have_it_and_is_changed_in_one_place(
    gateway: Gateway, environment: Environment, user: User, given: PolicySet
) -> None:
    first, second, other = (make_api(gateway) for _ in range(3))
    policies.apply_policy(user, first, "ip-allowlist", {"ips": ["127.0.0.1"]})
    both = ["http-basic-authentication", "ip-blocklist"]
    policy_sets.give(user, given, [first.pk, second.pk])
    assert run_on(gateway) == {first.pk: [*both, "ip-allowlist"], second.pk: both, other.pk: []}
    revisions = dict(ApiInstance.objects.values_list("pk", "revision"))
    gateway.refresh_from_db()
    before = gateway.generation

    automated.edit(user, given.policies.get(policy="ip-blocklist"), {"ips": ["10.1.1.1"]})

    gateway.refresh_from_db()
    assert gateway.generation == before + 1
    newest = Brought.objects.filter(generation=gateway.generation)
    assert set(newest.values_list("api", flat=True)) == {first.pk, second.pk}
    assert dict(ApiInstance.objects.values_list("pk", "revision")) == revisions


def test_detached_an_api_keeps_the_policies_as_its_own_or_loses_them(
    gateway: Gateway, user: User, given: PolicySet
) -> None:
    keeps, loses = make_api(gateway), make_api(gateway)
    policies.apply_policy(user, keeps, "ip-blocklist", {"ips": ["10.5.5.5"]})
    policy_sets.give(user, given, [keeps.pk, loses.pk])
    ran = run_on(gateway)[keeps.pk]

    policy_sets.take(user, given, keeps, keep=True)
    policy_sets.take(user, given, loses, keep=False)

    assert run_on(gateway) == {keeps.pk: ran, loses.pk: []}
    own = {(one.policy, one.is_disabled): one for one in keeps.policies.all()}
    assert own["http-basic-authentication", False].secrets == {"password": "correct-horse"}
    assert own["ip-blocklist", True].config == {"ips": ["10.5.5.5"]}
    automated.edit(user, given.policies.get(policy="ip-blocklist"), {"ips": ["10.1.1.1"]})
    assert keeps.policies.get(policy="ip-blocklist", is_disabled=False).config == BLOCK
    with pytest.raises(ValidationError, match="does not have"):
        policy_sets.take(user, given, loses, keep=False)


def test_policies_that_could_not_be_in_force_at_once_are_not_kept(gateway: Gateway, given: PolicySet) -> None:
    environment, administrator = gateway.environment, make_user()
    make_role(administrator, environment.organization)
    api = make_api(gateway)
    policy_sets.give(administrator, given, [api.pk])
    ran = run_on(gateway)
    Environment.objects.filter(pk=environment.pk).update(deploys="second-person")
    given, api = PolicySet.objects.get(), ApiInstance.objects.get()

    with pytest.raises(ValidationError, match="wait to be deployed"):
        policy_sets.take(administrator, given, api, keep=True)

    assert run_on(gateway) == ran
    assert not api.policies.exists()
    Environment.objects.filter(pk=environment.pk).update(deploys="review")
    policy_sets.take(administrator, PolicySet.objects.get(), ApiInstance.objects.get(), keep=True)
    assert run_on(gateway) == ran


def test_a_deleted_api_has_it_again_when_it_is_restored(
    gateway: Gateway, user: User, given: PolicySet
) -> None:
    api = make_api(gateway)
    policy_sets.give(user, given, [api.pk])
    pk = api.pk
    removed = delete_api(user, api)
    assert given.policies.count() == 2

    removal.restore_api(user, removed)

    assert len(run_on(gateway)[pk]) == 2


def test_only_apis_of_its_environment_are_given_it(user: User, given: PolicySet) -> None:
    theirs = make_api(make_gateway(make_environment()))
    with pytest.raises(ValidationError, match="not found"):
        policy_sets.give(user, given, [theirs.pk])
    given.refresh_from_db()
    assert given.apis == []


def test_a_set_says_for_which_apis_its_policies_are(
    environment: Environment, user: User, given: PolicySet
) -> None:
    with pytest.raises(ValidationError) as refused:
        automated.edit(user, given.policies.all()[0], applies=Applies(tags=("a",)))
    assert "tags" in refused.value.message_dict


def test_it_is_deleted_once_no_api_has_it(gateway: Gateway, user: User, given: PolicySet) -> None:
    api = make_api(gateway)
    policy_sets.give(user, given, [api.pk])
    with pytest.raises(ValidationError, match="take it from them first"):
        policy_sets.delete(user, given)
    policy_sets.take(user, given, api, keep=False)

    policy_sets.delete(user, given)

    assert not PolicySet.objects.exists()
    assert not AutomatedPolicy.objects.exists()
    assert AuditEntry.objects.filter(object_type="policyset", action="delete").count() == 1


def test_what_is_wrong_with_a_name_is_said(environment: Environment, user: User, given: PolicySet) -> None:
    for name in ("", " ", "Public", "x" * 121):
        with pytest.raises(ValidationError) as refused:
            policy_sets.add(user, environment, name)
        assert "name" in refused.value.message_dict
    seen = policy_sets.seen_version(given)
    policy_sets.edit(user, PolicySet.objects.get(), "Theirs", "")
    with pytest.raises(Changed):
        policy_sets.edit(user, given, "Mine", "", seen=seen)


def test_no_revision_is_made_by_giving_it(gateway: Gateway, user: User, given: PolicySet) -> None:
    api = make_api(gateway)
    store.deployed(gateway)
    api.refresh_from_db()
    before = api.revision_id
    policy_sets.give(user, given, [api.pk])
    assert policy_sets.give(user, given, [api.pk]) == []
    api.refresh_from_db()
    assert api.revision_id == before
    assert AuditEntry.objects.filter(object_type="policyset", action="update").count() == 1


def test_an_api_is_locked_before_its_environment_as_its_copies_do(
    gateway: Gateway, user: User, given: PolicySet
) -> None:
    """In the other order, whoever takes a set from it and whoever copies it could wait for each other."""
    api = make_api(gateway)
    policy_sets.give(user, given, [api.pk])

    with CaptureQueriesContext(connection) as asked:
        policy_sets.take(user, given, api, keep=True)

    locks = [one["sql"] for one in asked if "FOR NO KEY UPDATE" in one["sql"]]
    first = [next(at for at, sql in enumerate(locks) if f'FROM "{table}"' in sql) for table in LOCKED]
    assert first == sorted(first)
