"""What the audit log calls each kind of thing, and whose it is."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from console.models import Environment, User
from tests.console.test_audit_log import PATH, make_entry, query, text
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def test_every_model_has_its_words(administrator: User, admin: Client, environment: Environment) -> None:
    for kind in ("team", "invitation", "personaltoken", "identityprovider", "tier", "replica", "tlscontext"):
        make_entry(environment, object_type=kind, at=datetime(2026, 3, 1, tzinfo=UTC))

    told = query(Rest(administrator), environment, platforms=["Access Management"], full=False).json()["data"]
    page = text(admin.get(PATH))

    assert {one["objects"][0]["objectType"] for one in told} == {
        "team",
        "invitation",
        "personaltoken",
        "identityprovider",
    }
    for words in (">Identity provider<", ">TLS context<", ">SLA tier<", ">Personal token<"):
        assert words in page, words
    assert "identityprovider" not in page.replace('value="identityprovider"', "")
