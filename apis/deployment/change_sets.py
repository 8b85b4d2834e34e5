"""Several APIs of one gateway deployed together, and taken back together."""

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.change_set import ChangeSet
from apis.changes import bookkeeping, review
from apis.deployment.rollback import GONE, rollback
from apis.models import ApiInstance
from apis.revision import Brought
from console.models import User
from gateways.models import Gateway

MOST = 100
"""APIs of one change set."""


@transaction.atomic
def deploy_together(
    actor: User,
    gateway: Gateway,
    seen: Mapping[int, str],
    *,
    comment: str = "",
    despite_tests: bool = False,
) -> ChangeSet:
    """Deploy what is pending of these APIs, each as it was `seen` (see `review.token`): all or nothing.

    Raises Changed when one of them is not as it was seen, ValidationError when one may not be deployed.
    """
    bookkeeping.lock(gateway)
    if not 0 < len(seen) <= MOST:
        raise ValidationError({"apis": [f"Choose between one and {MOST} APIs."]})
    apis = _on(gateway, seen)
    faults: list[str] = []
    for api in apis:
        try:
            review.deploy_pending(actor, api, seen=seen[api.pk], comment=comment, despite_tests=despite_tests)
        except ValidationError as error:
            faults += [f"{api}: {text}" for text in error.messages]
    if faults:
        raise ValidationError({"": list(dict.fromkeys(faults))})
    return _noted(actor, gateway, apis, ChangeSet(comment=comment.strip()))


@transaction.atomic
def take_back(actor: User, change_set: ChangeSet, *, comment: str = "") -> ChangeSet:
    """Have every API of the change set run what it ran before; what is saved stays, and is pending then.

    Raises ValidationError where one of them was deployed again since, or cannot run what it ran.
    """
    bookkeeping.lock(change_set.gateway)
    if ChangeSet.objects.filter(undoes=change_set).exists():
        raise ValidationError({"": [ValidationError("It was taken back already.", code="conflict")]})
    brought = {one.api_id: one for one in Brought.objects.filter(change_set=change_set)}
    apis = list(_apis(change_set.gateway, brought))
    faults = [] if len(apis) == len(brought) else ["Some of its APIs were deleted or moved since."]
    for api in apis:
        try:
            _take_back(actor, api, brought[api.pk], comment)
        except ValidationError as error:
            faults += [f"{api}: {text}" for text in error.messages]
    if faults or not apis:
        raise ValidationError({"": faults or ["Nothing is known of it any more."]})
    undoing = ChangeSet(comment=comment.strip(), undoes=change_set)
    return _noted(actor, change_set.gateway, apis, undoing)


def _take_back(actor: User, api: ApiInstance, brought: Brought, comment: str) -> None:
    if api.change_set_id != brought.change_set_id:
        raise ValidationError("it was deployed again since; roll it back by itself")
    if brought.replaced is None:
        raise ValidationError(GONE)
    rollback(actor, api, brought.replaced, comment=comment)


def _on(gateway: Gateway, ids: Iterable[int]) -> list[ApiInstance]:
    wanted = set(ids)
    found = list(_apis(gateway, wanted))
    if len(found) != len(wanted):
        message = "One of these APIs was deleted, moved or undeployed meanwhile; choose again."
        raise ValidationError({"apis": [ValidationError(message, code="conflict")]})
    return found


def _apis(gateway: Gateway, ids: Iterable[int]) -> Iterable[ApiInstance]:
    """In the order in which all changes lock them."""
    found = ApiInstance.objects.deployed().filter(gateway=gateway, pk__in=list(ids))
    return found.select_related("asset", "gateway", "environment__organization").order_by("pk")


def _noted(actor: User, gateway: Gateway, apis: Iterable[ApiInstance], made: ChangeSet) -> ChangeSet:
    """The set with what it brought; what its APIs are to run is marked with it."""
    made.environment, made.gateway = gateway.environment, gateway
    made.actor, made.actor_name = actor, actor.username
    made.save()
    generations = {api.pk: api.changed_generation for api in apis}
    ApiInstance.objects.filter(pk__in=generations).update(change_set=made)
    brought = Brought.objects.filter(gateway=gateway, api__in=generations)
    brought.filter(generation__in=generations.values()).update(change_set=made)
    return made
