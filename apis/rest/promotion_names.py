"""How clients name what a promotion calls by keys: policies and upstreams by the origin's ids, shared secrets
by "group/name".
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from apis.models import ApiInstance
from apis.portable import mentioned
from apis.portable.rows import policies_of, portable_of, upstreams_of
from apis.portable.shared import new_groups
from apis.promotions.choices import Choices

NOT_MENTIONED = "No policy of the origin mentions the shared secret {}; leave it out."
NO_POLICY = "API {} has no policy {}; leave it out."
NO_GROUP = "No secret group of that name is made; leave it out."


def secrets_of(
    origin: ApiInstance, told: Mapping[str, Any], shared: Mapping[str, str]
) -> dict[str, Mapping[str, str]]:
    """By the keys of policies, and by the mentions of shared secrets, as `shared` calls them there. Raises
    ValidationError for what the origin does not have.
    """
    keys = {row.pk: key for key, row in policies_of(origin).items()}
    found: dict[str, Mapping[str, str]] = {}
    for name, values in (told.get("secrets") or {}).items():
        if "/" in name:
            if name not in shared.values():
                raise ValidationError({"promote.secrets": [NOT_MENTIONED.format(name)]})
            found[mentioned.of_reference(name)] = values
        elif int(name) in keys:
            found[keys[int(name)]] = values
        else:
            raise ValidationError({"promote.secrets": [NO_POLICY.format(origin.pk, name)]})
    return found


def shared_of(usual: Mapping[str, str], told: Mapping[str, Any]) -> dict[str, str]:
    """What shared secrets are called there. Raises ValidationError for those that no policy mentions."""
    given: Mapping[str, str] = told.get("sharedSecrets") or {}
    if wrong := [name for name in given if name not in usual]:
        raise ValidationError({"promote.sharedSecrets": [NOT_MENTIONED.format(wrong[0][:240])]})
    return {**usual, **given}


def sent_to_of(origin: ApiInstance, told: Mapping[str, Any], it: Choices) -> dict[str, list[str]]:
    """The hosts of secret groups that are made. Raises ValidationError for those that are not."""
    given: Mapping[str, list[str]] = told.get("sentTo") or {}
    if not given:
        return {}
    whole = mentioned.renamed(portable_of(origin), it.shared) if "policies" in it.parts else None
    made = new_groups(it.environment, whole) if whole else {}
    if wrong := sorted(given.keys() - made.keys()):
        raise ValidationError({f"promote.sentTo.{wrong[0][:120]}": [NO_GROUP]})
    return dict(given)


def by_key(origin: ApiInstance, by_id: Mapping[UUID, str]) -> dict[str, str]:
    """Of upstreams."""
    return {key: by_id[row.pk] for key, row in upstreams_of(origin).items() if row.pk in by_id}


@contextmanager
def told_by_ids(origin: ApiInstance) -> Iterator[None]:
    """Raise what is wrong with upstreams, policies and secrets by the names that clients know."""
    upstreams = {key: str(row.pk) for key, row in upstreams_of(origin).items()}
    policies = {key: str(row.pk) for key, row in policies_of(origin).items()}
    kinds = {"upstreams": upstreams, "policies": policies, "secrets": policies}
    try:
        yield
    except ValidationError as error:
        if not hasattr(error, "error_dict"):
            raise
        faults = {_by_id(name, kinds): found for name, found in error.error_dict.items()}
        raise ValidationError(faults) from error


def _by_id(name: str, kinds: Mapping[str, Mapping[str, str]]) -> str:
    kind, _, rest = name.partition(".")
    if kind == "secrets" and (mention := mentioned.reference_in(rest)):
        reference, field = mention
        return f"promote.secrets.{reference}.{field}"
    if kind == "sent_to":
        return f"promote.sentTo.{rest}"
    for key, pk in kinds.get(kind, {}).items():
        if rest == key or rest.startswith(f"{key}."):
            return f"{kind}.{pk}{rest.removeprefix(key)}"
    return name
