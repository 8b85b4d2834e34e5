"""A finding: what is sound and probably not meant, where, and what to do; and the places that there are."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson

from apis.lint.codes import KINDS, SEVERITIES, Severity
from apis.muted_finding import MutedFinding
from console.lines import within
from console.links import link


@dataclass(frozen=True)
class FindingPlace:
    """`id` stays while what stands there does, so that what is muted stays so. `title` begins a sentence."""

    id: str
    title: str
    path: str
    """Of the page where it is changed."""


@dataclass(frozen=True)
class Finding:
    """`text` goes on after the place's title: "gets no request: …"; where `about` names what of the place is
    meant, after that: "Condition on the path": "is taken as …". `field` is the form's.
    """

    code: str
    place: FindingPlace
    text: str
    about: str = ""
    field: str = ""
    muted: MutedFinding | None = None

    @property
    def severity(self) -> Severity:
        return KINDS[self.code].severity

    @property
    def title(self) -> str:
        return KINDS[self.code].title

    @property
    def remedy(self) -> str:
        return KINDS[self.code].remedy

    @cached_property
    def message(self) -> str:
        """By itself."""
        about = f", {within(self.about)}:" if self.about else ""
        return f"{self.place.title}{about} {self.text}."

    @property
    def said(self) -> str:
        """Where the place is known."""
        return f"{self.about}: {self.text}." if self.about else f"It {self.text}."

    @property
    def in_field(self) -> str:
        return f"{self.text[:1].upper()}{self.text[1:]}."


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first."""
    return sorted(findings, key=lambda one: SEVERITIES.index(one.severity))


def by_field(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """What each field of a form is warned about."""
    found: dict[str, list[str]] = {}
    for one in findings:
        if one.field:
            found.setdefault(one.field, []).append(one.in_field)
    return found


def api_place(pk: int | None, title: str = "The API") -> FindingPlace:
    return FindingPlace("api", title, link("api_routes", [pk]) if pk else "")


def route_place(pk: int | None, number: int, label: str, rule: Mapping[str, Any]) -> FindingPlace:
    """Known by its rule, wherever it stands among the others."""
    named = f"Route {number} ({label})" if label else f"Route {number}"
    return FindingPlace(f"route:{_digest(rule)}", named, link("api_routes", [pk]) if pk else "")


def upstream_place(pk: int | None, uri: str) -> FindingPlace:
    shown = uri if len(uri) <= 100 else f"{uri[:99]}…"
    path = link("api_routes", [pk]) if pk else ""
    return FindingPlace(f"upstream:{_digest(uri)}", f"Upstream {shown}", path)


def policy_place(api: int, pk: int, title: str, path: str = "") -> FindingPlace:
    return FindingPlace(f"policy:{pk}", title, path or link("api_policy", [api, pk]))


def context_place(pk: UUID, name: str) -> FindingPlace:
    return FindingPlace(f"tls:{pk}", f"TLS context {name}", link("tls_context", [pk]))


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
