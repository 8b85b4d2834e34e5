"""An API once more: in its environment or in another one, with its routes, upstreams, policies, SLA tiers,
terms and tests. Contracts stay with the API that they are with.

What is copied are rows, field by field, so that what a later release keeps of an API is copied too. What is
made is checked as any new API and any new policy is.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from apis.api_test import ApiTest
from apis.assets.models import Asset
from apis.changes import bookkeeping, instances
from apis.changes.policies import template_of
from apis.contracts.access import is_hidden
from apis.contracts.models import HiddenApi, Tier
from apis.contracts.terms import Terms
from apis.desired import NewAsset
from apis.documents import reading
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.owners.models import ApiOwner, teams_of, users_of
from apis.rules import copies as rules
from apis.rules import copy_secrets, permitted, policy_check
from apis.rules.copies import OF_UPSTREAM, Copy
from apis.rules.listeners import normalised
from apis.rules.policy_config import hidden, merged
from apis.rules.problem import Problem, refuse
from console.models import AuditEntry, User
from console.permissions import Permission

M = TypeVar("M", bound=models.Model)
MOST_COPIES = 100
"""Of one API at once."""
OWN = frozenset(
    {
        *("environment", "asset", "is_deployed", "deployed_at", "changed_generation", "changed_at"),
        *("revision", "revision_generation", "is_deprecated", "created_by", "created_at", "updated_at"),
        *("pending_since", "pending_digest", "pending_by", "change_set"),
    }
)
"""What an API does not share with a copy of it, beside what is told of the copy."""
OWN_OF_TEST = frozenset({"state", "result", "ran_at", "updated_at"})
OWN_OF_TIER = frozenset({"created_at", "updated_at"})
NEEDS_SECRET = "Write the value for {environment}; that of {source} is not copied."  # noqa: S105
MAY_NOT_KEEP = (
    "You may not edit {source}, so its secrets stay there; write those that the copy is to have in "
    "{environment}."
)


class CopiesRefused(Exception):
    """Of several copies none was made; `faults` are by the copy's place, then by field."""

    def __init__(self, faults: Mapping[int, ValidationError]) -> None:
        super().__init__(f"{len(faults)} copies are refused")
        self.faults = faults


@transaction.atomic
def copy_api(actor: User, api: ApiInstance, copy: Copy, *, deploy: bool = False) -> ApiInstance:
    """Raises ValidationError by the fields of a new API; by "upstreams.ID.uri", "secrets.POLICY.path" and
    "policies.POLICY", with the origin's ids. Raises PermissionDenied where the actor may not see what is
    copied, or may not add it where the copy goes.
    """
    bookkeeping.lock(copy.gateway)
    bookkeeping.lock(api=api)
    return _made(actor, api, copy, deploy)


@transaction.atomic
def copy_all(
    actor: User,
    api: ApiInstance,
    copies: Sequence[Copy],
    *,
    deploy: bool = False,
    told: Callable[[int], None] = lambda count: None,
) -> list[ApiInstance]:
    """All of them, or none: raises CopiesRefused with what is wrong with each, and PermissionDenied.

    `told` hears how many were looked at.
    """
    if len(copies) > MOST_COPIES:
        raise ValidationError({"": [f"{len(copies)} copies; at most {MOST_COPIES} are made at once."]})
    gateways = {one.gateway.pk: one.gateway for one in copies if one.gateway}
    bookkeeping.lock(*gateways.values())
    bookkeeping.lock(api=api)
    made, faults = [], {}
    for place, one in enumerate(copies):
        try:
            with transaction.atomic():
                made.append(_made(actor, api, one, deploy))
        except ValidationError as error:
            faults[place] = error
        told(place + 1)
    if faults:
        raise CopiesRefused(faults)
    return made


