"""An API promoted to another environment: made there, brought up to date, taken back."""

import hashlib
from dataclasses import replace

import orjson
import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from apis.changes import policies
from apis.changes.instances import delete_api, edit_api
from apis.changes.removal import restore_api
from apis.models import ApiInstance, PolicyBinding
from apis.portable.exporting import yaml_of
from apis.portable.rows import portable_of
from apis.promotions import promoting
from apis.promotions.choices import Choices, counterparts, proposed, wanted
from apis.promotions.models import Counterpart, Mapped, Promotion
from console.models import AuditEntry, Environment, Role, User
from console.roles.models import CustomRole
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import Place, make_place
from tests.factories import (
    make_api,
    make_environment,
    make_gateway,
    make_role,
    make_secret,
    make_secret_group,
    make_tier,
    make_user,
)

pytestmark = pytest.mark.django_db


def production(place: Place, **fields: object) -> Environment:
    environment = make_environment(place.environment.organization, name="Production", **fields)
    make_gateway(environment)
    return environment


def chosen(place: Place, api: ApiInstance, environment: Environment) -> Choices:
    """With other upstreams, and the secret of basic authentication."""
    usual = proposed(place.user, api, environment, None)
    uris = {key: uri.replace("http://", "http://prod-") for key, uri in usual.uris.items()}
    basic = "orders-http-basic-authentication-2"
    return replace(usual, uris=uris, secrets={basic: {"password": "of production"}})


def promoted(place: Place, api: ApiInstance, environment: Environment, **how: bool) -> ApiInstance:
    return promoting.promote(place.user, api, chosen(place, api, environment), **how).api


def test_the_second_promotion_asks_nothing_and_brings_only_what_changed() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment, deploy=True)
    assert made.is_deployed
    assert [one.uri for one in made.upstreams.all()] == [
        "http://prod-one:8080/",
        "http://prod-two:8080/",
        "http://prod-spare:8080/",
    ]
    ids = dict(made.policies.values_list("policy", "pk"))
    policies.remove_policy(place.user, api.policies.get(policy="ip-allowlist"))
    policies.apply_policy(place.user, api, "ip-blocklist", {"ips": ["10.1.1.1"]})
    make_tier(api, name="Gold")

    [found] = counterparts(api, environment)
    choices = proposed(place.user, api, environment, found)
    assert choices.unknown == frozenset()
    shown = promoting.preview(place.user, wanted(place.user, api, choices), found)
    labels = [one.label for one in (*shown.difference.lines, *shown.beside)]
    assert "Policy IP Blocklist" in labels and any("Tier" in one for one in labels)
    assert not found.tiers.exists() and found.policies.filter(policy="ip-allowlist").exists()

    again = promoting.promote(place.user, api, choices).api

    assert again.pk == made.pk
    assert again.policies.get(policy="http-basic-authentication").pk == ids["http-basic-authentication"]
    assert again.policies.get(policy="http-basic-authentication").secrets == {"password": "of production"}
    assert sorted(again.policies.values_list("policy", flat=True)) == sorted(
        api.policies.values_list("policy", flat=True)
    )
    assert again.tiers.get().name == "Gold"
    assert again.upstreams.values_list("uri", flat=True)[0] == "http://prod-one:8080/"
    assert again.pending_since is None and again.revision is not None


def test_what_is_the_same_is_no_change() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment, deploy=True)
    generation = made.changed_generation

    shown = promoting.preview(
        place.user, wanted(place.user, api, proposed(place.user, api, environment, made)), made
    )
    assert shown.is_nothing
    promoting.promote(place.user, api, proposed(place.user, api, environment, made))

    made.refresh_from_db()
    assert made.changed_generation == generation


def test_it_waits_where_the_environment_asks_for_a_review() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment, deploy=True)
    environment.deploys = "review"
    environment.save()
    edit_api(place.user, api, lambda it: replace(it, response_timeout_ms=700))

    promoting.promote(place.user, api, proposed(place.user, api, environment, _fresh(made)))

    made = _fresh(made)
    assert made.pending_since is not None and made.response_timeout_ms == 700


def test_where_a_second_person_is_needed_a_new_api_is_saved_alone() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place, deploys="second-person")

    assert not promoted(place, api, environment, deploy=True).is_deployed


def test_an_update_is_taken_back_with_its_secrets() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment)
    before = yaml_of([made])
    policies.remove_policy(place.user, api.policies.get(policy="http-basic-authentication"))
    edit_api(place.user, api, lambda it: replace(it, description="New."))
    promoting.promote(place.user, api, proposed(place.user, api, environment, _fresh(made)))
    assert yaml_of([_fresh(made)]) != before

    last = Promotion.objects.filter(api=made).first()
    assert last is not None
    promoting.take_back(place.user, last)

    assert yaml_of([_fresh(made)]) == before
    basic = PolicyBinding.objects.get(api=made, policy="http-basic-authentication")
    assert basic.secrets == {"password": "of production"}
    with pytest.raises(ValidationError, match="taken back already"):
        promoting.take_back(place.user, last)


