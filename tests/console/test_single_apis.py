"""Who was given one API of an environment sees nothing of the others on pages about all of it."""

import pytest
from django.test import Client

from apis.owners.models import ApiOwner
from console.models import Environment
from tests.console.conftest import LogIn
from tests.factories import make_api, make_gateway, make_role, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def grace(environment: Environment, log_in: LogIn) -> Client:
    gateway, user = make_gateway(environment, name="edge-of-others"), make_user("grace")
    api = make_api(gateway, name="orders", tags=["mine"])
    other = make_api(gateway, name="payroll", tags=["hidden-tag"])
    ApiOwner.objects.create(api=other, email="owner@hidden.test")
    make_role(user, environment.organization, "api-viewer", environment=environment, api=api)
    return log_in(user)


def test_the_overview_counts_and_names_nothing_of_others(grace: Client, viewer: Client) -> None:
    whole, page = viewer.get("/").content.decode(), grace.get("/").content.decode()

    assert "Gateways connected" in whole and "APIs active" in whole and "Getting started" in whole
    for words in ("Gateways connected", "APIs active", "Requests, last hour", "Getting started", "payroll"):
        assert words not in page
    assert "You were given single APIs here" in page


def test_the_navigation_counts_what_one_may_see_all_of(grace: Client, viewer: Client) -> None:
    def counts(client: Client) -> dict[str, int | None]:
        places = client.get("/").context["places"]
        return {one.path: one.count for one in places if one.path in ("/apis", "/gateways")}

    assert counts(viewer) == {"/gateways": 1, "/apis": 2}
    assert counts(grace) == {"/apis": None}


def test_the_lists_choices_name_nothing_of_others(grace: Client, viewer: Client) -> None:
    whole, page = viewer.get("/apis").content.decode(), grace.get("/apis").content.decode()

    for words in ("payroll", "hidden-tag", "owner@hidden.test"):
        assert words in whole
        assert words not in page
    assert "orders" in page
