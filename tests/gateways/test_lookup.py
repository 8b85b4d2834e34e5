"""A gateway is found in its own environment, by whatever names it."""

from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from gateways import lookup
from tests.factories import make_environment, make_gateway

pytestmark = pytest.mark.django_db


def test_a_gateway_is_found_by_its_id_and_by_what_a_form_sends() -> None:
    gateway = make_gateway(name="local")

    assert lookup.find(gateway.environment, gateway.pk) == gateway
    assert lookup.chosen(gateway.environment, str(gateway.pk)) == gateway
    assert lookup.chosen(gateway.environment, "") is None


@pytest.mark.parametrize("kind", ["another's", "nobody's", "no id"])
def test_what_the_environment_does_not_have_is_refused_alike(kind: str) -> None:
    environment = make_environment()
    key = {"another's": str(make_gateway(name="far").pk), "nobody's": str(uuid4()), "no id": "x\0"}[kind]

    assert lookup.find(environment, key) is None
    with pytest.raises(ValidationError) as told:
        lookup.chosen(environment, key)
    assert told.value.message_dict == {"gateway": [lookup.NOT_HERE]}