def test_what_was_made_is_deleted_when_it_is_taken_back_and_not_after_a_change() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment)
    edit_api(place.user, made, lambda it: replace(it, description="Mine."))
    last = Promotion.objects.get(api=made)
    with pytest.raises(ValidationError, match="changed"):
        promoting.take_back(place.user, last)
    edit_api(place.user, made, lambda it: replace(it, description=""))

    promoting.take_back(place.user, last)

    assert not ApiInstance.objects.filter(pk=made.pk).exists()


def test_an_api_that_was_deleted_and_restored_is_still_the_counterpart() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment)

    made = restore_api(place.user, delete_api(place.user, made))

    assert counterparts(api, environment) == [made]
    assert promoting.last_of(_fresh(made)) is not None
    gone = delete_api(place.user, _fresh(api))
    Counterpart.objects.create(origin=make_api(place.gateway), copy=made)
    restore_api(place.user, gone)
    assert counterparts(_fresh(api), environment) == [], "another one has it now"


def test_secrets_are_asked_for_and_never_taken_in_silence() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    choices = proposed(place.user, api, environment, None)

    with pytest.raises(ValidationError) as refused:
        promoting.promote(place.user, api, choices)
    assert list(refused.value.message_dict) == ["secrets.orders-http-basic-authentication-2.password"]
    made = promoting.promote(place.user, api, replace(choices, keeps_secrets=True)).api

    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "s3cret"}
    stranger = make_place("viewer", place.environment)
    make_role(stranger.user, environment.organization, Role.Name.MANAGER, environment=environment)
    with pytest.raises(ValidationError):
        promoting.promote(stranger.user, api, replace(choices, keeps_secrets=True, label="b"))
    assert "s3cret" not in str(list(AuditEntry.objects.values("diff")))


def test_the_mapping_is_that_of_the_last_promotion() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    promoted(place, api, environment)
    other = make_whole(place, asset=api.asset, label="other", base_path="/other")

    choices = proposed(place.user, other, environment, None)

    assert set(choices.uris.values()) == {
        "http://prod-one:8080/",
        "http://prod-two:8080/",
        "http://prod-spare:8080/",
    }
    assert choices.unknown == frozenset()
    assert Mapped.objects.filter(kind="upstream").count() == 3


def _fresh(api: ApiInstance) -> ApiInstance:
    named = ("asset__organization", "gateway", "tls_context", "environment__organization")
    return ApiInstance.objects.select_related(*named).get(pk=api.pk)


def test_what_was_brought_is_taken_back_by_who_manages_policies_there() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment)
    edit_api(place.user, api, lambda it: replace(it, description="New."))
    make_tier(api, name="Gold")
    promoting.promote(place.user, api, proposed(place.user, api, environment, _fresh(made)))
    somebody, may = make_user(), ["view:apis", "manage:apis"]
    custom = CustomRole.objects.create(organization=environment.organization, name="M", permissions=may)
    make_role(somebody, environment.organization, Role.CUSTOM, custom=custom)

    with pytest.raises(PermissionDenied, match="Manage policies"):
        promoting.take_back(somebody, Promotion.objects.filter(api=made)[0])
    custom.permissions = [*may, "view:policies", "manage:policies"]
    custom.save()
    promoting.take_back(User.objects.get(pk=somebody.pk), Promotion.objects.filter(api=made)[0])

    assert _fresh(made).description == "" and _fresh(made).tiers.count() == 1


LATER = ("sharedSecrets", "terms", "without")


@pytest.mark.parametrize("mentions", [True, False])
def test_what_the_release_before_promoted_is_taken_back(mentions: bool) -> None:
    """It knew of no shared secrets beside the policies, in what it kept and in what it held against it."""
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment)
    if mentions:
        config = {"username": "${secret:shop/database#username}", "password": "${secret:shop/database}"}
        for each in (place.environment, environment):
            make_secret(make_secret_group(each, name="shop"), name="database")
        policies.apply_policy(place.user, made, "http-basic-authentication", config)
    was = yaml_of([made])
    policies.apply_policy(place.user, api, "ip-blocklist", {"ips": ["10.1.1.1"]})
    if mentions:
        policies.apply_policy(place.user, api, "http-basic-authentication", config)
    promoting.promote(place.user, api, proposed(place.user, api, environment, made))
    row = Promotion.objects.filter(api=made).latest("pk")
    plain = portable_of(made).plain
    assert bool(plain.pop("sharedSecrets")) == mentions
    row.before = {key: value for key, value in row.before.items() if key not in LATER}
    del plain["terms"], plain["without"]
    row.left = hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()
    row.save()

    promoting.take_back(place.user, row)

    assert yaml_of([made]) == was
