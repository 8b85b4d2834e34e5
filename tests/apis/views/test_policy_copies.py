"""The page that copies an API's policies to others."""

import pytest

from apis.changes.policies import apply_policy
from apis.models import ApiInstance
from console.models import Role
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.factories import make_environment, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    api = make_saved_api(place, "Orders")
    allow(place, api)
    apply_policy(place.user, api, "http-basic-authentication", {"username": "a", "password": "correct-horse"})
    return api


def test_what_changes_is_shown_and_then_done(place: Place, api: ApiInstance) -> None:
    target = make_saved_api(place, "Stock", port=8082)
    first = api.policies.get(policy="ip-allowlist")
    address = f"/apis/{api.pk}/policies/copy"
    page = text(place.client.get(f"{address}?policy={first.pk}"))
    assert page.count('name="policy"') == 2
    assert page.count("checked") == 2  # the policy, and what happens where it is there already
    sent = {"policy": [str(first.pk)], "to": [str(target.pk)], "existing": "skip"}

    looked = place.client.post(address, sent | {"go": "look"})
    assert "Is applied." in text(looked)
    assert not target.policies.exists()

    done = place.client.post(address, sent | {"go": "copy"})
    assert done.headers["Location"] == f"/apis/{target.pk}/policies"
    assert [one.policy for one in target.policies.all()] == ["ip-allowlist"]


def test_nothing_chosen_is_said(place: Place, api: ApiInstance) -> None:
    answer = place.client.post(f"/apis/{api.pk}/policies/copy", {"go": "copy"})
    assert answer.status_code == 422
    assert "Choose at least one policy. Choose at least one API" in " ".join(text(answer).split())


def test_another_environments_secrets_are_asked_for_and_never_shown(place: Place, api: ApiInstance) -> None:
    other = make_environment(place.environment.organization, name="Live")
    make_role(place.user, other.organization, Role.Name.MANAGER, environment=other)
    there = make_place(environment=other)
    target = make_saved_api(there, "Orders2")
    sent = {"policy": [str(one.pk) for one in api.policies.all()], "to": [str(target.pk)], "existing": "skip"}
    address = f"/apis/{api.pk}/policies/copy"

    refused = place.client.post(address, sent | {"go": "copy"})
    page = text(refused)
    assert refused.status_code == 422
    assert "what is secret: Password." in page
    assert "correct-horse" not in page
    assert not target.policies.exists()

    binding = api.policies.get(policy="http-basic-authentication")
    place.client.post(address, sent | {"go": "copy", f"secrets.{binding.pk}.password": "theirs"})
    assert target.policies.get(policy="http-basic-authentication").secrets == {"password": "theirs"}


def test_apis_out_of_reach_are_neither_found_nor_changed(place: Place, api: ApiInstance) -> None:
    stranger = make_saved_api(make_place(), "Secret")
    looked_at = make_environment(place.environment.organization, name="Looked at")
    seen = make_saved_api(make_place(environment=looked_at), "Seen")
    viewer_and_manager = make_place(Role.Name.VIEWER, place.environment)
    make_role(viewer_and_manager.user, make_environment().organization, Role.Name.MANAGER)
    address = f"/apis/{api.pk}/policies/copy"
    every = [str(one.pk) for one in api.policies.all()]

    page = text(place.client.get(f"{address}?q=se"))
    assert "Secret" not in page
    for client, target in ((place.client, stranger), (viewer_and_manager.client, seen)):
        answer = client.post(address, {"policy": every, "to": [str(target.pk)], "go": "copy"})
        assert answer.status_code == 422
        assert not target.policies.exists()
    assert make_place(Role.Name.VIEWER, place.environment).client.get(address).status_code == 403
    assert make_place().client.get(address).status_code == 404
