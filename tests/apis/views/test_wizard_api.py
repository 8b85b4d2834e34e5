"""The wizard's gateway and API steps."""

import pytest

from tests.apis.views.pages import make_place, make_saved_api, text
from tests.apis.views.wizard import fill, send, show
from tests.factories import make_gateway

pytestmark = pytest.mark.django_db


def test_disconnected_gateway_is_shown_and_refused() -> None:
    place = make_place()
    away = make_gateway(place.environment, name="away")

    page = text(place.client.get("/apis/add"))
    answer = send(place, "gateway", gateway=str(away.pk))

    assert "away" in page
    assert "start a replica to deploy to it" in page
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "is Disconnected and cannot be deployed to" in text(answer)


@pytest.mark.parametrize("key", ["nonsense", "11111111-1111-1111-1111-111111111111"])
def test_gateway_of_elsewhere_is_refused(key: str) -> None:
    assert "not in this environment" in text(send(make_place(), "gateway", gateway=key))


def test_gateway_may_be_decided_later() -> None:
    place = make_place()
    fill(place)
    send(place, "gateway", gateway="")

    page = text(show(place, "review"))

    assert "Decided later" in page
    assert 'value="deploy"' not in page


def test_existing_asset_is_found_and_used_again() -> None:
    place = make_place()
    asset = make_saved_api(place, "Petstore").asset
    make_saved_api(place, "Payments")
    fill(place, upto="api")

    found = text(show(place, "api", data={"asset_q": "pets"}))
    send(place, "api", mode="existing", key=str(asset.pk))
    send(place, "downstream", protocol="http", port="8081", base_path="/again", label="second")
    send(place, "upstream", mode="simple", uri="http://backend")
    send(place, "review", go="save")

    assert "Petstore" in found
    assert "Payments" not in found
    assert asset.instances.count() == 2


def test_asset_of_another_organization_is_refused() -> None:
    theirs = make_saved_api(make_place()).asset
    place = make_place()
    fill(place, upto="api")

    assert "Choose an API from the list" in text(send(place, "api", mode="existing", key=str(theirs.pk)))


def test_name_is_asked_for_at_the_field() -> None:
    place = make_place()
    fill(place, upto="api")

    page = text(
        send(place, "api", mode="new", asset__name="", asset__api_version="v7", asset__version="1.0.0")
    )

    assert "Give the API a name." in page
    assert 'id="f-asset.name_error"' in page
    assert 'value="v7"' in page
