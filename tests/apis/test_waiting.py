"""Contracts of which somebody is to decide are found by an index of their own."""

import pytest
from django.db import connection

from apis.contracts.models import Contract
from tests.apis.views.pages import make_place, make_saved_api, text
from tests.factories import make_application, make_contract, make_tier

pytestmark = pytest.mark.django_db


def test_those_that_are_pending_or_want_another_tier_wait() -> None:
    pending, approved = make_contract(status="PENDING"), make_contract(status="APPROVED")
    wanting = make_contract(status="APPROVED", requested_tier=make_tier(approved.api))
    make_contract(status="REVOKED", requested_tier=make_tier(approved.api, name="of one that ended"))
    make_contract(status="REJECTED")

    assert {one.pk for one in Contract.objects.waiting()} == {pending.pk, wanting.pk}


def test_the_database_finds_them_by_the_index() -> None:
    """The index holds for what asks for them: another condition would read every contract."""
    asked = Contract.objects.waiting().order_by().values("application")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert "contract_waits" in asked.explain()


def test_the_list_shows_the_applications_that_wait_once_each() -> None:
    place = make_place()
    api, other = make_saved_api(place), make_saved_api(place, "Payments")
    organization = place.environment.organization
    waits = make_application(organization, name="waits here")
    calls = make_application(organization, name="calls only")
    for one, status in ((waits, "PENDING"), (calls, "APPROVED")):
        make_contract(api, application=one, status=status)
        make_contract(other, application=one, status=status)

    page = text(place.client.get("/applications", {"shows": "pending"}))

    assert page.count("waits here</a>") == 1
    assert "calls only" not in page
