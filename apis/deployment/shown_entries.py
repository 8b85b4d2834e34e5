"""What audit entries say in words: what each changed, whose it is, and where that is now.

A change that was deployed is told by what differs between the revision that it brought and the one before;
what no revision holds, and all that was not deployed, by what the entry itself holds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import models
from django.urls import reverse

from apis import history
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.deployment.diff import Pairs, RevisionDifferences
from apis.history import FieldChange
from apis.models import ApiInstance, TlsContext
from apis.revision import Brought
from console.models import AuditEntry
from console.nouns import unless_said
from gateways.models import Gateway

IN_REVISIONS: Mapping[str, frozenset[str]] = {
    "apiinstance": frozenset(
        {"label", "address", "tls_context", "response_timeout_ms", "routes", "policies", "rolled_back"}
    ),
    "policybinding": frozenset({"config", "conditions", "mode", "order", "secrets"}),
}
"""By the kind of what changed: the fields of its entries that revisions, or its sentence, tell of."""
IN_SENTENCES = {"address": "its address", "response_timeout_ms": "its response timeout"}
"""What fields are called behind a verb, where their titles do not fit there."""
SWITCHES = frozenset({"deployed", "disabled"})
"""Of a revision they leave all or nothing, which is not what changed."""


@dataclass(frozen=True)
class ShownEntry:
    """An entry as a page shows it: `href` and `of_href` lead to what still exists."""

    entry: AuditEntry
    brought: RevisionDifferences
    href: str = ""
    of_href: str = ""

    @cached_property
    def lines(self) -> list[FieldChange]:
        entry, difference = self.entry, self.brought.of(self.entry.pk)
        if not difference or entry.action != AuditEntry.Action.UPDATE or SWITCHES & set(entry.diff):
            return history.lines(entry)
        beside = history.lines(entry, but=IN_REVISIONS[entry.object_type])
        labels = _labels(*entry.diff.get("routes", ([], [])))
        return history.bounded(chain(beside, difference.lines, labels))

    @property
    def is_whole(self) -> bool:
        """Whether it is of an API itself, and not of something that belongs to one."""
        return self.entry.object_type == "apiinstance"

    @property
    def sentence(self) -> str:
        """Without the person: "changed policy Rate Limiting", or of an API itself "changed routes"."""
        entry = self.entry
        if not self.is_whole:
            kind = unless_said(entry.noun, entry.object_name)
            return " ".join(filter(None, (entry.verb, kind, entry.object_name)))
        if entry.diff.get("restored"):
            return "restored it"
        if entry.action != AuditEntry.Action.UPDATE:
            return f"{entry.verb} the {entry.noun}"
        return _of_api(entry)


def _of_api(entry: AuditEntry) -> str:
    """What an update of the API itself did."""
    if entry.diff.get("revision"):
        if entry.diff.get("rolled_back"):
            return f"rolled back to revision {entry.diff['revision'][1]}"
        by = ", ".join(entry.diff.get("changed_by", [[], []])[1])
        return f"deployed revision {entry.diff['revision'][1]}{f', changed by {by}' if by else ''}"
    if entry.diff.get("discarded"):
        return "discarded what was pending"
    if entry.diff.get("pending_restored"):
        return "had back what was discarded"
    if entry.diff.get("deployed"):
        return "deployed it" if entry.diff["deployed"][1] else "undeployed it"
    fields = ", ".join(IN_SENTENCES.get(name) or history.title_of(name).lower() for name in entry.diff)
    return f"{entry.verb} {fields}"


def as_shown(entries: Iterable[AuditEntry]) -> list[ShownEntry]:
    """Each entry in words, in as many queries however many they are."""
    entries = list(entries)
    links, brought = _links(entries), RevisionDifferences(partial(_brought, entries))
    return [
        ShownEntry(
            entry,
            brought,
            links.get((entry.object_type, entry.object_id), ""),
            links.get((entry.of_type, entry.of_id), ""),
        )
        for entry in entries
    ]


def _labels(
    before: Sequence[Mapping[str, Any]] | None, after: Sequence[Mapping[str, Any]] | None
) -> Iterator[FieldChange]:
    """Of upstreams, which gateways know by their addresses alone: of each that is where it was."""
    for number, (old, new) in enumerate(zip(before or (), after or (), strict=False), 1):
        pairs = zip(old.get("upstreams", ()), new.get("upstreams", ()), strict=False)
        for place, sides in enumerate(pairs, 1):
            labels = [str(side.get("label", "")) for side in sides]
            if labels[0] != labels[1]:
                both = [label or "none" for label in labels]
                yield FieldChange(f"Route {number}, upstream {place}, label", *both)


def _brought(entries: Sequence[AuditEntry]) -> Pairs:
    """By entry, of those of a single API that brought another revision of it; a move is of two gateways."""
    own = [one.pk for one in entries if one.object_type in IN_REVISIONS]
    found = Brought.objects.filter(entry__in=own).values_list("entry_id", "replaced_id", "revision_id")
    pairs: dict[int, tuple[int | None, int | None]] = {}
    for entry, replaced, revision in found:
        before, after = pairs.get(entry, (None, None))
        pairs[entry] = (replaced or before, revision or after)
    return pairs


def _links(entries: Sequence[AuditEntry]) -> dict[tuple[str, str], str]:
    """Where the pages of those things are that still exist; a policy's is its API's list of them."""
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        wanted.setdefault(entry.object_type, set()).add(entry.object_id)
        wanted.setdefault(entry.of_type, set()).add(entry.of_id)
    apis = [int(pk) for pk in wanted.get("apiinstance", ()) if pk.isdecimal()]
    found: dict[tuple[str, str], str] = {}
    for pk in ApiInstance.objects.filter(pk__in=apis).values_list("pk", flat=True) if apis else ():
        found["apiinstance", str(pk)] = reverse("api", args=[pk])
    numbered: tuple[tuple[str, type[models.Model], str], ...] = (
        ("automatedpolicy", AutomatedPolicy, "automated_policy"),
        ("policyset", PolicySet, "policy_set"),
    )
    for kind, rows, page in numbered:
        numbers = [int(pk) for pk in wanted.get(kind, ()) if pk.isdecimal()]
        kept = rows._default_manager.filter(pk__in=numbers).values_list("pk", flat=True) if numbers else ()
        found |= {(kind, str(pk)): reverse(page, args=[pk]) for pk in kept}
    for kind, model, page in (("gateway", Gateway, "gateway"), ("tlscontext", TlsContext, "tls_context")):
        ids = {one for one in map(_uuid, wanted.get(kind, ())) if one}
        for key in model._default_manager.filter(pk__in=ids).values_list("pk", flat=True) if ids else ():
            found[kind, str(key)] = reverse(page, args=[key])
    for entry in entries:
        if entry.object_type == "policybinding" and (entry.of_type, entry.of_id) in found:
            found["policybinding", entry.object_id] = reverse("api_policies", args=[entry.of_id])
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
