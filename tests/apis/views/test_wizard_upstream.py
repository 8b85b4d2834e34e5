"""The wizard's upstream step: addresses, routes and their weights."""

import re

import pytest

from apis.models import ApiInstance
from apis.wizard_draft import WizardDraft
from tests.apis.views.pages import Place, make_place, text
from tests.apis.views.wizard import address, fill, send, show

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", "Write the upstream"),
        ("backend:8080", "has no scheme"),
        ("ftp://x", "not supported"),
        ("/v1", "http://backend:8080/v1"),
    ],
)
def test_upstream_faults_stand_at_the_field(uri: str, message: str) -> None:
    place = make_place()
    fill(place, upto="upstream")

    page = text(send(place, "upstream", mode="simple", uri=uri))

    assert message in page
    assert 'id="f-uri_error"' in page


def test_full_resource_is_warned_about_and_may_go_on() -> None:
    place = make_place()
    fill(place, upto="upstream")

    answer = send(place, "upstream", mode="simple", uri="http://backend/orders/17")

    assert answer.status_code == 302  # type: ignore[attr-defined]
    assert "looks like the id of a resource" in text(show(place, "review"))


def test_bundled_upstream_is_offered(settings: object) -> None:
    settings.ECHO_URL = "http://127.0.0.1:8099/"  # type: ignore[attr-defined]
    place = make_place()
    fill(place, upto="upstream")

    page = text(show(place, "upstream"))
    for field in ("f-uri", "f-routes.0.upstreams.0.uri"):
        assert f'data-fill="{field}" data-value="http://127.0.0.1:8099/"' in page
        assert f'id="{field}"' in page


ROUTES = {
    "mode": "routes",
    "routes": ["0", "1"],
    "routes.0.label": "canary",
    "routes.0.methods": ["GET", "POST"],
    "routes.0.path": "/v2(/.*)",
    "routes.0.headers": ["0"],
    "routes.0.headers.0.name": "X-Beta",
    "routes.0.headers.0.pattern": "yes",
    "routes.0.upstreams": ["0", "1"],
    "routes.0.upstreams.0.uri": "http://a/",
    "routes.0.upstreams.0.weight": "90",
    "routes.0.upstreams.1.uri": "http://b/",
    "routes.0.upstreams.1.weight": "10",
    "routes.1.upstreams": ["0"],
    "routes.1.upstreams.0.uri": "http://c/",
    "routes.1.upstreams.0.weight": "100",
}


def test_several_routes_are_saved_as_typed() -> None:
    place = make_place()
    fill(place, upto="upstream")
    send(place, "upstream", **ROUTES)
    send(place, "review", go="save")

    first, second = ApiInstance.objects.get().routes.all()
    assert (first.label, first.methods, first.path) == ("canary", "GET|POST", "/v2(/.*)")
    assert first.headers == {"x-beta": "yes"}
    assert [(one.upstream.uri, one.weight) for one in first.targets.all()] == [
        ("http://a/", 90),
        ("http://b/", 10),
    ]
    assert second.methods == ""


def test_weights_must_sum_to_100() -> None:
    place = make_place()
    fill(place, upto="upstream")

    answer = send(place, "upstream", **{**ROUTES, "routes.0.upstreams.1.weight": "20"})

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "90 + 20 sum to 110" in text(answer)
    assert "Weights: 110 of 100 %" in text(answer)


def test_added_upstream_gets_the_weight_that_is_left() -> None:
    place = make_place()
    fill(place, upto="upstream")

    typed = {**ROUTES, "routes.0.upstreams.1.weight": "3", "rows": "add:routes.0.upstreams"}
    page = text(send(place, "upstream", **typed))

    assert "Weights: 100 of 100 %" in page
    assert re.search(r'value="7"[^>]*name="routes.0.upstreams.2.weight"', page)


def test_an_added_route_has_all_of_its_weight() -> None:
    place = make_place()
    fill(place, upto="upstream")

    page = text(send(place, "upstream", **{**ROUTES, "rows": "add:routes"}))

    assert page.count("Weights: 100 of 100 %") == 3
    assert "Weights: 0 of 100 %" not in page


def test_routes_are_judged_as_they_are_typed_and_nothing_is_kept() -> None:
    place = make_place()
    fill(place, upto="upstream")
    kept = WizardDraft.objects.get().values
    odd = {
        **ROUTES,
        "routes.1.path": ROUTES["routes.0.path"],
        "routes.0.upstreams.0.uri": "http://api.example.com/",
    }
    found = typed(place, odd)

    assert "is reached without TLS" in found
    wanting = typed(place, {**ROUTES, "routes.0.upstreams.1.weight": "20"})
    assert "once nothing is missing in the form" in wanting
    assert WizardDraft.objects.get().values == kept


def typed(place: Place, values: dict[str, object]) -> str:
    path = address(place, "upstream")
    return text(
        place.client.post(path, values, headers={"HX-Request": "true", "HX-Target": "edited-findings"})
    )


def test_mistyped_weight_is_named_alone() -> None:
    place = make_place()
    fill(place, upto="upstream")

    page = text(send(place, "upstream", **{**ROUTES, "routes.0.upstreams.1.weight": "ten"}))

    assert "&quot;ten&quot; is not a whole number" in page
    assert "they must sum to 100" not in page


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        ("add:routes", "routes.2.label"),
        ("add:routes.0.upstreams", "routes.0.upstreams.2.uri"),
        ("add:routes.1.headers", "routes.1.headers.0.name"),
    ],
)
def test_rows_are_added_without_losing_input(action: str, shown: str) -> None:
    place = make_place()
    fill(place, upto="upstream")

    page = text(send(place, "upstream", **ROUTES, rows=action))

    assert f'name="{shown}"' in page
    for value in ("canary", "/v2(/.*)", "X-Beta", "http://a/", "http://c/"):
        assert f'value="{value}"' in page


def test_routes_are_moved_and_removed() -> None:
    place = make_place()
    fill(place, upto="upstream")

    moved = text(send(place, "upstream", **ROUTES, rows="down:routes:0"))
    removed = text(send(place, "upstream", **ROUTES, rows="remove:routes:0"))

    assert moved.index('value="http://c/"') < moved.index('value="http://a/"')
    assert 'value="http://a/"' not in removed


def test_a_hundred_routes_are_taken() -> None:
    place = make_place()
    fill(place, upto="upstream")
    sent: dict[str, object] = {"mode": "routes", "routes": [str(number) for number in range(100)]}
    for number in range(100):
        sent[f"routes.{number}.path"] = f"/{number}/.*"
        sent[f"routes.{number}.upstreams"] = [str(upstream) for upstream in range(5)]
        for upstream in range(5):
            sent[f"routes.{number}.upstreams.{upstream}.uri"] = f"http://backend{upstream}/"
            sent[f"routes.{number}.upstreams.{upstream}.weight"] = "20"

    assert send(place, "upstream", **sent).status_code == 302  # type: ignore[attr-defined]
    send(place, "review", go="save")

    assert ApiInstance.objects.get().routes.count() == 100
