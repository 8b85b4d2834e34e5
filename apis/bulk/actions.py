"""What can be done to many APIs: each action checks its values once, then is done to one after another."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError

from apis.bulk import promoting
from apis.bulk.models import MOST_APIS, BulkChange
from apis.changes import bookkeeping, instances, policies, removal, review, tags
from apis.models import ApiInstance, PolicyBinding
from apis.removed import Removed
from apis.rules import policy_check
from console.models import Environment, User
from console.permissions import Permission
from gateways import lookup
from gateways.models import Gateway

Values = Mapping[str, Any]
MOST_TAGS = 20
Named = BulkChange.Action


class NothingToDo(Exception):
    """Why, in words."""


class BulkAction(NamedTuple):
    """`needs` is the permission for it, in the whole environment. `check` raises ValidationError by field and
    answers what the values are in words; `act` says what was done, and raises NothingToDo, or whatever the
    change below it raises. `begin` is done last before it begins, and may refuse. `most` APIs are taken.
    `about` says what it does, where that is not plain; `warning` what of it callers notice.
    To restore is about APIs that were deleted: its `act` takes what is kept of one, and nothing is checked.
    """

    needs: str
    check: Callable[[Environment, ApiInstance, Values], str]
    act: Callable[[User, Any, Values], str]
    warning: str = ""
    about: str = ""
    most: int = MOST_APIS
    begin: Callable[[BulkChange, Values], None] | None = None


def _check_nothing(environment: Environment, first: ApiInstance, values: Values) -> str:
    return ""


def _check_gateway(environment: Environment, first: ApiInstance, values: Values) -> str:
    gateway = lookup.chosen(environment, values.get("gateway", ""))
    return f"to {gateway}, where none is chosen" if gateway else ""


def _check_deploy(environment: Environment, first: ApiInstance, values: Values) -> str:
    if len(values.get("comment", "")) > review.MOST_COMMENT:
        raise ValidationError({"comment": [f"It is longer than {review.MOST_COMMENT} characters."]})
    return _check_gateway(environment, first, values)


def _deploy(actor: User, api: ApiInstance, values: Values) -> str:
    if api.is_deployed and api.pending_since is None:
        raise NothingToDo("It is deployed already.")
    chosen = None if api.gateway else lookup.chosen(api.environment, values.get("gateway", ""))
    if not api.environment.deploys_on_save:
        _check_seen(api, chosen, values)
    if api.is_deployed:
        review.deploy_pending(actor, api, comment=values.get("comment", ""))
        return f"What was pending is deployed to {api.gateway}."
    if api.gateway is None and chosen is None:
        raise ValidationError({"gateway": ["No gateway is chosen for it; choose one in its settings."]})
    instances.deploy_api(actor, api, chosen, comment=values.get("comment", ""))
    return f"Deployed to {api.gateway}."


def _check_seen(api: ApiInstance, chosen: Gateway | None, values: Values) -> None:
    """That what would run is what whoever began this looked at; from then on nobody changes it meanwhile."""
    bookkeeping.lock(api.gateway or chosen, api=api)
    seen = values.get("seen", {}).get(str(api.pk), "")
    if seen != review.token(api):
        raise ValidationError("It was changed after you looked at it; choose it once more, and look again.")


def _undeploy(actor: User, api: ApiInstance, values: Values) -> str:
    if not api.is_deployed:
        raise NothingToDo("It is not deployed.")
    instances.undeploy_api(actor, api)
    return f"Taken off {api.gateway}."


def _check_tags(environment: Environment, first: ApiInstance, values: Values) -> str:
    named = values.get("tags", [])
    if not 1 <= len(named) <= MOST_TAGS:
        raise ValidationError({"tags": [f"Write 1 to {MOST_TAGS} tags, one on each line."]})
    tags.check(named)
    return ", ".join(named)


def _tag(actor: User, api: ApiInstance, values: Values) -> str:
    if not tags.add_tags(actor, api, values["tags"]):
        raise NothingToDo("It has these tags already.")
    return f"Tagged {', '.join(values['tags'])}."


def _untag(actor: User, api: ApiInstance, values: Values) -> str:
    if not tags.remove_tags(actor, api, values["tags"]):
        raise NothingToDo("It has none of these tags.")
    return f"No longer tagged {', '.join(values['tags'])}."


def _deprecate(actor: User, api: ApiInstance, values: Values) -> str:
    if api.is_deprecated:
        raise NothingToDo("It is deprecated already.")
    instances.set_deprecated(actor, api, True)
    return "Deprecated."


def _undeprecate(actor: User, api: ApiInstance, values: Values) -> str:
    if not api.is_deprecated:
        raise NothingToDo("It is not deprecated.")
    instances.set_deprecated(actor, api, False)
    return "No longer deprecated."


def _check_policy(environment: Environment, first: ApiInstance, values: Values) -> str:
    """By one of the APIs: what fits one of them may not fit another, which is said of that one then."""
    policy = policies.template_of(values.get("policy", ""))
    upstreams = [one.pk for one in first.upstreams.all()] if policy.is_outbound else []
    policy_check.checked(
        first, policy, values["config"], values["conditions"], mode=values["mode"], upstreams=upstreams
    )
    return f"{policy.title}, on all their upstreams" if policy.is_outbound else str(policy.title)


def _apply(actor: User, api: ApiInstance, values: Values) -> str:
    policy = policies.template_of(values["policy"])
    upstreams = _without(api, policy.name) if policy.is_outbound else []
    if not upstreams if policy.is_outbound else api.policies.filter(policy=policy.name).exists():
        where = "Each of its upstreams" if policy.is_outbound else "It"
        raise NothingToDo(f"{where} has {policy.title} already; edit it there.")
    policies.apply_policy(
        actor,
        api,
        policy.name,
        values["config"],
        conditions=values["conditions"],
        upstreams=upstreams,
        order=None if policy.is_outbound else policies.place_of(api, policy),
        label=values["label"],
        mode=values["mode"] or PolicyBinding.Mode.ENFORCE,
        allow_duplicated=False,
    )
    return f"{policy.title} is applied{', and waits to be deployed' if api.pending_since else ''}."


def _without(api: ApiInstance, policy: str) -> list[UUID]:
    """The upstreams that do not have this outbound policy."""
    have = {pk for one in api.policies.filter(policy=policy) for pk in one.upstreams}
    return [one.pk for one in api.upstreams.all() if one.pk not in have]


def _delete(actor: User, api: ApiInstance, values: Values) -> str:
    instances.delete_api(actor, api)
    return "Deleted; it can be restored for some time."


def _restore(actor: User, kept: Removed, values: Values) -> str:
    api = removal.restore_api(actor, kept)
    return f"It is back, and goes to {api.gateway}." if api.is_deployed else "It is back, and not deployed."


def _check_target(environment: Environment, first: ApiInstance, values: Values) -> str:
    key = values.get("environment")
    found = Environment.objects.filter(pk=key).first() if key else None
    if found is None:
        raise ValidationError({"environment": ["Choose where they go."]})
    return f"to {found}"


ACTIONS: Mapping[str, BulkAction] = {
    Named.DEPLOY: BulkAction(Permission.DEPLOY_APIS, _check_deploy, _deploy),
    Named.UNDEPLOY: BulkAction(
        Permission.DEPLOY_APIS, _check_nothing, _undeploy, "Requests to these APIs get 404 at once."
    ),
    Named.TAG: BulkAction(
        *(Permission.MANAGE_APIS, _check_tags, _tag),
        about="Each API gets those that it does not have, beside its own.",
    ),
    Named.UNTAG: BulkAction(
        *(Permission.MANAGE_APIS, _check_tags, _untag), about="Each API loses those that it has of them."
    ),
    Named.DEPRECATE: BulkAction(
        *(Permission.MANAGE_APIS, _check_nothing, _deprecate),
        about="A mark that tells consumers to move on: nobody can ask for access. Gateways serve as before.",
    ),
    Named.UNDEPRECATE: BulkAction(
        *(Permission.MANAGE_APIS, _check_nothing, _undeprecate),
        about="The mark goes, and consumers can ask for access again. Gateways serve as before.",
    ),
    Named.POLICY: BulkAction(
        Permission.MANAGE_POLICIES, _check_policy, _apply, "On APIs that are deployed it is in force at once."
    ),
    Named.DELETE: BulkAction(
        Permission.MANAGE_APIS,
        _check_nothing,
        _delete,
        "Their routes, upstreams and policies go with them, and requests to those that are deployed get 404.",
    ),
    Named.RESTORE: BulkAction(Permission.MANAGE_APIS, _check_nothing, _restore),
    Named.PROMOTE: BulkAction(
        Permission.VIEW_POLICIES,
        _check_target,
        promoting.act,
        most=promoting.MOST_APIS,
        begin=promoting.settle,
    ),
}
