"""The conditions and routes of APIs that no operation of a document is for: they may be out of date.

Each rule is tried on sample paths of the operations by RE2, as Envoy matches it. What is tried is bounded.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import re2

from apis.documents.specification import Specification
from apis.models import ApiInstance
from gateways.protocol import regex
from gateways.protocol.rules import EVERY_PATH

SAMPLES = ("x", "1", "00000000-0000-4000-8000-000000000000")
"""What stands for a parameter, in turn."""
MOST_TRIED = 300_000
"""Rules times paths: a second."""
MOST_APIS = 50
_PARAMETER = re.compile(r"\{[^{}/]*\}")

Operations = Sequence[tuple[str, str]]
"""Methods and paths."""


@dataclass(frozen=True)
class DocumentedRule:
    """`page` is "policies" or "routes"; `binding` the policy's id."""

    api: ApiInstance
    page: str
    title: str
    methods: str
    path: str
    binding: int | None = None

    @property
    def words(self) -> str:
        return f"{self.methods} {self.path}".strip()


@dataclass(frozen=True)
class Unmatched:
    rules: tuple[DocumentedRule, ...] = ()
    is_cut: bool = False
    """Whether there was too much to try, and more rules may be so."""


def unmatched(api: ApiInstance, document: Specification) -> Unmatched:
    """The API's rules that are for none of the document's operations."""
    rules = list(_rules([api]))
    return _unmatched(rules, None, _operations(document)) if rules else Unmatched()


def left_behind(apis: Iterable[ApiInstance], before: Specification, after: Specification) -> Unmatched:
    """Rules that are for operations of the document before, and for none of the one after."""
    return _unmatched(_rules(apis), _operations(before), _operations(after))


def _unmatched(rules: Iterable[DocumentedRule], before: Operations | None, after: Operations) -> Unmatched:
    found, budget = [], _Budget(MOST_TRIED)
    kept = set(after)
    gone = None if before is None else [one for one in before if one not in kept]
    for rule in rules:
        was = gone is None or _is_for(rule, gone, budget)
        if was and not _is_for(rule, after, budget) and not budget.is_spent:
            found.append(rule)
        if budget.is_spent:
            break
    return Unmatched(tuple(found), budget.is_spent)


@dataclass
class _Budget:
    left: int

    @property
    def is_spent(self) -> bool:
        return self.left <= 0


def _is_for(rule: DocumentedRule, operations: Operations, budget: _Budget) -> bool:
    """True, too, for what cannot be judged."""
    try:
        path = _compiled(rule.path) if rule.path else None
        methods = _compiled(rule.methods) if rule.methods else None
    except regex.BadRegex:
        return True
    for method, template in operations:
        budget.left -= 1
        if budget.is_spent:
            return True
        if methods and not methods.fullmatch(method):
            continue
        if path is None:
            return True
        for sample in SAMPLES if "{" in template else SAMPLES[:1]:
            budget.left -= 1
            if path.fullmatch(_PARAMETER.sub(sample, template)):
                return True
    return False


def _compiled(expression: str) -> "re2._Regexp[str]":
    expression = regex.as_taken(regex.unanchored(expression))
    regex.check(expression)
    return re2.compile(expression, regex.OPTIONS)


def _rules(apis: Iterable[ApiInstance]) -> Iterator[DocumentedRule]:
    """Those with a path; one without is for all of them."""
    for api in list(apis)[:MOST_APIS]:
        for binding in api.policies.all():
            for row in binding.conditions:
                methods, path = row.get("methodRegex", ""), row.get("uriTemplateRegex", "")
                if path not in EVERY_PATH:
                    yield DocumentedRule(
                        api, "policies", binding.label or binding.title, methods, path, binding.pk
                    )
        for route in api.routes.all():
            if route.path not in EVERY_PATH:
                label = route.label or f"Route {route.position + 1}"
                yield DocumentedRule(api, "routes", label, route.methods, route.path)


def _operations(document: Specification) -> list[tuple[str, str]]:
    return list(document.operations.values_list("method", "path"))
