"""What an API's settings say beside its details: its owners, its asset, the tags in use."""

import re

import pytest

from apis.assets.models import Asset
from apis.changes.owners import add_owner
from console.models import AuditEntry, Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def told(place: Place, path: str, **sent: str) -> str:
    return text(place.client.post(path, sent, follow=True))


def test_owners_are_added_and_removed_and_stand_on_the_overview(place: Place) -> None:
    api = make_saved_api(place)
    assert "Nobody yet" in text(place.client.get(f"/apis/{api.pk}"))

    page = told(place, f"/apis/{api.pk}/owners/add", owner="team@example.com")

    assert "team@example.com is an owner of" in page and "Contact without a login" in page
    assert 'href="mailto:team@example.com"' in text(place.client.get(f"/apis/{api.pk}"))
    told(place, f"/apis/{api.pk}/owners/remove", owner=str(api.owners.get().pk))
    told(place, f"/apis/{api.pk}/owners/remove", owner="9" * 30)
    assert not api.owners.exists()


def test_who_cannot_own_it_is_refused_in_words(place: Place) -> None:
    api = make_saved_api(place)
    make_user("stranger")

    page = told(place, f"/apis/{api.pk}/owners/add", owner="stranger")

    assert "&quot;stranger&quot; is neither a user of" in page


def test_an_owner_of_another_api_is_not_removed_with_this_ones_address(place: Place) -> None:
    api, other = make_saved_api(place), make_saved_api(place, "Payments")
    owner = add_owner(place.user, other, "team@example.com")

    told(place, f"/apis/{api.pk}/owners/remove", owner=str(owner.pk))

    assert other.owners.exists()


def test_another_asset_version_is_taken_or_made(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    generation = api.changed_generation

    told(place, f"/apis/{api.pk}/asset", name="Orders", version="2.0.0", api_version="v2")

    api.refresh_from_db()
    assert (api.asset.version, api.asset.api_version, api.asset.asset_id) == ("2.0.0", "v2", "orders")
    assert api.changed_generation > generation
    told(place, f"/apis/{api.pk}/asset", name="Orders", version="1.0.0", api_version="v9")
    api.refresh_from_db()
    assert (api.asset.version, api.asset.api_version) == ("1.0.0", "v1")
    assert Asset.objects.count() == 2


def test_the_type_is_this_versions_own(place: Place) -> None:
    api = make_saved_api(place)
    told(place, f"/apis/{api.pk}/asset", name="Orders", version="2.0.0", api_version="v2")

    told(place, f"/apis/{api.pk}/asset", name="Orders", version="2.0.0", type="rest-api")

    assert dict(Asset.objects.values_list("version", "type")) == {"1.0.0": "http-api", "2.0.0": "rest-api"}
    page = told(place, f"/apis/{api.pk}/asset", name="Orders", version="2.0.0", type="soap")
    assert "is not an asset type" in page


def test_a_bad_version_is_refused(place: Place) -> None:
    api = make_saved_api(place)

    page = told(place, f"/apis/{api.pk}/asset", name="Orders", version="two words", api_version="v2")

    assert "&quot;two words&quot; is not a version" in page
    assert Asset.objects.count() == 1


def test_the_name_changes_in_every_version(place: Place) -> None:
    api = make_saved_api(place)
    told(place, f"/apis/{api.pk}/asset", name="Orders", version="2.0.0", api_version="v2")

    told(place, f"/apis/{api.pk}/asset", name="Purchases", version="2.0.0", api_version="v2")

    assert set(Asset.objects.values_list("name", flat=True)) == {"Purchases"}
    assert AuditEntry.objects.filter(object_type="asset", of_id=str(api.pk), action="update").count() == 2
    assert "Give the API a name" in told(place, f"/apis/{api.pk}/asset", name=" ", version="2.0.0")


def test_logins_and_versions_are_suggested(place: Place) -> None:
    api = make_saved_api(place)
    told(place, f"/apis/{api.pk}/asset", name="Orders", version="2.0.0", api_version="v2")

    page = text(place.client.get(f"/apis/{api.pk}/settings"))

    lists = dict(re.findall(r'<datalist id="([^"]+)">(.*?)</datalist>', page))
    offered = {name: re.findall(r'value="([^"]+)"', options) for name, options in lists.items()}
    assert offered["asset-version-choices"] == ["2.0.0", "1.0.0"]
    assert place.user.username in offered["owner-choices"]
    assert set(re.findall(r' list="([^"]+)"', page)) == set(offered)
    assert "There are 2.0.0, 1.0.0; another one is made." in page


def test_tags_in_use_are_offered(place: Place) -> None:
    make_saved_api(place, "Payments", tags=["eu", "pci"])
    api = make_saved_api(place, tags=["eu"])

    page = text(place.client.get(f"/apis/{api.pk}/settings"))

    assert 'data-add-line="f-tags" data-value="pci"' in page
    assert 'data-value="eu"' not in page
    assert page.index("data-add-line") < page.index("Advanced options")


@pytest.mark.parametrize("path", ["asset", "owners/add", "owners/remove"])
def test_a_viewer_changes_none_of_it(place: Place, path: str) -> None:
    api = make_saved_api(place)
    viewer = make_place(Role.Name.VIEWER, place.environment)

    sent = {"name": "X", "version": "9", "owner": "a@example.com"}

    assert viewer.client.post(f"/apis/{api.pk}/{path}", sent).status_code == 403
    assert text(viewer.client.get(f"/apis/{api.pk}/settings")).count('<fieldset class="body" disabled>') == 2
