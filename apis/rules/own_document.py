"""The OpenAPI document of an API's asset, for a policy that asks for it: `source: context`.

It is put into the configuration when that is checked and when a revision is made, and is never kept with the
policy: a revision holds the document as it was then.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from apis.documents.specification import Specification
from apis.models import ApiInstance
from apis.rules import config_messages
from apis.rules.config_reading import reading
from apis.secret_groups import references
from policies import catalog
from policies.policy import Policy

SOURCE, CONTEXT = "source", "context"
NONE = "The API's asset has no OpenAPI document; write one here, or make the API of an asset that has one."


def takers() -> list[str]:
    """The names of policies that may ask for it."""
    return [policy.name for policy in catalog.policies() if policy.own_document]


def is_asked_for(policy: Policy[Any], config: Mapping[str, Any]) -> bool:
    return bool(policy.own_document) and config.get(SOURCE) == CONTEXT


def text_of(api: ApiInstance) -> str:
    """ "" where there is none."""
    key = api.asset.specification_id
    return Specification.objects.filter(pk=key).values_list("text", flat=True).first() or "" if key else ""


def filled(policy: Policy[Any], config: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {**config, policy.own_document: text} if is_asked_for(policy, config) else dict(config)


def check(api: ApiInstance, policy: Policy[Any], config: Mapping[str, Any]) -> None:
    """Raises ValidationError where the API has no document, or one with which the policy cannot do."""
    if not is_asked_for(policy, config):
        return
    text = text_of(api)
    if not text:
        raise ValidationError({f"config.{SOURCE}": [NONE]})
    try:
        whole = references.put(config, references.values(api.environment_id, config))
        reading.read(policy, filled(policy, whole, text), lambda: api.environment.organization.root_id)
    except reading.Unsound as unsound:
        found = config_messages.of_faults(policy, unsound.faults).get(f"config.{policy.own_document}", [])
        if found:
            told = [f"The API's own document: {one}" for one in found]
            raise ValidationError({f"config.{SOURCE}": told}) from unsound
