"""Several APIs of one gateway, deployed together and taken back together."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from apis.change_set import ChangeSet
from apis.changes import instances, review
from apis.deployment import change_sets, snapshot
from apis.deployment.pending import pending
from apis.models import ApiInstance
from apis.revision import Brought
from apis.revisions import collect
from console.models import Environment, User
from console.versions import Changed
from gateways.models import Gateway
from gateways.protocol.resources import CHANGE_SET
from tests.apis.views.pages import Place, make_place, make_saved_api

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def apis(place: Place) -> list[ApiInstance]:
    """Two that are deployed, each with a change that waits."""
    made = [make_saved_api(place, deploy=True, name=name) for name in ("One", "Two")]
    Environment.objects.filter(pk=place.environment.pk).update(deploys=Environment.Deploys.REVIEW)
    for api in made:
        api.environment.refresh_from_db()
        moved = f"{api.base_path}/new"
        instances.edit_api(place.user, api, lambda it, moved=moved: replace(it, base_path=moved))
    return fresh(made)


def fresh(apis: Iterable[ApiInstance]) -> list[ApiInstance]:
    return [ApiInstance.objects.get(pk=api.pk) for api in apis]


def seen(apis: Iterable[ApiInstance]) -> dict[int, str]:
    return {api.pk: review.token(api) for api in apis}


def deploy(user: User, apis: list[ApiInstance], **given: str) -> ChangeSet:
    assert apis[0].gateway
    return change_sets.deploy_together(user, apis[0].gateway, seen(apis), **given)


def marks(gateway: Gateway) -> list[str | None]:
    resources = orjson.loads(snapshot.build(gateway).body)["resources"]
    own = [one for one in resources if one["kind"] == "ApiInstance"]
    return [one["metadata"]["annotations"].get(CHANGE_SET) for one in own]


def test_what_is_pending_of_both_is_deployed_and_marked_as_one(place: Place, apis: list[ApiInstance]) -> None:
    made = deploy(place.user, apis, comment=" a ticket ")

    assert [bool(pending(one)) for one in fresh(apis)] == [False, False]
    assert (made.comment, made.actor_name, made.gateway) == ("a ticket", place.user.username, apis[0].gateway)
    assert set(made.brought.values_list("api", flat=True)) == {one.pk for one in apis}
    assert marks(made.gateway) == [str(made.pk)] * 2


def test_one_that_may_not_be_deployed_stops_all(place: Place, apis: list[ApiInstance]) -> None:
    words, count = seen(apis), Brought.objects.count()
    one, other = apis
    assert one.gateway
    Environment.objects.filter(pk=place.environment.pk).update(deploys=Environment.Deploys.SECOND_PERSON)
    ApiInstance.objects.filter(pk=one.pk).update(pending_by=[])

    with pytest.raises(ValidationError, match=r"Two .*: Some of these changes are yours"):
        change_sets.deploy_together(place.user, one.gateway, words)

    assert Brought.objects.count() == count
    assert pending(fresh([one])[0])
    assert not ChangeSet.objects.exists()
    assert pending(other)


def test_what_was_not_seen_is_not_deployed(place: Place, apis: list[ApiInstance]) -> None:
    words = seen(apis)
    instances.edit_api(place.user, apis[1], lambda it: replace(it, base_path="/again"))
    assert apis[0].gateway

    with pytest.raises(Changed):
        change_sets.deploy_together(place.user, apis[0].gateway, words)


def test_apis_of_another_gateway_are_refused(place: Place, apis: list[ApiInstance]) -> None:
    stranger = make_saved_api(make_place(), deploy=True)
    assert apis[0].gateway

    with pytest.raises(ValidationError, match="choose again"):
        change_sets.deploy_together(place.user, apis[0].gateway, seen([*apis, stranger]))
    with pytest.raises(ValidationError, match="between one and 100"):
        change_sets.deploy_together(place.user, apis[0].gateway, {})


def test_all_of_it_is_taken_back_once(place: Place, apis: list[ApiInstance]) -> None:
    before = [one.revision_id for one in apis]
    made = deploy(place.user, apis)

    back = change_sets.take_back(place.user, made, comment="callers complain")

    now = fresh(apis)
    assert [one.revision_id for one in now] == before
    assert all(pending(one) for one in now)
    assert (back.undoes, back.comment) == (made, "callers complain")
    assert marks(made.gateway) == [str(back.pk)] * 2
    with pytest.raises(ValidationError, match="taken back already"):
        change_sets.take_back(place.user, made)


def test_nothing_is_taken_back_when_one_was_deployed_again(place: Place, apis: list[ApiInstance]) -> None:
    made = deploy(place.user, apis)
    runs = [one.revision_id for one in fresh(apis)]
    instances.deploy_api(place.user, fresh(apis)[1])

    with pytest.raises(ValidationError, match=r"Two .*: it was deployed again since"):
        change_sets.take_back(place.user, made)

    assert [one.revision_id for one in fresh(apis)] == runs
    assert marks(made.gateway) == [str(made.pk), None]


def test_as_many_queries_however_many_apis_a_snapshot_marks(
    place: Place, apis: list[ApiInstance], django_assert_max_num_queries: object
) -> None:
    made = deploy(place.user, apis)
    snapshot.build(made.gateway)

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        snapshot.build(made.gateway)


def test_a_set_of_which_nothing_is_known_is_forgotten(place: Place, apis: list[ApiInstance]) -> None:
    old, kept = deploy(place.user, apis[:1]), deploy(place.user, apis[1:])
    ChangeSet.objects.update(at=timezone.now() - timedelta(days=1000))
    assert collect.forget_sets() == 0

    instances.deploy_api(place.user, fresh(apis)[0])
    Brought.objects.filter(change_set=old).delete()

    assert collect.forget_sets() == 1
    assert list(ChangeSet.objects.all()) == [kept]


def test_a_deleted_api_of_a_set_cannot_be_taken_back(place: Place, apis: list[ApiInstance]) -> None:
    made = deploy(place.user, apis)
    instances.delete_api(place.user, fresh(apis)[0])

    with pytest.raises(ValidationError, match="deleted or moved"):
        change_sets.take_back(place.user, made)
