"""Tags and names are what automated policies go by: gateways are told where others hold from then on."""

import pytest

from apis.changes.assets import rename
from apis.changes.tags import add_tags, remove_tags
from apis.models import ApiInstance
from apis.revision import Brought
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_automated

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.select_related("asset", "gateway", "environment__organization").get(pk=api.pk)


def test_a_tag_of_an_automated_policy_is_told_to_the_gateway(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    make_automated(place.environment, tags=["public"])
    revision, generation = fresh(api).revision, fresh(api).changed_generation

    add_tags(place.user, fresh(api), ["eu"])
    assert fresh(api).changed_generation == generation
    add_tags(place.user, fresh(api), ["public"])

    place.gateway.refresh_from_db()
    assert fresh(api).changed_generation == place.gateway.generation == generation + 1
    assert fresh(api).revision == revision
    brought = Brought.objects.get(api=api, generation=generation + 1)
    assert brought.entry and brought.entry.diff == {"tags": [["eu"], ["eu", "public"]]}
    remove_tags(place.user, fresh(api), ["public"])
    assert fresh(api).changed_generation == generation + 2


def test_nothing_is_told_of_what_is_not_deployed(place: Place) -> None:
    api = make_saved_api(place)
    make_automated(place.environment, tags=["public"])

    add_tags(place.user, fresh(api), ["public"])

    place.gateway.refresh_from_db()
    assert place.gateway.generation == 0


def test_a_new_name_is_told_for_every_api_that_is_called_so(place: Place) -> None:
    first = make_saved_api(place, deploy=True)
    second = make_saved_api(place, asset=first.asset, label="b", base_path="/b", deploy=True)
    other = make_saved_api(place, "Payments", deploy=True)
    make_automated(place.environment, names="Bills*")
    before = {one.pk: fresh(one).changed_generation for one in (first, second, other)}

    rename(place.user, fresh(first), "Bills and more")

    changed = [one.pk for one in (first, second, other) if fresh(one).changed_generation != before[one.pk]]
    assert changed == [first.pk, second.pk]
