"""One policy of an API on its way into the filters of a route."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from gateways.agent.xds.route_match import predicate
from gateways.agent.xds.waiting import ended_by_waiting, may_wait
from gateways.protocol.rules import Rule
from policies.compiled import Filter, Script


@dataclass(frozen=True)
class PolicyFilters:
    """The filters of one policy. No conditions means that they always run.

    By `name` the access log tells that its conditions held.
    """

    filters: tuple[Filter | Script, ...]
    conditions: tuple[Rule, ...] = ()
    name: str = ""

    @property
    def scripts(self) -> list[Script]:
        return [one for one in self.filters if isinstance(one, Script)]

    @property
    def is_scripted(self) -> bool:
        """Whether all it does is Lua."""
        return len(self.scripts) == len(self.filters)

    @property
    def in_slots(self) -> list["PolicyFilters"]:
        """The same in pieces of which each fits in one slot: what is chosen for each request stays whole, but
        for a filter that may wait, which ends its piece.
        """
        if self.conditions or len(self.parts) > 1 or self.only_if:
            return self.in_choices
        return [
            replace(self, filters=tuple(alike))
            for _, alike in groupby(self.filters, key=lambda one: isinstance(one, Script))
        ]

    @property
    def in_choices(self) -> list["PolicyFilters"]:
        """The same in pieces of which each may be chosen with others before it: see `waiting`.

        The first alone tells by its name that the conditions held.
        """
        pieces = [replace(self, filters=some) for some in ended_by_waiting(self.filters)]
        return [one if at == 0 else replace(one, name="") for at, one in enumerate(pieces)]

    @property
    def waits(self) -> bool:
        """Whether it may hold a request: nothing may stand behind it in a choice."""
        return any(map(may_wait, self.filters))

    @property
    def configured(self) -> list[dict[str, Any]]:
        """The filters as Envoy takes them."""
        return [{"name": one.name, "typed_config": dict(one.typed_config)} for one in self.filters]

    @property
    def configured_where_met(self) -> list[dict[str, Any]]:
        """The same where `only_if` of each is known to hold."""
        made = [(one.name, one.met if isinstance(one, Filter) else None, one) for one in self.filters]
        return [{"name": name, "typed_config": dict(met or one.typed_config)} for name, met, one in made]

    @property
    def only_if(self) -> Mapping[str, Any] | None:
        """The predicate without which none of its filters does anything; None where one always may."""
        own = [one.only_if for one in self.filters]
        return own[0] if own and own.count(own[0]) == len(own) else None

    @property
    def refuses(self) -> bool:
        """Whether it lets no request through that meets `only_if`, and does nothing with others."""
        own = (isinstance(one, Filter) and one.refuses for one in self.filters)
        return not self.conditions and self.only_if is not None and all(own)

    @property
    def counts_by_name(self) -> bool:
        return all(isinstance(one, Filter) and one.counts_by_name for one in self.filters)

    @property
    def must_be_chosen(self) -> bool:
        """Whether a filter of it must not be made for requests that do not meet a predicate."""
        always = (isinstance(one, Filter) and one.acts_always for one in self.filters)
        return bool(self.conditions) or len(self.parts) > 1 or any(always)

    @property
    def parts(self) -> list["PolicyFilters"]:
        """The same, in order, in pieces of which each is needed as a whole."""
        return [
            replace(self, filters=tuple(alike))
            for _, alike in groupby(self.filters, key=lambda one: one.only_if)
        ]

    def predicates(self, base_path: str) -> list[Mapping[str, Any]]:
        """All of them hold for a request that its filters are made for."""
        own = [self.only_if] if self.only_if else []
        return [*self.conditional(base_path), *own]

    def conditional(self, base_path: str) -> list[Mapping[str, Any]]:
        """The same without the predicate of its own, which its filter can do without."""
        return [predicate(base_path, self.conditions)] if self.conditions else []
