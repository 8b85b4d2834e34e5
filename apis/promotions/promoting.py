"""Promotes an API: makes its counterpart elsewhere, or brings it up to date; shows before what would change,
and takes it back.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apis import history
from apis.changes import bookkeeping, instances
from apis.deployment.diff import RevisionDifference, between
from apis.history import FieldChange
from apis.models import ApiInstance
from apis.portable import alerts, beside
from apis.portable.making import MadeApi, make
from apis.portable.rows import portable_of
from apis.portable.seen import unseen
from apis.portable.shape import Portable
from apis.portable.updating import update
from apis.portable.wanted import PARTS, WantedApi
from apis.promotions import mapping, permission
from apis.promotions.choices import Choices, wanted
from apis.promotions.mapping import Kind
from apis.promotions.models import Counterpart, Promotion
from apis.revisions import rows
from apis.rules import permitted
from console.models import AuditEntry, User
from console.permissions import Permission

NOT_THE_LAST = "Something of it was changed, or it was promoted again since; roll back or edit it instead."
ITSELF = "An API is not promoted to itself; copy it instead."
LEFT_OUT = "{} did not come along: you may not manage them in {}."
STAYS = "{} stayed in {}, where you may not view them."
OFFERED = timedelta(days=1)
LATE = "It was taken back already, or so long ago that nothing is kept of it."


@dataclass(frozen=True)
class PromotionPreview:
    """What would be: `difference` of what the gateway runs, `beside` of all else."""

    difference: RevisionDifference
    beside: tuple[FieldChange, ...]
    notes: tuple[str, ...]
    waits: bool
    whole: Portable

    @property
    def is_nothing(self) -> bool:
        return not self.difference and not self.beside


class _Undone(Exception):
    pass


@transaction.atomic
def promote(
    user: User,
    origin: ApiInstance,
    choices: Choices,
    *,
    deploy: bool = False,
    otherwise: Callable[[Portable], Portable] | None = None,
) -> MadeApi:
    """Raises PermissionDenied, and ValidationError by the fields of `portable.making.make`. The caller sees
    to it that the user may see the origin. `otherwise` changes what no choice tells of.
    """
    if choices.counterpart and choices.counterpart.pk == origin.pk:
        raise ValidationError({"counterpart": [ITSELF]})
    whole = wanted(user, origin, choices)
    if otherwise:
        whole = replace(whole, whole=otherwise(whole.whole))
    made = put(user, whole, choices.counterpart, origin=origin, deploy=deploy)
    _remember(origin, choices)
    return MadeApi(made.api, (*made.notes, *_staying(user, origin)))


@transaction.atomic
def note_made(user: User, origin: ApiInstance, api: ApiInstance, parts: frozenset[str]) -> tuple[str, ...]:
    """That this is a copy of the origin, which gets all of these parts."""
    whole = portable_of(origin)
    parts &= permission.parts_from(user, origin)
    brought, notes = _permitted(user, WantedApi(api.environment, whole, parts=parts))
    if "tiers" in brought.parts and whole.tiers:
        notes += beside.put_tiers(user, api, whole.tiers)
    if "alerts" in brought.parts and whole.alerts:
        notes += alerts.put(user, api, whole.alerts)
    return tuple(notes)


def _staying(user: User, origin: ApiInstance) -> Iterator[str]:
    """What it has and the user may not see, in words."""
    for name in unseen(permitted.may(user, origin)):
        if getattr(origin, name).exists():
            yield STAYS.format(name.capitalize(), origin.environment)


def _permitted(user: User, whole: WantedApi) -> tuple[WantedApi, list[str]]:
    """Without the parts that the user may not bring there, and words for those that there are."""
    may = permission.parts_of(user, whole.environment)
    gone = [name for name in PARTS if name in whole.parts - may and getattr(whole.whole, name)]
    told = [LEFT_OUT.format(name.capitalize(), whole.environment) for name in gone]
    return replace(whole, parts=whole.parts & may), told


def _noted(user: User, api: ApiInstance, origin: ApiInstance | None, told: str, before: Any) -> None:
    if origin and not _is_linked(origin, api):
        Counterpart.objects.update_or_create(copy=api, defaults={"origin": origin})
    Promotion.objects.create(
        api=api,
        made_it=before is None,
        origin=origin,
        told=told[:500],
        before=before,
        left=digest(api),
        by=user,
    )


@transaction.atomic
def put(
    user: User,
    whole: WantedApi,
    counterpart: ApiInstance | None,
    *,
    origin: ApiInstance | None = None,
    deploy: bool = False,
) -> MadeApi:
    """Make it, or the counterpart like it, so that it can be taken back. Raises PermissionDenied for who may
    not bring policies there, too.
    """
    permission.may_bring(user, whole.environment)
    before = None
    whole, left = _permitted(user, whole)
    if counterpart:
        bookkeeping.lock(counterpart.gateway, whole.gateway, api=counterpart)
        before = portable_of(counterpart, secrets=True).plain
        made = update(
            user, counterpart, whole, deploy=None if counterpart.is_deployed or not deploy else True
        )
        if deploy and not counterpart.is_deployed and not whole.environment.needs_second_person:
            instances.deploy_api(user, counterpart)
    else:
        made = make(user, whole, deploy=deploy)
    told = f"{origin}, {origin.environment}" if origin else whole.origin
    _noted(user, made.api, origin, told, before)
    return MadeApi(made.api, (*made.notes, *left))


def preview(
    user: User,
    whole: WantedApi,
    counterpart: ApiInstance | None,
    *,
    deploy: bool = False,
) -> PromotionPreview:
    """What it would bring: done, looked at, and undone. Raises ValidationError as doing it does."""
    found: list[PromotionPreview] = []
    before = rows.content_of(counterpart) if counterpart else None
    was = portable_of(counterpart) if counterpart else None
    try:
        with transaction.atomic():
            made = put(user, whole, counterpart, deploy=deploy)
            after = portable_of(made.api)
            difference = between(before, rows.content_of(made.api))
            _ = difference.lines, difference.yaml  # while the rows are there
            waits = bool(counterpart and made.api.pending_since)
            beside = tuple(history.bounded(_beside(was, after))) if was else ()
            found.append(PromotionPreview(difference, beside, made.notes, waits, after))
            raise _Undone
    except _Undone:
        pass
    if counterpart:
        counterpart.refresh_from_db()
    return found[0]


@transaction.atomic
def take_back(user: User, promotion: Promotion) -> str:
    """Make the API what it was, or delete what was made. Answers what was done, in words.

    Raises ValidationError where it is not as the promotion left it. Tiers, terms and alerts stay for who may
    not manage them.
    """
    api = promotion.api
    permitted.require(user, api, Permission.MANAGE_POLICIES)
    bookkeeping.lock(api.gateway, api=api)
    row = Promotion.objects.select_for_update(of=("self",)).get(pk=promotion.pk)
    if row.taken_back_at or timezone.now() - row.at > Promotion.KEEP:
        raise ValidationError({"": [ValidationError(LATE, code="conflict")]})
    newest = Promotion.objects.filter(api=api).first()
    if newest is None or newest.pk != row.pk or not _is_as_left(api, row):
        raise ValidationError({"": [ValidationError(NOT_THE_LAST, code="conflict")]})
    if row.made_it:
        told = f"Deleted {api}, which the promotion had made; it can be restored for some time."
        instances.delete_api(user, api)
        return told
    whole = Portable.model_validate(row.before)
    parts = permission.parts_on(user, api)
    update(user, api, WantedApi(api.environment, whole, api.gateway, None, parts, "before the promotion"))
    row.taken_back_at = timezone.now()
    row.save(update_fields=["taken_back_at"])
    bookkeeping.record(user, AuditEntry.Action.UPDATE, api, after={"taken_back": row.told})
    return f"{api} is saved again as it was before."


def state_of(api: ApiInstance, *, deploy: bool) -> str:
    """What becomes of what was promoted, in words. `deploy` is what was asked for."""
    place = api.environment
    if api.pending_since:
        return f"it waits to be deployed, as {place} has it"
    if api.is_deployed:
        return f"it is being deployed to {api.gateway}"
    why = f": {place} asks for a second person, or for tests that pass" if deploy else ""
    return f"it is not deployed yet{why}"


def last_of(api: ApiInstance) -> Promotion | None:
    """The last one, while it is new and was not taken back: what a page offers to take back."""
    last = Promotion.objects.filter(api=api).defer("before").select_related("by").first()
    is_new = last is not None and timezone.now() - last.at < OFFERED
    return last if last and is_new and not last.taken_back_at else None


def offered(apis: Iterable[int]) -> dict[int, Promotion]:
    """The same of many: by the API's id, the last one, where it can be taken back."""
    rows = Promotion.objects.filter(api__in=list(apis)).order_by("id").defer("before")
    last = {row.api_id: row for row in rows}
    since = timezone.now() - OFFERED
    return {pk: row for pk, row in last.items() if row.at > since and not row.taken_back_at}


