"""The choice of one of an API's tiers: of many, those that a search finds."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from apis.contracts import limits
from apis.contracts.models import Tier
from apis.models import ApiInstance
from console.forms.cards import Card
from console.numbers import number
from console.words import words

SEARCHED = "tier_q"
GO = "find-tier"
"""What the button says that searches, and decides nothing."""


def is_searching(sent: Mapping[str, Any] | None) -> bool:
    return sent is not None and sent.get("go") == GO


class Tiers:
    """Those that may be chosen. Who manages the API is told of hidden limits, too."""

    OFFERED = 12

    def __init__(self, found: QuerySet[Tier], *, tells_hidden: bool) -> None:
        self.found = found.order_by("name", "pk")
        self.tells_hidden = tells_hidden
        self.query = ""

    @classmethod
    def active(cls, api: ApiInstance, *, tells_hidden: bool = False) -> "Tiers":
        return cls(api.tiers.filter(status=Tier.Status.ACTIVE), tells_hidden=tells_hidden)

    def of(self, key: object) -> Tier | None:
        pk = number(str(key or ""))
        return None if pk is None else self.found.filter(pk=pk).first()

    @cached_property
    def total(self) -> int:
        return self.found.count()

    @property
    def is_searched(self) -> bool:
        return self.total > self.OFFERED

    @cached_property
    def matching(self) -> QuerySet[Tier]:
        found = self.found
        for word in words(self.query):
            found = found.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return found

    @property
    def more(self) -> int:
        """How many match that are not offered."""
        count = self.matching.count() if self.query else self.total
        return max(0, count - self.OFFERED)

    def offered(self, key: object) -> list[tuple[str, Card]]:
        """(id, card); the one of `key` comes first where it is not among them."""
        rows = list(self.matching[: self.OFFERED])
        chosen = self.of(key)
        if chosen and chosen not in rows:
            rows.insert(0, chosen)
        return [(str(one.pk), Card(one.name, self._about(one))) for one in rows]

    def _about(self, tier: Tier) -> str:
        told = limits.words(one for one in limits.read(tier.limits) if self.tells_hidden or one.is_visible)
        decides = "approved at once" if tier.approves_by_itself else "somebody approves it"
        about = f" {tier.description}" if tier.description else ""
        return f"{told}; {decides}.{about}"


class TierField(forms.ChoiceField):
    """`tiers` is given by the form that has it."""

    widget = forms.RadioSelect
    tiers: Tiers

    def valid_value(self, value: str) -> bool:
        return self.tiers.of(value) is not None


class TierChoice(forms.Form):
    """Without the field where there is no tier. Searching, it holds what was typed and is not judged."""

    tier = TierField(label="SLA tier")

    def __init__(self, tiers: Tiers, data: Any = None, *args: Any, **kwargs: Any) -> None:
        if data is not None:
            tiers.query = data.get(SEARCHED, "")
        if is_searching(data):
            kwargs["initial"] = {**kwargs.get("initial", {}), **data.dict()}
            data = None
        super().__init__(data, *args, **kwargs)
        self.tiers = tiers
        field: Any = self.fields["tier"]
        if tiers.total:
            field.tiers = tiers
            field.choices = tiers.offered(self["tier"].value())
        else:
            del self.fields["tier"]

    @property
    def chosen(self) -> Tier | None:
        """Of a valid form."""
        return self.tiers.of(self.cleaned_data.get("tier"))
