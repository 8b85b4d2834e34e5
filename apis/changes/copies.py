"""An API once more: in its environment or in another one, with its routes, upstreams, policies and tests.

What is copied are rows, field by field, so that what a later release keeps of an API is copied too. What is
made is checked as any new API and any new policy is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
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
from apis.desired import DesiredApi, DesiredUpstream, NewAsset, desired_of
from apis.documents import reading
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from apis.owners.models import ApiOwner, users_of
from apis.rules import copy_secrets, policy_check, upstream_uri
from apis.rules import instances as rules
from apis.rules.listeners import normalised
from apis.rules.policy_config import hidden, merged
from apis.rules.problem import Problem, refuse
from console.models import AuditEntry, Environment, Role, User
from gateways.models import Gateway
from gateways.protocol.upstream_settings import UpstreamSettings

M = TypeVar("M", bound=models.Model)
MOST_COPIES = 100
"""Of one API at once."""
OWN = frozenset(
    {
        *("environment", "asset", "is_deployed", "deployed_at", "changed_generation", "changed_at"),
        *("revision", "revision_generation", "is_deprecated", "created_by", "created_at", "updated_at"),
        *("pending_since", "pending_digest", "pending_by"),
    }
)
"""What an API does not share with a copy of it, beside what is told of the copy."""
OWN_OF_TEST = frozenset({"state", "result", "ran_at", "updated_at"})
NEEDS_SECRET = "Write the value for {environment}; that of {source} is not copied."  # noqa: S105
MAY_NOT_KEEP = (
    "You may not edit {source}, so its secrets stay there; write those that the copy is to have in "
    "{environment}."
)


@dataclass(frozen=True)
class Copy:
    """What the copy is otherwise than its origin.

    `upstreams` are by the ids of the origin's; one that is left out stays as it is. `secrets` are by the
    ids of the origin's policies, and by their paths; with `keeps_secrets` those that are not told are the
    origin's, as they always are within one environment.
    """

    environment: Environment
    asset: Asset | NewAsset
    gateway: Gateway | None
    port: int
    base_path: str
    protocol: str = ApiInstance.Protocol.HTTP
    tls_context: TlsContext | None = None
    label: str = ""
    consumer_endpoint: str = ""
    upstreams: Mapping[UUID, DesiredUpstream] = field(default_factory=dict)
    with_policies: bool = True
    with_tests: bool = True
    secrets: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    keeps_secrets: bool = False


class Refused(Exception):
    """Of several copies none was made; `faults` are by the copy's place, then by field."""

    def __init__(self, faults: Mapping[int, ValidationError]) -> None:
        super().__init__(f"{len(faults)} copies are refused")
        self.faults = faults


def asset_in(api: ApiInstance, environment: Environment) -> Asset | NewAsset:
    """What a copy there is made of: the API's own asset where the organization may use it, else one of the
    same id and version there, else a new one like it.
    """
    asset, organization = api.asset, environment.organization
    if str(asset.organization_id) in organization.path.split("/"):
        return asset
    if found := organization.assets.filter(asset_id=asset.asset_id, version=asset.version).first():
        return found
    return NewAsset(
        asset.name, asset.asset_id, asset.version, asset.api_version, asset.type, asset.specification
    )


def tls_in(
    context: TlsContext | None, environment: Environment, known: Mapping[str, TlsContext]
) -> TlsContext | None:
    """The context itself in its own environment, in another one that of its name, if there is one."""
    if context is None or context.environment_id == environment.pk:
        return context
    return known.get(context.name)


def as_it_is(api: ApiInstance, environment: Environment) -> Copy:
    """Everything as far as it can be the same there; no gateway, unless it is the same environment."""
    is_here = environment.pk == api.environment_id
    known = {} if is_here else {one.name: one for one in environment.tls_contexts.all()}
    upstreams = {
        row.pk: DesiredUpstream(row.uri, row.label, tls_context=tls_in(row.tls_context, environment, known))
        for row in api.upstreams.select_related("tls_context")
    }
    return Copy(
        environment,
        asset_in(api, environment),
        api.gateway if is_here else None,
        api.port,
        api.base_path,
        api.protocol,
        tls_in(api.tls_context, environment, known),
        api.label,
        api.consumer_endpoint if is_here else "",
        upstreams,
    )


def desired(api: ApiInstance, copy: Copy) -> DesiredApi:
    """The copy as any new API is desired."""
    known = {row.pk: _upstream(row, copy) for row in api.upstreams.select_related("tls_context")}
    was = desired_of(api)
    routes = [
        replace(route, upstreams=[_as_in(known[one.id], one) for one in route.upstreams if one.id])
        for route in was.routes
    ]
    told = ("asset", "gateway", "protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint")
    return replace(was, routes=routes, **{name: getattr(copy, name) for name in told})


