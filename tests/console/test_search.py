"""The global search finds what one may see, and nothing else."""

import pytest
from django.test import Client

from console.models import Environment
from tests.factories import make_api, make_environment, make_gateway, make_organization

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


def test_a_gateway_is_found_by_part_of_its_name(admin: Client, environment: Environment) -> None:
    gateway = make_gateway(environment, name="north-wind")

    answer = admin.get("/search", {"q": "wind"})

    assert f"/gateways/{gateway.pk}" in answer.content.decode()


def test_an_api_is_found_by_name_base_path_and_number(admin: Client, environment: Environment) -> None:
    api = make_api(make_gateway(environment), base_path="/harvest")

    for query in (api.asset.name, "harvest", str(api.pk)):
        assert f"/apis/{api.pk}" in admin.get("/search", {"q": query}).content.decode()


def test_names_that_begin_with_the_query_come_first(admin: Client, environment: Environment) -> None:
    make_gateway(environment, name="factory-orders")
    make_gateway(environment, name="orders-eu")

    page = admin.get("/search", {"q": "orders"}).content.decode()

    assert page.index("orders-eu") < page.index("factory-orders")


def test_a_policy_is_found_by_its_title(admin: Client) -> None:
    assert "/policies/ip-allowlist" in admin.get("/search", {"q": "allowlist"}).content.decode()


def test_another_organizations_things_are_not_found(admin: Client) -> None:
    foreign = make_gateway(make_environment(make_organization("Rival")), name="north-wind")
    api = make_api(foreign, base_path="/north-wind")

    found = admin.get("/search", {"q": "north-wind"}).content.decode()

    assert f"/gateways/{foreign.pk}" not in found
    assert f"/apis/{api.pk}" not in found


def test_the_field_of_every_page_holds_what_was_searched_there_alone(
    admin: Client, environment: Environment
) -> None:
    held = 'value="north" placeholder="Search or jump'

    assert held in admin.get("/search", {"q": "north"}).content.decode()
    for other in ("/apis", "/gateways", "/policies"):
        assert held not in admin.get(other, {"q": "north"}).content.decode()


def test_what_htmx_gets_is_the_panel_alone(admin: Client, environment: Environment) -> None:
    make_gateway(environment, name="north-wind")

    panel = admin.get("/search", {"q": "wind"}, headers=FRAGMENT).content.decode()

    assert "<html" not in panel
    assert "north-wind" in panel


def test_nothing_found_says_so_and_escapes_the_query(admin: Client) -> None:
    page = admin.get("/search", {"q": "<script>x</script>"}).content.decode()

    assert "Nothing is called that" in page
    assert "<script>x" not in page


def test_a_percent_sign_is_no_wildcard(admin: Client, environment: Environment) -> None:
    make_gateway(environment, name="north-wind")

    assert "north-wind" not in admin.get("/search", {"q": "%"}).content.decode()
