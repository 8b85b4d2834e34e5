"""Rows that a release before wrote are there after a migration, and do what they did."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps

from apis.assets.models import Asset
from apis.documents import reading
from apis.models import ApiInstance, TlsContext
from apis.secret_groups.models import SecretGroup
from console.models import Environment, User
from tests.factories import make_environment, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

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


def migrated_to_the_last() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def made() -> Iterator[Environment]:
    """In the end all is as it was, at the last migration."""
    environment = make_environment()
    try:
        yield environment
    finally:
        migrated_to_the_last()
        ApiInstance.objects.filter(environment=environment).delete()
        Asset.objects.filter(organization=environment.organization).delete()
        environment.organization.delete()


@pytest.fixture
def before(made: Environment) -> StateApps:
    """The state before documents were rows of their own."""
    return migrated(("apis", "0004_brought"))


@pytest.mark.long
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
    migrated_to_the_last()

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


@pytest.mark.long
def test_assets_become_an_app_of_their_own_with_all_that_is_theirs(made: Environment) -> None:
    """Rows and references stay; who may change assets still may."""
    executor = MigrationExecutor(connection)
    executor.migrate([("apis", "0007_revisions"), ("assets", None)])
    release_before = executor.loader.project_state([("apis", "0007_revisions")]).apps
    organization = release_before.get_model("console", "Organization").objects.get(pk=made.organization.pk)
    asset = release_before.get_model("apis", "Asset").objects.create(
        organization=organization, name="Orders", asset_id="orders.eu"
    )
    api = release_before.get_model("apis", "ApiInstance").objects.create(
        environment_id=made.pk, asset=asset, base_path="/orders"
    )
    kind, _ = ContentType.objects.get_or_create(app_label="apis", model="asset")
    may, _ = Permission.objects.get_or_create(
        content_type=kind, codename="change_asset", name="Can change asset"
    )
    user = make_user("editor")
    user.user_permissions.add(may)

    call_command("migrate", verbosity=0)

    ContentType.objects.clear_cache()
    assert Asset.objects.get(pk=asset.pk).instances.get().pk == api.pk
    assert ContentType.objects.get_for_model(Asset).pk == kind.pk
    assert not ContentType.objects.filter(app_label="apis", model="asset").exists()
    assert User.objects.get(pk=user.pk).has_perm("assets.change_asset")
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    user.delete()


@pytest.mark.long
def test_tls_contexts_of_before_are_in_the_group_of_their_environment(made: Environment) -> None:
    before = migrated(("apis", "0018_secret_groups"))
    context = before.get_model("apis", "TlsContext").objects.create(environment_id=made.pk, name="edge")

    migrated_to_the_last()

    group = SecretGroup.objects.get()
    assert (group.pk, group.environment_id, group.name) == (made.pk, made.pk, "default")
    assert TlsContext.objects.get(pk=context.pk).group == group
