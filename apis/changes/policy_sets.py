"""Every change of a policy set: what it is called, and which APIs it is given to and taken from.

Its policies are automated policies, changed as those are: one change for all the APIs that have the set.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404

from apis.api_name import NAME
from apis.automated import holding
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.changes import automated, bookkeeping, policies
from apis.models import ApiInstance
from apis.revision import Brought
from apis.rules.policy_config import merged
from console import audit
from console.among import among
from console.models import AuditEntry, Environment, User
from console.named import few
from console.versions import check as check_version
from console.versions import version as version_of

MOST = 200
"""The most of an environment."""
LONGEST_NAME = 120
WAITS = (
    "Changes of {} wait to be deployed, and would keep these waiting: it would be without them meanwhile. "
    "Deploy or discard what waits, or apply the policies there and have them deployed before you detach it."
)
LONGEST_DESCRIPTION = 2000


def seen_version(policy_set: PolicySet) -> str:
    return version_of({name: getattr(policy_set, name) for name in ("name", "description")})


def whole_version(policy_set: PolicySet) -> str:
    """The version of it and of who has it."""
    return version_of({"seen": seen_version(policy_set), "apis": sorted(policy_set.apis)})


def check_whole(policy_set: PolicySet, actor: User, seen: str) -> None:
    """Locks it. Raises Changed when it is not as it was `seen`; "" asks nothing."""
    lock_set(policy_set, actor)
    check_version(seen, whole_version(policy_set))


def counted(sets: Iterable[PolicySet]) -> list[PolicySet]:
    """Each with `api_count`: of the APIs that it was given to, how many are there now."""
    sets = list(sets)
    wanted = {pk for one in sets for pk in one.apis}
    there = set(ApiInstance.objects.filter(pk__in=among(wanted)).order_by().values_list("pk", flat=True))
    for one in sets:
        setattr(one, "api_count", len(there.intersection(one.apis)))  # noqa: B010
    return sets


@transaction.atomic
def add(actor: User, environment: Environment, name: str, description: str = "") -> PolicySet:
    automated.lock(environment, actor)
    _check(environment, name, description)
    if environment.policy_sets.count() >= MOST:
        raise ValidationError({"name": [f"{environment} has {MOST} policy sets, and has room for no more."]})
    made = PolicySet.objects.create(
        environment=environment, name=name.strip(), description=description.strip(), created_by=actor
    )
    _record(actor, AuditEntry.Action.CREATE, made, after=_facts(made))
    return made


@transaction.atomic
def edit(actor: User, policy_set: PolicySet, name: str, description: str, *, seen: str = "") -> PolicySet:
    """Raises Changed when it is not as it was `seen`. No gateway is told: a name changes nothing there."""
    lock_set(policy_set, actor)
    check_version(seen, seen_version(policy_set))
    _check(policy_set.environment, name, description, policy_set)
    before = _facts(policy_set)
    policy_set.name, policy_set.description = name.strip(), description.strip()
    policy_set.save(update_fields=["name", "description", "updated_at"])
    _record(actor, AuditEntry.Action.UPDATE, policy_set, before=before, after=_facts(policy_set))
    return policy_set


@transaction.atomic
def give(actor: User, policy_set: PolicySet, apis: Collection[int]) -> list[int]:
    """Give it to these APIs of its environment too; the ids of those that have it now and had not."""
    lock_set(policy_set, actor)
    there = ApiInstance.objects.filter(environment=policy_set.environment, pk__in=among(apis))
    found = set(there.order_by().values_list("pk", flat=True))
    if missing := set(apis) - found:
        named = few([str(one) for one in sorted(missing)])
        raise ValidationError({"apis": [f"API {named} not found in {policy_set.environment}."]})
    new = sorted(found.difference(policy_set.apis))
    before = _facts(policy_set)
    policy_set.apis = [*policy_set.apis, *new]
    policy_set.save(update_fields=["apis", "updated_at"])
    automated.deploy(_with_policies(policy_set, new))
    _record(actor, AuditEntry.Action.UPDATE, policy_set, before=before, after=_facts(policy_set))
    return new


@transaction.atomic
def take(actor: User, policy_set: PolicySet, api: ApiInstance, *, keep: bool) -> None:
    """Take it from the API, which may `keep` its policies as its own, as they are now: later changes of the
    set leave them alone. Raises ValidationError where they could not be in force at once.
    """
    # The API before the environment, as whoever copies it does: else each may wait for the other.
    bookkeeping.lock(*policy_set.environment.gateways.all(), api=api)
    lock_set(policy_set, actor)
    if api.pk not in policy_set.apis:
        raise ValidationError({"apis": [f"{api} does not have policy set {policy_set}."]})
    before = _facts(policy_set)
    if keep:
        _keep(actor, policy_set, api)
    policy_set.apis = [pk for pk in policy_set.apis if pk != api.pk]
    policy_set.save(update_fields=["apis", "updated_at"])
    automated.deploy(_with_policies(policy_set, {api.pk}))
    _record(actor, AuditEntry.Action.UPDATE, policy_set, before=before, after=_facts(policy_set))


@transaction.atomic
def delete(actor: User, policy_set: PolicySet) -> None:
    """With its policies. Refused while an API has it: nobody should lose a guard by the way."""
    lock_set(policy_set, actor)
    users = list(ApiInstance.objects.filter(pk__in=policy_set.apis).select_related("asset")[:4])
    if users:
        message = f"{few(users)} have policy set {policy_set}; take it from them first."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})
    before = _facts(policy_set)
    for one in policy_set.policies.all():
        one.environment = policy_set.environment
        # It could not be had back: the set says whom it covers.
        automated.delete(actor, one).delete()
    key = policy_set.pk
    policy_set.delete()
    policy_set.pk = key
    _record(actor, AuditEntry.Action.DELETE, policy_set, before=before)


def lock_set(policy_set: PolicySet, actor: User) -> None:
    """The set as it is now. Raises Http404 when it was deleted."""
    environment = policy_set.environment
    automated.lock(environment, actor)
    try:
        policy_set.refresh_from_db()
    except PolicySet.DoesNotExist as gone:
        raise Http404(f"Policy set {policy_set.pk} not found.") from gone
    policy_set.environment = environment


def _keep(actor: User, policy_set: PolicySet, api: ApiInstance) -> None:
    """What runs of the set on the API, as policies of its own, before those that it has; what rests for one
    is disabled.
    """
    api.refresh_from_db(fields=["pending_since", "is_deployed"])
    if api.is_deployed and api.pending_since:
        raise ValidationError({"apis": [WAITS.format(api)]})
    held = holding.of_api(api)
    own = list(api.policies.inbound())
    runs = holding.running(held, {one.policy for one in own if not one.is_disabled})
    kept = [one for one in runs if one.policy_set_id == policy_set.pk]
    resting = holding.resting(kept)
    for binding in own:
        if binding.policy in resting and not binding.is_disabled:
            binding.api = api
            policies.set_policy_disabled(actor, binding, True, deploy=True)
    for order, one in enumerate(kept, 1):
        _apply(actor, one, api, order)
    if kept and api.is_deployed and api.pending_since:
        raise ValidationError({"apis": [WAITS.format(api)]})


def _apply(actor: User, one: AutomatedPolicy, api: ApiInstance, order: int) -> None:
    policies.apply_policy(
        actor,
        api,
        one.policy,
        merged(one.config, one.secrets),
        conditions=one.conditions,
        order=order,
        label=one.label,
        mode=one.mode,
        deploy=True,
    )


def _with_policies(policy_set: PolicySet, apis: Collection[int]) -> Collection[int]:
    """Nothing changes on gateways with a set that has nothing to run."""
    return apis if policy_set.policies.filter(is_disabled=False).exists() else ()


def _check(environment: Environment, name: str, description: str, own: PolicySet | None = None) -> None:
    found: dict[str, list[Any]] = {}
    if not name.strip():
        found["name"] = ["Give the policy set a name."]
    elif len(name.strip()) > LONGEST_NAME:
        found["name"] = [f"The name is longer than {LONGEST_NAME} characters."]
    elif environment.policy_sets.filter(name=name.strip()).exclude(pk=own.pk if own else 0).exists():
        message = f'"{name.strip()}" is the name of another policy set of {environment}; choose another.'
        found["name"] = [ValidationError(message, code="conflict")]
    if len(description) > LONGEST_DESCRIPTION:
        found["description"] = [f"The description is longer than {LONGEST_DESCRIPTION} characters."]
    if found:
        raise ValidationError(found)


def _facts(policy_set: PolicySet) -> dict[str, Any]:
    rows = ApiInstance.objects.filter(pk__in=among(policy_set.apis)).order_by("pk")
    return {
        "name": policy_set.name,
        "description": policy_set.description,
        "apis": list(rows.values_list(NAME, flat=True)),
    }


def _record(
    actor: User,
    action: AuditEntry.Action,
    policy_set: PolicySet,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    where = policy_set.environment
    entry = audit.record(
        actor,
        action,
        policy_set,
        organization=where.organization,
        environment=where,
        before=before,
        after=after,
    )
    if entry:
        bookkeeping.explain_shared(Brought.objects.filter(gateway__environment=where), entry)
