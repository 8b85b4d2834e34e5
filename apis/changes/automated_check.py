"""What an automated policy is to be, and all that is wrong with it, before it is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from apis.automated import rule
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.rules import kept_secrets, own_document, policy_check
from apis.rules.policy_config import checked, merged
from console.models import Environment
from policies.policy import Policy

MOST_TAGS = 50
LONGEST_TAG = 60
LONGEST_NAMES = 500
OWN_DOCUMENT = "It holds for many APIs: write the document here, or apply the policy to the APIs themselves."


@dataclass(frozen=True)
class Applies:
    """A rule of application: what is given of tags, gateways and names must hold; if nothing is, all APIs.

    `conflicts` is what happens where an API has the same policy of its own.
    """

    tags: tuple[str, ...] = ()
    gateways: tuple[UUID, ...] = ()
    names: str = ""
    names_are: str = AutomatedPolicy.Names.WILDCARD
    conflicts: str = AutomatedPolicy.Conflicts.WINS


def applies_of(policy: AutomatedPolicy) -> Applies:
    return Applies(
        tuple(policy.tags), tuple(policy.gateways), policy.names, policy.names_are, policy.conflicts
    )


def unsaved(
    environment: Environment,
    policy: Policy[Any],
    config: Mapping[str, Any],
    applies: Applies,
    *,
    conditions: Sequence[Mapping[str, Any]] = (),
    label: str = "",
    mode: str = AutomatedPolicy.Mode.ENFORCE,
    like: AutomatedPolicy | None = None,
    policy_set: PolicySet | None = None,
) -> AutomatedPolicy:
    """As it would be saved, in the place of the one that it is `like`. Raises ValidationError with all that
    is wrong.
    """
    of_set = like.policy_set if like else policy_set
    stored = like.secrets if like else {}
    found = faults(environment, policy, applies, like, of_set) | policy_check.mode_faults(policy, mode)
    if like:
        found |= kept_secrets.faults(policy, like.config, stored, config)
    public, secrets, rows = _checked(environment, policy, merged(config, stored), conditions, found)
    return AutomatedPolicy(
        pk=like.pk if like else None,
        environment=environment,
        policy_set=of_set,
        policy=policy.name,
        policy_version=like.policy_version if like else policy.version,
        label=label[:255],
        config=public,
        secrets=secrets,
        conditions=rows,
        order=like.order if like else 0,
        is_disabled=like.is_disabled if like else False,
        mode=mode,
        tags=_tags(applies),
        gateways=list(dict.fromkeys(applies.gateways)),
        names=applies.names.strip(),
        names_are=applies.names_are,
        conflicts=applies.conflicts,
        created_by=like.created_by if like else None,
        **({"created_at": like.created_at} if like else {}),
    )


def faults(
    environment: Environment,
    policy: Policy[Any],
    applies: Applies,
    like: AutomatedPolicy | None = None,
    of_set: PolicySet | None = None,
) -> dict[str, list[str]]:
    """What is wrong with a rule of application, by field."""
    found: dict[str, list[str]] = {}
    if of_set and (applies.tags or applies.gateways or applies.names):
        found["tags"] = [f"It is of policy set {of_set}, which says for which APIs it is."]
    if not policy.can_be_automated:
        found["policy"] = [f"{policy.title} acts on upstreams; automated policies act on requests to APIs."]
    if long := next((tag for tag in applies.tags if len(tag.strip()) > LONGEST_TAG), None):
        found["tags"] = [f'"{long[:LONGEST_TAG]}…" is longer than {LONGEST_TAG} characters.']
    elif len(applies.tags) > MOST_TAGS:
        found["tags"] = [f"{len(applies.tags)} tags; at most {MOST_TAGS} are allowed."]
    known = set(environment.gateways.values_list("pk", flat=True)) | set(like.gateways if like else ())
    if unknown := [str(pk) for pk in applies.gateways if pk not in known]:
        found["gateways"] = [f"Gateway {', '.join(unknown[:3])} not found in {environment}."]
    if applies.names_are not in AutomatedPolicy.Names.values:
        known_kinds = " or ".join(AutomatedPolicy.Names.values)
        found["names_are"] = [f'"{applies.names_are}" is no kind of pattern; write {known_kinds}.']
    elif len(applies.names) > LONGEST_NAMES:
        found["names"] = [f"The pattern is longer than {LONGEST_NAMES} characters."]
    elif applies.names.strip() and (reason := rule.fault(applies.names.strip(), applies.names_are)):
        found["names"] = [reason]
    if applies.conflicts not in AutomatedPolicy.Conflicts.values:
        choices = ", ".join(AutomatedPolicy.Conflicts.values)
        found["conflicts"] = [f'"{applies.conflicts}" is none of {choices}.']
    elif applies.conflicts == AutomatedPolicy.Conflicts.BOTH and policy.is_applied_once:
        found["conflicts"] = [f"An API can have {policy.title} once; say which of the two runs."]
    return found


def _checked(
    environment: Environment,
    policy: Policy[Any],
    config: Mapping[str, Any],
    conditions: Sequence[Mapping[str, Any]],
    found: dict[str, list[str]],
) -> tuple[dict[str, Any], dict[str, str], list[dict[str, str]]]:
    """(configuration without secrets, secrets, conditions). Raises ValidationError with what is wrong with
    any of them, beside what was `found`.
    """
    public: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    try:
        public, secrets = checked(policy, config, environment)
    except ValidationError as error:
        found |= error.message_dict
    if own_document.is_asked_for(policy, config):
        found[f"config.{own_document.SOURCE}"] = [OWN_DOCUMENT]
    try:
        rows = policy_check.checked_conditions(policy, conditions)
    except ValidationError as error:
        found |= error.message_dict
    if found:
        raise ValidationError(found)
    return public, secrets, rows


def _tags(applies: Applies) -> list[str]:
    return list(dict.fromkeys(tag for one in applies.tags if (tag := one.strip())))