@transaction.atomic
def copy_api(actor: User, api: ApiInstance, copy: Copy, *, deploy: bool = False) -> ApiInstance:
    """Raises ValidationError by the fields of a new API; by "upstreams.ID.uri", "secrets.POLICY.path" and
    "policies.POLICY", with the origin's ids. The caller sees to it that the actor may see the origin and may
    edit where the copy goes.
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
    """All of them, or none: raises Refused with what is wrong with each. `told` hears how many were looked
    at.
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
        raise Refused(faults)
    return made


def _made(actor: User, api: ApiInstance, copy: Copy, deploy: bool) -> ApiInstance:
    environment = copy.environment
    environment.organization.lock()
    environment.lock()
    if deploy and copy.gateway is None:
        raise ValidationError({"gateway": [instances.NO_GATEWAY]})
    deploy = deploy and _may_go_at_once(api, copy)
    copy = replace(copy, asset=_with_own_document(actor, copy))
    bindings = list(api.policies.order_by("pk")) if copy.with_policies else []
    secrets = _secrets(actor, api, copy, bindings)
    refuse([*_problems(api, copy), *secrets.problems])
    made = _row(actor, api, copy, deploy)
    upstreams = _copied_upstreams(api, made, copy)
    _copied_routes(api, made, upstreams)
    applied = _applied(made, bindings, upstreams, secrets.values)
    _copy_owners(api, made)
    tests = _copied_tests(api, made) if copy.with_tests and _may_edit(actor, api.environment) else 0
    if deploy:
        bookkeeping.bump(made, made.gateway)
    after = bookkeeping.facts(made) | {"copied_from": f"{api}, {api.environment}", "tests": tests}
    after["policies"] = [_facts(one) for one in applied]
    bookkeeping.record(actor, AuditEntry.Action.CREATE, made, after=after)
    return made


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


def _problems(api: ApiInstance, copy: Copy) -> Iterator[Problem]:
    wanted = desired(api, copy)
    places = {
        f"routes.{at}.upstreams.{place}": str(upstream.id)
        for at, route in enumerate(desired_of(api).routes)
        for place, upstream in enumerate(route.upstreams)
    }
    seen: set[tuple[str, str]] = set()
    for problem in rules.problems(copy.environment, wanted):
        before, _, last = problem.field.rpartition(".")
        name = f"upstreams.{places[before]}.{last}" if before in places else problem.field
        # An upstream of several routes is told of once.
        if (name, problem.message) not in seen:
            seen.add((name, problem.message))
            yield Problem(name, problem.message, problem.code)
    unrouted = api.upstreams.exclude(pk__in=RouteUpstream.objects.filter(route__api=api).values("upstream"))
    for row in unrouted.select_related("tls_context"):
        for problem in rules.upstream_problems(copy.environment, _upstream(row, copy)):
            yield replace(problem, field=f"upstreams.{row.pk}.{problem.field}")


@dataclass(frozen=True)
class _Secrets:
    values: dict[int, dict[str, str]]
    problems: list[Problem]


def _secrets(actor: User, api: ApiInstance, copy: Copy, bindings: Sequence[PolicyBinding]) -> _Secrets:
    """Those of each policy of the copy, and which are missing."""
    is_here = copy.environment.pk == api.environment_id
    may_keep = is_here or (copy.keeps_secrets and _may_edit(actor, api.environment))
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
        wanted = _upstream(row, copy)
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


def _copied_tests(api: ApiInstance, made: ApiInstance) -> int:
    """As if they had never been run."""
    rows = [_again(one, OWN_OF_TEST, api=made) for one in api.tests.all()]
    return len(ApiTest.objects.bulk_create(rows))


def _copy_owners(api: ApiInstance, made: ApiInstance) -> None:
    """But for users who have nothing to do where the copy is."""
    there = users_of(made.environment)
    some = api.owners.filter(Q(user=None) | Q(user__in=there))
    ApiOwner.objects.bulk_create(_again(one, frozenset(), api=made) for one in some)


def _upstream(row: Upstream, copy: Copy) -> DesiredUpstream:
    """What an upstream of the origin is in the copy."""
    told = copy.upstreams.get(row.pk)
    context = told.tls_context if told else tls_in(row.tls_context, copy.environment, {})
    uri, label = (told.uri, told.label) if told else (row.uri, row.label)
    return DesiredUpstream(uri, label, tls_context=context, settings=_settings(row, uri))


OF_UPSTREAM = ("uri", "label", "tls_context", "settings")


def _as_in(wanted: DesiredUpstream, was: DesiredUpstream) -> DesiredUpstream:
    """With all that the route says of it, and what a later release knows of upstreams."""
    return replace(was, id=None, **{name: getattr(wanted, name) for name in OF_UPSTREAM})


def _settings(row: Upstream, uri: str) -> UpstreamSettings:
    """The origin's; its hosts only at its own address, since they are that one's."""
    if upstream_uri.fault(uri) or upstream_uri.read(uri).address == upstream_uri.read(row.uri).address:
        return row.told
    return row.told.model_copy(update={"hosts": ()})


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


def _may_edit(actor: User, environment: Environment) -> bool:
    return environment.permits(actor, *Role.EDITORS)
