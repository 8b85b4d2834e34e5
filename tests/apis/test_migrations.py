"""Rows that a release before wrote are there after a migration, and do what they did."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps

from apis.assets.models import Asset
from apis.documents import reading
from tests.factories import make_environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]

DOCUMENT = """openapi: 3.0.3
info: {title: Straße, version: "1"}
paths:
  /orders:
    get: {summary: All, responses: {"200": {description: ok}}}
    post: {responses: {"201": {description: made}}}
"""


def migrated(*targets: tuple[str, str]) -> StateApps:
    """The models as they are at these migrations, to which the database is brought."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def before() -> Iterator[StateApps]:
    """The state before documents were rows of their own. In the end all is as it was."""
    made = make_environment()
    try:
        yield migrated(("apis", "0004_brought"))
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
        made.organization.delete()


def test_documents_become_rows_of_their_own_and_are_read(before: StateApps) -> None:
    organization = before.get_model("console", "Organization").objects.latest("created_at")
    assets = before.get_model("apis", "Asset").objects
    given = {"organization_id": organization.pk, "version": "1.0.0", "api_version": "v1", "type": "rest-api"}
    with_one = assets.create(
        **given,
        name="Orders",
        asset_id="orders",
        specification=DOCUMENT,
        specification_name="orders.yaml",
    )
    nameless = assets.create(**given, name="Old", asset_id="old", specification="openapi: {")
    without = assets.create(**given, name="Plain", asset_id="plain")

    migrated(("apis", "0005_specifications"))
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    kept = Asset.objects.get(pk=with_one.pk).specification
    odd = Asset.objects.get(pk=nameless.pk).specification
    assert kept is not None and odd is not None
    assert (kept.name, kept.text, kept.state) == ("orders.yaml", DOCUMENT, "waiting")
    assert kept.size == len(DOCUMENT.encode())
    assert kept.organization_id == organization.pk
    assert (odd.name, odd.text) == ("openapi", "openapi: {")
    assert Asset.objects.get(pk=without.pk).specification is None
    reading.read(str(kept.pk))
    reading.read(str(odd.pk))
    kept.refresh_from_db()
    odd.refresh_from_db()
    assert (kept.state, kept.title, kept.operation_count) == ("accepted", "Straße", 2)
    assert odd.state == "refused"
