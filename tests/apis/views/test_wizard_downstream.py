"""The wizard's downstream step: port, base path, TLS context."""

import re

import pytest

from apis.models import ApiInstance
from tests.apis.views.pages import make_place, make_saved_api, text
from tests.apis.views.wizard import address, fill, send, show
from tests.factories import make_tls_context

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "others", "port", "path"),
    [
        ("Orders", [], "8081", "/orders"),
        ("Orders", [("/orders", 8081)], "8081", "/orders-2"),
        ("Orders", [("/orders/old", 8081), ("/orders-2", 8081)], "8081", "/orders-3"),
        ("Orders", [("/payments", 9000)], "9000", "/orders"),
        ("Orders", [("/", 8081)], "8082", "/orders"),
        ("Überweisung & mehr", [], "8081", "/uberweisung-mehr"),
    ],
)
def test_port_and_path_that_are_proposed_are_free(
    name: str, others: list[tuple[str, int]], port: str, path: str
) -> None:
    place = make_place()
    for count, (base_path, taken) in enumerate(others):
        make_saved_api(place, f"Other {count}", base_path=base_path, port=taken)
    send(place, "gateway", gateway=str(place.gateway.pk))
    send(place, "api", mode="new", asset__name=name, asset__api_version="v1", asset__version="1.0.0")

    page = text(show(place, "downstream"))
    answer = send(place, "downstream", protocol="http", port=port, base_path=path)

    assert re.search(rf'value="{port}" id="f-port"', page)
    assert re.search(rf'value="{path}" id="f-base_path"', page)
    assert answer.status_code == 302  # type: ignore[attr-defined]


def test_a_base_path_gets_the_slash_that_was_not_typed() -> None:
    place = make_place()
    fill(place, upto="downstream")
    send(place, "downstream", protocol="http", port="8081", base_path="orders")
    send(place, "upstream", mode="simple", uri="http://backend")
    send(place, "review", go="save")

    assert ApiInstance.objects.get().base_path == "/orders"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("base_path", "http://x/orders", "must start with"),
        ("base_path", "", "Write a base path"),
        ("port", "70000", "70000 is not a port"),
        ("port", "abc", "is not a port"),
        ("port", "", "Write a port"),
        ("protocol", "https", "needs a TLS context"),
        ("consumer_endpoint", "nowhere", "is not a URL"),
    ],
)
def test_downstream_faults_stand_at_their_fields(field: str, value: str, message: str) -> None:
    place = make_place()
    fill(place, upto="downstream")

    answer = send(
        place, "downstream", **{"protocol": "http", "port": "8081", "base_path": "/orders", field: value}
    )

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert message in text(answer)


def test_https_serves_with_the_tls_context_that_is_chosen() -> None:
    place = make_place()
    context = make_tls_context(place.environment, name="edge")
    fill(place, upto="downstream")
    page = text(show(place, "downstream"))
    assert f'<option value="{context.pk}">edge, until ' in page

    listener = {"protocol": "https", "port": "8443", "base_path": "/orders"}
    send(place, "downstream", **listener, tls_context=str(context.pk))
    send(place, "upstream", mode="simple", uri="http://backend:8080/")
    assert "<dt>TLS context</dt><dd>edge</dd>" in text(show(place, "review"))
    send(place, "review", go="deploy")

    api = ApiInstance.objects.get()
    assert (api.protocol, api.tls_context) == ("https", context)
    shown = text(place.client.get(f"/apis/{api.pk}"))
    assert "curl -i --insecure https://" in shown


def test_a_context_that_was_chosen_before_http_is_left_out() -> None:
    place = make_place()
    context = make_tls_context(place.environment)
    fill(place, upto="downstream")

    listener = {"protocol": "http", "port": "8081", "base_path": "/orders"}
    send(place, "downstream", **listener, tls_context=str(context.pk))
    send(place, "upstream", mode="simple", uri="http://backend:8080/")
    send(place, "review", go="save")

    assert ApiInstance.objects.get().tls_context is None


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_context_that_is_not_here_cannot_be_chosen(elsewhere: bool) -> None:
    place = make_place()
    key = str(make_tls_context().pk) if elsewhere else "none"
    fill(place, upto="downstream")

    listener = {"protocol": "https", "port": "8443", "base_path": "/orders"}
    answer = send(place, "downstream", **listener, tls_context=key)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "That TLS context is not in this environment" in text(answer)


def test_no_other_context_stands_in_for_one_that_is_gone() -> None:
    place = make_place()
    chosen = make_tls_context(place.environment)
    make_tls_context(place.environment)
    fill(place, "downstream")
    send(place, "downstream", protocol="https", port="8443", base_path="/", tls_context=str(chosen.pk))
    chosen.delete()

    response = show(place, "upstream", follow=True)

    page = text(response)
    assert response.redirect_chain == [(f"{address(place, 'downstream')}?check", 302)]
    assert "That TLS context is not in this environment; choose one from the list." in page
    assert '<option value="">Choose a TLS context…</option>' in page
    assert re.search(r"<option [^>]*selected", page) is None


def test_overlapping_base_path_names_the_other_api() -> None:
    place = make_place()
    make_saved_api(place, "Payments", base_path="/orders/old")
    fill(place, upto="downstream")

    page = text(send(place, "downstream", protocol="http", port="8081", base_path="/orders"))

    assert "overlaps" in page
    assert "Payments" in page
