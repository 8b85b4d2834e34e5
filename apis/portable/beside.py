"""What of a carried API no gateway is told: tests, owners, tiers, terms, alerts, marks, muted findings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q

from apis.changes import bookkeeping, instances, terms, tiers
from apis.changes.owners import set_owners
from apis.changes.tests import replace_tests
from apis.models import ApiInstance, PolicyBinding
from apis.muted_finding import MutedFinding
from apis.owners.models import ApiOwner, teams_of, users_of
from apis.portable import alerts
from apis.portable.shape import TierPart
from apis.portable.wanted import WantedApi
from console.models import AuditEntry, User
from gateways.protocol import cases
from gateways.protocol.faults import ended
from policies import catalog

_POLICY = "policy:"
OWNERS_LEFT = "{} {} no role in {}, and {} not made owner."
TIERS_KEPT = "Tier {} of {} has contracts: it is deprecated, and stays."


def put(
    actor: User, api: ApiInstance, wanted: WantedApi, named: Mapping[str, PolicyBinding]
) -> Iterator[str]:
    """Says what is otherwise than it was. `named` are the API's policies by their keys. Raises
    ValidationError.
    """
    whole = wanted.whole
    if "tests" in wanted.parts and (whole.tests or api.tests.exists()):
        _put_tests(actor, api, wanted)
    if "tiers" in wanted.parts:
        yield from put_tiers(actor, api, whole.tiers)
    if "terms" in wanted.parts and whole.terms is not None:
        _put_terms(actor, api, whole.terms)
    if "alerts" in wanted.parts:
        yield from alerts.put(actor, api, whole.alerts)
    yield from _put_owners(actor, api, wanted)
    if api.is_deprecated != whole.is_deprecated:
        instances.set_deprecated(actor, api, whole.is_deprecated)
    if api.extra != whole.extra:
        api.extra = dict(whole.extra)
        api.save(update_fields=["extra"])
    _put_muted(actor, api, wanted, named)


def put_tiers(actor: User, api: ApiInstance, wanted: tuple[TierPart, ...]) -> Iterator[str]:
    """Exactly these, by name; one with contracts is deprecated where nobody wants it, and never deleted."""
    known = {one.name: one for one in api.tiers.all()}
    for part in wanted:
        given: dict[str, Any] = part.model_dump(by_alias=False, exclude={"limits"})
        given["limits"] = [one.model_dump(by_alias=True) for one in part.limits]
        row = known.pop(part.name, None)
        with _of_tier(part.name):
            if row is None:
                tiers.create(actor, api, **given)
            elif any(getattr(row, name) != value for name, value in given.items()):
                tiers.update(actor, row, **given)
    for row in known.values():
        if row.contracts.exists() or row.requests.exists():
            tiers.deprecate(actor, row)
            yield TIERS_KEPT.format(row, api)
        else:
            tiers.delete(actor, row)


def _put_terms(actor: User, api: ApiInstance, text: str) -> None:
    """A version of its own there, where the text is another one: requests from then on agree to it."""
    try:
        terms.of_api(actor, api, text)
    except ValidationError as error:
        raise ValidationError({"terms": error.messages}) from error


@contextmanager
def _of_tier(name: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise ValidationError({"tiers": [f"Tier {name}: {' '.join(error.messages)}"]}) from error


def _put_tests(actor: User, api: ApiInstance, wanted: WantedApi) -> None:
    try:
        found = cases.understood(list(wanted.whole.tests), catalog.own_name) if wanted.whole.tests else ()
    except cases.NoCases as error:
        raise ValidationError({"tests": [ended(f"The tests: {error}")]}) from None
    replace_tests(actor, api, found)


def _put_owners(actor: User, api: ApiInstance, wanted: WantedApi) -> Iterator[str]:
    """But for those who have nothing to do there."""
    names = list(wanted.whole.owners)
    if not names and not api.owners.exists():
        return
    there = users_of(wanted.environment).filter(Q(username__in=names) | Q(email__in=names))
    known = {name for pair in there.values_list("username", "email") for name in pair if name}
    teams = teams_of(wanted.environment).values_list("name", flat=True)
    known |= {f"{ApiOwner.TEAM}{name}" for name in teams}
    kept = [name for name in names if name in known or _is_address(name)]
    set_owners(actor, api, kept)
    if left := [name for name in names if name not in kept]:
        verbs = ("has", "is") if len(left) == 1 else ("have", "are")
        yield OWNERS_LEFT.format(", ".join(left), verbs[0], wanted.environment, verbs[1])


def _is_address(name: str) -> bool:
    try:
        validate_email(name)
    except ValidationError:
        return False
    return True


def _put_muted(actor: User, api: ApiInstance, wanted: WantedApi, named: Mapping[str, PolicyBinding]) -> None:
    """Added to those that are muted there; of policies that are there."""
    known = set(api.muted_findings.values_list("code", "place"))
    made = []
    for one in wanted.whole.muted:
        place = one.place
        if place.startswith(_POLICY):
            binding = named.get(place.removeprefix(_POLICY))
            place = f"{_POLICY}{binding.pk}" if binding else ""
        if place and len(place) <= 80 and (one.code, place) not in known:
            known.add((one.code, place))
            made.append(MutedFinding(api=api, code=one.code, place=place, reason=one.reason, by=actor))
    MutedFinding.objects.bulk_create(made)
    after = {"muted": [f"{one.code}: {one.reason}" for one in made]} if made else {}
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, after=after)
