"""Every change of a contract: asked for, decided, ended. The same functions serve pages and REST.

Each is atomic, takes who does it, raises ValidationError with `{field: [messages]}`, and writes the audit
entry. Who may: `apis.contracts.access`. What lets somebody pass, or no longer, acts at once.

    PENDING -> APPROVED -> REVOKED -> APPROVED
       \\-> REJECTED -> APPROVED, or asked for anew
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from apis.changes import bookkeeping, contract_notices, granting
from apis.contracts.models import Application, Contract, Tier
from apis.contracts.terms import Terms, terms_of
from apis.models import ApiInstance
from apis.rules import contracts as rules
from apis.rules.problem import Problem, refuse
from console.models import AuditEntry, User
from console.versions import check as check_version

Action, Status = AuditEntry.Action, Contract.Status


@transaction.atomic
def request(
    actor: User,
    application: Application,
    api: ApiInstance,
    *,
    tier: Tier | None = None,
    reason: str = "",
    accepted_terms: bool = False,
    read_terms: Terms | None = None,
    expires_at: datetime | None = None,
) -> Contract:
    """Approved at once where the API has no tiers, or the tier approves by itself; else it waits. One that
    was rejected may be asked for anew. A text of terms, where there is one, must be accepted; `read_terms` is
    the version that was read, where that is known.
    """
    bookkeeping.lock(api=api)
    _lock_application(application)
    if tier:
        tier = _current(tier)
    terms = terms_of(api)
    faults = [*_terms(terms, read_terms, is_accepted=accepted_terms), *_text("reason", reason)]
    refuse([*rules.request_problems(application, api, tier), *faults, *_later(expires_at)])
    contract = Contract.objects.filter(application=application, api=api).first()
    if contract and contract.status != Status.REJECTED:
        refuse([Problem("application", _already(contract), code="conflict")])
    contract = contract or Contract(application=application, api=api)
    before = facts(contract) if contract.pk else None
    contract.status, contract.tier, contract.requested_tier = Status.PENDING, None, tier
    contract.reason, contract.answer, contract.accepted_terms = reason.strip(), "", accepted_terms
    contract.terms, contract.accepted_at = terms, timezone.now() if accepted_terms else None
    contract.requested_by, contract.decided_by, contract.expires_at = actor, None, expires_at
    contract.rejected_at = None
    if tier is None or tier.approves_by_itself:
        _approve(contract, None)
    contract.save()
    if contract.status == Status.APPROVED:
        granting.changed(contract)
    action = Action.UPDATE if before else Action.CREATE
    bookkeeping.record(actor, action, api, target=contract, before=before, after=facts(contract))
    contract_notices.asked(contract)
    return contract


@transaction.atomic
def approve(
    actor: User, contract: Contract, *, answer: str = "", tier: Tier | None = None, seen: str = ""
) -> Contract:
    """What waits or was rejected, on the tier that it asks for or this one. Harmless on repeat.

    Raises Changed when its status is not the one that was `seen`.
    """
    before = _begin(contract, seen, answer)
    if contract.status == Status.APPROVED:
        return contract
    _expect(contract, (Status.PENDING, Status.REJECTED), "Restore it instead.")
    if tier and (tier := _current(tier)):
        refuse(rules.tier_problems(contract.api, tier) if tier != contract.requested_tier else ())
        contract.requested_tier = tier
    elif contract.requested_tier is None:
        refuse(rules.tier_problems(contract.api, None))
    refuse(rules.room(contract.api))
    _approve(contract, actor)
    return _decided(actor, contract, before, answer, is_granting=True, told="was approved")


@transaction.atomic
def reject(actor: User, contract: Contract, *, answer: str = "", seen: str = "") -> Contract:
    """What waits. Harmless on repeat."""
    before = _begin(contract, seen, answer)
    if contract.status == Status.REJECTED:
        return contract
    _expect(contract, (Status.PENDING,), "Revoke it instead.")
    contract.status, contract.rejected_at, contract.decided_by = Status.REJECTED, timezone.now(), actor
    return _decided(actor, contract, before, answer, told="was rejected")


@transaction.atomic
def revoke(actor: User, contract: Contract, *, answer: str = "", seen: str = "") -> Contract:
    """What was approved lets nobody pass any more, until it is restored. Harmless on repeat."""
    before = _begin(contract, seen, answer)
    if contract.status == Status.REVOKED:
        return contract
    _expect(contract, (Status.APPROVED,), "Reject it instead.")
    contract.status, contract.revoked_at, contract.decided_by = Status.REVOKED, timezone.now(), actor
    return _decided(actor, contract, before, answer, is_granting=True, told="was revoked")


@transaction.atomic
def restore(actor: User, contract: Contract, *, answer: str = "", seen: str = "") -> Contract:
    """What was revoked lets its application pass again, on the tier that it had. Harmless on repeat."""
    before = _begin(contract, seen, answer)
    if contract.status == Status.APPROVED:
        return contract
    _expect(contract, (Status.REVOKED,), "Approve it instead.")
    refuse(rules.room(contract.api))
    contract.status, contract.revoked_at, contract.decided_by = Status.APPROVED, None, actor
    return _decided(actor, contract, before, answer, is_granting=True, told="was restored")


@transaction.atomic
def change_tier(actor: User, contract: Contract, tier: Tier | None, *, answer: str = "") -> Contract:
    """Another tier at once, whatever was asked for; of what waits, the tier that it asks for. None only where
    the API has no tiers.
    """
    before = _begin(contract, "", answer)
    tier = _current(tier) if tier else None
    waits = contract.status in (Status.PENDING, Status.REJECTED)
    now = contract.requested_tier if waits else contract.tier
    if tier != now or tier is None:
        refuse(rules.tier_problems(contract.api, tier))
    contract.tier, contract.requested_tier = (None, tier) if waits else (tier, None)
    is_granting = contract.status == Status.APPROVED
    told = f"is on tier {tier} now" if is_granting else ""
    return _decided(actor, contract, before, answer, is_granting=is_granting, told=told)


@transaction.atomic
def ask_for_tier(actor: User, contract: Contract, tier: Tier | None, *, reason: str = "") -> Contract:
    """The application would rather have this one: at once where it approves by itself, else when somebody
    approves. None takes back what was asked for.
    """
    before = _begin(contract, "", "")
    _expect(contract, (Status.PENDING, Status.APPROVED), "Ask for access anew.")
    if tier is None and contract.status == Status.PENDING:
        refuse([Problem("tier", "Choose a tier, or delete the request.")])
    is_granting = False
    if tier is None or tier == contract.tier:
        contract.requested_tier = None
    else:
        contract.requested_tier = tier = _current(tier)
        refuse([*rules.tier_problems(contract.api, tier), *_text("reason", reason)])
        contract.reason = reason.strip() or contract.reason
        if tier.approves_by_itself:
            is_granting = True
            if contract.status == Status.PENDING:
                refuse(rules.request_problems(contract.application, contract.api, tier))
            _approve(contract, None)
    _decided(actor, contract, before, contract.answer, is_granting=is_granting)
    if tier is not None and (contract.requested_tier or is_granting):
        contract_notices.asked(contract)
    return contract


@transaction.atomic
def approve_tier(actor: User, contract: Contract, *, answer: str = "") -> Contract:
    """The tier that an approved one asks for. Nothing happens where it asks for none."""
    before = _begin(contract, "", answer)
    _expect(contract, (Status.APPROVED, Status.REVOKED), "Approve the contract itself.")
    if contract.requested_tier is None:
        return contract
    contract.tier, contract.requested_tier, contract.decided_by = contract.requested_tier, None, actor
    is_granting, told = contract.status == Status.APPROVED, f"is on tier {contract.tier} now"
    return _decided(actor, contract, before, answer, is_granting=is_granting, told=told)


@transaction.atomic
def reject_tier(actor: User, contract: Contract, *, answer: str = "") -> Contract:
    """It stays on the tier that it has. Nothing happens where it asks for none."""
    before = _begin(contract, "", answer)
    _expect(contract, (Status.APPROVED, Status.REVOKED), "Reject the contract itself.")
    if contract.requested_tier is None:
        return contract
    contract.requested_tier, contract.decided_by = None, actor
    told = f"stays on tier {contract.tier}" if contract.tier else "stays without a tier"
    return _decided(actor, contract, before, answer, told=told)


@transaction.atomic
def change_expiry(actor: User, contract: Contract, expires_at: datetime | None) -> Contract:
    """When it ends by itself; None: never."""
    before = _begin(contract, "", "")
    refuse(_later(expires_at) if expires_at != contract.expires_at else ())
    contract.expires_at = expires_at
    is_granting = contract.status == Status.APPROVED
    return _decided(actor, contract, before, contract.answer, is_granting=is_granting)


@transaction.atomic
def delete(actor: User, contract: Contract) -> None:
    """Refused while it lets its application pass: revoke it first."""
    before = _begin(contract, "", "")
    if contract.status == Status.APPROVED:
        message = f"The contract of {contract.application} is active; revoke it first."
        raise ValidationError({"": [ValidationError(message, code="active")]})
    bookkeeping.record(actor, Action.DELETE, contract.api, target=contract, before=before)
    contract.delete()


def approve_waiting(actor: User, tier: Tier) -> int:
    """What waits for the tier, which approves by itself now and whose API is locked; how many those were."""
    waiting = Q(status__in=(Status.PENDING, Status.APPROVED), requested_tier=tier)
    found = list(
        tier.api.contracts.select_for_update(no_key=True, of=("self",)).filter(waiting).order_by("pk")
    )
    for contract in found:
        contract.api = tier.api
        before = facts(contract)
        _approve(contract, actor)
        bookkeeping.record(
            actor, Action.UPDATE, tier.api, target=contract, before=before, after=facts(contract)
        )
        contract_notices.decided(contract, f"is approved on tier {tier}")
    kept = ("status", "tier", "requested_tier", "approved_at", "decided_by", "updated_at")
    Contract.objects.bulk_update(found, kept, batch_size=granting.BATCH)
    granting.changed(*found)
    return len(found)


def facts(contract: Contract) -> dict[str, Any]:
    """What the audit compares of a contract."""
    return {
        "application": str(contract.application),
        "status": contract.status,
        "tier": str(contract.tier) if contract.tier else None,
        "requested_tier": str(contract.requested_tier) if contract.requested_tier else None,
        "terms": str(contract.terms) if contract.terms else None,
        "reason": contract.reason,
        "answer": contract.answer,
        "expires_at": contract.expires_at.isoformat() if contract.expires_at else None,
    }


def _begin(contract: Contract, seen: str, answer: str) -> dict[str, Any]:
    """Locks its API and the contract, as it is now; what the audit compares it to. Raises Http404 when it was
    deleted meanwhile.
    """
    api = contract.api
    bookkeeping.lock(api=api)
    related = Contract.objects.select_related("application", "tier", "requested_tier", "terms__environment")
    row = related.select_for_update(no_key=True, of=("self",)).order_by().filter(pk=contract.pk).first()
    if row is None:
        raise Http404(f"Contract {contract.pk} not found.")
    bookkeeping.take(contract, row)
    contract.application, contract.tier, contract.requested_tier = (
        row.application,
        row.tier,
        row.requested_tier,
    )
    contract.api = api
    check_version(seen, contract.status)
    refuse(_text("answer", answer))
    return facts(contract)


def _decided(
    actor: User,
    contract: Contract,
    before: dict[str, Any],
    answer: str,
    *,
    is_granting: bool = False,
    told: str = "",
) -> Contract:
    """Saved, on its way to gateways where it `is_granting`, and `told` to the application's owners."""
    contract.answer = answer.strip()
    contract.save()
    if is_granting:
        granting.changed(contract)
    bookkeeping.record(
        actor, Action.UPDATE, contract.api, target=contract, before=before, after=facts(contract)
    )
    if told:
        contract_notices.decided(contract, told)
    return contract


