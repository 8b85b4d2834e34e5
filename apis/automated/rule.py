"""Which APIs an automated policy's rule of application covers, and in words why it does not cover another."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar
from uuid import UUID

import re2
from django.db.models import QuerySet

from apis.automated.models import AutomatedPolicy
from apis.models import ApiInstance
from gateways.protocol import regex

Key = TypeVar("Key", str, UUID)
FIELDS = ("pk", "asset__name", "label", "tags", "gateway_id")


@dataclass(frozen=True)
class RuleSubject:
    """What rules look at of an API, as it is saved."""

    pk: int
    name: str
    label: str
    tags: tuple[str, ...]
    gateway: UUID | None

    @cached_property
    def folded(self) -> frozenset[str]:
        """The tags, as they are compared."""
        return frozenset(tag.casefold() for tag in self.tags)


def subjects(apis: QuerySet[ApiInstance]) -> list[RuleSubject]:
    """Of many, without a look at the rest of them. One query."""
    rows = apis.order_by("pk").values_list(*FIELDS)
    return [RuleSubject(pk, name, label, tuple(tags), gateway) for pk, name, label, tags, gateway in rows]


class Crowd:
    """Many APIs by what rules look at: whom one covers is found without a look at each. What no rule asks for
    is not gathered.
    """

    def __init__(self, apis: Iterable[RuleSubject]) -> None:
        self.everybody = {api.pk: api for api in apis}

    @cached_property
    def _tagged(self) -> Mapping[str, set[int]]:
        return _by((tag, api.pk) for api in self.everybody.values() for tag in api.folded)

    @cached_property
    def _on(self) -> Mapping[UUID, set[int]]:
        return _by((api.gateway, api.pk) for api in self.everybody.values() if api.gateway)

    @cached_property
    def _called(self) -> Mapping[str, set[int]]:
        every = self.everybody.values()
        return _by((text, api.pk) for api in every for text in (api.name, api.label) if text)

    @cached_property
    def _lines(self) -> str:
        """What they are called; "" where a line could be a part of a name."""
        has_lines = not any("\n" in text for text in self._called)
        return "\n".join(self._called) if has_lines else ""

    def tagged(self, tags: Iterable[str]) -> set[int]:
        return set().union(*(self._tagged.get(tag, ()) for tag in tags))

    def on(self, gateways: Iterable[UUID]) -> set[int]:
        return set().union(*(self._on.get(one, ()) for one in gateways))

    def like(self, policy: AutomatedPolicy) -> set[int]:
        """Those whose name or label is like the policy's."""
        if self._lines:
            found = _lines_like(policy.names, policy.names_are, self._lines)
        else:
            found = tuple(filter(_matcher(policy.names, policy.names_are), self._called))
        return set().union(*(self._called[text] for text in found if text))


def _by(pairs: Iterable[tuple[Key, int]]) -> Mapping[Key, set[int]]:
    found: dict[Key, set[int]] = defaultdict(set)
    for key, api in pairs:
        found[key].add(api)
    return found


