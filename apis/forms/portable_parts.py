"""What a promotion and an import ask alike: which parts come along, and the secrets of policies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from django.http import QueryDict

from apis.from_catalog import title_of
from apis.models import ApiInstance, PolicyBinding
from apis.portable import mentioned, shared
from apis.portable.shape import Portable
from apis.portable.updating import kept_of, matched
from apis.portable.wanted import PARTS, WantedApi
from apis.rules import copy_secrets
from apis.secret_groups.shared import WORDS
from console.forms.schema_form import Field
from console.models import Environment

TITLES = {
    "policies": "Policies",
    "tiers": "SLA tiers",
    "terms": "Terms of its own",
    "alerts": "Alerts",
    "tests": "Tests",
}
SENT = "parts"
KEPT = "Empty: the one that is there, or that was written before, stays."
Given = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class SecretInput:
    """`key` is the field of the rules, `name` that of the form."""

    policy: str
    path: str
    title: str
    label: str
    name: str
    is_kept: bool

    @property
    def key(self) -> str:
        return f"secrets.{self.policy}.{self.path}"


class SecretFields:
    """Of all policies of the API, and of shared secrets that the environment lacks. Those that the
    counterpart has, and those that were `written` before, may stay empty.
    """

    def __init__(
        self,
        whole: Portable,
        environment: Environment,
        counterpart: ApiInstance | None,
        is_here: bool = False,
        written: Given | None = None,
    ) -> None:
        self.whole, self.environment, self.counterpart, self.is_here = (
            whole,
            environment,
            counterpart,
            is_here,
        )
        self.written = written or {}

    @cached_property
    def fields(self) -> list[SecretInput]:
        if self.is_here:
            return []
        kept: Mapping[str, Mapping[str, str]] = {}
        if self.counterpart:
            match = matched(self.counterpart, WantedApi(self.counterpart.environment, self.whole))
            kept = {one.key: kept_of(match.policies.get(one.key), one) for one in self.whole.policies}
        found: list[SecretInput] = []
        for one in self.whole.policies:
            title = one.label or title_of(one.policy)
            for path in one.secrets:
                is_kept = path in kept.get(one.key, {}) or path in self.written.get(one.key, {})
                label = copy_secrets.label_of(PolicyBinding(policy=one.policy), path)
                found.append(SecretInput(one.key, path, title, label, f"secrets.{len(found)}", is_kept))
        return [*found, *self._shared(len(found))]

    def _shared(self, at: int) -> Iterator[SecretInput]:
        """Of those that the environment has nothing is asked; a value of the file need not be written."""
        known = shared.there(self.environment, self.whole.shared_secrets)
        for one in self.whole.shared_secrets:
            for field, value in one.values.items() if one.reference not in known else ():
                key, title = mentioned.of_mention(one), f"Shared secret {one.reference}"
                is_kept = bool(value) or field in self.written.get(key, {})
                yield SecretInput(key, field, title, WORDS[field], f"secrets.{at}", is_kept)
                at += 1

    @property
    def unknown(self) -> list[SecretInput]:
        return [one for one in self.fields if not one.is_kept]

    def read(self, data: QueryDict) -> dict[str, dict[str, str]]:
        """With those that were written before."""
        found = {policy: dict(values) for policy, values in self.written.items()}
        for policy, values in self.typed(data).items():
            found.setdefault(policy, {}).update(values)
        return found

    def typed(self, data: QueryDict) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for one in self.fields:
            if value := data.get(one.name, ""):
                found.setdefault(one.policy, {})[one.path] = value
        return found

    def groups(self, given: Given, errors: Mapping[str, list[str]]) -> list[tuple[str, list[Field]]]:
        found: dict[tuple[str, str], list[Field]] = {}
        for one in self.fields:
            field = Field(
                "secret",
                one.name,
                one.label,
                help=KEPT if one.is_kept else "",
                is_required=not one.is_kept,
                value=given.get(one.policy, {}).get(one.path, ""),
                errors=tuple(errors.get(one.key, ())),
            )
            found.setdefault((one.policy, one.title), []).append(field)
        return [(title, fields) for (_, title), fields in found.items()]


def part_fields(parts: frozenset[str], whole: Portable) -> list[Field]:
    """A tick for each of which something is said."""
    return [
        Field("switch", f"with_{name}", f"{TITLES[name]} ({_count(whole, name)})", value=name in parts)
        for name in PARTS
        if name not in whole.without
    ]


def _count(whole: Portable, part: str) -> int:
    return (1 if whole.terms else 0) if part == "terms" else len(getattr(whole, part))


def read_parts(data: QueryDict, usual: frozenset[str]) -> frozenset[str]:
    """What is not ticked stays; a form that has no ticks says nothing of them."""
    if SENT not in data:
        return usual
    return frozenset(name for name in PARTS if f"with_{name}" in data)
