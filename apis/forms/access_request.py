"""The form by which an application asks for access to an API, or for another tier."""

from typing import Any

from django import forms

from apis.contracts.models import Contract
from apis.contracts.terms import Terms
from apis.forms.long_select import LongSelect
from apis.forms.tier_choice import TierChoice, Tiers


class AccessForm(TierChoice):
    reason = forms.CharField(
        required=False,
        max_length=Contract.LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Whoever approves reads it: what for, and how many requests to expect.",
    )
    accepted_terms = forms.BooleanField(
        label="We use the API for what is told here, keep the secret to ourselves, and hold to the limits",
        error_messages={"required": "Access is given to who agrees to this."},
    )
    read_terms = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, tiers: Tiers, *args: Any, terms: Terms | None = None, **kwargs: Any) -> None:
        super().__init__(tiers, *args, **kwargs)
        self.terms = terms
        if terms:
            self.fields["accepted_terms"].label = f"We agree to these terms (version {terms.version})"

    def clean_accepted_terms(self) -> bool:
        """Of the version that was on the page."""
        is_accepted = bool(self.cleaned_data["accepted_terms"])
        read = self.data.get(self.add_prefix("read_terms"), "")
        if self.terms and read != str(self.terms.pk):
            raise forms.ValidationError("The terms were changed meanwhile: these are the new ones.")
        return is_accepted

    def facts(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "tier": self.chosen,
            "reason": given["reason"],
            "accepted_terms": given["accepted_terms"],
            "read_terms": self.terms,
        }


class ApplicationChoice(AccessForm):
    """Asked from an API's page: for which application."""

    application = forms.ChoiceField(label="Client application", widget=LongSelect)

    field_order = ["application", "tier", "reason", "accepted_terms"]

    def __init__(self, applications: list[tuple[int, str]], tiers: Tiers, *args: Any, **kwargs: Any) -> None:
        """`applications` as (id, name)."""
        super().__init__(tiers, *args, **kwargs)
        choice: Any = self.fields["application"]
        choice.choices = [(str(pk), name) for pk, name in applications]


class TierWish(TierChoice):
    """Another tier than the contract has."""

    reason = forms.CharField(
        required=False,
        max_length=Contract.LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Whoever approves reads it.",
    )
