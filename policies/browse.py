"""The catalog as pages show it: searched by name, browsed by category, documented."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

from policies import catalog
from policies.cost import Cost, known
from policies.policy import Category, Policy
from policies.transport import Transport

INBOUND, OUTBOUND = "inbound", "outbound"
SIDES = {INBOUND: "On the API", OUTBOUND: "On upstreams"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_TO_A_FILE = re.compile(r'<a href="\.[^"]*">(.*?)</a>', re.DOTALL)


Listed = Policy[Any] | Transport


@dataclass(frozen=True)
class CatalogEntry:
    policy: Listed
    href: str
    cost: Cost | None = None

    @property
    def tags(self) -> list[str]:
        """Where it acts, and what may be chosen for it."""
        policy = self.policy
        told = (
            (policy.is_outbound, "outbound"),
            (policy.can_be_automated, "automated"),
            (policy.can_observe, "observe"),
            (policy.has_conditions, "conditions"),
            (policy.runs_first, "always first"),
        )
        return ["inbound"] * (not policy.is_outbound) + [word for holds, word in told if holds]


@dataclass(frozen=True)
class CatalogGroup:
    category: str
    entries: list[CatalogEntry]


def context(
    request: HttpRequest, href: Callable[[Listed], str], also: Sequence[Transport] = (), *, side: str = ""
) -> dict[str, Any]:
    """What `policies/_catalog.html` needs, for `?q=`, `?category=` and `?side=`; with `also` in it.

    Where the side is given, there is no choice of it. What no name or summary says is looked for in the
    documentation.
    """
    text, category = request.GET.get("q", "").strip(), request.GET.get("category", "")
    sides = {} if side else SIDES
    side = side or request.GET.get("side", "")
    every: tuple[Listed, ...] = (*catalog.policies(), *also)
    listed = [one for one in every if _is_listed(one, category, side)]
    found = _holding(text, listed, _words_of)
    is_documented = not found and bool(text)
    found = found or _holding(text, listed, _documentation)
    return {
        "groups": _grouped(found, href),
        "categories": [one for one in Category if any(p.category == one for p in catalog.policies())],
        "category": category,
        "sides": sides,
        "side": side if sides else "",
        "query": text,
        "count": len(found),
        "is_documented": is_documented,
    }


def _is_listed(policy: Listed, category: str, side: str) -> bool:
    """Nothing is of an unknown category or side."""
    return category in ("", policy.category) and side in ("", OUTBOUND if policy.is_outbound else INBOUND)


def _holding(text: str, listed: Sequence[Listed], words_of: Callable[[Listed], str]) -> list[Listed]:
    """Those that hold every word."""
    words = text.lower().split()
    return [one for one in listed if all(word in words_of(one) for word in words)] if words else [*listed]


def _grouped(found: Sequence[Listed], href: Callable[[Listed], str]) -> list[CatalogGroup]:
    """By category, and there by title."""
    by_title = sorted(found, key=lambda one: one.title.casefold())
    groups = [
        CatalogGroup(
            one,
            [
                CatalogEntry(policy, href(policy), known().get(policy.name))
                for policy in by_title
                if policy.category == one
            ],
        )
        for one in Category
    ]
    return [group for group in groups if group.entries]


@cache
def readme(policy: Policy[Any]) -> SafeString:
    """The policy's documentation as HTML, without its title.

    HTML within the Markdown is shown as text, never passed on. A link to another file of the repository,
    which the console does not serve, is its words alone.
    """
    return rendered(catalog.readme(policy))


def rendered(text: str) -> SafeString:
    """Markdown as HTML, as `readme` says."""
    title, _, rest = text.partition("\n")
    html: str = _MARKDOWN.render(rest if title.startswith("# ") else text)
    # A header without words is none to who has it read out.
    return SafeString(_TO_A_FILE.sub(r"\1", html).replace("<th></th>", "<td></td>"))


@cache
def introduction(policy: Policy[Any]) -> SafeString:
    """The documentation up to its first section."""
    before, _, _ = readme(policy).partition("<h2>")
    return SafeString(before)


def _words_of(policy: Listed) -> str:
    said = policy.title, policy.summary, policy.name, *policy.aliases, policy.category
    return " ".join(said).lower()


@cache
def _documentation(policy: Listed) -> str:
    return (policy.readme if isinstance(policy, Transport) else catalog.readme(policy)).lower()
