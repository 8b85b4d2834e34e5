"""Automated policies that were deleted, and what of them comes back."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apis.automated.models import AutomatedPolicy
from apis.changes import automated, policy_sets
from apis.removed import Removed
from console.models import AuditEntry
from tests.apis.changes.test_automated import add, run_on
from tests.factories import make_actor, make_api, make_gateway

pytestmark = pytest.mark.django_db

ANN: dict[str, Any] = {"username": "ann", "password": "s3cret"}


def test_one_that_was_deleted_comes_back_as_it_was() -> None:
    gateway, user = make_gateway(), make_actor()
    environment = gateway.environment
    api = make_api(gateway, tags=["public"])
    first, second = (
        add(environment),
        add(environment, "http-basic-authentication", config=ANN, tags=["public"]),
    )
    order = [one.pk for one in environment.automated_policies.all()]
    runs = run_on(gateway)[api.pk]
    kept = automated.delete(user, first)
    gone = automated.delete(user, second)
    assert run_on(gateway).get(api.pk, []) == []

    automated.restore(user, kept)
    back = automated.restore(user, gone)

    assert (back.pk, back.secrets, back.tags) == (second.pk, second.secrets, ["public"])
    assert [one.pk for one in environment.automated_policies.all()] == order
    assert run_on(gateway)[api.pk] == runs
    told = AuditEntry.objects.about("automatedpolicy", [second.pk]).first()
    assert told and told.diff["restored"] == [None, True]
    with pytest.raises(ValidationError, match="no longer kept"):
        automated.restore(user, gone)


def test_one_of_a_set_that_is_gone_does_not_come_back_for_every_api() -> None:
    environment, user = make_gateway().environment, make_actor()
    made = policy_sets.add(user, environment, "Public")
    gone = automated.delete(user, add(environment, policy_set=made))
    with_it = add(environment, "ip-allowlist", policy_set=made)
    policy_sets.delete(user, made)

    with pytest.raises(ValidationError, match="policy set was deleted"):
        automated.restore(user, gone)
    assert list(Removed.objects.values_list("pk", flat=True)) == [gone.pk]
    assert not AutomatedPolicy.objects.filter(pk=with_it.pk).exists()