def digest(api: ApiInstance) -> str:
    """Of all that can be carried but secrets: whether it is as it was left. Which shared secrets there are is
    the environment's matter: what policies mention is in their configuration.
    """
    return _digest_of(portable_of(api).plain, but={"sharedSecrets"})


def _is_as_left(api: ApiInstance, row: Promotion) -> bool:
    """Also of what a release before has promoted, whose digests had shared secrets in them."""
    plain = portable_of(api).plain
    return row.left in (_digest_of(plain, but={"sharedSecrets"}), _digest_of(plain))


def _digest_of(plain: dict[str, Any], but: Collection[str] = ()) -> str:
    """What releases before did not know of an API is left out where it is nothing."""
    left_out = {*but, *(name for name in _LATER if not plain.get(name))}
    plain = {name: value for name, value in plain.items() if name not in left_out}
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _is_linked(origin: ApiInstance, api: ApiInstance) -> bool:
    """Either way: what was promoted back stays the origin."""
    return Counterpart.objects.filter(origin=api, copy=origin).exists()


def _remember(origin: ApiInstance, choices: Choices) -> None:
    mapping.remember(origin.environment, choices.environment, _learned(origin, choices))


def _learned(origin: ApiInstance, choices: Choices) -> Iterator[tuple[str, str, str]]:
    whole = portable_of(origin)
    for one in whole.upstreams:
        yield Kind.UPSTREAM, one.uri, choices.uris.get(one.key, one.uri)
        if one.tls_context and (becomes := choices.contexts.get(one.key)):
            yield Kind.TLS, one.tls_context, becomes
    for was, becomes in choices.hosts.items():
        yield Kind.HOST, was, becomes
    for was, becomes in choices.shared.items():
        yield Kind.SECRET, was, becomes
    if whole.tls_context and choices.tls_context:
        yield Kind.TLS, whole.tls_context, choices.tls_context
    if not choices.counterpart:
        yield Kind.PORT, str(whole.port), str(choices.port)
    if origin.gateway and choices.gateway:
        yield Kind.GATEWAY, origin.gateway.name, choices.gateway.name


_LATER = frozenset({"terms", "without"})
_BESIDE = ("description", "tags", "owners", "consumer_endpoint", "is_deprecated", "label")


def _beside(before: Portable, after: Portable) -> Iterator[FieldChange]:
    """What is part of no deployment, in history's words."""
    yield from history.compared("", _facts(before), _facts(after))


def _facts(whole: Portable) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(whole, name) for name in _BESIDE}
    told |= {"tags": list(whole.tags), "owners": list(whole.owners)}
    told["asset_version"] = whole.asset.version
    told["tiers"] = [one.model_dump(mode="json") for one in whole.tiers]
    told["terms"] = whole.terms or ""
    told["alerts"] = [one.get("name", "") for one in whole.alerts]
    told["tests"] = [one.get("name", "") for one in whole.tests]
    told["disabled_policies"] = [one.label or one.policy for one in whole.policies if one.is_disabled]
    return told
