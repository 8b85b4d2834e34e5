"""API Manager's rows in Django's admin: every model is there, no secret is, nothing goes past the rules."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from apis.changes import policies
from apis.models import PolicyBinding
from tests.factories import make_actor, make_api, make_user

pytestmark = pytest.mark.django_db

MODELS = [model for app in ("apis", "assets") for model in apps.get_app_config(app).get_models()]


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user(is_superuser=True, is_staff=True))
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_model_is_listed_and_searched(client: Client, model: type) -> None:
    assert model in admin.site._registry
    page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"

    assert client.get(page).status_code == 200
    assert client.get(page, {"q": "orders"}).status_code == 200


def test_a_policys_secret_is_never_shown(client: Client) -> None:
    config = {"username": "ada", "password": "s3cr3t-value"}
    binding = policies.apply_policy(make_actor(), make_api(), "http-basic-authentication", config)

    page = client.get(f"/admin/apis/policybinding/{binding.pk}/change/")

    assert page.status_code == 200
    assert "ada" in page.content.decode()
    assert "s3cr3t-value" not in page.content.decode()
    assert client.post(f"/admin/apis/policybinding/{binding.pk}/delete/", {"post": "yes"}).status_code == 403
    assert PolicyBinding.objects.exists()


def test_an_api_is_read_only(client: Client) -> None:
    api = make_api()

    page = client.get(f"/admin/apis/apiinstance/{api.pk}/change/")

    assert page.status_code == 200
    assert b'name="_save"' not in page.content
