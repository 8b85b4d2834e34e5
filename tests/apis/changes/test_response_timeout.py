"""How long an API's upstreams may take to begin an answer: over REST, on the page, in the snapshot."""

from typing import Any

import pytest
from django.urls import reverse

from apis.models import ApiInstance
from console.models import Environment
from gateways.agent.translate.apis import translate
from gateways.models import Gateway
from tests.apis.deployment.snapshots import resources_of
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def seconds(gateway: Gateway) -> float | None:
    """What a gateway with one API is told of it."""
    (told,) = translate(resources_of(gateway)).gateway.apis
    return next((use.config.timeout for use in told.policies), None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kept", "told"), [(1500, 1.5), (None, None)])
def test_gateway_is_told(kept: int | None, told: float | None) -> None:
    place = make_place()
    make_saved_api(place, deploy=True, response_timeout_ms=kept)

    assert seconds(place.gateway) == told


@pytest.mark.parametrize("given", [0, -1, 864_000_001])
def test_what_cannot_act_is_refused(
    rest: Rest, environment: Environment, gateway: Gateway, given: int
) -> None:
    api = make_saved_api(make_place(environment=environment))

    answer = rest("PATCH", f"AM/{api.pk}", {"endpoint": {"responseTimeout": given}})

    assert answer.status_code == 400
    assert "endpoint.responseTimeout" in str(answer.data)


def test_rest_gives_it_back_and_takes_it_away(rest: Rest, environment: Environment) -> None:
    api = make_saved_api(make_place(environment=environment))

    found = [
        rest("PATCH", f"AM/{api.pk}", {"endpoint": {"responseTimeout": given}}).data["endpoint"]
        for given in (900, None)
    ]

    assert [one["responseTimeout"] for one in found] == [900, None]


@pytest.mark.parametrize(("number", "unit", "kept"), [("2", "s", 2000), ("", "s", None), ("250", "ms", 250)])
def test_page_changes_it(number: str, unit: str, kept: int | None) -> None:
    place = make_place()
    api = make_saved_api(place, response_timeout_ms=700)

    saved = place.client.post(settings_of(api), shown(place, api) | field(number, unit))

    assert saved.status_code == 302
    api.refresh_from_db()
    assert api.response_timeout_ms == kept


def test_page_refuses_what_is_no_time() -> None:
    place = make_place()
    api = make_saved_api(place)

    answer = place.client.post(settings_of(api), shown(place, api) | field("soon", "s"))

    assert answer.status_code == 422
    assert "soon s" in answer.content.decode()


def field(number: str, unit: str) -> dict[str, str]:
    return {"response_timeout_ms": number, "response_timeout_ms.unit": unit}


def settings_of(api: ApiInstance) -> str:
    return reverse("api_settings", args=[api.pk])


def shown(place: Place, api: ApiInstance) -> dict[str, Any]:
    return {"seen": place.client.get(settings_of(api)).context["seen"], "label": api.label}
