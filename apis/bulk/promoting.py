"""Promotion of many APIs: a worker looks at each as it would be, somebody answers, then each is promoted."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerAway

from apis.bulk.models import BulkChange, BulkItem, Plan
from apis.from_catalog import title_of
from apis.models import ApiInstance
from apis.portable.mentioned import of_mention
from apis.portable.rows import portable_of
from apis.portable.shape import Portable
from apis.portable.wanted import PARTS
from apis.promotions import kept, permission, promoting
from apis.promotions.choices import Choices, as_chosen, counterparts, proposed, wanted
from console import background, turns
from console.models import Environment, User
from console.versions import version

logger = logging.getLogger(__name__)

MOST_APIS = 100
"""Of one bulk promotion: each is looked at as a whole."""
SLICE_SECONDS = 5
HELD = timedelta(seconds=60)
AT_ONCE, AGAIN_SECONDS = 2, 2
GONE = "It was deleted meanwhile."
ELSEWHERE = "Choose another environment than theirs."
BEGUN = "It was begun already."
LOOKED_AT = "They are still being looked at; wait until that is done."
NOTHING_READY = "None of them is ready to be promoted."
ANOTHER = "What is planned changed since it was shown; look at it again."
UNKNOWN = "It is not known what {} is in {}."
ANSWERED_BEFORE = "It changed since you answered; answer once more."
CHANGED = "It, or what it becomes, changed since it was looked at; look at it again."
SAME_PLACE = "{} goes to the same gateway, port and base path."
COUNTERPART_GONE = "What it was to bring up to date is gone, or is no counterpart any more."
SECRETS = "Secrets are asked for: {}."
LEFT = "It is not to come along."
State, Item = Plan.State, BulkItem.State


@transaction.atomic
def choose(
    change: BulkChange,
    environment: Environment,
    *,
    takes_unknown: bool = False,
    keeps_secrets: bool = False,
    parts: Sequence[str] = PARTS,
    given: Mapping[int, kept.Kept] | None = None,
) -> None:
    """Say where they go, and have each looked at. Answers of before hold for the same environment alone;
    `given` are some by the ids of APIs. Raises ValidationError and PermissionDenied.
    """
    row = BulkChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
    if row.state != BulkChange.State.ASKED:
        raise ValidationError({"": [ValidationError(BEGUN, code="conflict")]})
    if environment.pk == change.environment_id:
        raise ValidationError({"environment": [ELSEWHERE]})
    if not permission.may_promote_to(change.by, environment):
        raise PermissionDenied(permission.NOWHERE)
    if row.values.get("environment") != str(environment.pk):
        Plan.objects.filter(item__change=row).delete()
    there = set(Plan.objects.filter(item__change=row).values_list("item", flat=True))
    Plan.objects.bulk_create(
        Plan(item=item, given=(given or {}).get(item.api_key, {})) for item in row.items.exclude(pk__in=there)
    )
    Plan.objects.filter(item__change=row).exclude(state=State.LEFT).update(state=State.UNTRIED)
    row.values = {
        "environment": str(environment.pk),
        "takes_unknown": takes_unknown,
        "keeps_secrets": keeps_secrets,
        "parts": [name for name in PARTS if name in parts],
    }
    row.told = f"to {environment}"[:255]
    row.save(update_fields=["values", "told"])
    change.values, change.told = row.values, row.told
    transaction.on_commit(partial(enqueue, change))


def start_by_itself(change: BulkChange, *, deploy: bool) -> None:
    """Begin with those that are ready as soon as all were looked at."""
    change.values = {**change.values, "deploy": deploy, "starts": True}
    change.save(update_fields=["values"])


def target(change: BulkChange) -> Environment | None:
    """Where they go; None as long as nobody said it, and where it is gone."""
    return _environment(change.values)


def look(change_id: str, then: Callable[[BulkChange], None] = lambda _: None) -> None:
    """Look at those that nobody looked at, for a while; `then` is done when all were. Safe to run twice."""
    rows = BulkChange.objects.select_related("environment__organization", "by")
    change = rows.filter(pk=change_id, state=BulkChange.State.ASKED).first()
    if change is None or not _hold(change):
        return
    until = time.monotonic() + SLICE_SECONDS
    keys = Plan.objects.filter(item__change=change, state=State.UNTRIED).values_list("pk", flat=True)
    for pk in keys:
        if time.monotonic() > until:
            break
        try_one(change, pk)
    is_over = not Plan.objects.filter(item__change=change, state=State.UNTRIED).exists()
    if is_over:
        then(change)
    BulkChange.objects.filter(pk=change.pk, state=BulkChange.State.ASKED).update(held_until=None)
    if not is_over:
        enqueue(change)


def try_one(change: BulkChange, pk: int) -> None:
    """Who answers at the same time waits until it is done."""
    try:
        with transaction.atomic():
            rows = Plan.objects.select_for_update(of=("self",)).select_related("item")
            if plan := rows.filter(pk=pk, state=State.UNTRIED).first():
                _look_at(change, plan)
                plan.save()
    except (OperationalError, InterfaceError):
        raise  # of the database: it is tried again
    except Exception as error:
        logger.error("a planned promotion cannot be looked at", exc_info=error)
        words = "Looking at it broke off; the workers' log says why."
        Plan.objects.filter(pk=pk, state=State.UNTRIED).update(state=State.ASKS, words=words)


@transaction.atomic
def answer(change: BulkChange, item: BulkItem, choices: Choices | None, *, is_left: bool = False) -> None:
    """Keep what was chosen of one API, and look at it at once; or leave it out. Raises ValidationError."""
    row = BulkChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
    plan = Plan.objects.select_for_update(of=("self",)).filter(item=item).first()
    origin = origin_of(change, item)
    if row.state != BulkChange.State.ASKED or plan is None:
        raise ValidationError({"": [ValidationError(BEGUN, code="conflict")]})
    if choices and origin:
        plan.given = kept.plain(choices) | {"origin": promoting.digest(origin)}
    plan.state, plan.words = (State.LEFT, LEFT) if is_left else (State.UNTRIED, "")
    plan.save()
    if not is_left:
        try_one(change, plan.pk)


def origin_of(change: BulkChange, item: BulkItem) -> ApiInstance | None:
    """As whoever promotes it may see it."""
    rows = ApiInstance.objects.visible_to(change.by).filter(environment=change.environment, pk=item.api_key)
    named = ("asset__organization", "asset__specification", "gateway", "tls_context")
    return rows.select_related(*named, "environment__organization").first()


def choices_of(
    change: BulkChange, plan: Plan, origin: ApiInstance, environment: Environment, key: str = ""
) -> Choices:
    """What was answered, as long as the API is what it was then; else what is proposed. `key` is the id of a
    counterpart, or "new".
    """
    given, known = plan.given, {str(one.pk): one for one in counterparts(origin, environment)}
    if is_answered(plan, origin) and not key:
        it = kept.chosen(environment, known.get(str(given["counterpart"])), given)
        return replace(it, unknown=frozenset(given.get("unknown", ())))
    found = known.get(key) if key else next(iter(known.values()), None)
    usual = proposed(change.by, origin, environment, found)
    parts = usual.parts & set(change.values.get("parts", PARTS))
    return replace(usual, parts=parts, keeps_secrets=bool(change.values.get("keeps_secrets")))


def is_answered(plan: Plan, origin: ApiInstance) -> bool:
    return bool(plan.given) and plan.given["origin"] == promoting.digest(origin)


def settle(change: BulkChange, values: Mapping[str, Any]) -> None:
    """Leave out what is not ready, so that the rest can begin. Raises ValidationError by field."""
    plans = list(Plan.objects.select_for_update(of=("self",)).filter(item__change=change))
    if not plans or any(one.state == State.UNTRIED for one in plans):
        raise ValidationError({"": [LOOKED_AT]})
    if values.get("seen") not in (None, seen(change)):
        raise ValidationError({"": [ValidationError(ANOTHER, code="conflict")]})
    if not any(one.state == State.READY for one in plans):
        raise ValidationError({"": [NOTHING_READY]})
    for one in plans:
        if one.state != State.READY:
            state = Item.UNCHANGED if one.state == State.SAME else Item.LEFT
            BulkItem.objects.filter(pk=one.item_id).update(state=state, words=one.words)


def seen(change: BulkChange) -> str:
    """A word for all that is planned."""
    rows = Plan.objects.filter(item__change=change).order_by("pk")
    return version([list(one) for one in rows.values_list("item", "state", "seen", "words")])


def act(actor: User, origin: ApiInstance, values: Mapping[str, Any]) -> str:
    """Promote one as it was looked at. Raises ValidationError where it is another now."""
    plan = Plan.objects.select_for_update(of=("self",)).get(item=values["item"])
    environment = _environment(values)
    if environment is None or not permission.may_promote_to(actor, environment):
        raise PermissionDenied(permission.NOWHERE)
    if not ApiInstance.objects.visible_to(actor).filter(pk=origin.pk).exists():
        raise PermissionDenied("You may not see it any more.")
    counterpart = None
    if key := plan.chosen["counterpart"]:
        counterpart = next((one for one in counterparts(origin, environment) if one.pk == key), None)
        if counterpart is None:
            raise ValidationError({"counterpart": [COUNTERPART_GONE]})
    if plan.seen != _sides(origin, counterpart):
        raise ValidationError({"": [CHANGED]})
    choices, deploy = kept.chosen(environment, counterpart, plan.chosen), bool(values.get("deploy"))
    made = promoting.promote(actor, origin, choices, deploy=deploy)
    plan.made, plan.given, plan.chosen = made.api, {}, {}
    plan.save(update_fields=["made", "given", "chosen"])
    done = f"Updated {made.api}" if counterpart else f"Made {made.api}"
    return " ".join([f"{done}; {promoting.state_of(made.api, deploy=deploy)}.", *made.notes])


def forget(changes: Any) -> None:
    """What was answered, secrets among it."""
    Plan.objects.filter(item__change__in=changes).update(given={}, chosen={})


def left() -> list[BulkChange]:
    """Those that wait to be looked at, and nobody does; those that a worker left."""
    rows = BulkChange.objects.filter(state=BulkChange.State.ASKED, action=BulkChange.Action.PROMOTE)
    waits = Q(held_until=None, items__plan__state=State.UNTRIED)
    return list(rows.filter(waits | Q(held_until__lt=timezone.now())).distinct()[:AT_ONCE])


def enqueue(change: BulkChange, in_seconds: float = 0) -> None:
    """Where workers cannot be reached, `left` finds it later."""
    from apis.tasks import look_at_promotions

    if not background.is_valkey_up():
        return
    try:
        look_at_promotions.apply_async(args=(str(change.pk),), retry=False, countdown=in_seconds)
    except (BrokerAway, OSError) as error:
        logger.warning("a bulk promotion was not enqueued change=%s error=%r", change.pk, error)


def _environment(values: Mapping[str, Any]) -> Environment | None:
    key = values.get("environment")
    return Environment.objects.select_related("organization").filter(pk=key).first() if key else None


def _hold(change: BulkChange) -> bool:
    """Whether it is ours to look at now; no two look at one, and few at a time."""
    now = timezone.now()
    free = Q(held_until=None) | Q(held_until__lte=now)
    asked = BulkChange.objects.filter(state=BulkChange.State.ASKED)
    mine = asked.filter(free, pk=change.pk)
    # Those that only wait to ask again are held for less.
    held = asked.filter(held_until__gt=now + timedelta(seconds=AGAIN_SECONDS)).exclude(pk=change.pk)
    of_tenant = held.filter(environment__organization__in=turns.together(change.environment.organization))
    if held.count() < AT_ONCE and not of_tenant.exists():
        return bool(mine.update(held_until=now + HELD))
    # One task at a time asks again, however many were enqueued.
    if mine.update(held_until=now + timedelta(seconds=AGAIN_SECONDS)):
        enqueue(change, AGAIN_SECONDS + 0.1)
    return False


def _look_at(change: BulkChange, plan: Plan) -> None:
    """Note on it what it would become, or what is asked."""
    origin, environment = origin_of(change, plan.item), target(change)
    plan.changes, plan.place, plan.chosen, plan.seen = 0, "", {}, ""
    if origin is None:
        plan.state, plan.words = State.LEFT, GONE
        return
    if environment is None or not permission.may_promote_to(change.by, environment):
        plan.state, plan.words = State.ASKS, permission.NOWHERE
        return
    choices = choices_of(change, plan, origin, environment)
    words = [] if not plan.given or is_answered(plan, origin) else [ANSWERED_BEFORE]
    if plan.given and plan.given["counterpart"] and not choices.counterpart:
        words.append(COUNTERPART_GONE)
    if not change.values.get("takes_unknown"):
        words += _unknown(choices, environment)
    plan.place = f"{choices.gateway}:{choices.port}{choices.base_path}" if choices.gateway else ""
    if other := _at_the_same_place(change, plan):
        words.append(SAME_PLACE.format(other))
    try:
        shown = promoting.preview(change.by, wanted(change.by, origin, choices), choices.counterpart)
    except ValidationError as error:
        words += _asked(error, as_chosen(portable_of(origin), choices, choices.parts))
        plan.state, plan.words = State.ASKS, " ".join(dict.fromkeys(words))[:500]
        return
    plan.changes = len(shown.difference.lines) + len(shown.beside)
    plan.chosen, plan.seen = kept.plain(choices), _sides(origin, choices.counterpart)
    if words:
        plan.state, plan.words = State.ASKS, " ".join(words)[:500]
    elif choices.counterpart and shown.is_nothing:
        plan.state, plan.words = State.SAME, f"{choices.counterpart} is so already."
    else:
        what = f"Updates {choices.counterpart}." if choices.counterpart else "A new API is made."
        plan.state, plan.words = State.READY, " ".join([what, *shown.notes])[:500]


def _asked(error: ValidationError, whole: Portable) -> list[str]:
    """What is wrong, in words that need no field beside them."""
    names = {one.key: one.label or title_of(one.policy) for one in whole.policies}
    names |= {of_mention(one): f"shared secret {one.reference}" for one in whole.shared_secrets}
    found = error.message_dict
    needing = [name for key, name in names.items() if any(one.startswith(f"secrets.{key}.") for one in found)]
    words = [text for field, texts in found.items() if not field.startswith("secrets.") for text in texts]
    return [*([SECRETS.format(", ".join(needing))] if needing else []), *words]


def _unknown(choices: Choices, environment: Environment) -> list[str]:
    named = {f"upstreams.{key}.uri": uri for key, uri in choices.uris.items()}
    named |= {f"hosts.{host}": host for host in choices.hosts}
    found = sorted({named[field] for field in choices.unknown if field in named})
    return [UNKNOWN.format(", ".join(found), environment)] if found else []


def _at_the_same_place(change: BulkChange, plan: Plan) -> str:
    """An API that is to be where this one is to be, looked at before."""
    if not plan.place:
        return ""
    others = Plan.objects.filter(item__change=change, place=plan.place, state__in=(State.READY, State.SAME))
    other = others.exclude(pk=plan.pk).select_related("item").first()
    return other.item.name if other else ""


def _sides(origin: ApiInstance, counterpart: ApiInstance | None) -> str:
    """A word for what both are."""
    texts = [promoting.digest(origin), promoting.digest(counterpart) if counterpart else ""]
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()
