"""Pages of policy sets."""

import pytest

from apis.automated.models import AutomatedPolicy, PolicySet
from apis.changes import instances, removal
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_automated, make_policy_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


def test_made_filled_given_and_detached(place: Place) -> None:
    api = make_saved_api(place, "Orders", deploy=True)
    place.client.post("/apis/policy-sets/add", {"name": "Public", "description": "Seen by all"})
    made = PolicySet.objects.get()
    own = f"/apis/policy-sets/{made.pk}"
    catalog = text(place.client.get(f"/apis/automated/add?set={made.pk}"))
    assert f"/apis/automated/add/ip-blocklist?set={made.pk}" in catalog
    form = text(place.client.get(f"/apis/automated/add/ip-blocklist?set={made.pk}"))
    assert "Of policy set Public" in form
    assert "rule.covers" not in form

    sent = {"config.ips": "10.9.9.9", "rule.conflicts": "wins", "applies": "all"}
    answer = place.client.post(f"/apis/automated/add/ip-blocklist?set={made.pk}", sent)
    assert answer.headers["Location"] == own
    assert AutomatedPolicy.objects.get().policy_set == made

    page = f"{own}/give"
    assert "Orders" in text(place.client.post(page, {"find": "yes", "q": "ord"}))
    assert "No API matches" in text(place.client.post(page, {"find": "yes", "q": "none"}))
    assert place.client.post(page, {}).status_code == 422
    assert place.client.post(page, {"api": [str(api.pk)]}).headers["Location"] == own
    assert "set Public" in text(place.client.get(f"/apis/{api.pk}/policies"))

    place.client.post(f"{own}/take/{api.pk}", {"keep": "yes"})
    assert api.policies.get().policy == "ip-blocklist"
    assert "set Public" not in text(place.client.get(f"/apis/{api.pk}/policies"))
    assert place.client.post(f"{own}/delete").headers["Location"] == "/apis/policy-sets"


def test_a_deleted_api_does_not_count_until_it_is_back(place: Place) -> None:
    api, other = make_saved_api(place), make_saved_api(place, "Stock")
    make_policy_set(place.environment, apis=[api.pk, other.pk])
    counts = {
        True: '<td class="r num" data-label="APIs">2</td>',
        False: '<td class="r num" data-label="APIs">1</td>',
    }

    removed = instances.delete_api(place.user, api)
    assert counts[False] in text(place.client.get("/apis/policy-sets"))

    removal.restore_api(place.user, removed)
    assert counts[True] in text(place.client.get("/apis/policy-sets"))


def test_one_that_apis_have_is_not_deleted(place: Place) -> None:
    api = make_saved_api(place)
    made = make_policy_set(place.environment, apis=[api.pk])
    answer = place.client.post(f"/apis/policy-sets/{made.pk}/delete", follow=True)
    assert "take it from them first" in text(answer)
    assert PolicySet.objects.exists()


def test_another_environments_set_takes_no_policy(place: Place) -> None:
    theirs = make_policy_set()
    sent = {"config.ips": "10.9.9.9", "rule.conflicts": "wins", "applies": "all"}
    address = f"/apis/automated/add/ip-blocklist?set={theirs.pk}"
    assert place.client.get(address).status_code == 404
    assert place.client.post(address, sent).status_code == 404
    assert not AutomatedPolicy.objects.exists()


def test_a_viewer_looks_and_may_not_change(place: Place) -> None:
    api = make_saved_api(place)
    made = make_policy_set(place.environment, apis=[api.pk])
    make_automated(place.environment, policy_set=made)
    viewer = make_place(Role.Name.VIEWER, place.environment).client
    page = text(viewer.get(f"/apis/policy-sets/{made.pk}"))
    assert "Detach" not in page
    for part in ("edit", "give", f"take/{api.pk}", "delete"):
        assert viewer.post(f"/apis/policy-sets/{made.pk}/{part}").status_code == 403


def test_both_are_found_by_name_by_those_who_may_see_them(place: Place) -> None:
    made = make_policy_set(place.environment, name="Public things")
    policy = make_automated(place.environment, label="edge of town")
    stranger = make_place().client
    for query, url in (
        ("public th", made.get_absolute_url()),
        ("ip block", policy.get_absolute_url()),
        ("edge of", policy.get_absolute_url()),
    ):
        assert f'href="{url}"' in text(place.client.get(f"/search?q={query}"))
        assert f'href="{url}"' not in text(stranger.get(f"/search?q={query}"))