def _made(actor: User, api: ApiInstance, copy: Copy, deploy: bool) -> ApiInstance:
    environment = copy.environment
    _require(actor, api, copy)
    environment.organization.lock()
    environment.lock()
    if deploy and copy.gateway is None:
        raise ValidationError({"gateway": [instances.NO_GATEWAY]})
    if deploy:
        permitted.require_in(actor, environment, Permission.DEPLOY_APIS)
    deploy = deploy and _may_go_at_once(api, copy)
    copy = replace(copy, asset=_with_own_document(actor, copy))
    bindings = list(api.policies.order_by("pk")) if copy.with_policies else []
    secrets = _secrets(actor, api, copy, bindings)
    refuse([*rules.problems(api, copy), *secrets.problems])
    made = _row(actor, api, copy, deploy)
    upstreams = _copied_upstreams(api, made, copy)
    _copied_routes(api, made, upstreams)
    applied = _applied(made, bindings, upstreams, secrets.values)
    _copy_owners(api, made)
    if is_hidden(api):
        HiddenApi.objects.create(api=made)
    _copy_terms(actor, api, made)
    if takes_tiers(actor, api, copy):
        Tier.objects.bulk_create(_again(one, OWN_OF_TIER, api=made) for one in api.tiers.all())
    tests = _copied_tests(api, made) if copy.with_tests and may_edit(actor, api) else 0
    if deploy:
        bookkeeping.bump(made, made.gateway)
    after = bookkeeping.facts(made) | {"copied_from": f"{api}, {api.environment}", "tests": tests}
    after["policies"] = [_facts(one) for one in applied]
    bookkeeping.record(actor, AuditEntry.Action.CREATE, made, after=after)
    return made


def _require(actor: User, api: ApiInstance, copy: Copy) -> None:
    """A role for the API alone adds no others; policies are copied by who may read them, and apply such. A
    copy without them would be open.
    """
    permitted.require_in(actor, copy.environment, Permission.MANAGE_APIS)
    if copy.with_policies and api.policies.exists():
        permitted.require(actor, api, Permission.VIEW_POLICIES)
        permitted.require_in(actor, copy.environment, Permission.MANAGE_POLICIES)


def takes_tiers(actor: User, api: ApiInstance, copy: Copy) -> bool:
    """In its environment a copy has what the API has; elsewhere who brings tiers may see and manage them."""
    if not copy.with_tiers or copy.environment.pk == api.environment_id:
        return copy.with_tiers
    return Permission.VIEW_CONTRACTS in permitted.may(actor, api) and (
        Permission.MANAGE_CONTRACTS in copy.environment.may(actor)
    )


def _may_go_at_once(api: ApiInstance, copy: Copy) -> bool:
    """Where a second person is asked for, or tests have to pass that nobody has run, it waits."""
    place, has_tests = copy.environment, copy.with_tests and api.tests.exists()
    return not (place.needs_second_person or (place.failing_tests_stop and has_tests))


def _with_own_document(actor: User, copy: Copy) -> Asset | NewAsset:
    """A new asset of another organization gets its document as one of that organization."""
    asset = copy.asset
    if isinstance(asset, Asset) or asset.specification is None:
        return asset
    own = reading.in_organization(actor, asset.specification, copy.environment.organization)
    return replace(asset, specification=own)


@dataclass(frozen=True)
class _Secrets:
    values: dict[int, dict[str, str]]
    problems: list[Problem]


def _secrets(actor: User, api: ApiInstance, copy: Copy, bindings: Sequence[PolicyBinding]) -> _Secrets:
    """Those of each policy of the copy, and which are missing."""
    is_here = copy.environment.pk == api.environment_id
    may_keep = is_here or (copy.keeps_secrets and may_edit(actor, api))
    words = MAY_NOT_KEEP if copy.keeps_secrets and not may_keep else NEEDS_SECRET
    missing = words.format(environment=copy.environment, source=api.environment)
    values: dict[int, dict[str, str]] = {}
    problems: list[Problem] = []
    for one in copy_secrets.held(list(bindings)):
        key, path = one.binding.pk, one.path
        value = copy.secrets.get(key, {}).get(path) or (one.binding.secrets[path] if may_keep else "")
        values.setdefault(key, {})[path] = value
        if not value:
            problems.append(Problem(one.field, missing))
    return _Secrets(values, problems)


def _row(actor: User, api: ApiInstance, copy: Copy, deploy: bool) -> ApiInstance:
    made = _again(
        api,
        OWN,
        environment=copy.environment,
        gateway=copy.gateway,
        protocol=copy.protocol,
        port=copy.port,
        base_path=normalised(copy.base_path),
        tls_context=copy.tls_context,
        label=copy.label,
        consumer_endpoint=copy.consumer_endpoint,
        created_by=actor,
        is_deployed=deploy,
        deployed_at=timezone.now() if deploy else None,
        pending_by=[actor.pk],
    )
    asset = copy.asset
    made.asset = asset if isinstance(asset, Asset) else instances.new_asset(actor, copy.environment, asset)
    made.save()
    return made


