import re

import pytest
from django.apps import apps
from django.test import Client

from tests.analytics.traffic import Shipper, count, resource, sample
from tests.factories import make_api, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "model", [model._meta.model_name for model in apps.get_app_config("analytics").get_models()]
)
def test_every_model_can_be_looked_at(client: Client, model: str) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    api = make_api()
    Shipper(api).ship(count(api, status=404), resources=(resource(api),), samples=(sample(api),))

    assert client.get(f"/admin/analytics/{model}/").status_code == 200
    assert client.get(f"/admin/analytics/{model}/?q=1").status_code == 200


def test_samples_are_filtered_by_status_class(client: Client) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    api = make_api()
    Shipper(api).ship(samples=(sample(api, path="/fine"), sample(api, path="/missing", status=404)))

    html = client.get("/admin/analytics/sample/?class=4").content.decode()

    assert "/missing" in html
    assert "/fine" not in html


def test_models_are_named_as_one_says_them(client: Client) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))

    html = client.get("/admin/").content.decode()

    assert "Requests of APIs by day" in html
    assert "Traffic of paths by minute" in html
    assert "Stale periods" in html
    assert not re.search(r">\s*Api ", html)
