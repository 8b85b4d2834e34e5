"""What is shown on one line holds one: names and labels by REST, and in the database."""

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction

from apis.portable.exporting import yaml_of
from apis.portable.faults import BadFile
from apis.portable.read import read
from console.fields import LineField
from console.lines import is_line
from console.teams.models import Team
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import make_place, make_saved_api
from tests.factories import make_organization, make_policy_set
from tests.rest import Rest

pytestmark = pytest.mark.django_db

OURS = ("apis", "analytics", "console", "gateways", "policies")
MADE_OF_OTHERS = {
    *(
        "gateways.Replica.name",
        "gateways.ResourceStatus.name",
    ),  # as agents send them, checked by the protocol
    *("apis.Specification.name", "apis.Upload.name", "promotions.Upload.name"),
    *(
        "apis.Removed.name",
        "apis.BulkItem.name",
        "bulk.BulkItem.name",
        "alerts.Incident.name",
    ),
}
TWO = "One\nTwo"
SIGNS = ["a\nb", "a\r", "\x00a", "a\x1b[31m", "a\x85b", "a\u2028b", "a\u2029b"]


def names() -> "dict[str, models.Field[Any, Any]]":
    return {
        f"{model._meta.app_label}.{model.__name__}.{field.name}": field
        for model in apps.get_models()
        if model.__module__.partition(".")[0] in OURS
        for field in model._meta.concrete_fields
        if field.name in ("name", "label") and isinstance(field, models.CharField) and not field.choices
    }


def test_every_name_and_label_of_the_database_is_a_line() -> None:
    others = {
        place
        for place, field in names().items()
        if not isinstance(field, LineField)
        and not any(isinstance(one, RegexValidator) for one in field.validators)
    }

    assert others <= MADE_OF_OTHERS
    assert len(names()) > 30


@pytest.mark.parametrize("text", SIGNS)
def test_what_is_no_line(text: str) -> None:
    assert not is_line(text)


def test_a_line_is_any_other_text() -> None:
    assert is_line("Größe “1” \u200f שלום 👩‍🚀")


def test_a_name_from_before_stays_until_it_is_another_one() -> None:
    team = Team.objects.create(organization=make_organization(), name="One")
    Team.objects.filter(pk=team.pk).update(name=TWO)
    team.refresh_from_db()

    team.description = "as it was"
    team.save()
    team.name = "Three\nFour"
    with pytest.raises(ValidationError) as error, transaction.atomic():
        team.save()

    assert list(error.value.message_dict) == ["name"]
    assert Team.objects.get().name == TWO


def test_rest_refuses_another_name() -> None:
    place = make_place("administrator")
    rest, organization = Rest(place.user, place.environment), place.environment.organization_id
    one = make_policy_set(place.environment)
    application = {"name": TWO, "url": "", "description": "", "redirectUri": [], "grantTypes": []}
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"/accounts/api/organizations/{organization}/environments", {"name": TWO}),
        ("POST", "SETS", {"name": TWO}),
        ("PATCH", f"SETS/{one.pk}", {"name": TWO}),
        ("POST", "SG", {"name": TWO}),
        ("POST", f"/exchange/api/v2/organizations/{organization}/applications", application),
    ]

    for method, path, body in bodies:
        refused(rest(method, path, body), 400, "name")


def test_a_file_with_a_label_of_two_lines_is_refused_where_it_is_read() -> None:
    place = make_place()
    api = make_saved_api(place, label="eu", tags=["public"])
    file = yaml_of([api])
    assert "label: eu" in file

    for bad in (file.replace("label: eu", 'label: "e\\nu"'), file.replace("- public", '- "pub\\tlic"')):
        with pytest.raises(BadFile) as error:
            read(bad.encode())
        assert "holds a line break or a control character" in str(error.value)
