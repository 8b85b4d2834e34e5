"""Who answers for an API: added and taken away. Nothing changes on the gateway."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q

from apis.changes import bookkeeping
from apis.models import ApiInstance
from apis.owners.models import LONGEST_EMAIL, MOST, ApiOwner, teams_of, users_of
from console.models import AuditEntry, User


@transaction.atomic
def add_owner(actor: User, api: ApiInstance, text: str) -> ApiOwner:
    """A user of the API's organization by login or address, a team by its name, else a contact by an address.
    One that is there already is answered again.
    """
    bookkeeping.lock(api=api)
    before = _names(api)
    owner = _owner(api, text)
    if same := api.owners.filter(user=owner.user, team=owner.team, email=owner.email).first():
        return same
    if len(before) >= MOST:
        raise ValidationError({"owner": [f"An API has at most {MOST} owners; remove one first."]})
    owner.save()
    _record(actor, api, before)
    return owner


@transaction.atomic
def remove_owner(actor: User, api: ApiInstance, pk: int) -> None:
    """Nothing happens where it is gone already."""
    bookkeeping.lock(api=api)
    before = _names(api)
    api.owners.filter(pk=pk).delete()
    _record(actor, api, before)


@transaction.atomic
def set_owners(actor: User, api: ApiInstance, wanted: Sequence[str]) -> None:
    """These, each as `add_owner` takes it, and nobody else."""
    bookkeeping.lock(api=api)
    if len(wanted) > MOST:
        raise ValidationError({"owners": [f"{len(wanted)} owners; at most {MOST} are allowed."]})
    before, kept = _names(api), {_key(one): one for one in api.owners.all()}
    found: dict[tuple[object, ...], ApiOwner] = {}
    for text in wanted:
        try:
            owner = _owner(api, text)
        except ValidationError as error:
            raise ValidationError({"owners": error.messages}) from error
        found.setdefault(_key(owner), owner)
    api.owners.exclude(pk__in=[one.pk for key, one in kept.items() if key in found]).delete()
    for key, owner in found.items():
        if key not in kept:
            owner.save()
    _record(actor, api, before)


def _key(owner: ApiOwner) -> tuple[object, ...]:
    return owner.user_id, owner.team_id, owner.email


def _owner(api: ApiInstance, text: str) -> ApiOwner:
    """Not saved. `team:NAME` is a team, also where a user is called so; of two, the nearest one."""
    text = text.strip()
    if text.startswith(ApiOwner.TEAM):
        name = text.removeprefix(ApiOwner.TEAM).strip()
        if team := teams_of(api.environment).filter(name__iexact=name).first():
            return ApiOwner(api=api, team=team)
        message = f'"{name[:80]}" is no team of {api.environment.organization} or above.'
        raise ValidationError({"owner": [message]})
    users = users_of(api.environment).filter(Q(username=text) | Q(email__iexact=text)) if text else ()
    found = {user.username: user for user in users[:2]}
    if user := found.get(text) or next(iter(found.values()), None):
        return ApiOwner(api=api, user=user)
    if text and (team := teams_of(api.environment).filter(name__iexact=text).first()):
        return ApiOwner(api=api, team=team)
    try:
        validate_email(text[: LONGEST_EMAIL + 1])
    except ValidationError:
        organization = api.environment.organization
        message = f'"{text[:80]}" is neither a user of {organization}, nor a team, nor an e-mail address.'
        raise ValidationError({"owner": [message]}) from None
    if len(text) > LONGEST_EMAIL:
        raise ValidationError({"owner": [f"The address is longer than {LONGEST_EMAIL} characters."]})
    return ApiOwner(api=api, email=text.lower())


def _names(api: ApiInstance) -> list[str]:
    return [str(owner) for owner in api.owners.select_related("user", "team")]


def _record(actor: User, api: ApiInstance, before: list[str]) -> None:
    after = _names(api)
    bookkeeping.record(
        actor, AuditEntry.Action.UPDATE, api, before={"owners": before}, after={"owners": after}
    )
