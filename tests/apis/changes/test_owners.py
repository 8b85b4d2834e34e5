"""Who answers for an API."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apis.changes.owners import add_owner, remove_owner, set_owners
from apis.changes.removal import restore_api
from apis.lists import choices
from apis.lists.search import marked
from apis.models import ApiInstance
from apis.owners.models import MOST
from console.models import AuditEntry, Role, User
from console.teams.models import Team
from tests.factories import make_actor, make_api, make_environment, make_organization, make_role, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> ApiInstance:
    return make_api(is_deployed=False)


def member(api: ApiInstance, name: str, role: str = Role.Name.VIEWER, **fields: Any) -> User:
    user = make_user(name, **fields)
    make_role(user, api.environment.organization, role)
    return user


def names(api: ApiInstance) -> list[str]:
    return [str(one) for one in api.owners.all()]


def test_owners_are_users_by_login_or_address_and_contacts(api: ApiInstance) -> None:
    actor = member(api, "actor")
    ada = member(api, "ada", email="ada@example.com")

    assert add_owner(actor, api, "ada").user == ada
    assert add_owner(actor, api, " ADA@example.com").pk == api.owners.get().pk
    assert add_owner(actor, api, "Team@Example.com").email == "team@example.com"

    assert names(api) == ["ada", "team@example.com"]
    entry = AuditEntry.objects.about("apiinstance", [api.pk])[0]
    assert entry.diff == {"owners": [["ada"], ["ada", "team@example.com"]]}


@pytest.mark.parametrize(
    "text", ["", "nobody", "stranger", "gone", "elsewhere", "a@", f"{'a' * 250}@b.example"]
)
def test_others_are_refused(api: ApiInstance, text: str) -> None:
    other = make_environment(api.environment.organization)
    make_role(make_user("stranger"), make_organization())
    make_role(make_user("elsewhere"), other.organization, environment=other)
    member(api, "gone", is_active=False)

    with pytest.raises(ValidationError) as refused:
        add_owner(make_actor(), api, text)

    assert list(refused.value.message_dict) == ["owner"]
    assert not api.owners.exists()


def test_a_role_above_or_in_the_environment_counts(api: ApiInstance) -> None:
    root = make_organization()
    organization = api.environment.organization
    organization.parent = root
    organization.save()
    make_role(make_user("above"), root)
    make_role(make_user("here"), organization, environment=api.environment)

    for name in ("above", "here"):
        add_owner(make_actor(), api, name)

    assert names(api) == ["above", "here"]


def test_they_are_so_many_at_most(api: ApiInstance) -> None:
    set_owners(make_actor(), api, [f"a{number}@example.com" for number in range(MOST)])

    for change in (
        lambda: add_owner(make_actor(), api, "more@example.com"),
        lambda: set_owners(make_actor(), api, [f"b{number}@example.com" for number in range(MOST + 1)]),
    ):
        with pytest.raises(ValidationError):
            change()
    assert add_owner(make_actor(), api, "a3@example.com")
    assert api.owners.count() == MOST


def test_those_that_are_set_are_all(api: ApiInstance) -> None:
    actor, _ = make_actor(), member(api, "ada")
    set_owners(actor, api, ["ada", "a@example.com", "A@example.com"])
    kept = api.owners.get(user__username="ada").pk

    set_owners(actor, api, ["b@example.com", "ada"])

    assert names(api) == ["ada", "b@example.com"]
    assert api.owners.get(user__username="ada").pk == kept
    with pytest.raises(ValidationError):
        set_owners(actor, api, ["c@example.com", "nobody"])
    remove_owner(actor, api, kept)
    remove_owner(actor, api, kept)
    assert names(api) == ["b@example.com"]


def test_they_come_back_with_the_api_but_those_that_are_gone() -> None:
    from apis.changes.instances import delete_api
    from tests.apis.views.pages import make_place, make_saved_api

    place = make_place()
    api = make_saved_api(place)
    ada, bob = member(api, "ada"), member(api, "bob")
    set_owners(place.user, api, ["ada", "bob", "team@example.com"])
    removed = delete_api(place.user, api)
    bob.delete()

    restored = restore_api(place.user, removed)

    assert names(restored) == [ada.username, "team@example.com"]


def test_a_team_owns_an_api_by_its_name(api: ApiInstance) -> None:
    organization = api.environment.organization
    actor = member(api, "operators")
    operators, foreign = (
        Team.objects.create(organization=one, name="Operators") for one in (organization, make_organization())
    )
    Team.objects.create(organization=foreign.organization, name="Theirs")

    assert add_owner(actor, api, "operators").user == actor
    assert add_owner(actor, api, "team:operators").team == operators
    assert add_owner(actor, api, " OPERATORS ").team == operators
    for text in ("team:Theirs", "Theirs", "team:", "team:" + "x" * 200):
        with pytest.raises(ValidationError):
            add_owner(actor, api, text)
    set_owners(actor, api, ["team:Operators", "a@b.example"])

    assert names(api) == ["team:Operators", "a@b.example"]
    assert choices.owners(api.environment) == ["a@b.example", "team:Operators"]
    assert list(ApiInstance.objects.filter(**marked("", "team:operators", None))) == [api]
    operators.delete()
    assert names(api) == ["a@b.example"]
