"""A policy that asks for the API's own document: gateways are told it, and without one it is refused."""

import json

import pytest
from django.core.exceptions import ValidationError

from apis.changes import discarding, instances, policies, review
from apis.deployment.pending import pending
from apis.documents.specification import Specification
from apis.models import ApiInstance
from apis.revisions import rows
from apis.rules import policy_advice
from console.models import User
from tests.apis.deployment.test_revision import an_api
from tests.factories import make_actor, make_api

pytestmark = pytest.mark.django_db

CONTEXT = {"source": "context"}
GOOD = json.dumps({"openapi": "3.0.3", "paths": {"/pets": {"get": {"parameters": []}}}})
HALF = json.dumps(
    {
        "openapi": "3.0.3",
        "paths": {"/pets": {"post": {"requestBody": {"content": {"text/csv": {"schema": {}}}}}}},
    }
)


def api_with(text: str) -> ApiInstance:
    api = make_api()
    api.asset.specification = Specification.objects.create(
        organization=api.asset.organization, name="pets.json", text=text, size=len(text), state="accepted"
    )
    api.asset.save()
    return api


def told(api: ApiInstance) -> object:
    """The configuration in the revision that would be made."""
    documents = rows.content_of(api).documents
    specs = [one["spec"] for one in documents]
    return next(one["config"] for one in specs if one.get("policyRef", {}).get("name") == "spec-validation")


def test_gateways_get_the_document_and_the_policy_keeps_none(actor: User) -> None:
    api = api_with(GOOD)

    binding = policies.apply_policy(actor, api, "spec-validation", CONTEXT)

    assert binding.config == CONTEXT
    assert told(api) == {**CONTEXT, "spec": GOOD}


def test_another_document_is_told_from_then_on(actor: User) -> None:
    api = api_with(GOOD)
    policies.apply_policy(actor, api, "spec-validation", CONTEXT)

    Specification.objects.update(text=HALF)

    assert told(api) == {**CONTEXT, "spec": HALF}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no OpenAPI document"),
        ('{"openapi": "3.0.3", "paths": {"orders": {}}}', "The API's own document: "),
        ('{"swagger": "2.0"}', "OpenAPI 3.0 and 3.1 are read"),
    ],
)
def test_without_a_document_that_can_be_read_it_is_refused(actor: User, text: str, words: str) -> None:
    api = api_with(text) if text else make_api()

    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "spec-validation", CONTEXT)

    assert words in refused.value.message_dict["config.source"][0]


def test_what_is_not_checked_is_told(actor: User) -> None:
    api = api_with(HALF)
    binding = policies.apply_policy(actor, api, "spec-validation", CONTEXT)

    found = policy_advice.of_binding(api, binding)

    assert "only JSON is read" in found["config.spec"][0]


def test_a_document_that_is_replaced_waits_on_each_api_that_takes_it() -> None:
    """Nobody discards it for one API alone."""
    api, actor = an_api(), make_actor()
    first, second = (
        Specification.objects.create(
            organization=api.asset.organization, name="pets.json", text=text, size=len(text), state="accepted"
        )
        for text in (GOOD, HALF)
    )
    instances.set_specification(actor, api, first)
    api = ApiInstance.objects.get(pk=api.pk)
    policies.apply_policy(actor, api, "spec-validation", CONTEXT)
    assert not pending(api)

    instances.set_specification(actor, api, second)

    api.refresh_from_db()
    assert pending(api)
    assert api.pending_by == [actor.pk]
    with pytest.raises(ValidationError, match="all of its APIs share"):
        discarding.discard(actor, api)
    review.deploy_pending(actor, api)
    assert not pending(api)
