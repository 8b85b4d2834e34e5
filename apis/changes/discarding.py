"""Takes back what is pending of an API: its rows say again what its gateway is to run.

A revision keeps the rows that it was made of. What no gateway runs stays as it is now: descriptions, tags,
labels of policies and upstreams, disabled policies, upstreams that no route led to.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.assets.models import Asset
from apis.changes import bookkeeping, deploying, removal
from apis.changes.review import NOTHING, token
from apis.desired import desired_of
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from apis.removed import Removed
from apis.revision import Content, Revision, Saved
from apis.revisions import plain, rows
from apis.revisions.facts import policies
from apis.rules import permitted, policy_side
from apis.rules.instances import check_free
from apis.rules.policy_place import is_first
from console.models import AuditEntry, User
from console.permissions import Permission
from console.versions import check

RUN = ("protocol", "port", "base_path", "tls_context_id", "label", "response_timeout_ms")
"""Columns of an API that gateways run; the others are for people, or say where it runs."""
NOT_KEPT = (
    "The revision that runs was made by an older release, which kept nothing to go back to; deploy or edit."
)
SHARED = (
    "What is pending is the OpenAPI document of the asset, which all of its APIs share; deploy it, or "
    "replace the document."
)
POLICIES_WAIT = (
    "Changes of its policies wait among it: who discards them needs the permission Manage policies."
)
LATE = "Something was saved or deployed since it was discarded; it cannot be had back."


@transaction.atomic
def discard(actor: User, api: ApiInstance, *, seen: str = "") -> Removed:
    """What is answered can be given to `restore`, for some time. What differs because of the OpenAPI document
    stays pending: that belongs to the asset.

    Raises Changed when what is saved or what runs is not as it was `seen`, ValidationError when nothing is
    pending, or it cannot be as it was.
    """
    bookkeeping.lock(api.gateway, api=api)
    content, runs = rows.content_of(api), api.revision
    check(seen, token(api, content))
    if not api.is_deployed or runs is None or runs.content == content:
        raise ValidationError({"": [ValidationError(NOTHING, code="conflict")]})
    _check_may(actor, api, content, runs.content)
    was = Revision.objects.filter(pk=runs.pk).values_list("saved", flat=True).get()
    if was is None:
        raise ValidationError({"": [ValidationError(NOT_KEPT, code="conflict")]})
    removed = removal.keep_pending(actor, api)
    _put(api, was)
    if rows.content_of(api) != runs.content:
        _put_asset(api, was)
    api.pending_by, before = [], content.digests[0]
    _settle(actor, api)
    if api.pending_since and api.pending_digest == before:
        raise ValidationError({"": [ValidationError(SHARED, code="conflict")]})
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, after={"discarded": runs.short_id})
    return removed


@transaction.atomic
def restore(actor: User, api: ApiInstance, removed: Removed) -> ApiInstance:
    """What was discarded is pending again. Refused where something was saved or deployed since."""
    bookkeeping.lock(api.gateway, api=api)
    kept = removal.locked(removed, Removed.Kind.PENDING)
    was = _was(kept)
    if not can_restore(api, kept):
        raise ValidationError({"": [ValidationError(LATE, code="conflict")]})
    _put(api, kept.saved)
    api.pending_by = was.pending_by
    api.pending_since = was.pending_since
    _settle(actor, api)
    kept.delete()
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, after={"pending_restored": True})
    return api


def can_restore(api: ApiInstance, removed: Removed) -> bool:
    """Whether nothing was saved or deployed since."""
    was = _was(removed)
    is_same = was.pk == api.pk and was.revision_id == api.revision_id and was.gateway_id == api.gateway_id
    waits_as_it_did = not api.pending_since or api.pending_digest == was.pending_digest
    return is_same and api.is_deployed and waits_as_it_did


def _was(removed: Removed) -> ApiInstance:
    return plain.row_of(ApiInstance, removed.saved[plain.kind(ApiInstance)][0])


def _check_may(actor: User, api: ApiInstance, saved: Content, runs: Content) -> None:
    """It changes what is saved; of policies, too, where changes of them wait."""
    permitted.require(actor, api, Permission.MANAGE_APIS)
    sides = [(list(policies(one).items()), one.secrets) for one in (saved, runs)]
    if sides[0] != sides[1] and Permission.MANAGE_POLICIES not in permitted.may(actor, api):
        raise ValidationError({"": [POLICIES_WAIT]})


def _settle(actor: User, api: ApiInstance) -> None:
    check_free(api.environment, desired_of(api), api)
    deploying.wait(actor, api)


def _put(api: ApiInstance, saved: Saved) -> None:
    """Make the rows that gateways are told of as they were `saved`."""
    was = plain.row_of(ApiInstance, saved[plain.kind(ApiInstance)][0])
    upstreams = [plain.row_of(Upstream, one) for one in saved[plain.kind(Upstream)]]
    _check_contexts(api, [was.tls_context_id, *(one.tls_context_id for one in upstreams)])
    for name in RUN:
        setattr(api, name, getattr(was, name))
    api.save(update_fields=[*(name.removesuffix("_id") for name in RUN), "updated_at"])
    _put_policies(api, [plain.row_of(PolicyBinding, one) for one in saved[plain.kind(PolicyBinding)]])
    _put_routes(api, upstreams, saved)


def _put_policies(api: ApiInstance, wanted: list[PolicyBinding]) -> None:
    """Those that were added since go, but for disabled ones, which wait behind the others."""
    known = {one.pk: one for one in api.policies.all()}
    last = max((one.order for one in wanted if not one.is_outbound), default=0)
    for row in wanted:
        now = known.pop(row.pk, None)
        if now:
            row.label, row.policy_version = now.label, now.policy_version
            if row.is_disabled and now.is_disabled:
                row.config, row.secrets, row.conditions = now.config, now.secrets, now.conditions
                row.mode = now.mode
        row.save_base(raw=True)
    for row in known.values():
        if row.is_disabled and not row.is_outbound and not is_first(row):
            row.order = last = last + 1
            row.save(update_fields=["order"])
        else:
            row.delete()


def _put_routes(api: ApiInstance, upstreams: list[Upstream], saved: Saved) -> None:
    """An upstream that no route led to before it was changed stays; one that came with a route goes."""
    known = {one.pk: one for one in api.upstreams.all()}
    routed = set(RouteUpstream.objects.filter(route__api=api).values_list("upstream", flat=True))
    api.routes.all().delete()
    for one in upstreams:
        if one.pk in known:
            one.label = known[one.pk].label
        one.save_base(raw=True)
    gone = api.upstreams.filter(pk__in=routed - {one.pk for one in upstreams})
    policy_side.let_go(api, gone)
    gone.delete()
    for model in (Route, RouteUpstream):
        for row in saved[plain.kind(model)]:
            plain.row_of(model, row).save_base(raw=True, force_insert=True)


def _put_asset(api: ApiInstance, saved: Saved) -> None:
    """The version of the asset, whose document a policy may have taken."""
    was = plain.row_of(ApiInstance, saved[plain.kind(ApiInstance)][0])
    if was.asset_id != api.asset_id and Asset.objects.filter(pk=was.asset_id).exists():
        api.asset_id = was.asset_id
        api.save(update_fields=["asset"])


def _check_contexts(api: ApiInstance, named: Iterable[Any]) -> None:
    wanted = {one for one in named if one}
    if TlsContext.objects.filter(pk__in=wanted, environment=api.environment_id).count() < len(wanted):
        message = "A TLS context that it needs was deleted; it cannot be as it was."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})
