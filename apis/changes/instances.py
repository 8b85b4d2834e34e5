"""Every change of an API instance: the same functions serve pages, REST and commands.

Each is atomic, takes who does it, raises ValidationError with `{field: [messages]}`, writes the audit
entry, raises the gateway's generation when what runs there changes, and pushes after the commit.
Locks are taken in one order: gateways, the API, its organization, which may get an asset.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apis.assets.models import Asset
from apis.changes import bookkeeping, deploying, removal, review, versions
from apis.changes.covered import followed
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset, desired_of
from apis.documents.specification import Specification
from apis.models import ApiInstance, Route, RouteUpstream, Upstream
from apis.removed import Removed
from apis.rules import own_document, permitted, policy_side, running
from apis.rules.instances import asset_id_of, check, unfit
from apis.rules.listeners import normalised
from apis.rules.problem import refuse
from console.models import AuditEntry, Environment, User
from console.permissions import Permission
from console.versions import check as check_version
from gateways.models import Gateway

COLUMNS = (
    "gateway",
    "protocol",
    "port",
    "base_path",
    "tls_context",
    "label",
    "consumer_endpoint",
    "description",
    "tags",
    "response_timeout_ms",
)
Edit = Callable[[DesiredApi], DesiredApi]
"""What an API becomes, from what it is; its gateway stays."""
NO_GATEWAY = "Choose the gateway to deploy to."


@transaction.atomic
def create_api(
    actor: User, environment: Environment, desired: DesiredApi, deploy: bool = False
) -> ApiInstance:
    """Where a second person is needed, it is saved and not deployed."""
    bookkeeping.lock(desired.gateway)
    environment.organization.lock()
    environment.lock()
    check(environment, desired)
    if deploy and desired.gateway is None:
        raise ValidationError({"gateway": [NO_GATEWAY]})
    if deploy:
        permitted.require_in(actor, environment, Permission.DEPLOY_APIS)
    api = ApiInstance(environment=environment, created_by=actor)
    _fill(api, desired)
    api.asset = (
        desired.asset if isinstance(desired.asset, Asset) else new_asset(actor, environment, desired.asset)
    )
    api.pending_by = [actor.pk]
    if deploy and not environment.needs_second_person:
        api.is_deployed, api.deployed_at = True, timezone.now()
    api.save()
    _save_routes(api, desired)
    if api.is_deployed:
        bookkeeping.bump(api, api.gateway)
    bookkeeping.record(actor, AuditEntry.Action.CREATE, api, after=bookkeeping.facts(api))
    return api


@transaction.atomic
def edit_api(
    actor: User,
    api: ApiInstance,
    desired: DesiredApi | Edit,
    *,
    seen: str = "",
    part: Sequence[str] = versions.WHOLE,
    deploy: bool | None = None,
    is_locked: bool = False,
) -> ApiInstance:
    """Make the API as desired; when it is deployed, on the gateway too (`deploying.saved`), or on both of a
    move, which takes along what runs.

    A function says it of the API as it is then: what it leaves alone stays as others have saved it
    meanwhile. Raises Changed when the part that it edits is not as it was `seen`. It `is_locked` where the
    caller has locked it and both gateways, in the same transaction.
    """
    if not is_locked:
        bookkeeping.lock(api.gateway, None if callable(desired) else desired.gateway, api=api)
    if seen:
        check_version(seen, versions.of_api(api, part))
    desired = desired(desired_of(api)) if callable(desired) else desired
    before_gateway = api.gateway
    api.environment.organization.lock()
    check(api.environment, desired, api)
    if api.is_deployed and desired.gateway is None:
        raise ValidationError(
            {"gateway": ["The API is deployed; undeploy it before taking its gateway away."]}
        )
    before, ids = bookkeeping.facts(api), _ids(api)
    # Tags and names that automated policies go by count at once, whatever else waits.
    with followed(api.environment, ApiInstance.objects.filter(pk=api.pk)):
        _fill(api, desired)
        api.asset = (
            desired.asset
            if isinstance(desired.asset, Asset)
            else new_asset(actor, api.environment, desired.asset)
        )
        api.save(update_fields=[*COLUMNS, "asset", "updated_at"])
        bookkeeping.note_left(api, before_gateway)
        _save_routes(api, desired)
        after = bookkeeping.facts(api)
        if (after, _ids(api)) != (before, ids):
            deploying.saved(actor, api, before_gateway, api.gateway, deploy=deploy)
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=after)
    return api


@transaction.atomic
def delete_api(actor: User, api: ApiInstance) -> Removed:
    """What is answered can be given to `removal.restore_api`, for some time."""
    bookkeeping.lock(api.gateway, api=api)
    if api.is_deployed:
        permitted.require(actor, api, Permission.DEPLOY_APIS)
    before, removed = bookkeeping.facts(api), removal.keep_api(actor, api)
    if api.is_deployed:
        api.is_deployed = False
        bookkeeping.bump(api, api.gateway)
    bookkeeping.record(actor, AuditEntry.Action.DELETE, api, before=before)
    api.delete()
    return removed


@transaction.atomic
def deploy_api(
    actor: User, api: ApiInstance, gateway: Gateway | None = None, *, comment: str = ""
) -> ApiInstance:
    """Run the API on this gateway, or on the one it has; on repeat it is pushed again.

    One that is deployed goes on with what it runs, and what is pending of it stays pending: `review` deploys
    that. Raises ValidationError, too, where the API must be reviewed before.
    """
    permitted.require(actor, api, Permission.DEPLOY_APIS)
    bookkeeping.lock(api.gateway, gateway, api=api)
    before_gateway, goal = api.gateway, gateway or api.gateway
    if goal is None:
        raise ValidationError({"gateway": [NO_GATEWAY]})
    before = bookkeeping.facts(api)
    left, runs = (before_gateway, api.revision) if api.is_deployed else (None, None)
    check(api.environment, replace(desired_of(api), gateway=goal), api)
    if runs is None:
        refuse(review.obstacles(actor, api))
    elif api.pending_since:
        refuse(running.taken(api, goal))
    api.gateway, api.is_deployed, api.deployed_at = goal, True, timezone.now()
    api.save(update_fields=["gateway", "is_deployed", "deployed_at", "updated_at"])
    bookkeeping.note_left(api, before_gateway)
    bookkeeping.bump(api, left, goal, revision=runs if api.pending_since else None)
    after = bookkeeping.facts(api) | ({"comment": comment} if comment else {})
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=after)
    return api


@transaction.atomic
def undeploy_api(actor: User, api: ApiInstance) -> ApiInstance:
    """Take the API off its gateway, which stays its gateway: its port and base path remain its own."""
    permitted.require(actor, api, Permission.DEPLOY_APIS)
    bookkeeping.lock(api.gateway, api=api)
    if not api.is_deployed:
        return api
    before = bookkeeping.facts(api)
    api.is_deployed = False
    api.save(update_fields=["is_deployed", "updated_at"])
    bookkeeping.bump(api, api.gateway)
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=bookkeeping.facts(api))
    return api


@transaction.atomic
def set_deprecated(actor: User, api: ApiInstance, is_deprecated: bool) -> ApiInstance:
    """A mark for consumers; nothing changes on the gateway."""
    bookkeeping.lock(api=api)
    before = bookkeeping.facts(api)
    api.is_deprecated = is_deprecated
    api.save(update_fields=["is_deprecated", "updated_at"])
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=bookkeeping.facts(api))
    return api


@transaction.atomic
def set_specification(actor: User, api: ApiInstance, document: Specification) -> None:
    """Of the API's asset, and so of all APIs that are made of it. Nothing changes on gateways: where a policy
    takes it from there, that is pending.
    """
    asking = _asking(api)
    bookkeeping.lock(api=api)
    organization = api.environment.organization
    organization.lock()
    asset = Asset.objects.select_for_update(of=("self",)).select_related("specification").get(pk=api.asset_id)
    if asset.organization_id != organization.pk:
        raise ValidationError({"": [f"{asset} belongs to {asset.organization}; change it there."]})
    if fault := unfit(organization, document):
        raise ValidationError({"": [fault]})
    before = {"specification": _named(asset.specification)}
    asset.specification = document
    asset.save(update_fields=["specification"])
    for one in asking:
        deploying.note(actor, one)
    after = {"specification": _named(document)}
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=after)


def _asking(api: ApiInstance) -> list[ApiInstance]:
    """The APIs of its asset that have a policy which may take its document from there.

    They and the API are locked, in one order and before their organizations, as whoever edits one does.
    """
    sharing = ApiInstance.objects.filter(asset=api.asset_id, policies__policy__in=own_document.takers())
    found = set(sharing.values_list("pk", flat=True))
    rows = ApiInstance.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in={api.pk, *found})
    return [one for one in rows.select_related("revision").order_by("pk") if one.pk in found]


def _named(document: Specification | None) -> str | None:
    if document is None:
        return None
    return f"{document}: {document.title} {document.version}, {document.operation_count} operations"


def _ids(api: ApiInstance) -> list[object]:
    """What may be another one of the same name: the asset, with its document, and what routes lead to."""
    targets = RouteUpstream.objects.filter(route__api=api).order_by("route__position", "pk")
    return [api.asset_id, *targets.values_list("upstream", flat=True)]


def _fill(api: ApiInstance, desired: DesiredApi) -> None:
    for name in COLUMNS:
        setattr(api, name, getattr(desired, name))
    api.base_path = normalised(desired.base_path)
    api.tags = list(dict.fromkeys(desired.tags))


def new_asset(actor: User, environment: Environment, desired: NewAsset) -> Asset:
    asset = Asset.objects.create(
        organization=environment.organization,
        asset_id=asset_id_of(desired),
        version=desired.version,
        api_version=desired.api_version,
        name=desired.name.strip(),
        type=desired.type,
        specification=desired.specification,
    )
    bookkeeping.record_asset(actor, environment, asset)
    return asset


def _save_routes(api: ApiInstance, desired: DesiredApi) -> None:
    """Replace the routes; keep the upstreams that stay, since their ids name services on the gateway.

    So do those that no route led to before: they are added first, and routed then.
    """
    routed = list(RouteUpstream.objects.filter(route__api=api).values_list("upstream", flat=True))
    api.routes.all().delete()
    known = list(api.upstreams.select_related("tls_context"))
    used: dict[object, Upstream] = {}
    for position, route in enumerate(desired.routes):
        row = _route(api, position, route)
        for wanted in route.upstreams:
            upstream = used.get(_identity(wanted)) or _upstream(api, wanted, known)
            used[_identity(wanted)] = upstream
            RouteUpstream.objects.create(route=row, upstream=upstream, weight=wanted.weight)
    gone = api.upstreams.filter(pk__in=routed).exclude(pk__in=[one.pk for one in used.values()])
    policy_side.let_go(api, gone)
    gone.delete()


def _route(api: ApiInstance, position: int, desired: DesiredRoute) -> Route:
    return Route.objects.create(
        api=api,
        position=position,
        label=desired.label,
        methods=desired.methods,
        path=desired.path,
        host=desired.host,
        headers=desired.headers,
    )


def _identity(desired: DesiredUpstream) -> object:
    return desired.id or (desired.uri, desired.label, desired.tls_context, desired.settings)


def _upstream(api: ApiInstance, wanted: DesiredUpstream, known: list[Upstream]) -> Upstream:
    """The API's upstream of this id, else one that is the same, else a new one."""
    for upstream in known:
        told = upstream.uri, upstream.label, upstream.tls_context, upstream.told
        if upstream.pk == wanted.id if wanted.id else told == _identity(wanted):
            known.remove(upstream)
            break
    else:
        upstream = Upstream(api=api)
    upstream.uri, upstream.label, upstream.tls_context = wanted.uri, wanted.label, wanted.tls_context
    upstream.settings = wanted.settings.told
    upstream.save()
    return upstream