def _approve(contract: Contract, by: User | None) -> None:
    """On the tier that it asks for. Nobody decided what was approved by itself."""
    if contract.status != Status.APPROVED:
        contract.status, contract.approved_at, contract.rejected_at = Status.APPROVED, timezone.now(), None
    contract.tier, contract.requested_tier = contract.requested_tier, None
    contract.decided_by, contract.updated_at = by, timezone.now()


def _expect(contract: Contract, statuses: Collection[str], instead: str) -> None:
    if contract.status not in statuses:
        message = (
            f"The contract of {contract.application} is {contract.get_status_display().lower()}. {instead}"
        )
        raise ValidationError({"status": [ValidationError(message, code="conflict")]})


def _already(contract: Contract) -> str:
    waits = {
        Status.PENDING: "has asked for access already; somebody will decide",
        Status.APPROVED: "has a contract already",
        Status.REVOKED: "has a contract that was revoked; have it restored",
    }
    return f"{contract.application} {waits[Status(contract.status)]}."


def _lock_application(application: Application) -> None:
    """So that it is not deleted meanwhile. Raises Http404 when it was."""
    row = Application.objects.order_by().select_for_update(no_key=True).filter(pk=application.pk).first()
    if row is None:
        raise Http404(f"Application {application.pk} not found.")
    application.expires_at = row.expires_at


def _current(tier: Tier) -> Tier:
    """As it is now, its API being locked. Raises ValidationError when it was deleted meanwhile."""
    found = Tier.objects.filter(pk=tier.pk).first()
    if found is None:
        refuse([Problem("tier", f"Tier {tier} was deleted meanwhile; choose another one.", code="conflict")])
    return found or tier


def _text(field: str, text: str) -> list[Problem]:
    if len(text.strip()) > Contract.LONGEST_REASON:
        return [Problem(field, f"Write at most {Contract.LONGEST_REASON} characters.")]
    return []


def _terms(now: Terms | None, read: Terms | None, *, is_accepted: bool) -> list[Problem]:
    if now and not is_accepted:
        return [Problem("accepted_terms", f"Access is given to who agrees to the terms, {now}.")]
    if read and read != now:
        return [
            Problem("accepted_terms", "The terms were changed meanwhile; read them again.", code="conflict")
        ]
    return []


def _later(ends: datetime | None) -> list[Problem]:
    if ends is not None and ends <= timezone.now():
        return [Problem("expires_at", "That is over already; choose a moment to come, or none.")]
    return []
