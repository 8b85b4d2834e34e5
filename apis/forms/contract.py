"""What is asked of whoever decides about a contract: an answer, and where there is a choice, a tier."""

from dataclasses import dataclass
from typing import Any

from django import forms

from apis.contracts.models import Contract, Tier
from apis.forms.long_select import LongSelect

Status = Contract.Status


@dataclass(frozen=True)
class Decision:
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
        Decision(
            "approve",
            "Approve",
            "check",
            frozenset({Status.PENDING, Status.REJECTED}),
            "It may call the API at once.",
            "{application} may call {api} now.",
            asks_tier=True,
        ),
        Decision(
            "reject",
            "Reject",
            "x",
            frozenset({Status.PENDING}),
            "It may ask anew.",
            "Rejected {application}; its owners read your answer.",
            is_dangerous=True,
        ),
        Decision(
            "approve-tier",
            "Approve the tier",
            "check",
            frozenset({Status.APPROVED, Status.REVOKED}),
            "Its limits hold from the next request on.",
            "{application} is on the tier that it asked for.",
            about_tier=True,
        ),
        Decision(
            "reject-tier",
            "Reject the tier",
            "x",
            frozenset({Status.APPROVED, Status.REVOKED}),
            "It stays on the tier that it has.",
            "{application} stays on the tier that it has.",
            about_tier=True,
        ),
        Decision(
            "change-tier",
            "Change tier",
            "gauge",
            frozenset({Status.PENDING, Status.APPROVED, Status.REVOKED}),
            "Its limits hold from the next request on.",
            "Changed the tier of {application}.",
            asks_tier=True,
        ),
        Decision(
            "revoke",
            "Revoke",
            "shield-ban",
            frozenset({Status.APPROVED}),
            "Its requests are refused within a second, also on open connections. It can be restored.",
            "{application} may no longer call {api}.",
            is_dangerous=True,
        ),
        Decision(
            "restore",
            "Restore",
            "undo-2",
            frozenset({Status.REVOKED}),
            "It may call the API again, on the tier that it had.",
            "{application} may call {api} again.",
        ),
        Decision(
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


def decisions(contract: Contract) -> list[Decision]:
    return [one for one in DECISIONS.values() if one.fits(contract)]


class AnswerForm(forms.Form):
    """`tiers`: those of the API that are active, and the one that the contract has or asks for."""

    tier = forms.ChoiceField(label="SLA tier", widget=LongSelect)
    answer = forms.CharField(
        required=False,
        max_length=Contract.LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The application's owners read it.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, decision: Decision, contract: Contract, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.contract = contract
        tiers = self._tiers() if decision.asks_tier else []
        if tiers:
            field: Any = self.fields["tier"]
            field.choices = [(str(one.pk), f"{one}: {one.words}") for one in tiers]
            now = contract.requested_tier or contract.tier
            field.initial = str(now.pk) if now else None
        else:
            del self.fields["tier"]
        if decision.verb == "delete":
            del self.fields["answer"]

    @property
    def chosen(self) -> Tier | None:
        """Of a valid form."""
        key = self.cleaned_data.get("tier")
        return self.contract.api.tiers.filter(pk=key).first() if key else None

    def _tiers(self) -> list[Tier]:
        known = {self.contract.tier_id, self.contract.requested_tier_id}
        found = self.contract.api.tiers.order_by("name", "pk")
        return [one for one in found if one.is_active or one.pk in known]