class CoverageRule:
    """That of one policy. `gateways` are the names of gateways by their ids, for the words."""

    def __init__(self, policy: AutomatedPolicy, gateways: Mapping[UUID, str] | None = None) -> None:
        self._tags = {tag.casefold() for tag in policy.tags}
        self._policy, self._gateways = policy, gateways or {}
        self._given = frozenset(policy.policy_set.apis if policy.policy_set else ())
        self._is_named = _matcher(policy.names, policy.names_are) if policy.names else None

    def miss(self, api: RuleSubject) -> str:
        """Why it does not cover the API; "" where it does."""
        policy = self._policy
        if self.covers(api):
            return ""
        if policy.policy_set:
            return f"It is not given policy set {policy.policy_set}."
        if not self._is_tagged(api):
            named = ", ".join(policy.tags)
            return f"It has none of the tags {named}." if len(policy.tags) > 1 else f"It has no tag {named}."
        if not policy.is_for_gateway(api.gateway):
            named = " or ".join(self._gateways.get(pk, "one that was deleted") for pk in policy.gateways)
            return f"It is not on gateway {named}."
        return f"Neither its name nor its label is like {policy.names}."

    def covers(self, api: RuleSubject) -> bool:
        """Each push asks this of every API and every policy of an environment."""
        if self._policy.policy_set:
            return api.pk in self._given
        return self._is_tagged(api) and self._policy.is_for_gateway(api.gateway) and self._is_like(api)

    @property
    def asks_ids_alone(self) -> bool:
        """Whether it looks at nothing else of an API: for all, or those of a policy set."""
        policy = self._policy
        return bool(policy.policy_set) or not (self._tags or policy.gateways or policy.names)

    def of_ids(self, everybody: Set[int]) -> set[int]:
        """The same as `of`, where it asks for ids alone."""
        return set(self._given & everybody if self._policy.policy_set else everybody)

    def of(self, crowd: Crowd) -> set[int]:
        """The ids of those of many whom it covers."""
        policy, everybody = self._policy, crowd.everybody.keys()
        if self.asks_ids_alone:
            return self.of_ids(everybody)
        parts = []
        if self._tags:
            parts.append(crowd.tagged(self._tags))
        if policy.gateways:
            parts.append(crowd.on(policy.gateways))
        if policy.names:
            parts.append(crowd.like(policy))
        return set.intersection(*parts)

    def _is_tagged(self, api: RuleSubject) -> bool:
        return not self._tags or not self._tags.isdisjoint(api.folded)

    def _is_like(self, api: RuleSubject) -> bool:
        is_named = self._is_named
        return is_named is None or is_named(api.name) or bool(api.label and is_named(api.label))


def fault(names: str, kind: str) -> str:
    """What is wrong with a pattern for names; "" for nothing."""
    try:
        regex.check(_expression(names, kind))
    except regex.BadRegex as error:
        return f"{error}."
    return ""


@lru_cache(maxsize=200)
def _lines_like(names: str, kind: str, lines: str) -> tuple[str, ...]:
    """Those lines that are like a pattern, all at once where it is a wildcard. What APIs are called changes
    rarely, and is asked for with each push and each look: RE2 takes 6 µs for a name.
    """
    if kind == AutomatedPolicy.Names.WILDCARD:
        line = f"^(?:{_without_ways_back(names)})$"
        return tuple(re.findall(line, lines, re.MULTILINE | re.IGNORECASE))
    return tuple(filter(_matcher(names, kind), lines.split("\n")))


def _matcher(names: str, kind: str) -> Callable[[str], bool]:
    """A pattern that RE2 does not take matches nothing: it was refused where it was entered."""
    if kind == AutomatedPolicy.Names.WILDCARD:
        wildcard = re.compile(_without_ways_back(names), re.DOTALL | re.IGNORECASE)
        return lambda text: wildcard.fullmatch(text) is not None
    try:
        compiled = re2.compile(_expression(names, kind), regex.OPTIONS)
    except re2.error:
        return lambda _: False
    return lambda text: compiled.fullmatch(text) is not None


def _expression(names: str, kind: str) -> str:
    if kind == AutomatedPolicy.Names.REGEX:
        return names
    parts = {"*": ".*", "?": "."}
    return "(?is)" + "".join(parts.get(sign) or regex.escape(sign) for sign in names)


def _without_ways_back(names: str) -> str:
    """For Python's own matching, which is ten times as fast as asking RE2 and must have no choice: what
    stands between two stars is taken where it first stands, once.
    """
    first, *others = (
        "".join("." if sign == "?" else re.escape(sign) for sign in part) for part in names.split("*")
    )
    if not others:
        return first
    *between, last = others
    return first + "".join(f"(?>.*?{part})" for part in between if part) + f".*{last}"
