"""The form by which an application asks for access to an API, or for another tier."""

from typing import Any

from django import forms

from apis.contracts import limits
from apis.contracts.models import Contract, Tier
from apis.contracts.terms import Terms
from apis.forms.long_select import LongSelect
from apis.models import ApiInstance
from console.forms.cards import Card


def tier_choices(api: ApiInstance, *, tells_hidden: bool) -> list[tuple[str, Any]]:
    """Active tiers, with what they allow. Who manages the API is told of hidden limits too."""
    found = api.tiers.filter(status=Tier.Status.ACTIVE).order_by("name", "pk")
    # No rows of the model: there may be a thousand.
    rows = found.values_list("pk", "name", "description", "limits", "approves_by_itself")
    return [(str(pk), Card(name, _about(*told, tells_hidden=tells_hidden))) for pk, name, *told in rows]


def _about(description: str, rows: Any, approves_by_itself: bool, *, tells_hidden: bool) -> str:
    told = limits.words(one for one in limits.read(rows) if tells_hidden or one.is_visible)
    decides = "approved at once" if approves_by_itself else "somebody approves it"
    about = f" {description}" if description else ""
    return f"{told}; {decides}.{about}"


class TierChoice(forms.Form):
    """`tiers` as (id, words)."""

    MOST_CARDS = 8

    tier = forms.ChoiceField(label="SLA tier", widget=forms.RadioSelect)

    def __init__(self, tiers: list[tuple[str, Any]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["tier"]
        if len(tiers) > self.MOST_CARDS:
            tiers = [(key, f"{card}: {card.about}"[:200]) for key, card in tiers]
            field.widget = LongSelect()
            tiers = [("", "Choose a tier"), *tiers]
        field.choices = tiers
        if not tiers:
            del self.fields["tier"]

    def chosen(self, api: ApiInstance) -> Tier | None:
        """Of a valid form."""
        key = self.cleaned_data.get("tier")
        return api.tiers.filter(pk=key).first() if key else None


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

    def __init__(
        self, tiers: list[tuple[str, Any]], *args: Any, terms: Terms | None = None, **kwargs: Any
    ) -> None:
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

    def facts(self, api: ApiInstance) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "tier": self.chosen(api),
            "reason": given["reason"],
            "accepted_terms": given["accepted_terms"],
            "read_terms": self.terms,
        }


class ApplicationChoice(AccessForm):
    """Asked from an API's page: for which application."""

    application = forms.ChoiceField(label="Client application", widget=LongSelect)

    field_order = ["application", "tier", "reason", "accepted_terms"]

    def __init__(
        self, applications: list[tuple[int, str]], tiers: list[tuple[str, Any]], *args: Any, **kwargs: Any
    ) -> None:
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
