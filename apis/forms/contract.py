"""What is asked of whoever decides about a contract: an answer, and where there is a choice, a tier."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Q

from apis.contracts.models import Contract, Tier
from apis.forms.tier_choice import TierChoice, Tiers

Status = Contract.Status


@dataclass(frozen=True)
class ContractAction:
    """Something that can be done to a contract. `of` says of which states; `then` what it brings."""

    verb: str
    title: str
    icon: str
    of: frozenset[str]
    then: str
    done: str
    asks_tier: bool = False
    is_dangerous: bool = False
    about_tier: bool = False
    """Whether it is about the tier that an approved one asks for."""

    def fits(self, contract: Contract) -> bool:
        if contract.status not in self.of:
            return False
        return contract.requested_tier_id is not None if self.about_tier else True


DECISIONS = {
    one.verb: one
    for one in (
        ContractAction(
            "approve",
            "Approve",
            "check",
            frozenset({Status.PENDING, Status.REJECTED}),
            "It may call the API at once.",
            "{application} may call {api} now.",
            asks_tier=True,
        ),
        ContractAction(
            "reject",
            "Reject",
            "x",
            frozenset({Status.PENDING}),
            "It may ask anew.",
            "Rejected {application}; its owners read your answer.",
            is_dangerous=True,
        ),
        ContractAction(
            "approve-tier",
            "Approve the tier",
            "check",
            frozenset({Status.APPROVED, Status.REVOKED}),
            "Its limits hold from the next request on.",
            "{application} is on the tier that it asked for.",
            about_tier=True,
        ),
        ContractAction(
            "reject-tier",
            "Reject the tier",
            "x",
            frozenset({Status.APPROVED, Status.REVOKED}),
            "It stays on the tier that it has.",
            "{application} stays on the tier that it has.",
            about_tier=True,
        ),
        ContractAction(
            "change-tier",
            "Change tier",
            "gauge",
            frozenset({Status.PENDING, Status.APPROVED, Status.REVOKED}),
            "Its limits hold from the next request on.",
            "Changed the tier of {application}.",
            asks_tier=True,
        ),
        ContractAction(
            "revoke",
            "Revoke",
            "shield-ban",
            frozenset({Status.APPROVED}),
            "Its requests are refused within a second, also on open connections. It can be restored.",
            "{application} may no longer call {api}.",
            is_dangerous=True,
        ),
        ContractAction(
            "restore",
            "Restore",
            "undo-2",
            frozenset({Status.REVOKED}),
            "It may call the API again, on the tier that it had.",
            "{application} may call {api} again.",
        ),
        ContractAction(
            "delete",
            "Delete",
            "trash-2",
            frozenset({Status.PENDING, Status.REJECTED, Status.REVOKED}),
            "The application may ask for access anew. The audit log keeps what was.",
            "Deleted the contract of {application}.",
            is_dangerous=True,
        ),
    )
}
"""In the order in which they are offered."""


def decisions(contract: Contract) -> list[ContractAction]:
    return [one for one in DECISIONS.values() if one.fits(contract)]


class AnswerForm(TierChoice):
    """Its tiers: those of the API that are active, and the one that the contract has or asks for."""

    answer = forms.CharField(
        required=False,
        max_length=Contract.LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The application's owners read it.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, decision: ContractAction, contract: Contract, data: Any = None) -> None:
        now = contract.requested_tier or contract.tier
        super().__init__(
            _tiers(decision, contract), data, initial={"seen": contract.status, "tier": now and now.pk}
        )
        if decision.verb == "delete":
            del self.fields["answer"]


def _tiers(decision: ContractAction, contract: Contract) -> Tiers:
    if not decision.asks_tier:
        return Tiers(contract.api.tiers.none(), tells_hidden=True)
    known = {contract.tier_id, contract.requested_tier_id} - {None}
    found = contract.api.tiers.filter(Q(status=Tier.Status.ACTIVE) | Q(pk__in=known))
    return Tiers(found, tells_hidden=True)
