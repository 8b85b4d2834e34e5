"""Django admin: every model of the product has usable pages there, and no secret is on them."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.test import Client

from apis.bulk.models import BulkItem
from apis.lists.models import ChosenColumns
from console.models import AccessToken, AuditEntry, ConnectedApp, Environment, Organization, digest
from console.sessions.models import LoginSession
from gateways.models import Gateway
from tests.factories import make_api, make_environment, make_gateway, make_replica, make_role, make_user

pytestmark = pytest.mark.django_db
OURS = {"console", "gateways", "apis", "policies", "analytics"}
INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)(?![^>]*application/json)"
)
MODELS = [
    model
    for app in apps.get_app_configs()
    if app.name.partition(".")[0] in OURS
    for model in app.get_models()
    if model not in (BulkItem, ChosenColumns)
]
"""But rows of which nobody would look for one."""


def label(model: type[models.Model]) -> str:
    return model._meta.label_lower


@pytest.fixture
def root(log_in) -> Client:
    root = make_user("root", is_superuser=True, is_staff=True)
    environment = make_environment()
    make_role(root, environment.organization)
    gateway = make_gateway(environment)
    make_replica(gateway)
    make_api(gateway)
    app = ConnectedApp(name="pipeline", organization=environment.organization, owner=root)
    app.renew_secret()
    app.save()
    AccessToken.objects.create(
        token_hash=digest("a token"), user=root, connected_app=app, expires_at="2100-01-01T00:00Z"
    )
    return log_in(root)


@pytest.mark.parametrize("model", MODELS, ids=label)
def test_every_model_is_registered(model: type[models.Model]) -> None:
    assert admin.site.is_registered(model)


@pytest.mark.parametrize("model", [model for model in MODELS if admin.site.is_registered(model)], ids=label)
def test_a_models_pages_render_and_hide_secrets(model: type[models.Model], root: Client) -> None:
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    row = model._default_manager.first()
    pages = [base, f"{base}?q=x", f"{base}add/"]
    if row is not None:
        pages.append(f"{base}{row.pk}/change/")

    for page in pages:
        answer = root.get(page)
        if answer.status_code == 403 and (page.endswith("add/") or model is LoginSession):
            continue
        text = answer.content.decode()
        assert answer.status_code == 200, page
        assert INLINE.search(text) is None, page
        for app in ConnectedApp.objects.all():
            assert app.secret_hash not in text
        assert digest("a token") not in text
        assert "pbkdf2" not in text


def test_who_is_not_staff_does_not_get_in(viewer: Client) -> None:
    assert viewer.get("/admin/console/user/").status_code == 302


def test_a_password_is_changed_where_that_is_audited(root: Client) -> None:
    answer = root.get("/admin/password_change/")

    assert (answer.status_code, answer["Location"]) == (302, "/profile")


def test_a_change_in_the_admin_is_audited_with_what_it_was(root: Client) -> None:
    environment = Environment.objects.get()
    fields = {
        "name": "Renamed",
        "type": "sandbox",
        "deploys": "on-save",
        "organization": environment.organization_id,
    }

    root.post(f"/admin/console/environment/{environment.pk}/change/", fields)

    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor_name, entry.action, entry.object_id) == ("root", "update", str(environment.pk))
    assert entry.diff == {"name": [environment.name, "Renamed"]}


def test_a_role_given_inline_and_an_app_deleted_are_audited(root: Client) -> None:
    user, organization = make_user("ann"), Organization.objects.get()
    app = ConnectedApp.objects.get()
    management = {"roles-TOTAL_FORMS": 1, "roles-INITIAL_FORMS": 0}
    role = {"roles-0-organization": organization.pk, "roles-0-name": "viewer", "roles-0-user": user.pk}
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}

    root.post(
        f"/admin/console/user/{user.pk}/change/",
        {"username": "ann", "is_active": "on", **dates, **management, **role},
    )
    root.post(f"/admin/console/connectedapp/{app.pk}/delete/", {"post": "yes"})

    told = [(one.action, one.object_type) for one in AuditEntry.objects.order_by("pk")]
    assert told[-2:] == [("create", "role"), ("delete", "connectedapp")]
    assert "secret" not in str(AuditEntry.objects.latest("pk").diff)


def test_gateways_are_deleted_by_their_rules_alone(root: Client) -> None:
    gateway = Gateway.objects.get()

    answer = root.post(f"/admin/gateways/gateway/{gateway.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 403


def test_a_row_that_another_changed_is_not_overwritten_unseen(root: Client) -> None:
    organization = Organization.objects.get()
    address = f"/admin/console/organization/{organization.pk}/change/"
    form = _form(text(root.get(address)))
    Organization.objects.filter(pk=organization.pk).update(name="Theirs")

    late = root.post(address, {**form, "name": "Mine"})

    assert "after you opened it" in text(late)
    assert "Theirs" in text(late)
    organization.refresh_from_db()
    assert organization.name == "Theirs"
    assert root.post(address, {**_form(text(late)), "name": "Mine"}).status_code == 302
    organization.refresh_from_db()
    assert organization.name == "Mine"


def _form(page: str) -> dict[str, str]:
    """The hidden fields of a page of the admin, and those of its inlines."""
    fields = re.findall(r'<input type="(?:hidden|text)" name="([^"]+)"(?: value="([^"]*)")?', page)
    kept = {name: value for name, value in fields if "__prefix__" not in name}
    return kept | {"environments-0-type": "sandbox", "environments-0-deploys": "on-save"}


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]