def _copied_upstreams(api: ApiInstance, made: ApiInstance, copy: Copy) -> dict[UUID, Upstream]:
    """By the ids of the origin's. One by one: their order is that of the times at which they were made."""
    found: dict[UUID, Upstream] = {}
    for row in api.upstreams.select_related("tls_context"):
        wanted = rules.upstream(row, copy)
        told: dict[str, Any] = {name: getattr(wanted, name) for name in OF_UPSTREAM}
        told["settings"] = wanted.settings.told
        own = _again(row, frozenset(), api=made, **told)
        own.save()
        found[row.pk] = own
    return found


def _copied_routes(api: ApiInstance, made: ApiInstance, upstreams: Mapping[UUID, Upstream]) -> None:
    routes = {row.pk: _again(row, frozenset(), api=made) for row in api.routes.all()}
    Route.objects.bulk_create(routes.values())
    targets = RouteUpstream.objects.filter(route__api=api)
    RouteUpstream.objects.bulk_create(
        _again(one, frozenset(), route=routes[one.route_id], upstream=upstreams[one.upstream_id])
        for one in targets
    )


def _applied(
    made: ApiInstance,
    bindings: Sequence[PolicyBinding],
    upstreams: Mapping[UUID, Upstream],
    secrets: Mapping[int, dict[str, str]],
) -> list[PolicyBinding]:
    """Raises ValidationError where one could not be applied anew as it is."""
    found: list[PolicyBinding] = []
    faults: dict[str, list[str]] = {}
    for one in bindings:
        acts_on = [upstreams[pk].pk for pk in one.upstreams if pk in upstreams]
        own = _again(one, frozenset(), api=made, upstreams=acts_on, secrets=secrets.get(one.pk, {}))
        if wrong := _fault(made, own):
            faults[f"policies.{one.pk}"] = [f"{one.title} cannot be applied as it is: {wrong}"]
        found.append(own)
    if faults:
        raise ValidationError(faults)
    return PolicyBinding.objects.bulk_create(found)


def _fault(made: ApiInstance, binding: PolicyBinding) -> str:
    try:
        template = template_of(binding.policy)
        policy_check.checked(
            made,
            template,
            merged(binding.config, binding.secrets),
            binding.conditions,
            mode=binding.mode,
            upstreams=binding.upstreams,
        )
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _copy_terms(actor: User, api: ApiInstance, made: ApiInstance) -> None:
    """Its own, as they are today: who asks for the copy agrees to them anew."""
    own = Terms.objects.newest_of(api=api)
    if own and own.text:
        Terms.objects.create(api=made, version=1, text=own.text, created_by=actor)


def _copied_tests(api: ApiInstance, made: ApiInstance) -> int:
    """As if they had never been run."""
    rows = [_again(one, OWN_OF_TEST, api=made) for one in api.tests.all()]
    return len(ApiTest.objects.bulk_create(rows))


def _copy_owners(api: ApiInstance, made: ApiInstance) -> None:
    """But for users and teams that have nothing to do where the copy is."""
    there = users_of(made.environment)
    known = Q(user__in=there) | Q(team__in=teams_of(made.environment)) | Q(user=None, team=None)
    some = api.owners.filter(known)
    ApiOwner.objects.bulk_create(_again(one, frozenset(), api=made) for one in some)


def _again(row: M, own: frozenset[str], **changed: Any) -> M:
    """A row that is not saved yet, like this one but for its key, its own and what changes."""
    made = type(row)()
    for one in row._meta.concrete_fields:
        if not one.primary_key and one.name not in own and one.name not in changed:
            setattr(made, one.attname, deepcopy(getattr(row, one.attname)))
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def _facts(binding: PolicyBinding) -> dict[str, Any]:
    """What the audit says of a policy that came along."""
    told = ("policy", "label", "conditions", "mode", "is_disabled")
    config = {"config": hidden(binding.config, binding.secrets)}
    return {name: value for name in told if (value := getattr(binding, name))} | config


def may_edit(actor: User, api: ApiInstance) -> bool:
    """Whether its secrets and its tests may go along elsewhere."""
    return {Permission.MANAGE_APIS, Permission.MANAGE_POLICIES} <= permitted.may(actor, api)
